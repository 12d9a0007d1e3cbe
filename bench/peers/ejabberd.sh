# SPDX-License-Identifier: AGPL-3.0-or-later
# ejabberd from Debian, started privately. Sourced by run.sh; see lib.sh.
peer_version() { dpkg-query -W -f '${Version}' ejabberd; }
peer_storage() { echo SQLite; }
peer_configuration() { echo ejabberd.yml; }

# What ejabberdctl starts (its +P and port limit included), without a node name: so no epmd is left behind and no
# second user is needed. What Mnesia leaves when it is stopped while it makes its tables stays in the run's directory.
peer_start() { # DIR PORT DOMAIN GOAL
    mkdir -p "$1/mnesia"
    cat "$1/cert.pem" "$1/key.pem" >"$1/both.pem"
    # The schema is the administrator's to load (ejabberd.im, "SQLite"); after a crash it is there already.
    [ -e "$1/ejabberd.sqlite" ] || sqlite3 -bail "$1/ejabberd.sqlite" <"$(find /usr/share/ejabberd /usr/lib -name lite.sql 2>/dev/null | head -n 1)"
    fill_in peers/ejabberd.yml "$1/ejabberd.yml" "$1" "$2" "$3"
    env HOME="$1" ERL_LIBS="$(dirname "$(ls -d /usr/lib/*/ejabberd-* | head -n 1)")" ERL_MAX_PORTS=32000 \
        ERL_CRASH_DUMP="$1/crash.dump" EJABBERD_CONFIG_PATH="$1/ejabberd.yml" EJABBERD_LOG_PATH="$1/ejabberd.log" \
        erl +K true +P 250000 -noinput -mnesia dir "\"$1/mnesia\"" core_dir "\"$1\"" -s ejabberd >"$1/stdout" 2>&1 &
    PEER_PID=$!
    wait_for_port "$2"
}

peer_accounts() { # DIR DOMAIN COUNT
    "$LOAD" accounts --format ejabberd --domain "$2" --clients "$3" | sqlite3 -bail "$1/ejabberd.sqlite" >/dev/null
}
