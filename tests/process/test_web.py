# SPDX-License-Identifier: AGPL-3.0-or-later
"""Web access of a real konsild: what it answers to good clients and to bad ones, over TLS, byte for byte."""
import base64
import gzip
import hashlib
import json
import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from lab import BUILD, TIMEOUT, Lab, done, row, skip

MAX_PER_ADDRESS = 40


def make_root(directory):
    """A web app with all that lies about in one, and with what must not get out."""
    os.makedirs(os.path.join(directory, "assets"))
    write = lambda name, data: open(os.path.join(directory, name), "wb").write(data)
    write("index.html", b"<!doctype html><title>app</title>")
    write("assets/app-BcD1xY2z.js", b"export const a = 1;\n" * 100)
    write("assets/app-BcD1xY2z.js.br", b"not really brotli")
    write("assets/app-BcD1xY2z.js.gz", gzip.compress(b"export const a = 1;\n" * 100))
    write("core.wasm", bytes(range(256)) * 40)
    write("large.bin", b"0123456789abcdef" * (3 << 16))
    write(".hidden", b"hidden")
    os.symlink("index.html", os.path.join(directory, "inside"))
    os.symlink("/etc/passwd", os.path.join(directory, "outside"))
    os.symlink("/etc", os.path.join(directory, "etc"))
    os.symlink("../secret", os.path.join(directory, "beside"))
    os.mkfifo(os.path.join(directory, "pipe"))


class Connection:
    """One connection, with TLS unless clear."""

    def __init__(self, port, clear=False, alpn=("http/1.1",), name="klinik.example"):
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        if not clear:
            context = ssl.create_default_context(cafile=lab.ca)
            if alpn:
                context.set_alpn_protocols(list(alpn))
            self.socket = context.wrap_socket(self.socket, server_hostname=name)
        self.file = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())
        return self

    def rest(self):
        """All that comes until the end."""
        try:
            return self.file.read()
        except (ConnectionError, ssl.SSLError):
            return b""

    def answer(self, head_only=False):
        """(status, {name: value}, body) of the next answer; None at the end."""
        line = self.file.readline()
        if not line:
            return None
        fields = {}
        while (field := self.file.readline().rstrip(b"\r\n")):
            name, _, value = field.decode().partition(": ")
            fields.setdefault(name.lower(), value)
        length = int(fields.get("content-length", 0))
        return int(line.split()[1]), fields, b"" if head_only else self.file.read(length)

    def close(self):
        self.file.close()
        self.socket.close()


def ask(path, *fields, method="GET", host="klinik.example", port=None, clear=False):
    connection = Connection(port or lab.https_port, clear)
    lines = "".join(f"{field}\r\n" for field in fields)
    connection.send(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{lines}\r\n")
    answer = connection.answer(method == "HEAD")
    connection.close()
    return answer


def ask_raw(data):
    """All that comes for these bytes, until the server closes."""
    connection = Connection(lab.https_port)
    try:
        connection.send(data)
    except (ConnectionError, ssl.SSLError):
        pass
    answer = connection.rest()
    connection.close()
    return answer


outside = tempfile.mkdtemp(prefix="konsil-web-")
with open(os.path.join(outside, "secret"), "w") as secret:
    secret.write("secret")
make_root(os.path.join(outside, "root"))
lab = Lab(f"""web: {{ root = "{outside}/root"; origins = "https://app.klinik.example"; connections_per_address = {MAX_PER_ADDRESS}; }};""",
          web=True)

# --- who means what (RFC 7301) ---

for name, port, alpn, says, wants in [
    ("RFC 7301: at a shared port http/1.1 is HTTP", lab.direct_port, ["http/1.1"], "GET /health HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200"),
    ("RFC 7301: as browsers ask, with h2 before it", lab.direct_port, ["h2", "http/1.1"], "GET /health HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200"),
    ("XEP-0368: at a shared port xmpp-client is XMPP", lab.direct_port, ["xmpp-client"], "<stream:stream to='klinik.example' ", b"<?xml"),
    ("XEP-0368: and so is a client without ALPN", lab.direct_port, [], "<stream:stream to='klinik.example' ", b"<?xml"),
    ("at a port for HTTPS alone, a client without ALPN means HTTP", lab.https_port, [], "GET /health HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200"),
]:
    connection = Connection(port, alpn=alpn)
    if says.startswith("<"):
        says += "version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
    got = connection.send(says).file.read(12)
    row(got.startswith(wants), name, got)
    connection.close()
for name, port, alpn in [("RFC 7301 §3.2: xmpp-client at a port for HTTPS alone is refused", lab.https_port, ["xmpp-client"]),
                         ("RFC 7301 §3.2: h2 alone is refused", lab.direct_port, ["h2"])]:
    try:
        Connection(port, alpn=alpn).close()
        refused = False
    except ssl.SSLError:
        refused = True
    row(refused, name)

# --- host-meta ---

status, fields, body = ask("/.well-known/host-meta")
links = {link.get("rel"): link.get("href") for link in xml.etree.ElementTree.fromstring(body)}
row(status == 200 and fields["content-type"].startswith("application/xrd+xml")
    and links == {"urn:xmpp:alt-connections:websocket": f"wss://klinik.example:{lab.direct_port}/xmpp-websocket"},
    "XEP-0156 §4: host-meta tells where the WebSocket is", body)
status, fields, body = ask("/.well-known/host-meta.json", host="offen.example")
row(status == 200 and fields["content-type"] == "application/json" and json.loads(body)["links"] ==
    [{"rel": "urn:xmpp:alt-connections:websocket", "href": f"wss://offen.example:{lab.direct_port}/xmpp-websocket"}],
    "XEP-0156 §4: so does host-meta.json, for each domain its own", body)
row(fields["access-control-allow-origin"] == "*" and fields["cross-origin-resource-policy"] == "cross-origin",
    "XEP-0156 §5: pages from elsewhere may read it", fields)
row(ask("/.well-known/host-meta", host="woanders.example")[0] == 404, "XEP-0156: of a domain that is not here nothing is said")
row(ask("/.well-known/host-meta.json", f"If-None-Match: {ask('/.well-known/host-meta.json')[1]['etag']}")[0] == 304,
    "RFC 9110 §13.1.2: who knows it is told so")

# --- what smuggles ---

NEXT = "GET /health HTTP/1.1\r\nHost: klinik.example\r\n\r\n"
for name, data, status in [
    ("RFC 9112 §6.1: Content-Length with Transfer-Encoding", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + NEXT, 400),
    ("RFC 9112 §6.1: Transfer-Encoding alone", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + NEXT, 411),
    ("RFC 9112 §6.1: a Transfer-Encoding written otherwise", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + NEXT, 400),
    ("RFC 9112 §6.3: two Content-Length that differ", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde" + NEXT, 400),
    ("RFC 9112 §6.3: two that agree", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nabcde" + NEXT, 400),
    ("RFC 9112 §6.3: a Content-Length with a sign", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nabcde" + NEXT, 400),
    ("RFC 9112 §5.2: obs-fold", "GET /health HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n" + NEXT, 400),
    ("RFC 9112 §2.2: a bare LF", "GET /health HTTP/1.1\nHost: a\n\n" + NEXT, 400),
    ("RFC 9112 §2.2: a bare CR", "GET /health HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n" + NEXT, 400),
    ("RFC 9112 §3.2: no Host", "GET /health HTTP/1.1\r\n\r\n" + NEXT, 400),
    ("RFC 9112 §3.2: two", "GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + NEXT, 400),
    ("RFC 9110 §9.3.1: a GET with a body", "GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + NEXT, 400),
    ("RFC 9110 §9.1: another method", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n" + NEXT, 501),
    ("RFC 9112 §2.3: another version", "GET /health HTTP/2.0\r\nHost: a\r\n\r\n" + NEXT, 505),
    ("what is no HTTP", "<stream:stream>" * 3 + "\r\n\r\n", 400),
    ("RFC 9110 §5.4: a flood of fields", "GET /health HTTP/1.1\r\nHost: a\r\n" + "X: y\r\n" * 65 + "\r\n" + NEXT, 431),
    ("RFC 9110 §5.4: a head over 8 KiB", "GET /health HTTP/1.1\r\nHost: a\r\n" + ("X: " + "y" * 1000 + "\r\n") * 10000, 431),
    ("RFC 9112 §3: a request line over 8 KiB", "GET /" + "a" * 100000, 414),
]:
    got = ask_raw(data)
    answers = len(re.findall(rb"^HTTP/1.1 \d", got, re.M))
    row(got.startswith(f"HTTP/1.1 {status} ".encode()) and answers == 1 and b"Connection: close\r\n" in got and b"Server:" not in got
        and b"<p lang=\"en\">" in got, f"{name}: {status}, a page, and what is behind it is not read", got[:2000])
got = ask_raw("GET /health HTTP/1.1\r\nHost: a\r\n\r\n" * 49 + "GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
row(got.count(b"HTTP/1.1 200 OK") == 50 and got.endswith(b"ok\n"), "RFC 9112 §9.3.2: fifty requests at once are fifty answers", len(got))

# --- how many ---

many = [Connection(lab.https_port) for _ in range(MAX_PER_ADDRESS)]
all_served = all(connection.send(NEXT).answer() for connection in many)
over = Connection(lab.https_port)
try:
    over_answer = over.send(NEXT).answer()
except (ConnectionError, ssl.SSLError):
    over_answer = None
row(all_served and over_answer is None, f"one address has {MAX_PER_ADDRESS} connections, and no more", over_answer)
for connection in many + [over]:
    connection.close()
while ask("/health") is None:  # until konsild saw the ends
    pass
row(True, "when they are gone it may come again")

# --- files ---

status, fields, body = ask("/")
row(status == 200 and body == b"<!doctype html><title>app</title>" and fields["cache-control"] == "no-cache"
    and fields["content-type"] == "text/html; charset=utf-8", "/ is the app's index.html, which is asked for again each time", fields)
row(ask("/", f"If-None-Match: {fields['etag']}")[0] == 304, "RFC 9110 §13.1.2: and is 304 while it is the same")
policy = {part.split()[0]: part.split()[1:] for part in fields["content-security-policy"].split("; ")}
row(policy["default-src"] == ["'self'"] and policy["script-src"] == ["'self'", "'wasm-unsafe-eval'"] and "connect-src" not in policy
    and policy["frame-ancestors"] == ["'none'"], "DSK I.8-a part (the app itself comes later): CSP default-src 'self'", policy)
status, fields, body = ask("/assets/app-BcD1xY2z.js", method="HEAD")
row(status == 200 and fields["content-length"] == "2000" and "immutable" in fields["cache-control"], "a hashed name is for good; HEAD says how long it is", fields)
for coding, wants, accept in [("br", b"not really brotli", "gzip, deflate, br"), ("gzip", b"export const a = 1;\n" * 100, "gzip"),
                              (None, b"export const a = 1;\n" * 100, "br;q=0, identity"), (None, b"export const a = 1;\n" * 100, "deflate")]:
    status, fields, body = ask("/assets/app-BcD1xY2z.js", f"Accept-Encoding: {accept}")
    plain = gzip.decompress(body) if fields.get("content-encoding") == "gzip" else body
    row(fields.get("content-encoding") == coding and plain == wants and fields["vary"] == "Accept-Encoding"
        and fields["content-type"].startswith("text/javascript"), f"RFC 9110 §12.5.3: to who takes '{accept}' it goes as {coding or 'it is'}", fields)
status, fields, body = ask("/core.wasm", "Range: bytes=256-511")
row(status == 206 and body == bytes(range(256)) and fields["content-range"] == "bytes 256-511/10240" and fields["content-type"] == "application/wasm",
    "RFC 9110 §14: a part of a file", fields)
status, fields, body = ask("/core.wasm", "Range: bytes=20000-")
row(status == 416 and fields["content-range"] == "bytes */10240", "RFC 9110 §15.5.17: behind its end there is none", fields)
row(ask("/core.wasm", "Range: bytes=0-1", "If-Range: \"other\"")[0] == 200, "RFC 9110 §13.1.5: of another version, all of it")
status, fields, body = ask("/large.bin")
row(hashlib.sha256(body).digest() == hashlib.sha256(b"0123456789abcdef" * (3 << 16)).digest(), "a file of 3 MiB comes whole", len(body))
row(ask("/inside")[2] == b"<!doctype html><title>app</title>", "a link that stays inside is followed")
for name, path in [("a link out of the root", "/outside"), ("a link to a directory outside", "/etc/passwd"), ("a link to a file beside the root", "/beside"),
                   ("a directory", "/assets"), ("a directory with a slash", "/assets/"), ("a pipe", "/pipe"), ("what is not there", "/nothing")]:
    status, fields, body = ask(path)
    row(status == 404 and b"root:" not in body and b"secret" not in body, f"{name} is 404", body)
for path in ["/../secret", "/assets/../../secret", "/%2e%2e/secret", "/..%2fsecret", "/.%2e/secret", "/assets/..%5c..%5csecret", "//etc/passwd",
             "/./index.html", "/%00", "/index.html%00.js", "/%c0%ae%c0%ae/secret", "http://klinik.example/../secret"]:
    got = ask_raw(f"GET {path} HTTP/1.1\r\nHost: klinik.example\r\n\r\n")
    row(got.startswith(b"HTTP/1.1 400 ") and b"secret\n" not in got, f"RFC 3986 §3.3: {path} is refused", got[:300])
row(ask("/%69ndex.html")[0] == 200, "(control: an escaped letter is none of these)")

# --- on all answers ---

WANTED = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "cross-origin-opener-policy": "same-origin",
          "cross-origin-embedder-policy": "require-corp", "strict-transport-security": "max-age=31536000"}
answers = {str(answer[0]): answer[1] for answer in [
    ask("/"), ask("/", f"If-None-Match: {ask('/')[1]['etag']}"), ask("/core.wasm", "Range: bytes=0-1"), ask("/core.wasm", "Range: bytes=99999-"),
    ask("/nothing"), ask("/", method="DELETE"), ask("/xmpp-websocket"), ask("/", method="OPTIONS"),
    ask("/xmpp-websocket", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")]}
connection = Connection(lab.https_port)
answers["400"] = connection.send("GET /../ HTTP/1.1\r\nHost: a\r\n\r\n").answer()[1]
connection.close()
missing = [(status, name) for status, fields in answers.items() for name, value in WANTED.items() if fields.get(name) != value]
row(not missing and set(answers) >= {"200", "204", "206", "304", "400", "404", "405", "416", "426"}
    and all("content-security-policy" in fields and "server" not in fields for fields in answers.values()),
    "strict headers are on all answers, errors too, and none names the program", (missing, list(answers)))
row(all("geolocation=()" in fields["permissions-policy"] and "camera=(self)" in fields["permissions-policy"] for fields in answers.values()),
    "DSK I.12-d: no page from here may ask where its reader is", answers["200"])

# --- HTTP in clear ---

status, fields, body = ask("/a/b?c=d", port=lab.http_port, clear=True)
row(status == 308 and fields["location"] == f"https://klinik.example:{lab.direct_port}/a/b?c=d" and "strict-transport-security" not in fields,
    "HTTP in clear says where HTTPS is", fields)
row(ask("/", host="evil.example", port=lab.http_port, clear=True)[0] == 404, "but not to who asks for a host that is not ours")
row(ask("/health", port=lab.http_port, clear=True)[0] == 308, "and answers nothing else")

# --- many requests at once (RFC 9112 §9.3.2) ---

# Each of konsild's threads has some of these connections; answers are more than one turn sends.
for path, count in (("/.well-known/host-meta", 90), ("/core.wasm", 60)):
    crowd = [Connection(lab.https_port).send(f"GET {path} HTTP/1.1\r\nHost: klinik.example\r\n\r\n" * count) for _ in range(8)]
    answers = [[connection.answer() for _ in range(count)] for connection in crowd]
    row(all(answer and answer[0] == 200 and answer[2] == answers[0][0][2] for of_one in answers for answer in of_one),
        f"RFC 9112 §9.3.2: {count} requests for {path} that come at once are answered, each", [len(of_one) for of_one in answers])
    for connection in crowd:
        connection.close()
row(all(ask("/health")[0] == 200 for _ in range(8)), "and whoever comes then is served, by each thread")

# --- for machines ---

def metrics():
    status, fields, body = ask("/metrics", host="127.0.0.1", port=lab.metrics_port, clear=True)
    assert status == 200 and fields["content-type"].startswith("text/plain; version=0.0.4")
    return body.decode()


row(ask("/health")[::2] == (200, b"ok\n") and ask("/health", host="x", port=lab.metrics_port, clear=True)[::2] == (200, b"ok\n"),
    "/health says ok, and nothing else")
row(ask("/metrics")[0] == 404, "/metrics is not at the public port")
PEOPLE = re.compile(r"^(konsil_(?:people|sessions|connections|accounts|stanzas|logins|store_(?:commits|transactions|reads))(?!_max)\w*) (\d+)$", re.M)


def told(text=None):
    """{metric: value} of all that hangs on what people do."""
    return {name: int(value) for name, value in PEOPLE.findall(text or metrics())}


def until(good):
    """A thread's figures are those of its last turn."""
    while not good(found := told()):
        pass
    return found


STAFF = ["bertram", "cordula", "dietlind", "ekkehard", "friedegund", "gottlieb", "hiltrud", "irmengard", "jobst", "kunigunde", "leberecht"]
anna = lab.account("anna", "offen.example")
streams = [lab.stream(anna, f"r{i}") for i in range(12)]
for i in range(50):
    streams[0].send(f"<iq type='get' id='p{i}' to='offen.example'><ping xmlns='urn:xmpp:ping'/></iq>")
streams[0].wait(lambda e: e.get("id") == "p49")
text = metrics()
names = re.findall(r"^# TYPE (\S+) (?:gauge|counter)$", text, re.M)
row(len(names) > 10 and all(f"# HELP {name} " in text and name.startswith("konsil_") for name in names)
    and all(name.endswith("_total") for name in re.findall(r"^# TYPE (\S+) counter$", text, re.M)) and "{" not in text,
    "each metric has HELP and TYPE; counters end in _total, and none has labels", text)
row(not told(text) and "konsil_store_failing 0\n" in text,
    "DSK I.8-d in full: one person with twelve sessions, fifty stanzas and what she stored: no figure of people is told, neither as a gauge nor as a counter", told(text))
staff = [lab.stream(lab.account(name, "offen.example"), "station") for name in STAFF[:8]]
row(not told(), "DSK I.8-d in full: nor of nine people with twenty sessions", told())
staff += [lab.stream(lab.account(name, "offen.example"), "station") for name in STAFF[8:]]
found = until(lambda found: found.get("konsil_people") == 12 and found.get("konsil_sessions") == 23)
row(len(found) == 11 and found["konsil_logins_total"] < 12 and found["konsil_stanzas_received_total"] < 50,
    "DSK I.8-d in full: (control: of twelve people it is told how many they are) and counters begin there: what one did alone is in none", found)
before = told()["konsil_stanzas_received_total"]
for i in range(40):
    staff[0].send(f"<iq type='get' id='q{i}' to='offen.example'><ping xmlns='urn:xmpp:ping'/></iq>")
staff[0].wait(lambda e: e.get("id") == "q39")
row(until(lambda found: found["konsil_stanzas_received_total"] >= before + 40), "(control: while they are many, what they do is counted)")
before = told()
for stream in staff[:4]:
    stream.close()
until(lambda found: not found)
for i in range(500):
    streams[0].send(f"<iq type='get' id='n{i}' to='offen.example'><ping xmlns='urn:xmpp:ping'/></iq>")
streams[0].wait(lambda e: e.get("id") == "n499")
row(not told(), "DSK I.8-d in full: at night, when some have gone, the counters are hidden again")
staff += [lab.stream(f"{name}@offen.example", "abend") for name in STAFF[:4]]
after = until(lambda found: found.get("konsil_people") == 12)
row(after["konsil_stanzas_received_total"] - before["konsil_stanzas_received_total"] < 100,
    "DSK I.8-d in full: and the five hundred stanzas of one person at night are not in the difference between evening and morning", (before, after))
text = metrics()
row(not [name for name in [*STAFF, "anna", "offen.example", "klinik.example", "station", "abend", "r11", "@"] if name in text],
    "DSK I.8-d in full: no name of twelve people, of an account, a device or a domain is in it", text)

room = "kleine-runde@rooms.offen.example"
for i, stream in enumerate([streams[0], *staff[-2:]]):
    stream.send(f"<presence to='{room}/r{i}'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
    stream.wait(lambda e: e.get("from", "").startswith(room))
text = metrics()
row("kleine-runde" not in text and "room" not in re.sub(r"^# .*$", "", text, flags=re.M), "DSK I.8-d in full: a room of three people is not listed", text)

# --- WebSocket ---

KEY = base64.b64encode(b"0123456789abcdef").decode()
GOOD = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Protocol: xmpp"]
OPEN = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='offen.example' version='1.0'/>"


class WebSocket(Connection):
    def __init__(self, *fields, host="klinik.example", path="/xmpp-websocket"):
        super().__init__(lab.https_port)
        self.send(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n" + "".join(f"{field}\r\n" for field in fields or GOOD) + "\r\n")
        self.status, self.fields, self.body = self.answer()

    def frame(self, payload, opcode=1, masked=True, first=0x80):
        data = payload.encode() if isinstance(payload, str) else payload
        mask = os.urandom(4) if masked else b""
        length = bytes([(0x80 if masked else 0) | (len(data) if len(data) < 126 else 126)]) + (struct.pack("!H", len(data)) if len(data) >= 126 else b"")
        return self.send(bytes([first | opcode]) + length + mask + (bytes(b ^ mask[i % 4] for i, b in enumerate(data)) if masked else data))

    def hear(self):
        """(opcode, payload); None at the end."""
        head = self.file.read(2)
        if len(head) < 2:
            return None
        length = struct.unpack("!H", self.file.read(2))[0] if head[1] == 126 else head[1]
        return head[0] & 15, self.file.read(length)


ws = WebSocket()
accept = base64.b64encode(hashlib.sha1((KEY + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
row(ws.status == 101 and ws.fields["sec-websocket-accept"] == accept and ws.fields["sec-websocket-protocol"] == "xmpp"
    and "sec-websocket-extensions" not in ws.fields, "RFC 7395 §3.1: the handshake agrees on the subprotocol xmpp", ws.fields)
opcode, payload = ws.frame(OPEN).hear()
row(opcode == 1 and payload.startswith(b"<open ") and b"from='offen.example'" in payload, "RFC 7395 §3.4: <open/> is answered", payload)
row(b"SCRAM-SHA-256-PLUS" in ws.hear()[1], "and the features follow")
row(ws.frame("are you there", 9).hear() == (10, b"are you there"), "RFC 6455 §5.5.3: a ping is answered")
row(ws.frame(b"", 10).frame("x", 9).hear() == (10, b"x"), "RFC 6455 §5.5.3: a pong is not")
ws.frame("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>")
row(ws.hear()[1] == b"<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>" and ws.hear() == (8, b"\x03\xe8") and ws.hear() is None,
    "RFC 7395 §3.6: <close/>, the end of WebSocket, the end of TLS")
ws.close()
ws = WebSocket(*GOOD, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")
row(ws.status == 101 and "sec-websocket-extensions" not in ws.fields, "RFC 7692: compression is not agreed on", ws.fields)
ws.frame(OPEN, first=0xc0)
heard = []
while (frame := ws.hear()) is not None:
    heard.append(frame)
row(heard[-1] == (8, struct.pack("!H", 1002)) and not any(b"offen.example" in said or b"<features" in said for _, said in heard),
    "RFC 6455 §5.2: a compressed frame is refused, and ends it", heard)
ws.close()
for name, fields, status in [
    ("RFC 7395 §3.1: another subprotocol is 400", [*GOOD[:4], "Sec-WebSocket-Protocol: mqtt"], 400),
    ("RFC 7395 §3.1: none is 400", GOOD[:4], 400),
    ("RFC 6455 §4.4: version 8 is 426", [field.replace("13", "8") for field in GOOD], 426),
    ("RFC 6455 §4.2.1: no upgrade is 426", GOOD[2:], 426),
    ("RFC 6455 §4.2.1: a key that is none is 400", [field.replace(KEY, "x") for field in GOOD], 400),
    ("RFC 6455 §10.2: a page from elsewhere is 403", [*GOOD, "Origin: https://evil.example"], 403),
    ("RFC 6455 §10.2: so is one in clear", [*GOOD, "Origin: http://klinik.example"], 403),
    ("RFC 6455 §10.2: and one without an origin of its own", [*GOOD, "Origin: null"], 403),
    ("RFC 6455 §10.2: a page at another port is from elsewhere", [*GOOD, "Origin: https://klinik.example:1"], 403),
    ("RFC 6454 §4: a page from here may connect", [*GOOD, "Origin: https://klinik.example"], 101),
    ("RFC 6455 §10.2: so may one of web.origins", [*GOOD, "Origin: https://app.klinik.example"], 101),
]:
    ws = WebSocket(*fields)
    row(ws.status == status, name, (ws.status, ws.body))
    ws.close()
for name, said, code in [
    ("RFC 6455 §5.1: a frame without a mask is 1002", lambda ws: ws.frame(OPEN, masked=False), 1002),
    ("RFC 6455 §5.5: a control frame over 125 bytes is 1002", lambda ws: ws.frame("a" * 126, 9), 1002),
    ("RFC 6455 §5.5: one in fragments is 1002", lambda ws: ws.frame("a", 9, first=0), 1002),
    ("RFC 7395 §3.2: a binary message is 1003", lambda ws: ws.frame(OPEN, 2), 1003),
    ("RFC 6455 §8.1: what is not UTF-8 is 1007", lambda ws: ws.frame(b"\xff"), 1007),
    ("RFC 6455 §7.4.1: what is too large is 1009", lambda ws: ws.frame("a" * 20000), 1009),
]:
    ws = WebSocket()
    said(ws)
    while (got := ws.hear()) and got[0] != 8:
        pass
    row(got == (8, struct.pack("!H", code)) and ws.hear() is None, name, got)
    ws.close()
ws = WebSocket()
row(ws.frame(OPEN[:10], first=0).frame("p", 9).frame(OPEN[10:], 0).hear() == (10, b"p") and ws.hear()[1].startswith(b"<open "),
    "RFC 6455 §5.4: a message in fragments, with a ping between them")
ws.close()
ws = Connection(lab.https_port)
ws.send("GET /xmpp-websocket HTTP/1.1\r\nHost: klinik.example\r\n" + "".join(f"{field}\r\n" for field in GOOD) + "\r\n").send(b"\x81" + bytes([0x80 | len(OPEN)]) + bytes(4) + OPEN.encode())
ws.answer()
head = ws.file.read(2)
row(head[0] == 0x81, "RFC 6455 §4.1: what comes with the handshake is the stream's", head)
ws.close()

# --- curl, which is no friend of ours ---

if shutil.which("curl"):
    got = subprocess.run(["curl", "-s", "--cacert", lab.ca, "--resolve", f"klinik.example:{lab.https_port}:127.0.0.1", "--compressed",
                          *[f"https://klinik.example:{lab.https_port}/{path}" for path in ("index.html", "inside", "core.wasm")]],
                         capture_output=True, timeout=TIMEOUT)
    row(got.stdout == b"<!doctype html><title>app</title>" * 2 + bytes(range(256)) * 40, "curl gets three files over one connection", got)
else:
    skip("curl gets three files over one connection", "there is no curl here")

# --- the end ---

idle, ws = Connection(lab.https_port), WebSocket()
idle.send(NEXT).answer()
ws.frame(OPEN).hear()
ws.hear()
row(lab.stop() == 0, "konsild ends in order with idle connections")
row(idle.answer() is None and b"system-shutdown" in ws.hear()[1] and ws.hear()[0] == 1 and ws.hear() == (8, b"\x03\xe9"),
    "idle ones are closed; a WebSocket hears <system-shutdown/>, <close/> and 1001")
lab.settings()
lab.start()
status, fields, body = ask("/")
style = re.search(r"<style>(.*)</style>", body.decode())[1]
digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
row(status == 200 and f"style-src 'sha256-{digest}'" in fields["content-security-policy"] and "<script" not in body.decode()
    and f"wss://klinik.example:{lab.direct_port}/xmpp-websocket" in body.decode() and "Messenger dieses Krankenhauses" in body.decode()
    and "messenger of this hospital" in body.decode(), "without an app, a page in German and English says what runs here", body)
row(ask("/index.html")[0] == 404, "and there is nothing else")
row(lab.stop() == 0, "konsild ends in order")
lab.settings(f'web: {{ root = "{outside}/nowhere"; }};')
got = subprocess.run([os.path.join(BUILD, "cmd", "konsild"), "--check", "konsild.conf"], cwd=lab.dir, capture_output=True, text=True,
                     timeout=TIMEOUT, env=dict(os.environ, LC_ALL="C.UTF-8", LANG="en"))
row(got.returncode == 78 and "web.root" in got.stderr, "konsild --check sees a web.root that is not there", got)
shutil.rmtree(outside)
done()
