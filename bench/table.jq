# SPDX-License-Identifier: AGPL-3.0-or-later
# results.json -> the table that `make bench` prints.
def pad($width): . + (" " * ($width - length));
def number:
  if . >= 100 then (. | round | tostring)
  elif . >= 10 then (. * 10 | round / 10 | tostring)
  else (. * 100 | round / 100 | tostring) end;
def cell($scale):
  if . == null then "-"
  elif .runs == 1 then (.median * $scale | number)
  else "\(.median * $scale | number) (\(.min * $scale | number)..\(.max * $scale | number))" end;

# One row: name, where the figure is, how it is scaled, and whether less or more of it is better.
def rows: [
  ["user memory per idle session, KB",        "idle",     "bytes_per_session",      0.0009765625, "less"],
  ["  sessions",                              "idle",     "sessions",               1,     ""],
  ["the same over WebSocket, KB",             "idle-websocket", "bytes_per_session", 0.0009765625, "less"],
  ["  sessions",                              "idle-websocket", "sessions",         1,     ""],
  ["CPU per login, ms",                       "logins",   "cpu_us_per_login",       0.001, "less"],
  ["  of it TLS by OpenSSL alone, ms",         "handshake", "cpu_us_per_handshake",  0.001, ""],
  ["logins/s",                                "logins",   "per_second",             1,     "more"],
  ["all cut at once: until all are back, s",  "reconnect", "seconds",               1,     "less"],
  ["  clients",                               "reconnect", "clients",               1,     ""],
  ["  of them resumed",                       "reconnect", "resumed",               1,     ""],
  ["  of them by token, in one exchange",     "reconnect", "by_token",              1,     ""],
  ["  cut off on the way, and begun again",   "reconnect", "again",                 1,     ""],
  ["  CPU for each, ms",                      "reconnect", "cpu_us_per_login",      0.001, "less"],
  ["CPU per message, µs, as offered to all",  "offered",  "cpu_us_per_message",     1,     "less"],
  ["  messages/s offered",                    "offered",  "offered_per_second",     1,     ""],
  ["  delivery p50, ms",                      "offered",  "delivery_p50_ms",        1,     "less"],
  ["  delivery p99, ms",                      "offered",  "delivery_p99_ms",        1,     "less"],
  ["  acknowledgement p50, ms",               "offered",  "ack_p50_ms",             1,     "less"],
  ["  acknowledgement p99, ms",               "offered",  "ack_p99_ms",             1,     "less"],
  ["messages/s, as many as it can",           "capacity", "per_second",             1,     "more"],
  ["  CPU per message, µs",                   "capacity", "cpu_us_per_message",     1,     "less"],
  ["  delivery p99, ms",                      "capacity", "delivery_p99_ms",        1,     "less"],
  ["  generator's CPU, cores",                "capacity", "generator_cpu",          1,     ""],
  ["at 10,000 messages/s: CPU per message, µs", "high",   "cpu_us_per_message",     1,     ""],
  ["  messages/s complete",                   "high",     "per_second",             1,     ""],
  ["  delivery p50, ms",                      "high",     "delivery_p50_ms",        1,     ""],
  ["  delivery p99, ms",                      "high",     "delivery_p99_ms",        1,     ""],
  ["  acknowledgement p99, ms",               "high",     "ack_p99_ms",             1,     ""],
  ["  generator's CPU, cores",                "high",     "generator_cpu",          1,     ""],
  ["protected domain: CPU per message, µs",   "protected", "cpu_us_per_message",    1,     ""],
  ["  messages/s, as many as it can",         "protected", "per_second",            1,     ""],
  ["catch-up of an archive, messages/s",      "catchup",  "per_second",             1,     "more"],
  ["  CPU per message, µs",                   "catchup",  "cpu_us_per_message",     1,     "less"],
  ["  pages for an archive of 5,000",          "catchup",  "pages",                  1,     ""],
  ["  generator's CPU, cores",                "catchup",  "generator_cpu",          1,     ""],
  ["a room: CPU of all joining it, ms",       "room-joins", "join_cpu_ms",          1,     "less"],
  ["  people",                                "room-joins", "clients",              1,     ""],
  ["  until all see all, s",                  "room-joins", "join_seconds",         1,     "less"],
  ["CPU per delivery, µs, 2 messages/s",      "room-offered", "cpu_us_per_delivery", 1,    "less"],
  ["  a message at all of them, p95, ms",     "room-offered", "reach_p95_ms",       1,     "less"],
  ["  of it TLS and send() alone, µs",        "room-floor", "cpu_us_per_delivery", 1,    ""],
  ["at 60 messages/s: CPU per delivery, µs",  "room-high", "cpu_us_per_delivery",   1,     ""],
  ["  of it TLS and send() alone, µs",        "room-high-floor", "cpu_us_per_delivery", 1, ""],
  ["  a message at all of them, p95, ms",     "room-high", "reach_p95_ms",          1,     ""],
  ["deliveries/s, as many as it can",         "room-capacity", "per_second",        1,     "more"],
  ["  CPU per delivery, µs",                  "room-capacity", "cpu_us_per_delivery", 1,   "less"],
  ["  bytes sent per delivery",               "room-capacity", "bytes_per_delivery", 1,    "less"],
  ["  generator's CPU, cores",                "room-capacity", "generator_cpu",     1,     ""],
  ["OMEMO, 3 devices each: at all, p95, ms",  "room-omemo", "reach_p95_ms",         1,     "less"],
  ["  bytes sent per delivery",               "room-omemo", "bytes_per_delivery",   1,     "less"],
  ["  CPU per delivery, µs",                  "room-omemo", "cpu_us_per_delivery",  1,     "less"],
  ["sealing for 1,500 devices, p95, ms",      "seal",     "p95_ms",                 1,     ""],
  ["  CPU, ms",                               "seal",     "cpu_ms",                 1,     ""],
  ["  the first one, with key exchanges, ms", "seal",     "first_ms",               1,     ""],
  ["  bytes",                                 "seal",     "bytes",                  1,     ""],
  ["599 certified devices: a message, ms",    "certified", "message_ms",            1,     ""],
  ["  the first, and its room, ms",           "certified", "contact_ms",            1,     ""],
  ["  at most without a pause, ms",           "certified", "contact_longest_ms",    1,     ""],
  ["  their certificates, ms",                "certified", "seen_ms",               1,     ""],
  ["10,000 messages restored: at work, ms",   "restore",   "work_ms",               1,     ""],
  ["  at most without a pause, ms",           "restore",   "longest_ms",            1,     ""],
  ["a file: memory it costs to take, KiB",    "file-put", "peak_kib",               1,     ""],
  ["  and to give, KiB",                      "file-get", "peak_kib",               1,     ""],
  ["  konsil's, to send it sealed, KiB",      "file-send", "peak_kib",              1,     ""],
  ["  konsil's, to get it, KiB",              "file-save", "peak_kib",              1,     ""],
  ["  its size, MiB",                         "file-put", "mib",                    1,     ""],
  ["  taken, MiB/s",                          "file-put", "mib_per_s",              1,     ""],
  ["  given, MiB/s",                          "file-get", "mib_per_s",              1,     ""],
  ["fsync per 1,000 messages",                "syncs",    "syncs_per_1000",         1,     ""]
];

. as $r
| ($r.order) as $peers
# The best peer beside konsild, as a multiple of konsild: above 1 konsild is better.
| def ratio($row; $name; $better):
    ($r.summary.konsild[$row][$name].median? // null) as $own
    | [$peers[] | select(. != "konsild") | $r.summary[.][$row][$name].median? // empty] as $others
    | if $own == null or ($others | length) == 0 or $better == "" then ""
      elif $better == "less" then (if $own == 0 then "" else "\(($others | min) / $own * 10 | round / 10)x" end)
      else (($others | max) as $best | if $best == 0 then "" else "\($own / $best * 10 | round / 10)x" end) end;
  def lost($p):
    [$r.lines[] | select(.peer == $p and .row == "durability" and (.failed | not))] as $kills
    | if ($kills | length) == 0 then "-"
      else "\($kills | map(.missing) | add) of \($kills | map(.acked) | add)" end;
  def archived($p):
    [$r.lines[] | select(.peer == $p and .row == "archived" and (.failed | not))]
    | if length == 0 then "-" elif all(.missing == 0 and .acked > 0) then "yes" else "NO" end;
  def reached($p):
    [$r.lines[] | select(.peer == $p and .workload == "room" and (.failed | not))]
    | map(select(.complete | not)) as $short
    | if length == 0 then "-"
      elif ($short | length) == 0 then "yes" else "NO: " + ($short | map(.row) | unique | join(", ")) end;
  def complete($p):
    [$r.lines[] | select(.peer == $p and (.row | IN("offered", "capacity", "high", "protected")) and (.failed | not))]
    | map(select(.delivered < .sent or .acked < .sent or .disorder > 0 or .not_sent > 0)) as $short
    | if length == 0 then "-"
      elif ($short | length) == 0 then "yes" else "NO: " + ($short | map(.row) | unique | join(", ")) end;
  [["", $peers[], "best peer / konsild"]]
  + [["version", ($peers[] | $r.peers[.].version), ""]]
  + [["storage", ($peers[] | $r.peers[.].storage), ""]]
  + [["domain of these rows", ($peers[] | "unprotected"), ""]]
  + [rows[] as $row
     | [$peers[] as $p | $r.summary[$p][$row[1]][$row[2]]? // null] as $cells
     | select($cells | any(. != null))
     | [$row[0], ($cells[] | cell($row[3])), ratio($row[1]; $row[2]; $row[4])]]
  + [["all delivered, once, in order", ($peers[] | complete(.)), ""]]
  + [["each message at all in the room, once", ($peers[] | reached(.)), ""]]
  + [["in both archives", ($peers[] | archived(.)), ""]]
  + [["acknowledged and lost by kill -9", ($peers[] | lost(.)), ""]]
  + [["acknowledged means durable", ($peers[] | $r.peers[.].durable // "-"), ""]]
| . as $table
| [range($table[0] | length) as $i | $table | map(.[$i] | length) | max] as $widths
| ($table[] | [range(length) as $i | .[$i] | pad($widths[$i])] | join("  ") | sub(" +$"; "")),
  "",
  "\($r.machine.cpu), \($r.machine.cores) cores shared with the load generator, \($r.machine.system), Linux \($r.machine.kernel);",
  "fdatasync p50 \($r.machine.fdatasync_p50_ms) ms, p99 \($r.machine.fdatasync_p99_ms) ms; load before \($r.machine.load_before); commit \($r.commit); \($r.seconds) s.",
  "Medians\(if $r.quick then " of one short run: rough." else " (least..most) of the runs." end)",
  ($r.notes[] | "Note: " + .),
  ($r.lines[] | select((.generator_cpu // 0) > 0.9 and .row != "idle")
   | "Note: \(.peer), \(.row), run \(.run): the load generator used \(.generator_cpu) of a core; the server may do more."),
  ($r.lines[] | select(.failed) | "Note: \(.peer), \(.row), run \(.run): not measured; nothing was complete in time, or see above.")
