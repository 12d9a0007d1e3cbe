#!/bin/bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# tests/tree/test_defaults.sh KONSILD: what a fresh install does is written down, and changes only together with that. Speaks TAP.
set -u
konsild=$1 wanted=$(dirname "$0")/defaults.txt
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$konsild" --print-defaults >"$dir/now" || exit 1
rows=0
row() { # STATUS NAME
    rows=$((rows + 1))
    [ "$1" = 0 ] && echo "ok $rows - $2" && return
    echo "not ok $rows - $2"
    sed 's/^/# /' "$dir/seen"
}
grep -v '^#' "$wanted" | diff - "$dir/now" >"$dir/seen"
row $? "DSK I.12-a: what is in force on a fresh install is what tests/tree/defaults.txt says, line by line"
[ "$(wc -l <"$dir/now")" -gt 40 ] && ! sed 's/^protected = true/protected = false/' "$dir/now" | cmp -s - "$dir/now"
row $? "control: a weaker default would be another line"
# Each of these is the most protective that the option has.
for line in 'protected = true' 'control.accounts = ""' 'control.operate = ""' 'control.audit = ""' 'control.group = ""' 'log.level = info' 'privacy.access = unsaid'; do
    echo "$line" >"$dir/seen"
    grep -qxF -- "$line" "$dir/now"
    row $? "DSK I.12-a: $line"
done
echo "1..$rows"
