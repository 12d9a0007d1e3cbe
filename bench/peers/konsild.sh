# SPDX-License-Identifier: AGPL-3.0-or-later
# konsild as it is shipped: what stands in its configuration is where things are and which domains there are, and nothing
# else. Sourced by run.sh; see lib.sh.
PROTECTED=klinik.example

peer_version() { "$BUILD/cmd/konsild" --version | sed 's/^konsild //'; }
peer_storage() { echo "SQLite, encrypted"; }
peer_configuration() { echo konsild.sh; }

peer_start() { # DIR PORT DOMAIN GOAL
    cat >"$1/konsild.conf" <<END
data = { directory = "$1/data"; };
listen = { starttls = ""; direct_tls = "127.0.0.1:$2"; https = "127.0.0.1:$WEB_PORT"; };
control = { socket = "$1/control/socket"; };
log = { file = "$1/konsild.log"; };
domains = (
  # The benchmark's domain: the others have no protected ones.
  { name = "$3"; protected = false; certificate = "$1/cert.pem"; key = "$1/key.pem"; },
  { name = "$PROTECTED"; certificate = "$1/cert.pem"; key = "$1/key.pem"; }
);
END
    mkdir -p "$1/control"
    "$BUILD/cmd/konsild" --config "$1/konsild.conf" >"$1/stdout" 2>&1 &
    PEER_PID=$!
    wait_for_port "$2" && wait_until test -S "$1/control/socket"
}

# In four parts at once: each konsilctl stretches one password after the other and waits for each commit.
peer_accounts() { # DIR DOMAIN COUNT
    "$LOAD" accounts --format csv --domain "$2" --clients "$3" >"$1/accounts.csv" &&
        split -n l/4 "$1/accounts.csv" "$1/accounts.part." &&
        printf '%s\n' "$1"/accounts.part.* | xargs -P 4 -n 1 \
            "$BUILD/cmd/konsilctl" --socket "$1/control/socket" user import >"$1/import.log" 2>&1
}

# What only konsild is asked: a rate that the others cannot reach, and encrypted messages through the policy of a protected
# domain.
peer_more() { # RUN
    measure konsild "$1" high messages --clients $clients --rate 10000 --seconds $seconds
    peer_accounts "$DIR" $PROTECTED $clients &&
        measure konsild "$1" protected messages --domain $PROTECTED --clients $clients --window 5 --seconds $seconds
}
