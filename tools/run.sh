#!/bin/bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# tools/run.sh: a demo hospital on this machine, in a directory of its own. Started again, it goes on with its data.
#
#   --dir DIR            where it lives (demo)                      or: make run DIR=…
#   --address ADDRESS    to listen on (127.0.0.1)                   ADDRESS=…
#   --port PORT          STARTTLS (5222)                            PORT=…
#   --direct-port PORT   direct TLS (5223)                          DIRECT_PORT=…
#   --https-port PORT    HTTPS and WebSocket (5443)                 HTTPS_PORT=…
#   --build DIR          the programs (build/release)               BUILD=…
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)

dir=${DIR:-$top/demo} address=${ADDRESS:-127.0.0.1} port=${PORT:-5222} direct_port=${DIRECT_PORT:-5223}
https_port=${HTTPS_PORT:-5443}
build=${BUILD:-$top/build/release}
fail() {
    echo "run: $*" >&2
    exit 1
}
while [ $# -gt 0 ]; do
    case $1 in
    --dir | --address | --port | --direct-port | --https-port | --build) [ $# -gt 1 ] || fail "$1 needs a value" ;;
    --help)
        sed -n '3,10s/^# \{0,1\}//p' "$0"
        exit
        ;;
    *) fail "$1 is no option; --help shows all" ;;
    esac
    case $1 in
    --dir) dir=$2 ;;
    --address) address=$2 ;;
    --port) port=$2 ;;
    --direct-port) direct_port=$2 ;;
    --https-port) https_port=$2 ;;
    --build) build=$2 ;;
    esac
    shift 2
done
[ -x "$build/cmd/konsild" ] || fail "there are no programs in $build. 'make run' builds them and comes back here."
umask 077
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
conf=$dir/konsild.conf socket=$dir/control
logins=$dir/logins.txt

# A certificate authority of the demo's own, and a certificate for both domains: ECDSA P-256.
make_certificates() {
    local names="DNS:klinik.example,DNS:offen.example,DNS:localhost,IP:127.0.0.1"
    local key="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    # shellcheck disable=SC2086
    openssl req -x509 $key -days 3650 -subj "/CN=konsil demo CA" -addext "keyUsage=critical,keyCertSign,cRLSign" \
        -keyout "$dir/ca-key.pem" -out "$dir/ca.pem" 2>/dev/null
    # shellcheck disable=SC2086
    openssl req $key -subj "/CN=klinik.example" -keyout "$dir/key.pem" -out "$dir/request.pem" 2>/dev/null
    openssl x509 -req -in "$dir/request.pem" -CA "$dir/ca.pem" -CAkey "$dir/ca-key.pem" -CAcreateserial -days 800 \
        -extfile <(echo "subjectAltName=$names"; echo "extendedKeyUsage=serverAuth"; echo "basicConstraints=CA:false") \
        -out "$dir/cert.pem" 2>/dev/null
    rm -f "$dir/request.pem" "$dir/ca.srl"
    chmod 600 "$dir/ca-key.pem" "$dir/key.pem"
}

# Profanity wants its authorities in a directory, under the names that OpenSSL gives them.
make_certificate_directory() {
    mkdir -p "$dir/certificates"
    cp "$dir/ca.pem" "$dir/certificates/"
    openssl rehash "$dir/certificates"
}

make_settings() {
    cat >"$conf" <<END
# The demo hospital, written anew by each tools/run.sh. 'konsild --print-options' shows all there is to set.
data: { directory = "data"; };
listen: { starttls = "$address:$port"; direct_tls = "$address:$direct_port"; https = "$address:$https_port"; };
control: { socket = "control"; };
domains = (
  { name = "klinik.example"; certificate = "cert.pem"; key = "key.pem"; web: { url = "https://$address:$https_port"; }; },
  # Without end-to-end encryption by default: for tests only.
  { name = "offen.example"; protected = false; certificate = "cert.pem"; key = "key.pem"; }
);
END
}

ctl() { "$build/cmd/konsilctl" --socket "$socket" "$@"; }

# Staff of both domains, each with a password of their own, which stands in logins.txt from before the account is made.
make_accounts() {
    local jid name department profession password
    while IFS=';' read -r jid name department profession; do
        password=$(openssl rand -hex 6)
        printf '%s;%s;%s\n' "$jid" "$password" "$name" >>"$logins.new"
        printf '%s\n' "$password" | ctl user add "$jid" --name "$name" --department "$department" \
            --profession "$profession" --password-stdin >/dev/null
    done <<'END'
j.brandt@klinik.example;Dr. Jana Brandt;Innere Medizin;Ärztin
m.yilmaz@klinik.example;Murat Yılmaz;Innere Medizin;Pfleger
s.krueger@klinik.example;Dr. Sabine Krüger;Radiologie;Ärztin
t.nowak@klinik.example;Tomasz Nowak;Notaufnahme;Pfleger
l.hoffmann@klinik.example;Lena Hoffmann;Apotheke;Apothekerin
test1@offen.example;Test Eins;Technik;Test
test2@offen.example;Test Zwei;Technik;Test
END
    mv "$logins.new" "$logins"
}

if [ -S "$socket" ] && ctl user list klinik.example >/dev/null 2>&1; then
    fail "a konsild serves $dir already; stop it first, or choose another directory"
fi
[ -f "$dir/cert.pem" ] || make_certificates
[ -d "$dir/certificates" ] || make_certificate_directory
make_settings
"$build/cmd/konsild" --check "$conf" >/dev/null

"$build/cmd/konsild" --config "$conf" 2>"$dir/konsild.log" &
konsild=$!
stop() {
    trap '' INT TERM
    kill "$konsild" 2>/dev/null || true
    wait "$konsild" 2>/dev/null || true
}
trap 'stop; echo; echo "konsild has stopped; its data stays in $dir."; exit 0' INT TERM
trap stop EXIT

for _ in $(seq 100); do
    kill -0 "$konsild" 2>/dev/null || break
    [ -S "$socket" ] && ctl health >/dev/null 2>&1 && break
    sleep 0.1
done
if ! kill -0 "$konsild" 2>/dev/null; then
    cat "$dir/konsild.log" >&2
    fail "konsild did not start"
fi
if [ ! -f "$logins" ]; then
    [ ! -f "$logins.new" ] || fail "the accounts were made only in part: remove $dir and begin anew"
    make_accounts
fi

cat <<END
konsild serves the demo hospital; its data, settings and certificates are in
  $dir
  $address port $port (STARTTLS) and $direct_port (direct TLS); clients trust $dir/ca.pem
  https://$address:$https_port/ in a browser, and wss://$address:$https_port/xmpp-websocket (XMPP over WebSocket)
  klinik.example: end-to-end encryption is required; offen.example: it is not, for tests

Logins:
$(awk -F ';' '{ printf "  %-26s %s  %s\n", $1, $2, $3 }' "$logins")

Next, in another terminal:
END
if [ -x "$build/cmd/konsil" ]; then
    cat <<END
  $build/cmd/konsil --ca $dir/ca.pem --server $address:$port --dir $dir/jana j.brandt@klinik.example
and in one more:
  $build/cmd/konsil --ca $dir/ca.pem --server $address:$port --dir $dir/murat m.yilmaz@klinik.example
END
fi
cat <<END
A third with Profanity, end-to-end encrypted too (apt-get install profanity):
  XDG_CONFIG_HOME=$dir/profanity XDG_DATA_HOME=$dir/profanity profanity
and in it these lines, with the password after each /connect; the keys are made once, and need the second login:
  /tls certpath set $dir/certificates
  /omemo trustmode blind
  /connect t.nowak@klinik.example server $address port $port tls force
  /omemo gen
  /disconnect
  /connect t.nowak@klinik.example server $address port $port tls force
  /omemo start j.brandt@klinik.example
It takes a moment to fetch her keys; then write. (blind: each device that she lists is trusted.)
To look around:
  $build/cmd/konsilctl --socket $socket user list klinik.example
  openssl s_client -connect $address:$port -starttls xmpp -xmpphost klinik.example -CAfile $dir/ca.pem </dev/null

Ctrl-C stops it.
END
wait "$konsild" || {
    cat "$dir/konsild.log" >&2
    fail "konsild ended"
}
