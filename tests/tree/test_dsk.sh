#!/bin/bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# tests/tree/test_dsk.sh DSK: the list counts the rows of tests that ended well, and no others. Speaks TAP.
set -u
. "$(dirname "$0")/../tap.sh"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
say_why() { grep -E '^(II.1-g|dsk:)' "$dir/seen"; }
# RESULT ROW...: what the list says of II.1-g after a test that ended so.
listed() {
    local result=$1 out= text
    shift
    for text in "$@"; do out="$out$text\\n"; done
    printf '{"name": "one", "stdout": "%s", "result": "%s"}\n' "$out" "$result" >>"$dir/log.json"
    "$dsk" "$dir/log.json" >"$dir/seen" 2>&1
}
says() { grep -qE -- "$1" "$dir/seen"; }
fresh() { : >"$dir/log.json"; }
dsk=$1
good="ok 1 - DSK II.1-g in full: a body in clear is refused"

fresh && listed OK "$good" && says '^II.1-g +full \(1 tests\)' && says '^dsk: 1 of '
row "control: a row that passed in a test that ended well makes its requirement full"
for result in TIMEOUT FAIL ERROR INTERRUPT; do
    fresh && listed "$result" "$good" && says '^II.1-g +- ' && says '^dsk: 0 of ' && says "^dsk: one ended with $result"
    row "$result: a row that passed counts nothing, and that is said"
done
fresh && listed TIMEOUT "$good" && listed OK "$good" && says '^II.1-g +full \(1 tests\)'
row "another test that ended well counts beside one that did not"
fresh && listed OK "$good" && listed FAIL "not ok 1 - DSK II.1-g: a body in clear is refused" && says '^II.1-g +- +failed:'
row "a row that failed makes its requirement open, whatever passed elsewhere"
fresh && listed OK "$good # SKIP no peer" && says '^II.1-g +- '
row "a skipped row counts nothing"
fresh && listed OK "ok 1 - DSK II.1-g: a body in clear is refused" && says '^II.1-g +part: no test says' && says '^dsk: 0 of '
row "a row that does not say that it is the whole sentence makes a part"
listed OK "ok 1 - DSK II.1-g part (pictures): a text is" && says '^II.1-g +part: pictures ' && says '^dsk: 0 of '
row "and one that says what is missing is told"
listed OK "$good" && says '^II.1-g +full \(3 tests\)' && says '^dsk: 1 of '
row "with a row that says in full both are full"
echo "1..$rows"
