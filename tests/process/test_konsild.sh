#!/bin/bash
# SPDX-License-Identifier: AGPL-3.0-or-later
# tests/process/test_konsild.sh KONSILD KONSILCTL: the program as an administrator meets it, in TAP. Whatever waits, waits
# for a line of konsild's log, not for time.
set -u
. "$(dirname "$0")/../tap.sh"
konsild=$(realpath "$1") konsilctl=$(realpath "$2")
unset LC_ALL
{ export LC_MESSAGES=en; } 2>/dev/null # bash itself may not know it
dir=$(mktemp -d)
trap 'kill "$pid" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir" || exit 1
pid=

say_why() { cat "$dir/seen"; }
has() { grep -qF -- "$1" "$dir/seen"; }

certificate() { # NAME of the files, CN
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 400 -subj "/CN=$2" \
        -addext "subjectAltName=DNS:$2" -keyout "$1-key.pem" -out "$1.pem" 2>/dev/null
}
settings() { # FILE [more]
    cat >"$1" <<END
data: { directory = "${data:-data}"; };
listen: { starttls = "127.0.0.1:${port_wanted:-0}"; direct_tls = "127.0.0.1:0"; };
control: { socket = "${control:-control}"; };
process: { threads = 2; };
domains = (
  { name = "klinik.example"; certificate = "a.pem"; key = "a-key.pem"; },
  { name = "offen.example"; protected = false; certificate = "b.pem"; key = "b-key.pem"; } );
${2:-}
END
}

# Reads the running konsild's log up to a line with this text; false at its end.
until_line() {
    local line
    while IFS= read -r -u 9 line; do
        echo "$line" >>seen
        case $line in *" listen.open port="*" serves=starttls") port=${line#* port=} port=${port%% *} ;; esac
        case $line in *" listen.open port="*" serves=direct_tls") direct=${line#* port=} direct=${direct%% *} ;; esac
        case $line in *"$1"*) return 0 ;; esac
    done
    return 1
}
begin() { # SETTINGS [options]
    : >seen
    rm -f log
    mkfifo log
    "$konsild" --config "$@" >log 2>&1 &
    pid=$!
    exec 9<log
    until_line konsild.started
}
end() {
    kill "$pid" && wait "$pid"
    local status=$?
    pid=
    return $status
}
# What a start that fails says, and that it does fail.
refused() {
    timeout 60 "$konsild" --config "$1" >seen 2>&1
    [ $? = "${2:-1}" ]
}

certificate a klinik.example
certificate b offen.example
settings konsild.conf

"$konsild" --check konsild.conf >seen 2>&1 && has good
row "settings that are good are said to be"
settings bad.conf "stream: { depth_max = 5; };"
"$konsild" --check bad.conf >seen 2>&1
[ $? = 78 ] && has "bad.conf:8: stream.depth_max: 5 is too small. It takes a number from 16 to 100."
row "a mistake is told with its file and line, and the exit status says that to start again will not help"
refused bad.conf 78 && has "bad.conf:8:" && [ ! -e data ]
row "with a mistake in its settings konsild does not start, and makes nothing"
refused nowhere.conf 78 && has "nowhere.conf: The file cannot be read."
row "settings that cannot be read are named"
sed 's/"a.pem"/"none.pem"/' konsild.conf >bad.conf
"$konsild" --check bad.conf >seen 2>&1
[ $? = 78 ] && has "bad.conf:6: certificate: $dir/none.pem cannot be read. Correct the path,"
row "a certificate that cannot be read is named, and the line that names it"
sed 's/"b-key.pem"/"none.pem"/' konsild.conf >bad.conf
LC_MESSAGES=de "$konsild" --check bad.conf >seen 2>&1
[ $? = 78 ] && has "bad.conf:7: key: $dir/none.pem lässt sich nicht lesen. Den Pfad berichtigen,"
row "a key too, of any domain, and in German"
sed 's/"a-key.pem"/"b-key.pem"/' konsild.conf >bad.conf
refused bad.conf && has "bad.conf:6: key: $dir/b-key.pem does not hold what it should."
row "a key that does not fit its certificate is named, and the line that names it"
sed 's/listen: .*/listen: { starttls = "*:5222 127.0.0.1:5300"; direct_tls = "127.0.0.1:5300"; };/' konsild.conf >bad.conf
"$konsild" --check bad.conf >seen 2>&1
[ $? = 78 ] && has "bad.conf:2: listen.direct_tls: 127.0.0.1:5300 stands in listen.starttls too."
row "one address for both ways into TLS is refused, with the line"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 400 -subj /CN=klinik.example \
    -addext "subjectAltName=DNS:*.klinik.example,otherName:1.3.6.1.5.5.7.8.5;UTF8:xmpp.only" -keyout w-key.pem -out w.pem 2>/dev/null
sed 's/"a\(-key\)*.pem"/"w\1.pem"/g; s/klinik.example/im.&/; s/offen.example/xmpp.only/; s/"b\(-key\)*.pem"/"w\1.pem"/g' konsild.conf >named.conf
"$konsild" --check named.conf >seen 2>&1 && has good && ! has "does not name"
row "RFC 6120 §13.7.1: a certificate names a domain by a wildcard, or as an address of XMPP"
sed 's/im.klinik/klinik/' named.conf >bad.conf
"$konsild" --check bad.conf >seen 2>&1 && has good &&
    has "bad.conf:6: certificate: $dir/w.pem does not name klinik.example: clients will not connect" && ! has "name xmpp.only"
row "of one that does not a warning says that clients will not connect, with the line"
"$konsild" --print-options >seen && has stream.depth_max && has listen.starttls && has blocking.items_max && has "default true; of a domain"
row "the reference has options of core, edge and features"
rm -rf data

begin konsild.conf && has "A new key for the database was made: $dir/data/konsild.key."
row "at the first start a key is made, and the administrator told to keep a copy"
[ "$(stat -c %a data)" = 700 ] && [ "$(stat -c %a data/konsild.key)" = 600 ] && [ "$(stat -c %a data/konsild.db)" = 600 ]
row "data, key and database are konsild's alone"
[ "$(stat -c %a control)" = 660 ] && "$konsilctl" --socket control health >seen 2>&1 && has 0.1.0
row "konsilctl reaches it"

header="<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to="
# One stream over openssl s_client: its output up to what is waited for.
over_tls() { # WAIT_FOR TO options...
    local wait_for=$1 to=$2 line
    shift 2
    : >seen
    rm -f to from
    mkfifo to from
    timeout 60 openssl s_client -connect "127.0.0.1:$direct" -quiet -CAfile a.pem "$@" <to >from 2>&1 &
    local client=$!
    exec 7>to 8<from
    printf "%s'%s'>" "$header" "$to" >&7
    while IFS= read -r -d '>' -u 8 line; do
        printf '%s>' "$line" >>seen
        line="$line>"
        case $line in *"$wait_for"*) break ;; esac
    done
    case $line in *">") ;; *) printf '%s' "$line" >>seen ;; esac
    [ "${after:-}" ] && $after
    exec 7>&- 8<&-
    kill "$client" 2>/dev/null
    wait "$client" 2>/dev/null
    grep -q -- "$wait_for" seen
}
over_tls '</stream:features>' klinik.example -alpn xmpp-client -servername klinik.example &&
    has SCRAM-SHA-256-PLUS && has "type='tls-exporter'" && has "verify return:1"
row "direct TLS: the stream's features, with channel bindings"
over_tls '</stream:features>' klinik.example -tls1_2 && has SCRAM-SHA-256-PLUS
row "TLS 1.2 too"
! over_tls '</stream:features>' klinik.example -tls1_1 -cipher ALL:@SECLEVEL=0 && ! has stream:features
row "RFC 8996: TLS 1.1 is refused"
! over_tls '</stream:features>' klinik.example -alpn http/1.1 && has "no application protocol"
row "RFC 7301: another protocol is refused"
over_tls '</stream:features>' offen.example -servername offen.example -showcerts -CAfile b.pem && has "CN = offen.example"
row "each domain has its certificate"
timeout 60 openssl s_client -connect "127.0.0.1:$port" -starttls xmpp -xmpphost klinik.example -CAfile a.pem \
    >seen 2>&1 </dev/null && has "Verify return code: 0 (ok)" && has TLSv1.3 && has "Server Temp Key: X25519"
row "STARTTLS: openssl s_client sees TLS 1.3"

data=data control=control2 settings second.conf
refused second.conf && has "Another konsild has the database"
row "a second konsild on the same data is refused"
[ -S control ] && "$konsilctl" --socket control health >seen 2>&1
row "and the first serves on"
data=data3 control=control3 port_wanted=$port settings third.conf
refused third.conf && has "Port $port is in use"
row "a port in use is named, though konsild's own threads share theirs"
data=data4 control=control settings fourth.conf
refused fourth.conf && has "Another konsild listens at $dir/control already."
row "a control socket in use is named"

for domains in 's/klinik.example/neu.example/' '/klinik.example/{h;d};/offen.example/{s/ );/,/;G;s/,$/ );/}' \
    's/  { name = "klinik/  { name = "neu.example"; protected = false; certificate = "a.pem"; key = "a-key.pem"; },\n&/' '/offen.example/d;/klinik.example/s/,$/ );/'; do
    settings konsild.conf && sed -i "$domains" konsild.conf
    "$konsild" --check konsild.conf >checked 2>&1 && kill -HUP "$pid" && until_line konsild.reload.refused &&
        has "names other domains than at the start, or in another order" || { cat checked && break; }
done
[ "$domains" = '/offen.example/d;/klinik.example/s/,$/ );/' ]
row "SIGHUP: domains that are renamed, moved, added or gone take a restart, and the settings of before stay in force"
settings konsild.conf "stream: { depth_max = 5; };"
: >seen
kill -HUP "$pid" && until_line konsild.reload.refused && has "konsild.conf:8: stream.depth_max"
row "SIGHUP: with a mistake in the settings the old ones stay in force"
has "konsild.conf was not taken, for the reason in the lines above. The old settings and certificates stay in force."
row "and a sentence says so to who reads the journal"
! "$konsilctl" --lang en --socket control reload >seen 2>&1 && has "the old ones stay in force"
row "konsilctl reload says so too"
settings konsild.conf "stream: { depth_max = 30; };
log: { level = \"warning\"; };"
certificate a klinik.example
"$konsilctl" --socket control reload >seen 2>&1
row "corrected, they are taken"
over_tls '</stream:features>' klinik.example -servername klinik.example && has "verify return:1"
row "a new certificate is in force, which the new file of the authority shows"
cp a.pem a.keep && cp a-key.pem a-key.keep && certificate a woanders.example
"$konsilctl" --socket control reload >seen 2>&1 && ! "$konsilctl" --lang en --socket control health >seen 2>&1 &&
    has "A certificate does not name its domain."
row "konsilctl health tells of one that does not name its domain"
mv a.keep a.pem && mv a-key.keep a-key.pem && "$konsilctl" --socket control reload >seen 2>&1 &&
    "$konsilctl" --lang en --socket control health >seen 2>&1 && ! has "does not name"
row "control: and no more once the right one is back"
# One line of the control protocol (src/server/control.h).
ask() {
    python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect("control")
s.sendall(sys.argv[1].encode() + b"\n")
print(s.makefile().readline())' "$1" >seen
}
ask '{"v":1,"command":"backup","args":{"file":"first"}}' && has '"ok":true' && [ -s data/backup/first ] &&
    [ "$(stat -c %a data/backup/first)" = 600 ] && [ "$(stat -c %a data/backup-keys/first.key)" = 600 ]
row "a backup is made while the server works, with a key of its own"
ask '{"v":1,"command":"backup","args":{"file":"first"}}' && has control.backup-exists
row "a backup does not replace another"
ask '{"v":1,"command":"backup","args":{"file":"../first"}}' && has control.backup-name
row "a backup goes into its directory only"
ask '{"v":1,"command":"backup","args":{"file":"second"},"dry_run":true}' && has '"ok":true' && [ ! -e data/backup/second ]
row "a dry run makes none"
"$konsilctl" --socket control audit list >seen 2>&1 && grep -q "uid:$(id -u) *backup" seen
row "backups are in the audit log, with who asked for them"

settings konsild.conf "process: { threads = 3; };"
sed -i 's/threads = 2; };/threads = 3; };/' konsild.conf && sed -i '$d' konsild.conf
kill -HUP "$pid" && until_line "konsild.reload.wants_restart option=process.threads"
row "what takes a restart is named"
until_line konsild.reloaded && has "These changes take effect after a restart: process.threads. Restart when it suits:"
row "and in a sentence for who reads the journal"
sed -i 's/direct_tls = "127.0.0.1:0"/direct_tls = "127.0.0.1:5223"/' konsild.conf
"$konsilctl" --socket control reload >seen 2>&1 && has "The settings were read anew." &&
    has "These changes take effect after a restart: listen.direct_tls, process.threads."
row "konsilctl reload names it too"
"$konsilctl" --lang de --socket control reload >seen 2>&1 &&
    has "Diese Änderungen gelten erst nach einem Neustart: listen.direct_tls, process.threads." && has "Neu starten, wenn es passt:"
row "and in German, with what to do"
"$konsilctl" --json --socket control reload >seen 2>&1 && python3 -c 'import json
assert json.load(open("seen")) == {"restart": ["listen.direct_tls", "process.threads"]}'
row "and for programs"
settings konsild.conf
"$konsilctl" --socket control reload >seen 2>&1 && has "The settings were read anew." && ! has restart
row "control: back as they were at the start, nothing takes a restart"

after_shutdown() {
    kill "$pid"
    cat <&8 >>seen
}
after=after_shutdown over_tls '</stream:features>' klinik.example && has "<system-shutdown xmlns=" && has "</stream:stream>"
row "RFC 6120 §4.9.3.18: at the end clients are told of the shutdown"
wait "$pid" && [ ! -e control ]
row "konsild ends in order, and takes its socket away"
pid=

begin konsild.conf && ! has "A new key"
row "it starts again with its data"
kill -9 "$pid"
wait "$pid" 2>/dev/null
pid=
[ -S control ] && begin konsild.conf
row "after a kill the dead socket is no obstacle"
end
row "and it ends in order"

# Somebody with one right of three, by the kernel's word and not by what the client says.
as_nobody() { setpriv --reuid nobody --regid nogroup --clear-groups "$@"; }
rights="who may read the audit log may do nothing else"
if [ "$(id -u)" = 0 ]; then
    chmod 711 .
    settings konsild.conf 'control: { group = "nogroup"; audit = "nobody"; socket = "control"; };'
    sed -i '3d' konsild.conf
    cp "$konsilctl" ctl && chmod 755 ctl
    begin konsild.conf && as_nobody ./ctl --socket control audit list >seen 2>&1 && has uid:0
    row "control: the auditor reads the audit log"
    ! as_nobody ./ctl --lang en --socket control health >seen 2>&1 && has "You do not have the right"
    row "$rights"
    end
    settings konsild.conf
    begin konsild.conf && ! as_nobody ./ctl --lang en --socket control audit list >seen 2>&1 && ! has uid:0
    row "without the group nobody but konsild's user and root gets in at all"
    end
    chown nobody a-key.pem b-key.pem
    chmod 644 a.pem b.pem
    data=data5 settings konsild.conf
    sed -i 's/threads = 2; }/threads = 2; user = "nobody"; }/' konsild.conf
    begin konsild.conf && [ "$(stat -c %U data5/konsild.db)" = nobody ] &&
        grep -q "^Uid:.$(id -u nobody).$(id -u nobody).$(id -u nobody)" "/proc/$pid/status"
    row "started by root konsild becomes process.user"
    grep '^Cap' "/proc/$pid/status" >seen && ! grep -qv ':.0*$' seen
    row "and keeps no capability"
    end
    chown "$(id -u)" a-key.pem b-key.pem
    settings konsild.conf
else
    skip "$rights" "only root can become somebody else"
    skip "started by root konsild becomes process.user" "only root can"
fi

cp data/konsild.key key.keep
chmod 640 data/konsild.key
refused konsild.conf && has "must be readable by konsild, and by nobody else"
row "a key that others may read is refused"
chmod 600 data/konsild.key
sed -i 's/^./g/' data/konsild.key
refused konsild.conf && has "is damaged"
row "a damaged key is refused"
openssl rand -hex 32 >data/konsild.key
refused konsild.conf && has "The key does not open the database"
row "another database's key is refused"
rm data/konsild.key
refused konsild.conf && has "but no key for it" && [ ! -e data/konsild.key ]
row "a lost key is not replaced by a new one"
install -m 600 key.keep data/konsild.key
cp data/konsild.db db.keep
printf 'not a database' | dd of=data/konsild.db bs=1 seek=200 conv=notrunc status=none
refused konsild.conf && has "Put the right key back"
row "a database that is none is refused"
cp db.keep data/konsild.db
settings full.conf 'log: { file = "/nonexistent/log"; };'
refused full.conf && has "The log file /nonexistent/log cannot be written"
row "a log file that cannot be written is named"

if "$konsild" --sandbox-probe konsild.conf >seen 2>&1; then
    has "thread 1: open /etc/shadow: refused" && has "thread 0: execve /bin/true: refused" &&
        has "main thread: ptrace: refused" && ! has ALLOWED
    row "the sandbox refuses to open /etc/shadow, execve and ptrace, in every thread"
    ! "$konsild" --no-sandbox --sandbox-probe konsild.conf >seen 2>&1 && has "thread 0: execve /bin/true: ALLOWED" &&
        has "thread 0: ptrace: ALLOWED"
    row "control: without the sandbox the same tries succeed"
elif has "build with sanitizers"; then
    skip "the sandbox refuses to open /etc/shadow, execve and ptrace, in every thread" "this is a build with sanitizers"
else
    false
    row "the sandbox refuses to open /etc/shadow, execve and ptrace, in every thread"
fi
echo "1..$rows"
