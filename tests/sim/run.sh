#!/bin/bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# The simulator, from make:
#
#   make sim [SEEDS=1000] [JOBS=2]       so many lives, after the seeds that once failed; then the mutants
#   make sim SEED=69da9442 [TRACE=1]     this one life again; TRACE tells every step
#
# and from meson: run.sh --check SIM [SEEDS], the short run. Seeds begin with the hash of the commit.
set -euo pipefail
[ "${1:-}" = --check ] && check=$(realpath "$2")
cd "$(dirname "$0")/../.."

commit_seed() {
    git rev-parse --short=16 HEAD 2>/dev/null || echo 1
}

jobs=${JOBS:-$(nproc)}
if [ -n "${check:-}" ]; then
    exec "$check" --file tests/sim/seeds.txt --seed "$(commit_seed)" --seeds "${3:-8}" --jobs 2 --again --mutants
fi
sim=build/release/tests/sim/sim
if [ -n "${SEED:-}" ]; then
    exec "$sim" --seed "$SEED" --seeds "${SEEDS:-1}" --jobs "$jobs" ${MUTANT:+--mutant "$MUTANT"} ${TRACE:+--trace}
fi
exec "$sim" --file tests/sim/seeds.txt --seed "$(commit_seed)" --seeds "${SEEDS:-100}" --jobs "$jobs" --again --mutants
