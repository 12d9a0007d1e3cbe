#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
# short_run.sh FUZZER CORPUS: the same short search every time; what it finds new goes to a directory that is thrown away.
set -eu
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
dict=$(dirname "$0")/$(basename "$1").dict
[ -f "$dict" ] && set -- "$1" "$2" "-dict=$dict"
fuzzer=$1 corpus=$2
shift 2
# libFuzzer's own exit code for a finding is 77, by which meson would call the test skipped.
"$fuzzer" -seed=1 -runs=50000 -max_total_time=10 -max_len=4096 -timeout=10 -verbosity=0 -print_final_stats=1 \
    -error_exitcode=1 -timeout_exitcode=1 -artifact_prefix="$(dirname "$fuzzer")/" "$@" "$scratch" "$corpus" || exit 1
