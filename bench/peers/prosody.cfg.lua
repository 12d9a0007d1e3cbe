-- SPDX-License-Identifier: AGPL-3.0-or-later
-- Prosody 0.12 (Debian 12) for bench/run.sh. peers/prosody.sh fills in what stands between @.

-- Where things are: a private instance below the run's directory, as whoever runs the benchmark.
pidfile = "@DIR@/prosody.pid"
data_path = "@DIR@/data"
certificates = "@DIR@"
run_as_root = true                 -- else it refuses to start when the benchmark runs as root
log = { warn = "@DIR@/prosody.log" } -- a line for each stanza would be measured too

-- Network: only direct TLS and WebSocket on the loopback; everything the load generator does not use is closed.
interfaces = { "127.0.0.1" }
c2s_ports = {}
c2s_direct_tls_ports = { @PORT@ }
s2s_ports = {}
http_ports = {}
https_ports = { @WEB_PORT@ }
https_ssl = { certificate = "@DIR@/cert.pem"; key = "@DIR@/key.pem" }
http_default_host = "@DOMAIN@"
network_backend = "epoll"          -- the fastest, and the default since 0.12
network_settings = {
    nagle = false;                 -- Nagle with the clients' delayed ACK costs 40 ms a message
    tcp_backlog = 1024;            -- the default of 128 refuses connections in a login storm
}

-- The same ECDSA P-256 certificate as the other servers: RSA would double the cost of a login.
ssl = { certificate = "@DIR@/cert.pem"; key = "@DIR@/key.pem" }
c2s_require_encryption = true
c2s_stanza_size_limit = 524288     -- keys for 1,500 devices are 240 KB; the others take as much

-- What a messenger with OMEMO needs, and no more. No mod_limits: it would throttle the generator.
modules_enabled = {
    "roster"; "saslauth"; "tls"; "disco"; -- a server without them is none
    "smacks";                             -- XEP-0198: acknowledgements, resumption
    "mam";                                -- XEP-0313: the archive
    "websocket";                          -- RFC 7395
    "carbons"; "pep"; "blocklist"; "ping"; "time"; "version"; -- konsild has them on too
}
modules_disabled = {
    "s2s"; -- no other server exists here
    "offline"; -- the archive holds what a recipient has missed; a second copy would cost Prosody CPU
}

-- SCRAM-SHA-256 with stored keys. The iteration count is Prosody's default; only clients pay for it.
authentication = "internal_hashed"
password_hash = "SHA-256"
default_iteration_count = 10000
allow_registration = false

-- Both storages that need no other server are measured: "internal" (files, the default) and "sql" with SQLite.
storage = "@STORAGE@"
sql = { driver = "SQLite3"; database = "@DIR@/data/prosody.sqlite" }

-- The archive takes every message of both sides, and nothing is deleted during a run.
default_archive_policy = true
archive_expires_after = "never"
storage_archive_item_limit = 1000000 -- the default of 1,000 a user makes "internal" rewrite its index

-- The garbage collector decides between memory and CPU: see prosody_gc in peers/prosody.sh.
gc = @GC@

VirtualHost "@DOMAIN@"

-- Rooms, kept in the archive as with the others. Nobody is limited in making them, or in coming.
Component "rooms.@DOMAIN@" "muc"
    modules_enabled = { "muc_mam" }
    restrict_room_creation = false
    muc_log_by_default = true
    muc_log_expires_after = "never"
