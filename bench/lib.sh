# SPDX-License-Identifier: AGPL-3.0-or-later
# What run.sh and the peers share. Everything that is started is stopped, everything that waits has an end.
#
# A peer is a file of shell functions, peers/NAME.sh, sourced in a subshell of its own with BENCH (this directory), LOAD
# (the load generator) and WEB_PORT (for HTTPS, with XMPP over WebSocket at /xmpp-websocket) set:
#   peer_version                           one line
#   peer_storage                           one word
#   peer_configuration                     the file in peers/ that says why it is set up so
#   peer_start DIR PORT DOMAIN GOAL        starts it in the background, with the data it finds in DIR, and sets PEER_PID;
#                                          DIR has cert.pem and key.pem; GOAL is "memory" or "speed"; false: not running
#   peer_accounts DIR DOMAIN COUNT         makes u0 to u(COUNT-1), password "benchmark", while it runs
#   peer_more RUN                          optional: measures what only this peer is asked
#   PEER_IS=NAME                           optional: it is that peer with another storage; what storage has little to do with
#                                          (idle sessions, reconnects, rooms) is not measured again

say() { printf '%s\n' "$*" >&2; }
fail() {
    say "bench: $*"
    exit 1
}

# A template with this run's places: FROM TO DIR PORT DOMAIN [sed arguments]
fill_in() {
    local from=$1 to=$2 dir=$3 port=$4 domain=$5
    shift 5
    sed -e "s|@DIR@|$dir|g" -e "s|@PORT@|$port|g" -e "s|@WEB_PORT@|$WEB_PORT|g" -e "s|@DOMAIN@|$domain|g" "$@" "$BENCH/$from" >"$to"
}

# Until a command succeeds, at most 60 s; false if the server has ended.
wait_until() {
    for _ in $(seq 600); do
        "$@" 2>/dev/null && return 0
        kill -0 "$PEER_PID" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

port_answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1"); }
wait_for_port() { wait_until port_answers "$1"; }

# TERM, and KILL for who has not gone after 15 s.
stop_pid() {
    kill "$1" 2>/dev/null || return 0
    for _ in $(seq 150); do
        kill -0 "$1" 2>/dev/null || break
        sleep 0.1
    done
    kill -9 "$1" 2>/dev/null
    wait "$1" 2>/dev/null
    return 0
}

# The same ECDSA P-256 certificate for every server: DIR DOMAIN...
make_certificate() {
    local dir=$1 names
    shift
    names=$(printf ',DNS:%s' "$@")
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$1" \
        -addext "subjectAltName=${names#,}" -keyout "$dir/key.pem" -out "$dir/cert.pem" 2>/dev/null
}
