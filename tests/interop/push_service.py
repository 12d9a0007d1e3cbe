# SPDX-License-Identifier: AGPL-3.0-or-later
"""A push service and its browsers: RFC 8030 over HTTPS, with VAPID (RFC 8292) and message encryption (RFC 8291) checked
by OpenSSL as python3-cryptography calls it, and by no code of ours.

    service = PushService(certificate, key)
    browser = service.subscribe(vapid_key)      # browser.endpoint, browser.p256dh, browser.auth
    message = browser.wait()                    # decrypted: text, size, urgency, topic, ttl, claims
    browser.answers = [429, 201]                # what the next requests are answered with
    relay = PushRelay(certificate, key)         # of one's own: relay.url is for push.relay (doc/PROTOCOL.md §11.7)
"""
import base64
import contextlib
import http.client
import http.server
import json
import os
import ssl
import threading
import time
import types

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

TIMEOUT = 60


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def hkdf(salt, secret, info, length):
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


def point(key):
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


class Wrong(Exception):
    """(status, why)"""


class Browser:
    def __init__(self, service, name, vapid_key):
        self.service, self.vapid_key, self.answers, self.messages, self.retry_after = service, vapid_key, [], [], None
        self.private, self.secret = ec.generate_private_key(ec.SECP256R1()), os.urandom(16)
        self.endpoint = f"{service.origin}/push/{name}"
        self.p256dh, self.auth = b64(point(self.private.public_key())), b64(self.secret)

    def decrypt(self, body):
        salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        theirs, sealed = body[21:21 + length], body[21 + length:]
        if length != 65 or len(sealed) > size:
            raise Wrong(400, "the header of aes128gcm (RFC 8188 §2.1)")
        shared = self.private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs))
        secret = hkdf(self.secret, shared, b"WebPush: info\0" + point(self.private.public_key()) + theirs, 32)
        plain = AESGCM(hkdf(salt, secret, b"Content-Encoding: aes128gcm\0", 16)).decrypt(
            hkdf(salt, secret, b"Content-Encoding: nonce\0", 12), sealed, None).rstrip(b"\0")
        if plain[-1:] != b"\2":
            raise Wrong(400, "the end of the last record (RFC 8188 §2)")
        return plain[:-1].decode()

    def wait(self, count=1):
        """Waits until so many came, with whatever answer; all there are."""
        with self.service.news:
            if not self.service.news.wait_for(lambda: len(self.messages) >= count, TIMEOUT):
                raise TimeoutError(f"{len(self.messages)} of {count} pushes; refused: {self.service.errors}")
            return self.messages


class HttpsServer:
    """One that takes POST: take(path, headers, body) says the status, and headers."""

    def __init__(self, certificate, key):
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                status, more = service.take(self.path, self.headers, body)
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request, address):
                pass  # a handshake that the other side broke off, as some tests want it to

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
        self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.origin = f"https://localhost:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class PushRelay(HttpsServer):
    """What comes goes on to the address that it names, as it is."""

    def __init__(self, certificate, key):
        self.url, self.trust = None, ssl.create_default_context(cafile=certificate)
        super().__init__(certificate, key)
        self.url = f"{self.origin}/relay"

    def take(self, path, headers, body):
        _, _, host, name = headers["konsil-endpoint"].split("/", 3)
        with contextlib.closing(http.client.HTTPSConnection(host, context=self.trust, timeout=TIMEOUT)) as on:
            on.request("POST", f"/{name}", body, {k: v for k, v in headers.items() if k.lower() not in ("host", "konsil-endpoint", "content-length")})
            return on.getresponse().status, {}


class PushService(HttpsServer):
    def __init__(self, certificate, key):
        self.browsers, self.errors, self.news = {}, [], threading.Condition()
        super().__init__(certificate, key)

    def subscribe(self, vapid_key):
        name = os.urandom(8).hex()
        self.browsers[name] = Browser(self, name, vapid_key)
        return self.browsers[name]

    def claims(self, browser, header):
        """RFC 8292 §2, §3: who it is; Wrong when he is not."""
        scheme, _, rest = (header or "").partition(" ")
        fields = dict(field.strip().split("=", 1) for field in rest.split(","))
        if scheme != "vapid" or fields.get("k") != browser.vapid_key:
            raise Wrong(403, "not the key that the browser subscribed with")
        signed, _, signature = fields["t"].rpartition(".")
        header, _, claims = signed.partition(".")
        raw, key = unb64(signature), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unb64(fields["k"]))
        key.verify(encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")),
                   signed.encode(), ec.ECDSA(hashes.SHA256()))
        claims = json.loads(unb64(claims))
        if json.loads(unb64(header)).get("alg") != "ES256" or claims["aud"] != self.origin:
            raise Wrong(403, "alg or aud")
        if not time.time() < claims["exp"] <= time.time() + 86400:
            raise Wrong(403, "exp")
        return claims

    def take(self, path, headers, body):
        browser = self.browsers.get(path.rpartition("/")[2])
        try:
            if not browser:
                raise Wrong(404, path)
            if headers.get("content-encoding") != "aes128gcm" or not headers.get("ttl", "").isdigit() or len(body) > 4096:
                raise Wrong(400, "Content-Encoding, TTL or size")
            message = types.SimpleNamespace(
                claims=self.claims(browser, headers.get("authorization")), text=browser.decrypt(body), size=len(body),
                body=body, ttl=int(headers["ttl"]), urgency=headers.get("urgency"), topic=headers.get("topic"),
                names=sorted(name.lower() for name in headers.keys()))
            message.status = browser.answers.pop(0) if browser.answers else 201
            status, more = message.status, {}
            if status == 429 and browser.retry_after is not None:
                more["Retry-After"] = str(browser.retry_after)
            if status in (301, 307):
                more["Location"] = f"{self.origin}/elsewhere"
        except Exception as error:  # any: the test shall see it
            with self.news:
                self.errors.append(repr(error))
                self.news.notify_all()
            return (error.args[0] if isinstance(error, Wrong) else 400), {}
        with self.news:
            browser.messages.append(message)
            self.news.notify_all()
        return status, more
