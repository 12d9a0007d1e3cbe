#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Known answers of test_vault_pin.c and test_vault_prf.c: doc/PROTOCOL.md §10 once more, in Python over libsodium's primitives
and hashlib, by nobody's code but this. Prints the hexadecimal texts that stand in the tests."""
import ctypes
import ctypes.util
import hashlib
import hmac
import struct

sodium = ctypes.CDLL(ctypes.util.find_library("sodium"))
assert sodium.sodium_init() >= 0
KEY = bytes.fromhex("5ebcea5ee37023ccb9fc2d2019f9d7737be85591ae8652ffa9ef0f4d37063b0e")  # RFC 9497 A.1.1: skSm
PIN = b"839215"
PROFILE, SLOT, SALT, TOKEN = bytes(range(16)), bytes(range(0xa0, 0xb0)), b"\x33" * 16, b"\x44" * 32
DK, SEED, NONCE, PRF, TICKET, HINT = b"\x55" * 32, b"\x66" * 32, b"\x77" * 24, b"\x88" * 32, b"\x99" * 32, b"credential"
KIB, PASSES, GEN, SERVER_NONCE = 8, 1, 4, bytes(range(0xc0, 0xd0))
FROM, UNTIL = 1_800_000_000, 1_800_000_000 + 8 * 3600


def call(name, size, *args):
    out = ctypes.create_string_buffer(size)
    assert getattr(sodium, name)(out, *args) == 0, name
    return out.raw


def argon2id(secret, salt):
    out = ctypes.create_string_buffer(32)
    assert sodium.crypto_pwhash(out, ctypes.c_ulonglong(32), secret, ctypes.c_ulonglong(len(secret)), salt, ctypes.c_ulonglong(PASSES),
                                ctypes.c_size_t(KIB * 1024), 2) == 0
    return out.raw


def expand(message, tag, length):
    """RFC 9380 §5.3.1 with SHA-512, for up to 64 bytes."""
    tag += bytes([len(tag)])
    first = hashlib.sha512(bytes(128) + message + struct.pack(">H", length) + b"\0" + tag).digest()
    return hashlib.sha512(first + b"\x01" + tag).digest()[:length]


def oprf(message):
    """RFC 9497 §3.3.1, without the blinding, which changes nothing."""
    point = call("crypto_core_ristretto255_from_hash", 32, expand(message, b"HashToGroup-OPRFV1-\x00-ristretto255-SHA512", 64))
    evaluated = call("crypto_scalarmult_ristretto255", 32, KEY, point)
    return hashlib.sha512(struct.pack(">H", len(message)) + message + struct.pack(">H", 32) + evaluated + b"Finalize").digest()


def hkdf(secret, salt, info):
    first = hmac.digest(salt or bytes(32), secret, "sha256")
    return hmac.digest(first, info + b"\x01", "sha256")


def field(data):
    return struct.pack(">I", len(data)) + data


def slot(number, kind, name, params, kek, more=b""):
    named = struct.pack(">IB", number, kind) + field(name) + field(params)
    extra = b"konsil/0 vault slot\n\x01" + PROFILE + named
    hidden = DK + more
    sealed = call("crypto_aead_xchacha20poly1305_ietf_encrypt", len(hidden) + 16, None, hidden, ctypes.c_ulonglong(len(hidden)), extra,
                  ctypes.c_ulonglong(len(extra)), None, NONCE, kek)
    return named + field(NONCE + sealed)


def part(data):
    return struct.pack(">H", len(data)) + data


argon = SALT + struct.pack(">II", KIB, PASSES)
keyid = hashlib.sha256(call("crypto_scalarmult_ristretto255_base", 32, KEY)).digest()[:8]
output = oprf(b"konsil/0 vault\n" + part(SLOT) + part(argon2id(PIN, SALT)))
pin = slot(1, 2, SLOT, argon + TOKEN + keyid + struct.pack(">Q", GEN), hkdf(output, SLOT, b"konsil/0 pin"), SEED)
biometric = slot(2, 3, SLOT, field(HINT), hkdf(PRF + TICKET, SLOT, b"konsil/0 biometric"))
offline = slot(3, 4, b"", argon + struct.pack(">QQ", FROM, UNTIL) + field(HINT), hkdf(PRF + argon2id(PIN, SALT), SALT, b"konsil/0 offline"))
public = ctypes.create_string_buffer(32)
secret = ctypes.create_string_buffer(64)
assert sodium.crypto_sign_seed_keypair(public, secret, SEED) == 0
signed = b"konsil/0 confirm\n" + part(SLOT) + part(SERVER_NONCE) + struct.pack(">Q", GEN + 1)
print("FILE_KNOWN ", (b"KONSILV\n\x01" + PROFILE + struct.pack(">IB", 4, 3) + pin + biometric + offline).hex())
print("STORE_KEY  ", hkdf(DK, b"", b"konsil/0 store").hex())
print("KEY_ID     ", keyid.hex())
print("SIGNATURE  ", call("crypto_sign_detached", 64, None, signed, ctypes.c_ulonglong(len(signed)), secret).hex())
