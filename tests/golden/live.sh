#!/bin/bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# tests/golden/live.sh [--websocket] KONSILD KONSILCTL GOLDEN SCRIPT…: the same conversations with the real program, over TCP
# and TLS, or over WebSocket.
set -u
listen='starttls = "127.0.0.1:0";' how=()
[ "$1" != --websocket ] || { shift && listen='starttls = ""; https = "127.0.0.1:0";' how=(--websocket); }
konsild=$(realpath "$1") konsilctl=$(realpath "$2") golden=$(realpath "$3")
shift 3
dir=$(mktemp -d)
trap 'kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; rm -rf "$dir"' EXIT
pid=

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=klinik.example \
    -addext subjectAltName=DNS:klinik.example,DNS:offen.example -keyout "$dir/key.pem" -out "$dir/cert.pem" 2>"$dir/openssl.log" ||
    { cat "$dir/openssl.log" && exit 2; }
cat >"$dir/konsild.conf" <<END
data: { directory = "$dir/data"; };
listen: { $listen direct_tls = ""; };
control: { socket = "$dir/control"; };
process: { threads = 2; };
domains = (
  { name = "klinik.example"; certificate = "$dir/cert.pem"; key = "$dir/key.pem"; },
  { name = "offen.example"; protected = false; certificate = "$dir/cert.pem"; key = "$dir/key.pem"; } );
END
# konsild says where it listens; it is ready when it says that it has started.
mkfifo "$dir/log"
"$konsild" --config "$dir/konsild.conf" >"$dir/log" 2>&1 &
pid=$!
exec 9<"$dir/log"
while IFS= read -r -u 9 line; do
    echo "# $line"
    case $line in *" listen.open port="*) port=${line#* port=} port=${port%% *} ;; esac
    case $line in *konsild.started*) break ;; esac
done
cat <&9 >"$dir/rest.log" & # nobody reads what it says from now on, and it shall not wait for a reader
[ -n "${port:-}" ] || { echo "Bail out! konsild does not start" && exit 2; }
"$golden" --accounts "$@" | LC_ALL=C sort -u | sed "s/^\([^\t]*\)\t\([^\t]*\)\t\(.*\)/\2@\1;\2;;;\3/" >"$dir/accounts.csv"
"$konsilctl" --socket "$dir/control" user import "$dir/accounts.csv" >"$dir/import.log" 2>&1 ||
    { sed 's/^/# /' "$dir/import.log" | head -20 && echo "Bail out! no accounts" && exit 2; }
"$golden" "${how[@]}" --connect "127.0.0.1:$port" "$@"
