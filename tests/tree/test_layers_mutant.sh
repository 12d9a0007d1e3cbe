#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
# test_layers_mutant.sh CHECK_LAYERS ALLOW MUTANT.a: the positive control of the layer test.
check=$1 allow=$2 mutant=$3
said=$("$check" "$allow" "$mutant")
code=$?
echo 1..7
if [ $code -ne 0 ]; then echo "ok 1 - a core with IO fails the layer test"; else echo "not ok 1 - a core with IO fails the layer test"; fi
row=1
for call in 'open(64)?' socket write clock_gettime getrandom pthread_mutex_lock; do
    row=$((row + 1))
    if echo "$said" | grep -Eq "^# .* $call( |\$)"; then ok=ok; else ok="not ok"; fi
    echo "$ok $row - the layer test names $call"
done
