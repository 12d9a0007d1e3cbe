# SPDX-License-Identifier: AGPL-3.0-or-later
# tests/tap.sh -- rows of TAP for tests that are shell scripts; sourced. The script may define say_why(), which prints what
# helps to understand a failed row, and prints the plan itself: echo "1..$rows".
rows=0
row() { # NAME; the exit status of the last command decides
    local status=$?
    rows=$((rows + 1))
    [ $status = 0 ] && echo "ok $rows - $1" && return
    echo "not ok $rows - $1"
    say_why | head -20 | sed 's/^/# /'
}
say_why() { :; }
skip() { rows=$((rows + 1)) && echo "ok $rows - $1 # SKIP $2"; } # NAME WHY
