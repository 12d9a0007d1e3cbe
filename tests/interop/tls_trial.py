# SPDX-License-Identifier: AGPL-3.0-or-later
"""Trials of TLS with openssl s_client, and an openssl s_server that takes everything, as their positive control.

    control = Anything(lab.dir, ("cert.pem", "key.pem"))
    Seen(lab.direct_port, "-tls1_1")         false: no handshake
    Seen(control.port, "-tls1_1")            true: s_client can speak it

That a server refuses what s_client cannot say proves nothing: a trial counts only when the control took it."""
import atexit
import os
import re
import subprocess
import threading

from lab import TIMEOUT, _free_port

# Neither a machine's configuration nor its security level keeps s_client and s_server from anything.
ENVIRONMENT = dict(os.environ, OPENSSL_CONF="/dev/null")
EVERYTHING = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"
SUITES_1_3 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
              "TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256")
GROUPS = ("X25519", "X448", "P-256", "P-384", "P-521", "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1", "P-224", "P-192",
          "secp256k1", "sect283k1", "sect571r1", "ffdhe2048", "ffdhe3072", "ffdhe4096")
# As RFC 8446 §4.2.3 names them, and as s_client does; the rest are those of TLS 1.2 alone.
SIGNATURES = {
    "ecdsa_secp256r1_sha256": "ECDSA+SHA256", "ecdsa_secp384r1_sha384": "ECDSA+SHA384", "ecdsa_secp521r1_sha512": "ECDSA+SHA512",
    "ed25519": "ed25519", "ed448": "ed448", "rsa_pss_rsae_sha256": "RSA-PSS+SHA256", "rsa_pss_rsae_sha384": "RSA-PSS+SHA384",
    "rsa_pss_rsae_sha512": "RSA-PSS+SHA512", "rsa_pkcs1_sha256": "RSA+SHA256", "rsa_pkcs1_sha384": "RSA+SHA384",
    "rsa_pkcs1_sha512": "RSA+SHA512", "ecdsa_sha1": "ECDSA+SHA1", "rsa_pkcs1_sha1": "RSA+SHA1", "ecdsa_sha224": "ECDSA+SHA224",
    "rsa_sha224": "RSA+SHA224"}


def ciphers():
    """The names of all suites of TLS 1.2 and before that this OpenSSL knows."""
    words = subprocess.run(["openssl", "ciphers", "-s", "-tls1_2", EVERYTHING], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    return words.stdout.strip().split(":")


def _talk(command, say, until):
    with subprocess.Popen(command, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace") as process:
        patience = threading.Timer(TIMEOUT, process.kill)
        patience.start()
        text = ""
        for line in process.stdout:
            text += line
            if not process.stdin.closed and re.search(until, line):
                process.stdin.write(say)
                process.stdin.close()
        patience.cancel()
    return text


class Seen:
    """What one openssl s_client saw. It is told `say` at once, or when `until` was seen: what comes behind the handshake
    may come when it has ended."""

    def __init__(self, port, *options, say="", until=None):
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options]
        if until:
            self.text = _talk(command, say, until)
        else:
            result = subprocess.run(command, input=say, env=ENVIRONMENT, capture_output=True, text=True, timeout=TIMEOUT, errors="replace")
            self.text = result.stdout + result.stderr
        suite = re.search(r"^New, (\S+), Cipher is (\S+)", self.text, re.M)
        self.suite = suite[2] if suite and suite[2] != "(NONE)" else None
        version = re.search(r"^ +Protocol *: (\S+)", self.text, re.M) or suite
        self.version = version[1] if self.suite else None

    def find(self, pattern):
        found = re.search(pattern, self.text, re.M)
        return found[1] if found else None

    def __bool__(self):
        """True if there was a handshake to the end."""
        return self.suite is not None

    def __repr__(self):
        return f"{self.version} {self.suite}\n{self.text}"


class Anything:
    """An openssl s_server that takes every version, suite and group, compresses if it can, and gives tickets."""

    def __init__(self, directory, *pairs):
        self.port = _free_port()
        names = (("-cert", "-key"), ("-dcert", "-dkey"))
        files = [word for (cert, key), pair in zip(names, pairs) for word in (cert, pair[0], key, pair[1])]
        self.process = subprocess.Popen(
            ["openssl", "s_server", "-accept", f"127.0.0.1:{self.port}", *files, "-cipher", EVERYTHING, "-ciphersuites",
             ":".join(SUITES_1_3), "-groups", ":".join(GROUPS), "-sigalgs", ":".join(SIGNATURES.values()), "-client_renegotiation", "-comp"],
            cwd=directory, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for line in self.process.stdout:
            if line.startswith(b"ACCEPT"):
                break
        threading.Thread(target=self.process.stdout.read, daemon=True).start()  # or it stops when nobody listens
        atexit.register(self.process.kill)


# --- hellos by hand (RFC 5246 §7.4.1, RFC 8446 §4.1) ---

def _list(items, width=2):
    return len(items).to_bytes(width, "big") + items


def client_hello(compressions):
    """A hello of TLS 1.2 with two suites that every server of today has, and these methods of compression."""
    extensions = b"".join(kind.to_bytes(2, "big") + _list(body) for kind, body in (
        (10, _list(b"\0\x17")), (11, _list(b"\0", 1)), (13, _list(b"\x04\x03\x04\x01"))))  # P-256; uncompressed; SHA-256
    body = b"\3\3" + os.urandom(32) + b"\0" + _list(b"\xc0\x2b\xc0\x2f") + _list(compressions, 1) + _list(extensions)
    return b"\x16\3\1" + _list(b"\1" + _list(body, 3))


def compression_chosen(answer):
    """Of a ServerHello; None: it is none."""
    if answer[:1] != b"\x16" or answer[5:6] != b"\2":
        return None
    at = 5 + 4 + 2 + 32
    return answer[at + 1 + answer[at] + 2]


class Hello:
    """A ClientHello: suites, compressions, and its extensions by number."""

    def __init__(self, record):
        assert record[0] == 0x16 and record[5] == 1, record[:16]
        self.bytes, self.at = record, 5 + 4 + 2 + 32
        self._take(1)  # session id
        self.suites, self.compressions = self.words(self._take(2)), list(self._take(1))
        extensions, self.extensions = self._take(2), {}
        while extensions:
            kind, length = int.from_bytes(extensions[:2], "big"), int.from_bytes(extensions[2:4], "big")
            self.extensions[kind] = extensions[4:4 + length]
            extensions = extensions[4 + length:]

    def _take(self, width):
        begin = self.at + width
        self.at = begin + int.from_bytes(self.bytes[self.at:begin], "big")
        return self.bytes[begin:self.at]

    @staticmethod
    def words(text):
        return [int.from_bytes(text[i:i + 2], "big") for i in range(0, len(text), 2)]
