#!/bin/bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# bench/run.sh -- konsild beside Prosody and ejabberd, on this machine, in one run. See README.md.
set -u
BENCH=$(cd "$(dirname "$0")" && pwd)
ROOT=$(dirname "$BENCH")
. "$BENCH/lib.sh"

DOMAIN=offen.example
peers=konsild,prosody,prosody-sqlite,ejabberd
everything=idle,websocket,logins,reconnect,messages,rooms,catchup,files,durability
only=$everything
quick=no
keep=no
runs=
out=
BUILD=$ROOT/build/release

usage() {
    cat >&2 <<'EOF'
usage: bench/run.sh [--quick] [--peers LIST] [--only LIST] [--runs N] [--build DIR] [--out FILE] [--keep]
  --quick        one short run of everything, about 5 minutes; shows that it works, the figures are rough
  --peers LIST   of konsild,prosody,prosody-sqlite,ejabberd
  --only LIST    of idle,websocket,logins,reconnect,messages,rooms,catchup,files,durability
  --runs N       how often everything is measured (3; quick: 1)
  --build DIR    where konsild and the load generator were built (build/release)
  --out FILE     results (bench/results.json for a full run, else build/bench/results.json)
  --keep         leave the servers' directories in build/bench
EOF
    exit 2
}

while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=yes ;;
    --keep) keep=yes ;;
    --peers | --only | --runs | --build | --out)
        [ $# -gt 1 ] || usage
        case $1 in
        --peers) peers=$2 ;;
        --only) only=$2 ;;
        --runs) runs=$2 ;;
        --build) BUILD=$(realpath "$2") ;;
        --out) out=$(realpath "$2") ;;
        esac
        shift
        ;;
    *) usage ;;
    esac
    shift
done
cd "$ROOT" || exit 1
LOAD=$BUILD/bench/load
[ -x "$LOAD" ] || fail "there is no $LOAD. Run: make bench"
for peer in ${peers//,/ }; do [ -f "$BENCH/peers/$peer.sh" ] || fail "unknown peer: $peer"; done
for what in ${only//,/ }; do
    case $what in idle | websocket | logins | reconnect | messages | rooms | catchup | files | durability) ;; *) fail "unknown measurement: $what" ;; esac
done
[[ ${runs:-1} =~ ^[1-9]$ ]] || fail "--runs is 1 to 9"
wants() { case ",$only," in *",$1,"*) return 0 ;; *) return 1 ;; esac; }

if [ $quick = yes ]; then
    runs=${runs:-1} idle_sessions=1000 idle_peers=1000 settle=3 logins=200 back=300 clients=100 rate=200 seconds=3 archived=1000
    occupants=100 room_rate=2 room_rate_high=60 room_seconds=3 mib=64
else
    runs=${runs:-3} idle_sessions=18000 idle_peers=6000 settle=10 logins=1000 back=2000 clients=200 rate=300 seconds=6 archived=5000
    occupants=500 room_rate=2 room_rate_high=60 room_seconds=6 mib=1024
fi
# Accounts above those of the other measurements, whose archives are empty when the server is killed.
kill_first=$((idle_sessions - 60)) kill_clients=40 kill_after=6

# --- what has to be there ---

had_prosody=no had_ejabberd=no
for service in prosody ejabberd; do
    dpkg-query -W "$service" >/dev/null 2>&1 && declare "had_$service=yes"
done
"$ROOT/tools/install-packages" bench || fail "packages are missing"
for service in prosody ejabberd; do # the packages start a system service that nobody asked for
    had=had_$service
    if [ "${!had}" = no ] && command -v systemctl >/dev/null; then
        systemctl disable --now "$service" >/dev/null 2>&1
    fi
done

ulimit -n "$(ulimit -Hn)" 2>/dev/null
nofile=$(ulimit -n)
notes=()
if [ "$nofile" != unlimited ] && [ "$nofile" -lt $((idle_sessions + 500)) ]; then
    idle_sessions=$((nofile - 500))
    kill_first=$((idle_sessions - 60))
    notes+=("idle: $idle_sessions sessions and not more, because a process may open $nofile files here (ulimit -Hn)")
fi

work=$ROOT/build/bench/run.$$
mkdir -p "$work" || exit 1
lines=$work/lines.json
: >"$lines"
PEER_PID=
finish() {
    [ -n "$PEER_PID" ] && stop_pid "$PEER_PID"
    [ $keep = yes ] || rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# --- one measurement ---

# What has not answered by then is measured no more: a run is over within the hour, whoever hangs.
measure_seconds_max=600

missed() { # PEER RUN ROW
    say "bench: $1: $3 was not measured"
    jq -nc --arg peer "$1" --arg row "$3" --argjson run "$2" '{peer: $peer, run: $run, row: $row, failed: true}' >>"$lines"
}

# What the part that has just been measured took.
took() { # PEER PART
    say "bench: $1: $2: $((SECONDS - part_began)) s"
    part_began=$SECONDS
}

# Runs the load generator and keeps its lines: PEER RUN ROW arguments. ROW tells apart lines of one workload; a line that
# says its row itself keeps it. ROW=OTHER keeps the line that calls itself OTHER, and none beside it, as ROW.
measure() {
    local peer=$1 run=$2 row=${3%=*} own= line
    [[ $3 != *=* ]] || own=${3#*=}
    shift 3
    if line=$(timeout --foreground $measure_seconds_max "$LOAD" --server "$PEER_PID" --port "$PORT" "$@"); then
        jq -c --arg peer "$peer" --arg row "$row" --arg own "$own" --argjson run "$run" \
            'if $own == "" then . else select(.row == $own) | del(.row) end
             | {peer: $peer, run: $run, row: $row} + . +
                 if .messages == 0 or ($row == "durability" and .acked == 0) then {failed: true} else {} end' \
            <<<"$line" >>"$lines"
    else
        missed "$peer" "$run" "$row"
        # What comes next is not lost with a server that has ended.
        kill -0 "$PEER_PID" 2>/dev/null || { say "bench: $peer has ended and is started again" && start "$DIR" "$GOAL"; }
        return 1
    fi
}

start() { # DIR GOAL
    GOAL=$2
    mkdir -p "$1"
    [ -e "$1/cert.pem" ] || make_certificate "$1" $DOMAIN klinik.example "pubsub.$DOMAIN" || return 1
    peer_start "$1" "$PORT" $DOMAIN "$2" && return 0
    say "bench: the server did not start; what it said:"
    tail -n 5 "$1"/stdout "$1"/*.log >&2 2>/dev/null
    return 1
}

stop() {
    [ -n "$PEER_PID" ] && stop_pid "$PEER_PID"
    PEER_PID=
}

# A fresh server, in DIR, that has just started on a store with nothing but accounts: PEER RUN GOAL. The accounts are made
# once, because making them is not what is measured and takes some servers a minute.
fresh() {
    local made=$work/$1.accounts
    DIR=$work/$1.$2.$3
    if [ ! -d "$made" ]; then
        start "$made.new" speed && peer_accounts "$made.new" $DOMAIN "$idle_sessions"
        local failed=$?
        stop
        if [ $failed != 0 ]; then
            missed "$1" "$2" accounts
            tail -n 5 "$made.new"/*.log >&2 2>/dev/null
            rm -rf "$made.new"
            return 1
        fi
        mv "$made.new" "$made"
    fi
    cp -a "$made" "$DIR" && start "$DIR" "$3" && return 0
    missed "$1" "$2" "start"
    return 1
}

# Keeps messages under way, kills the server without warning, starts it on what is on disk, and looks for every message
# that it had acknowledged.
kill_and_count() { # PEER RUN
    local log=$DIR/acknowledged load_pid
    local accounts=(--first "$kill_first" --clients "$kill_clients")
    "$LOAD" messages --port "$PORT" "${accounts[@]}" --window 10 --warm 0 --seconds 30 --log "$log" >"$DIR/killed.json" &
    load_pid=$!
    wait_until test -s "$log" # all are logged in
    sleep "$kill_after"
    kill -9 "$PEER_PID"
    wait "$PEER_PID" 2>/dev/null
    wait $load_pid
    PEER_PID=
    start "$DIR" speed || { missed "$1" "$2" durability && return 1; }
    measure "$1" "$2" durability verify "${accounts[@]}" --log "$log" --side recipient
}

# How often it asks the disk to keep what it wrote, while messages come at the offered rate.
count_syncs() { # PEER RUN
    local trace=$DIR/syncs strace_pid line
    strace -f -q -o "$trace" -e trace=fsync,fdatasync,sync_file_range,msync -p "$PEER_PID" 2>/dev/null &
    strace_pid=$!
    sleep 1
    line=$(timeout --foreground $measure_seconds_max "$LOAD" messages --port "$PORT" --clients 20 --rate 100 --warm 0 --seconds 2)
    kill $strace_pid 2>/dev/null
    wait $strace_pid 2>/dev/null
    jq -c --arg peer "$1" --argjson run "$2" --argjson syncs "$(grep -cE '^[0-9]+ +(fsync|fdatasync|msync)\(' "$trace")" \
        'select(.sent > 0) | {peer: $peer, run: $run, row: "syncs", syncs_per_1000: ($syncs * 1000 / .sent)}' \
        <<<"$line" >"$work/syncs.json"
    if [ -s "$work/syncs.json" ]; then cat "$work/syncs.json" >>"$lines"; else missed "$1" "$2" syncs; fi
}

# What takes minutes with those that are slow at it, and moves less than its ratio to konsild's, is asked of them once.
often() { # PEER RUN
    [ "$1" = konsild ] || { [ "$2" = 1 ] && [ -z "${PEER_IS:-}" ]; }
}

# Idle sessions are many and their memory is the same in each run, so it is looked at once; those who take minutes to log
# them in have fewer of them, since what one costs does not depend on how many there are.
measure_idle() { # PEER RUN ROW arguments
    local sessions=$idle_sessions
    [ "$1" = konsild ] || sessions=$((idle_sessions < idle_peers ? idle_sessions : idle_peers))
    fresh "$1" "$2" memory &&
        measure "$1" "$2" "$3" idle --clients "$sessions" --concurrency 64 --seconds $settle "${@:4}"
    stop
    rm -rf "$DIR"
}

# What only konsild is asked of rooms: a rate that the others cannot reach; and at each rate what OpenSSL and the kernel
# take for the records and the send() alone, in the same minute.
measure_rooms() { # RUN
    measure konsild "$1" room-high=room-offered room --first $((clients + 20)) --clients $occupants \
        --rate $room_rate_high --window 0 --seconds $room_seconds
    measure konsild "$1" room-floor sends --clients $occupants --rate $room_rate --seconds 3 --directory "$DIR"
    measure konsild "$1" room-high-floor sends --clients $occupants --rate $room_rate_high --seconds 3 --directory "$DIR"
}

# What konsild alone is asked, by a program that says its rows itself: WHAT RUN command.
measure_own() {
    local what=$1 run=$2
    shift 2
    # What it said before it failed counts, but for half a line.
    timeout $measure_seconds_max "$@" >"$work/own.json" || missed konsild "$run" "$what"
    jq -cR --argjson run "$run" 'fromjson? | {peer: "konsild", run: $run} + .' "$work/own.json" >>"$lines"
}

measure_peer() { # PEER RUN
    local peer=$1 run=$2 part_began=$SECONDS
    if [ "$run" = 1 ] && [ -z "${PEER_IS:-}" ]; then
        ! wants idle || { measure_idle "$peer" "$run" idle; took "$peer" idle; }
        ! wants websocket || { measure_idle "$peer" "$run" idle-websocket --websocket --port "$WEB_PORT"; took "$peer" websocket; }
    fi
    if [ "$peer" = konsild ] && [ "$run" = 1 ]; then
        ! wants files || { measure_own file-put "$run" env KONSIL_BUILD="$BUILD" "$BENCH/files.py" $mib; took "$peer" files; }
        ! wants rooms || { measure_own seal "$run" "$BUILD/bench/micro_seal" --json; took "$peer" sealing; }
        ! wants rooms || { measure_own certified "$run" "$BUILD/bench/micro_certified" --json; took "$peer" certified; }
        ! wants rooms || { measure_own restore "$run" "$BUILD/bench/micro_restore" --json; took "$peer" restore; }
    fi
    wants logins || wants reconnect || wants messages || wants rooms || wants catchup || wants durability || return
    fresh "$peer" "$run" speed || return
    took "$peer" accounts
    if wants logins; then
        measure "$peer" "$run" logins logins --clients $logins --concurrency 32
        [ "$peer" != konsild ] || measure "$peer" "$run" handshake handshakes --clients $logins --directory "$DIR"
        took "$peer" logins
    fi
    if wants reconnect && often "$peer" "$run"; then
        measure "$peer" "$run" reconnect reconnect --clients $back --concurrency 64
        took "$peer" reconnect
    fi
    if wants messages; then
        measure "$peer" "$run" offered messages --clients $clients --rate $rate --seconds $seconds --log "$DIR/offered" &&
            measure "$peer" "$run" archived verify --clients 20 --log "$DIR/offered" --side sender
        measure "$peer" "$run" capacity messages --clients $clients --window 5 --seconds $seconds
        declare -F peer_more >/dev/null && peer_more "$run"
        took "$peer" messages
    fi
    if wants catchup; then
        measure "$peer" "$run" catchup catchup --first $((clients + 10)) --clients 2 --messages $archived
        took "$peer" catchup
    fi
    if wants rooms && often "$peer" "$run"; then
        measure "$peer" "$run" room room --first $((clients + 20)) --clients $occupants --rate $room_rate --window 8 \
            --devices 3 --seconds $room_seconds
        [ "$peer" != konsild ] || measure_rooms "$run"
        took "$peer" rooms
    fi
    if wants durability; then
        [ "$run" = 1 ] && count_syncs "$peer" "$run"
        kill_and_count "$peer" "$run"
        took "$peer" durability
    fi
    stop
}

# --- all of them ---

commit=$(git -C "$ROOT" rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
[ -z "$(git -C "$ROOT" status --porcelain --untracked-files=no 2>/dev/null)" ] || commit=$commit+changes
write_results() { # FILE
    jq -s --slurpfile disk "$work/disk.json" --arg commit "$commit" --arg date "$(date -u +%FT%TZ)" \
        --arg cpu "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" --argjson cores "$(nproc)" \
        --arg kernel "$(uname -r)" --arg system "$(. /etc/os-release && echo "$PRETTY_NAME")" --arg nofile "$nofile" \
        --argjson seconds $(($(date +%s) - started)) --argjson load_before "$load_before" --argjson quick "$([ $quick = yes ] && echo true || echo false)" \
        --argjson notes "$(printf '%s\n' "${notes[@]+"${notes[@]}"}" | jq -R . | jq -sc 'map(select(. != ""))')" \
        -f "$BENCH/results.jq" "$lines" >"$work/results.json" &&
        cp "$work/results.json" "$1"
}

started=$(date +%s)
load_before=$(cut -d' ' -f1 /proc/loadavg)
"$LOAD" disk --directory "$work" >"$work/disk.json" || fail "no disk"
PORT=24222
for run in $(seq $runs); do
    for peer in ${peers//,/ }; do
        PORT=$((PORT + 1))
        while port_answers $PORT 2>/dev/null || port_answers $((PORT + 500)) 2>/dev/null; do PORT=$((PORT + 1)); done
        WEB_PORT=$((PORT + 500))
        say "bench: run $run of $runs: $peer"
        (
            PEER_PID=
            trap '[ -n "$PEER_PID" ] && stop_pid "$PEER_PID"' EXIT
            . "$BENCH/peers/$peer.sh"
            jq -nc --arg peer "$peer" --arg version "$(peer_version)" --arg storage "$(peer_storage)" \
                --arg configuration "bench/peers/$(peer_configuration)" \
                '{peer: $peer, row: "about", version: $version, storage: $storage, configuration: $configuration}' >>"$lines"
            measure_peer "$peer" "$run"
        )
        write_results "$ROOT/build/bench/results.json" # a run that is broken off has measured what it has
        [ $keep = yes ] || rm -rf "$work/$peer.$run."*
    done
done

# What tools/dsk reads of it, when rooms were measured as large as they are to be: a row of TAP as a test's, in the build directory that
# was measured. Two figures, each of its own measurement, stand for a person who writes: konsil seals, then konsild brings it to all.
write_row() { # RESULTS
    jq -c '.summary.konsild as {$seal, "room-omemo": $room} | select($seal.devices.min == 1500 and $room.clients.min == 500)
        | {name: "bench", result: "OK", stdout: ("\(if $seal.p95_ms.max + $room.reach_p95_ms.max <= 2000 then "" else "not " end)ok 1 - DSK II.1-b in full: "
            + "a message for 500 members with 3 devices each takes 2 s at most (p95): sealing it \($seal.p95_ms.max) ms, "
            + "and until all have it \($room.reach_p95_ms.max) ms")}' "$1" >"$work/row.json" || return 1
    [ ! -s "$work/row.json" ] || { mkdir -p "$BUILD/meson-logs" && cp "$work/row.json" "$BUILD/meson-logs/benchlog.json"; }
}

if [ -z "$out" ]; then
    out=$ROOT/build/bench/results.json
    [ "$quick/$runs/$peers/$only" = "no/3/konsild,prosody,prosody-sqlite,ejabberd/$everything" ] &&
        out=$BENCH/results.json
fi
write_results "$out" || fail "the results cannot be read"
write_row "$out" || fail "there is no row for tools/dsk"
jq -r -f "$BENCH/table.jq" "$out"
[ "$out" != "$BENCH/results.json" ] || "$BENCH/tables.sh"
say "bench: all figures are in ${out#"$ROOT"/}"
! jq -e '.lines | any(.failed)' "$out" >/dev/null
