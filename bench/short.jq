# SPDX-License-Identifier: AGPL-3.0-or-later
# results.json -> the table in the README: of what people ask for, the medians.
def number:
  if . >= 100 then (. | round | tostring)
  elif . >= 10 then (. * 10 | round / 10 | tostring)
  else (. * 100 | round / 100 | tostring) end;

def rows: [
  ["memory of an idle session, KB",                   "idle",           "bytes_per_session",   0.0009765625],
  ["the same over WebSocket, KB",                     "idle-websocket", "bytes_per_session",   0.0009765625],
  ["CPU of a login, ms",                              "logins",         "cpu_us_per_login",    0.001],
  ["2,000 devices cut at once are all back after, s", "reconnect",      "seconds",             1],
  ["messages/s, as many as it can",                   "capacity",       "per_second",          1],
  ["CPU of each of them, µs",                         "capacity",       "cpu_us_per_message",  1],
  ["a room of 500: CPU of all joining it, ms",        "room-joins",     "join_cpu_ms",         1],
  ["deliveries/s in it, as many as it can",           "room-capacity",  "per_second",          1],
  ["CPU of each of them, µs",                         "room-capacity",  "cpu_us_per_delivery", 1],
  ["a message for 1,500 devices is at all 500, p95, ms", "room-omemo",  "reach_p95_ms",        1],
  ["what each person gets of it, bytes",              "room-omemo",     "bytes_per_delivery",  1],
  ["sealing it, p95, ms",                             "seal",           "p95_ms",              1],
  ["reading an archive, messages/s",                  "catchup",        "per_second",          1],
  ["memory that taking a file of 1 GiB costs, KiB",   "file-put",       "peak_kib",            1],
  ["acknowledged means durable",                      null,             null,                  1]
];

. as $r
| (([""] + [$r.order[] | {"konsild": "konsild", "prosody": "Prosody", "prosody-sqlite": "Prosody, SQLite", "ejabberd": "ejabberd"}[.]]),
  (["---"] + [$r.order[] | "--:"]),
  (rows[] as $row
   | if $row[1] == null then [$row[0]] + [$r.order[] as $p | $r.peers[$p].durable // "-" | split(":")[0]]
     else [$r.order[] as $p | $r.summary[$p][$row[1]][$row[2]].median? // null] as $cells
       | select($cells | any(. != null))
       | [$row[0]] + ($cells | map(if . == null then "" else . * $row[3] | number end)) end))
| "| " + join(" | ") + " |"
