#!/bin/bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# bench/tables.sh -- puts what bench/results.json says where people read it: the whole table into bench/README.md, the short one into
# README.md, each between two lines "<!-- results -->". run.sh calls it after a full run.
set -eu
BENCH=$(cd "$(dirname "$0")" && pwd)
ROOT=$(dirname "$BENCH")

# What stands between the two marks of FILE becomes stdin.
between() { # FILE
    local made
    made=$(mktemp)
    awk -v table=/dev/stdin '
        /^<!-- results -->$/ { print; if (++marks == 1) while ((getline line <table) > 0) print line; next }
        marks != 1 { print }
        END { exit marks != 2 }' "$1" >"$made" && cat "$made" >"$1"
    local failed=$?
    rm -f "$made"
    [ $failed = 0 ] || echo "bench: $1 has no two lines <!-- results -->" >&2
    return $failed
}

{
    echo '```'
    jq -r -f "$BENCH/table.jq" "$BENCH/results.json"
    echo '```'
} | between "$BENCH/README.md"
jq -r -f "$BENCH/short.jq" "$BENCH/results.json" | between "$ROOT/README.md"
