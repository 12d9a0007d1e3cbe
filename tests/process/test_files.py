# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files over HTTPS (XEP-0363): what is put is there, what is deleted is gone, and what strangers and liars get."""
import glob
import gzip
import http.client
import json
import os
import socket
import ssl
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import watch
import wire
from lab import BUILD, Lab, _free_port, canary, done, note, row
from peak import Peak, measured
from search import in_directory

UPLOAD = "{urn:xmpp:http:upload:0}"
FILES = "{urn:konsil:files:0}"
PORT = _free_port()
MB = 1 << 20
TELLS = measured(os.path.join(BUILD, "cmd", "konsild"))
SIZE, LIMIT_KIB = (1024 * MB, 2048) if TELLS else (200 * MB, 16384)  # README: a file of 1 GiB takes less than 2 MiB
# A sanitizer would keep what is freed, to catch its use.
os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=0:thread_local_quarantine_size_kb=0"
lab = Lab()


def serve(more=""):
    """konsild with web access."""
    lab.stop()
    lab.settings(more)
    path = os.path.join(lab.dir, "konsild.conf")
    text = open(path).read().replace("listen: {", f'listen: {{ https = "127.0.0.1:{PORT}";')
    text = text.replace("protected = false;", 'protected = false; files: { bytes_max = "1 GiB"; count_max = 60; };')
    text = text.replace('{ name = "klinik.example";', '{ name = "klinik.example"; files: { bytes_max = "1 GiB"; };')
    open(path, "w").write(text)
    lab.start()


class Place:
    """A slot."""

    def __init__(self, stream, size, name="x.bin"):
        stream.ids += 1
        wanted = f"slot{stream.ids}"
        stream.send(f"<iq type='get' id='{wanted}' to='{stream.domain}'><request xmlns='urn:xmpp:http:upload:0' "
                    f"filename='{name}' size='{size}'/></iq>")
        answer = stream.wait(lambda e: e.get("id") == wanted)
        if answer.get("type") != "result":
            raise ValueError(wire.condition(answer))
        put = answer.find(f"{UPLOAD}slot/{UPLOAD}put")
        self.url, self.authorization = put.get("url"), put.find(f"{UPLOAD}header").text
        self.path = "/" + self.url.split("/", 3)[3]
        self.id = self.path.split("/")[2]


context = ssl.create_default_context(cafile=lab.ca)
context.set_alpn_protocols(["http/1.1"])


def ask(method, path, headers=None, body=None, host="klinik.example"):
    """(status, headers, body)"""
    connection = http.client.HTTPSConnection("127.0.0.1", PORT, timeout=wire.TIMEOUT, context=context)
    connection.sock = context.wrap_socket(socket.create_connection(("127.0.0.1", PORT), wire.TIMEOUT), server_hostname=host)
    try:
        connection.request(method, path, body=body, headers={"Host": f"{host}:{PORT}", **(headers or {})})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def put(place, body, **headers):
    return ask("PUT", place.path, {"Authorization": place.authorization, **headers}, body)[0]


def raw(head, body=b""):
    """The first line of the answer to bytes of our own; empty when the connection was closed."""
    s = context.wrap_socket(socket.create_connection(("127.0.0.1", PORT), wire.TIMEOUT), server_hostname="klinik.example")
    try:
        s.sendall(head.encode() + body)
        return s.recv(4096).split(b"\r\n")[0].decode()
    except (ConnectionError, ssl.SSLError):
        return ""
    finally:
        s.close()


def delete(stream, url):
    stream.ids += 1
    wanted = f"del{stream.ids}"
    stream.send(f"<iq type='set' id='{wanted}'><delete xmlns='urn:konsil:files:0'><file url='{url}'/></delete></iq>")
    return stream.wait(lambda e: e.get("id") == wanted).find(f"{FILES}deleted/{FILES}file").get("found") == "true"


def stored():
    """Names of the files that lie on the disk, whole or coming in."""
    return sorted(os.path.basename(name) for name in glob.glob(f"{lab.data}/files/*/*"))


serve()
anna, berta = lab.account("anna"), lab.account("berta")
open_anna = lab.account("anna", "offen.example")
one, two, free = lab.stream(anna), lab.stream(berta), lab.stream(open_anna)

# --- there and back ---

word = canary()
content = os.urandom(3 * MB + 17)
place = Place(one, len(content), f"{word}.jpg")
row(place.url.startswith(f"https://klinik.example:{PORT}/files/") and place.url.endswith("/file.jpg") and word not in place.url,
    "XEP-0363 §4: the place is at the domain's web access, and does not tell the file's name", place.url)
row(ask("GET", place.path)[0] == 404, "before it is put, it is not there")
row(put(place, content) == 201, "XEP-0363 §7: it is put, and 201 says that it is there")
status, headers, body = ask("GET", place.path)
row(status == 200 and body == content, "XEP-0363 §7: it is got as it was put", status)
row(headers["Content-Type"] == "application/octet-stream" and headers["Content-Disposition"] == "attachment"
    and headers["X-Content-Type-Options"] == "nosniff" and "sandbox" in headers["Content-Security-Policy"]
    and headers["Cache-Control"].startswith("no-store"),
    "a browser is told to show nothing of it, and to keep nothing of it", headers)
status, headers, body = ask("HEAD", place.path)
row(status == 200 and headers["Content-Length"] == str(len(content)) and not body, "RFC 9110 §9.3.2: HEAD says how long it is")
etag = headers["ETag"]
lab.kill()
lab.start()
row(ask("GET", place.path)[2] == content, "what was acknowledged is there after a kill")
one, two, free = lab.stream(anna), lab.stream(berta), lab.stream(open_anna)

# --- parts ---

for range_, wanted in (("bytes=0-9", content[:10]), ("bytes=1000000-", content[1000000:]), ("bytes=-5", content[-5:])):
    status, headers, body = ask("GET", place.path, {"Range": range_})
    row(status == 206 and body == wanted and headers["Content-Range"].endswith(f"/{len(content)}"),
        f"RFC 9110 §14.2: a part: {range_}", status)
row(ask("GET", place.path, {"Range": "bytes=9-", "If-Range": etag})[0] == 206, "RFC 9110 §13.1.5: of the same file, a part")
row(ask("GET", place.path, {"Range": "bytes=9-", "If-Range": '"other"'})[0] == 200, "and of another, the whole")
status, headers, _ = ask("GET", place.path, {"Range": f"bytes={len(content)}-"})
row(status == 416 and headers["Content-Range"] == f"bytes */{len(content)}", "RFC 9110 §15.5.17: behind the end there is nothing", status)
row(ask("GET", place.path, {"Range": "bytes=" + ",".join(f"{i}-{i}" for i in range(1000))})[0] == 200,
    "a thousand parts at once are the whole")
row(ask("GET", place.path, {"If-None-Match": etag})[0] == 304, "RFC 9110 §13.1.2: who has it is told so")

# --- other pages ---

status, headers, _ = ask("OPTIONS", place.path, {"Origin": "https://app.example", "Access-Control-Request-Method": "PUT",
                                                 "Access-Control-Request-Headers": "authorization"})
row(status in (200, 204) and "PUT" in headers.get("Access-Control-Allow-Methods", "")
    and "Authorization" in headers.get("Access-Control-Allow-Headers", ""), "XEP-0363 §8: a page may put (CORS)", headers)
row(ask("DELETE", place.path)[0] == 405 and ask("POST", place.path, {}, b"x")[0] == 405, "nothing but GET, HEAD and PUT is done")
row(ask("GET", "/files/")[0] == 404 and ask("GET", "/files")[0] in (404, 405), "there is no list")

# --- liars ---

fresh = lambda size=1000, stream=None: Place(stream or one, size)
place_a, bytes_a = fresh(), os.urandom(1000)
row(ask("PUT", place_a.path, {}, bytes_a)[0] == 403, "a PUT without the slot's Authorization is refused")
other = fresh(stream=two)
row(ask("PUT", place_a.path, {"Authorization": other.authorization}, bytes_a)[0] == 403, "so is one with that of another account's slot")
row(ask("PUT", place_a.path, {"Authorization": fresh().authorization}, bytes_a)[0] == 403, "or of another slot of the same account")
row(ask("PUT", place.path, {"Authorization": place.authorization}, content)[0] == 403, "a slot is used once")
row(put(place_a, bytes_a[:999]) == 400 and put(place_a, bytes_a + b"x") == 400,
    "XEP-0363 §7: a Content-Length that is not the size asked for is refused")
row(put(place_a, bytes_a) == 201, "and the slot is still good for the right bytes")
lie = fresh()
head = f"PUT {lie.path} HTTP/1.1\r\nHost: klinik.example\r\nAuthorization: {lie.authorization}\r\n"
row(" 411 " in raw(head + "Transfer-Encoding: chunked\r\n\r\n") or " 400 " in raw(head + "Transfer-Encoding: chunked\r\n\r\n"),
    "a body without a length is refused")
row(" 400 " in raw(head + "Content-Length: 1000\r\nContent-Length: 10\r\n\r\n"), "so are two lengths")
for path in ("/files/../../../../etc/passwd", "/files/%2e%2e/%2e%2e/etc/passwd", f"/files/{place.id}/../../x", "/files/..%2f..%2fkonsild.key"):
    answer = raw(f"GET {path} HTTP/1.1\r\nHost: klinik.example\r\n\r\n")
    row(" 400 " in answer or " 404 " in answer, f"no way leads out: {path}", answer)
packed = gzip.compress(bytes(100000))
bomb = fresh(len(packed))
answer = ask("PUT", bomb.path, {"Authorization": bomb.authorization, "Content-Encoding": "gzip"}, packed)
row(answer[0] == 415 and answer[1]["Accept-Encoding"] == "identity" and ask("GET", bomb.path)[0] == 404,
    "RFC 9110 §15.5.16: a PUT with a Content-Encoding is 415, and nothing of it is there", answer)
row(put(bomb, packed[::-1]) == 201, "(control: the slot is still good for bytes as they are)")
evil = Place(one, 10, "x.js&#13;&#10;Set-Cookie: a=b")
row("Set-Cookie" not in evil.url and evil.url.endswith("/file.bin"), "a name that would be a header is none", evil.url)
guess = "".join("0123456789abcdef"[b % 16] for b in os.urandom(40))
beside = place.id[:-1] + ("1" if place.id[-1] == "0" else "0")
row(ask("GET", f"/files/{guess}/file.bin")[0] == 404 and ask("GET", f"/files/{beside}/file.bin")[0] == 404
    and ask("GET", f"/files/{place.id}/file.bin")[0] == 200, "a guessed id is not there, nor one beside a file's (control: the file is)")
row(ask("PUT", f"/files/{guess}/x", {"Authorization": place.authorization}, b"x" * 10)[0] == 403, "and nothing is put under it")

# --- broken and slow ---

half = fresh(MB)
s = context.wrap_socket(socket.create_connection(("127.0.0.1", PORT)), server_hostname="klinik.example")
s.sendall(f"PUT {half.path} HTTP/1.1\r\nHost: klinik.example\r\nAuthorization: {half.authorization}\r\nContent-Length: {MB}\r\n\r\n".encode()
          + os.urandom(1000))
watch.until(f"{lab.data}/files/part", bool, "an upload begins")
row(put(half, os.urandom(MB)) == 409, "two at once: the second is refused while the first comes in")
s.close()
watch.until(f"{lab.data}/files/part", lambda names: not names, "a broken upload is removed")
row(True, "of an upload that broke nothing stays")
status = put(half, os.urandom(MB))
row(status == 201, "and it can be begun again", status)
half = fresh(MB)
s = context.wrap_socket(socket.create_connection(("127.0.0.1", PORT)), server_hostname="klinik.example")
s.sendall(f"PUT {half.path} HTTP/1.1\r\nHost: klinik.example\r\nAuthorization: {half.authorization}\r\nContent-Length: {MB}\r\n\r\n".encode()
          + os.urandom(1000))
watch.until(f"{lab.data}/files/part", bool, "an upload begins")
lab.kill()
lab.start()
row(not os.listdir(f"{lab.data}/files/part"), "nor of one that a kill of konsild broke")
one, two, free = lab.stream(anna), lab.stream(berta), lab.stream(open_anna)

# --- races for the last of a quota ---

got, refused = [], []


def race(stream):
    for _ in range(40):
        try:
            got.append(Place(stream, 1))
        except ValueError as why:
            refused.append(str(why))


streams = [lab.stream(open_anna, f"r{i}") for i in range(2)]
threads = [threading.Thread(target=race, args=(stream,)) for stream in streams]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
row(len(got) == 60 and set(refused) == {"resource-constraint"}, "two devices at once do not get more than their account may have",
    f"{len(got)} {set(refused)}")

# --- plain where ciphertext belongs ---

for name, magic in (("a JPEG", b"\xff\xd8\xff\xe0"), ("a PDF", b"%PDF"), ("a ZIP", b"PK\3\4")):
    row(put(fresh(), magic + bytes_a[4:]) == 415, f"DSK II.1-g part (files): in a protected domain {name} is refused")
row(put(got[0], b"%") == 201, "control: bytes that tell nothing are taken")

# --- gone ---

before = stored()
row(delete(two, place.url) is False and ask("GET", place.path)[0] == 200, "another account does not delete a file")
row(delete(one, place.url) is True and ask("GET", place.path)[0] == 404 and len(stored()) == len(before) - 1,
    "DSK I.7-a: what its owner deletes is answered with 404, and its bytes are gone from the disk")
lab.stop()
row(not in_directory(lab.dir, [place.id, word]), "DSK I.7-a: neither its id nor its name is anywhere in konsild's directory")
lab.start()
one = lab.stream(anna)

# --- memory and pace ---

big = Place(one, SIZE)
piece = os.urandom(MB)
with Peak(lab.konsild.pid) as up:
    status = ask("PUT", big.path, {"Authorization": big.authorization, "Content-Length": str(SIZE)}, (piece for _ in range(SIZE // MB)))[0]
with Peak(lab.konsild.pid) as down:
    connection = http.client.HTTPSConnection("127.0.0.1", PORT, context=context)
    connection.sock = context.wrap_socket(socket.create_connection(("127.0.0.1", PORT)), server_hostname="klinik.example")
    connection.request("GET", big.path)
    answer, seen, same = connection.getresponse(), 0, True
    while chunk := answer.read(MB):
        seen += len(chunk)
        same = same and chunk == piece
row(status == 201 and seen == SIZE and same, f"{SIZE // MB} MiB go there and back", (status, seen))
row(up.kib < LIMIT_KIB and down.kib < LIMIT_KIB, f"and take konsild less than {LIMIT_KIB // 1024} MiB in memory{'' if TELLS else ' and of the sanitizer'}",
    f"{up.kib} KiB and {down.kib} KiB")
note(f"up {SIZE / MB / up.seconds:.0f} MiB/s, down {SIZE / MB / down.seconds:.0f} MiB/s with this client beside it on the machine; "
     f"{up.kib} KiB and {down.kib} KiB more at the peak")

# --- a backup has them, too ---

kept = os.urandom(100000)
saved = Place(one, len(kept))
put(saved, kept)
lab.ctl("backup", "mit-dateien")
keys = ["--key-file", f"{lab.data}/backup-keys/mit-dateien.key"]
facts = json.loads(lab.ctl("--json", "backup", "verify", f"{lab.data}/backup/mit-dateien", *keys).stdout)
row(facts["files"] == len(stored()) and facts["file_bytes"] == sum(os.path.getsize(n) for n in glob.glob(f"{lab.data}/files/*/*")),
    "DSK I.9-a part (files): a backup that is taken while konsild works has all of them", facts)
fresh_data = f"{lab.dir}/restored"
lab.ctl("restore", f"{lab.data}/backup/mit-dateien", "--to", fresh_data, *keys)
held = lambda data: [(os.path.basename(name), open(name, "rb").read(), os.stat(name).st_mtime)
                     for name in sorted(glob.glob(f"{data}/files/*/*"))]
row(held(lab.data) == held(fresh_data) and len(held(fresh_data)) > 1, "and restoring brings them back, with the times at which they go")
flipped = bytearray(open(f"{lab.data}/backup/mit-dateien", "rb").read())
flipped[-50] ^= 1
open(f"{lab.dir}/flipped", "wb").write(flipped)
bad = lab.ctl("restore", f"{lab.dir}/flipped", "--to", f"{lab.dir}/nothing", *keys, check=False)
row(bad.returncode != 0 and not os.path.exists(f"{lab.dir}/nothing/files"), "of one with a flipped bit among the files nothing is left", bad)

# --- what administrators see, and do ---

figures = json.loads(lab.ctl("--json", "files", "show", anna).stdout)[0]
row(figures["count"] > 0 and figures["bytes"] >= SIZE and figures["bytes_total"] == 10 << 30,
    "konsilctl files show: number, size and quota of an account's files", figures)
listed = json.loads(lab.ctl("--json", "files", "list", "klinik.example").stdout)
row([r["jid"] for r in listed] == [anna, berta] and anna in lab.ctl("files", "list", "klinik.example").stdout,
    "konsilctl files list: those accounts that have some", listed)
lab.ctl("files", "remove", berta, "--dry-run")
row(json.loads(lab.ctl("--json", "files", "show", berta).stdout)[0]["count"] > 0, "--dry-run removes nothing")
two = lab.stream(berta)
gone = Place(two, 1000)
row(put(gone, os.urandom(1000)) == 201, "(positive control: there is a file)")
lab.ctl("files", "remove", berta)
row(json.loads(lab.ctl("--json", "files", "show", berta).stdout)[0]["count"] == 0 and ask("GET", gone.path)[0] == 404,
    "konsilctl files remove: an account's files are gone")
row("files.remove" in lab.ctl("audit", "list").stdout, "and the audit log says so")
row(lab.ctl("files", "show", "niemand@klinik.example", check=False).returncode != 0, "of nobody there is nothing to show")

# --- an account that goes takes its files along ---

last = Place(one, 1000)
row(put(last, os.urandom(1000)) == 201 and len(stored()) > 0, "control: there are files")
names = len(stored())
lab.ctl("user", "disable", anna)
row(ask("PUT", last.path, {"Authorization": last.authorization}, b"x" * 1000)[0] == 403, "a disabled account puts nothing")
lab.ctl("user", "delete", anna)
row(ask("GET", last.path)[0] == 404 and len(stored()) < names, "the files of a deleted account are gone with it", stored())
done()
