# SPDX-License-Identifier: AGPL-3.0-or-later
"""Strangers who never come to the point: a stream, a WebSocket and a handshake of TLS that come a byte at a time, or not
at all. Each is ended by konsild's own clock (stream.login_timeout), and meanwhile everybody else is served."""
import os
import select
import socket
import ssl
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "interop")]
from lab import Lab, done, row
from wire import TIMEOUT

ANNA = "anna@klinik.example"
lab = Lab("stream: { login_timeout = 5; };", web=True)
lab.account("anna")
PAUSE = 0.2  # between two bytes; more of them than any clock gives time for
HEADER = b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='klinik.example' version='1.0'"
KNOCK = (b"GET /xmpp-websocket HTTP/1.1\r\nHost: klinik.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
         b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: xmpp\r\n")


def plain(port):
    return socket.create_connection(("127.0.0.1", port), TIMEOUT)


def tls(port, alpn):
    context = ssl.create_default_context(cafile=lab.ca)
    context.set_alpn_protocols([alpn])
    return context.wrap_socket(plain(port), server_hostname="klinik.example")


def hello():
    """What a client of TLS says first."""
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    engine = ssl.create_default_context(cafile=lab.ca).wrap_bio(into, out, server_hostname="klinik.example")
    try:
        engine.do_handshake()
    except ssl.SSLWantReadError:
        return out.read()


def upgraded():
    one = tls(lab.https_port, "http/1.1")
    one.sendall(KNOCK + b"\r\n")
    heard = b""
    while b"\r\n\r\n" not in heard:
        heard += one.recv(65536)
    assert heard.startswith(b"HTTP/1.1 101 "), heard
    return one


def drip(one, bytes_to_say):
    """Says them one by one, and then nothing, until konsild ends it; what it said. None: it did not."""
    heard, at = b"", 0
    one.settimeout(TIMEOUT)
    try:
        while True:
            readable, _, _ = select.select([one], [], [], PAUSE if at < len(bytes_to_say) else TIMEOUT)
            if readable or (isinstance(one, ssl.SSLSocket) and one.pending()):
                data = one.recv(65536)
                if not data:
                    return heard
                heard += data
            elif at < len(bytes_to_say):
                one.sendall(bytes_to_say[at:at + 1])
                at += 1
            else:
                return None
    except OSError:
        return heard


strangers = {
    "RFC 6120 §4: a stream header that comes a byte at a time": (lambda: plain(lab.port), HEADER),
    "RFC 6120 §13.12: blanks and nothing else": (lambda: plain(lab.port), b" " * 1000),
    "the same under TLS": (lambda: tls(lab.direct_port, "xmpp-client"), HEADER),
    "nothing at all under TLS": (lambda: tls(lab.direct_port, "xmpp-client"), b""),
    "RFC 8446 §4.1.2: a handshake of TLS that comes a byte at a time": (lambda: plain(lab.direct_port), hello()),
    "a handshake that never begins": (lambda: plain(lab.direct_port), b""),
    "the same where HTTPS is": (lambda: plain(lab.https_port), hello()),
    "RFC 6455 §4.1: a WebSocket's request that comes a byte at a time": (lambda: tls(lab.https_port, "http/1.1"), KNOCK),
    "RFC 6455 §5.2: a frame that comes a byte at a time": (upgraded, b"\x81\xfe\x01\x00abcd" + b"x" * 500),
    "RFC 7395 §3.4: a WebSocket on which nothing is said": (upgraded, b""),
}
ends = {}


def run(name, begin, text):
    ends[name] = drip(begin(), text)


threads = [threading.Thread(target=run, args=(name, *how)) for name, how in strangers.items()]
for thread in threads:
    thread.start()
row(lab.stream(ANNA).available() is not None, "while they drip, others log in")
for thread in threads:
    thread.join()
for name in strangers:
    row(ends[name] is not None, f"{name}: konsild ends it", ends[name])
late = [line for line in open(lab.log_path, encoding="utf-8") if "conn.handshakes.late" in line]
row(late and all(" warning " in line and "handshakes=" in line for line in late) and len(late) <= 2,
    "the log says that handshakes did not end in time, once a minute for each thread, and nothing of whose", late)
row(lab.stream(ANNA, "later").available() is not None, "and konsild is as well as before")
row(lab.stop() == 0, "konsild ends in order")
done()
