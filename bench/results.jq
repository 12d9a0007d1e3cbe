# SPDX-License-Identifier: AGPL-3.0-or-later
# The lines of a run (jq -s) -> results.json: where it was measured, the median and the spread of each figure, the lines.
def median: sort | if length % 2 == 1 then .[length / 2 | floor] else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def spread: {median: median, min: min, max: max, runs: length};

# The figures of all lines of one row of one peer: {name: {median, min, max, runs}}.
def figures:
  (map(del(.peer, .run, .row, .workload, .mode, .failed) | to_entries[] | select(.value | type == "number"))
   | group_by(.key) | map({key: .[0].key, value: (map(.value) | spread)}) | from_entries);

# What the kills and the counted syncs of a peer say: a killed process loses nothing that the kernel has, a power cut
# takes what was not synced.
def durable($peer):
  map(select(.peer == $peer and (.failed | not))) as $all
  | ($all | map(select(.row == "durability"))) as $kills
  | ($all | map(select(.row == "syncs") | .syncs_per_1000) | max) as $syncs
  | if ($kills | map(.acked) | add // 0) == 0 then null
    elif ($kills | map(.missing) | add) > 0 then "no: loses when killed"
    elif $syncs == 0 then "no: never syncs"
    else "yes" end;
def traits($lines): . as $line
  | {protected: ($line.row == "protected"), durable: ($lines | durable($line.peer))};

. as $lines
| {
    date: $date, commit: $commit, quick: $quick, seconds: $seconds,
    machine: {
      cpu: $cpu, cores: $cores, kernel: $kernel, system: $system, load_before: $load_before, open_files_max: $nofile,
      fdatasync_p50_ms: $disk[0].fdatasync_p50_ms, fdatasync_p99_ms: $disk[0].fdatasync_p99_ms
    },
    notes: $notes,
    peers: ($lines | map(select(.row == "about")) | unique_by(.peer)
      | map({key: .peer, value: {version, storage, configuration, durable: (.peer as $p | $lines | durable($p))}}) | from_entries),
    order: (reduce ($lines[] | .peer) as $p ([]; if index([$p]) then . else . + [$p] end)),
    summary: ($lines | map(select(.row != "about" and (.failed | not))) | group_by(.peer)
      | map({key: .[0].peer,
             value: (group_by(.row) | map({key: .[0].row, value: (figures + (.[0] | traits($lines)))}) | from_entries)}) | from_entries),
    lines: ($lines | map(select(.row != "about") | . + traits($lines)))
  }
