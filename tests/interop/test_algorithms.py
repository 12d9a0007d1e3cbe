#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""DSK II.1-h: what the programs publish and store is made by the algorithms of doc/PROTOCOL.md §1.4 and by no others.

Each file is opened here with the documented algorithms alone, by code that is not ours (PyNaCl, python3-cryptography; aegis.py for
the one that Debian's Python does not have): another algorithm would give nothing. What TLS and SASL offer: test_tls.py;
known answers: test_omemo_vectors.py, tests/unit/test_crypto.c and test_curve.c."""
import hashlib
import os
import re
import subprocess
import sys

import wire
from lab import BUILD, HERE, PASSPHRASE, TIMEOUT, Lab, canary, done, row

try:
    import nacl.bindings as sodium
    import nacl.exceptions
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    from cryptography.hazmat.primitives.poly1305 import Poly1305
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
except ImportError as error:
    print(f"1..0 # SKIP {error}: apt-get install python3-nacl python3-cryptography")
    sys.exit(0)
from aegis import Aegis256, aes_round

with open(os.path.join(HERE, "..", "..", "doc", "PROTOCOL.md")) as file:
    lines = re.search(r"^\*\*1\.4 .*?(?=^## )", file.read(), re.M | re.S)[0].splitlines()
documented = {cells[1].strip(): set(re.findall("`([^`]+)`", cells[2])) for cells in (line.split("|") for line in lines) if len(cells) > 3}


def listed(what, *names):
    """True if these are all that the table has for it."""
    return documented.get(what) == set(names)


def hkdf(secret, salt, info, length=32):
    return HKDF(SHA256(), length, salt, info).derive(secret)


def xchacha(key, nonce, sealed, extra):
    """The text, or None."""
    try:
        return sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, extra, nonce, key)
    except nacl.exceptions.CryptoError:
        return None


# --- a hospital with something in each store ---

lab = Lab()
anna, jonas = lab.account("anna"), lab.account("jonas")
A, J = lab.konsil(anna), lab.konsil(jonas)
word = canary()
A.wait_state(A.send(jonas, word), "delivered")

# --- OMEMO: what an account publishes ---

watch = lab.stream(anna, "watch")
items = watch.iq("get", "<query xmlns='http://jabber.org/protocol/disco#items'/>", to=anna)
nodes = {item.get("node") for item in items.iter("{http://jabber.org/protocol/disco#items}item")}
SIGNING = "urn:konsil:device-key:0"  # of no OMEMO version: "signatures of ours"
kinds = {node: "urn:xmpp:omemo:2" if node.startswith("urn:xmpp:omemo:2:") else "eu.siacs.conversations.axolotl"
         if node.startswith("eu.siacs.conversations.axolotl.") else node for node in nodes if node and node != SIGNING}
row(set(kinds.values()) == documented["OMEMO versions"], "DSK II.1-h: OMEMO versions: konsil publishes keys for those of the list, and for nothing else", nodes)
stanza = watch.archive()[-1]
sealed = {e.tag[1:].split("}")[0] for e in stanza if e.tag.endswith("}encrypted")}
row(sealed == {"urn:xmpp:omemo:2"}, "DSK II.1-h part (constant time): and konsils among themselves use the newer one", sealed)
watch.close()

# --- the vault: Argon2id, XChaCha20-Poly1305, HKDF-SHA-256 (PROTOCOL.md §10); a PIN's slot: tests/unit/vault_known.py, test_vault_pin.c ---

lab.ctl("backup", "probe")
A.close()
J.close()
lab.stop()


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, length):
        self.at += length
        return self.data[self.at - length:self.at]

    def number(self, length):
        return int.from_bytes(self.take(length), "big")

    def field(self):
        return self.take(self.number(4))


with open(f"{A.dir}/vault", "rb") as file:
    vault = Reader(file.read())
head, version, profile, _, count = vault.take(8), vault.number(1), vault.take(16), vault.number(4), vault.number(1)
number, kind, name, params, wrap = vault.number(4), vault.number(1), vault.field(), vault.field(), vault.field()
salt, kib, passes = params[:16], int.from_bytes(params[16:20], "big"), int.from_bytes(params[20:], "big")
extra = (b"konsil/0 vault slot\n" + bytes([version]) + profile + number.to_bytes(4, "big") + bytes([kind])
         + len(name).to_bytes(4, "big") + name + len(params).to_bytes(4, "big") + params)


def data_key(passphrase, algorithm=sodium.crypto_pwhash_ALG_ARGON2ID13):
    return xchacha(sodium.crypto_pwhash_alg(32, passphrase.encode(), salt, passes, kib * 1024, algorithm), wrap[:24], wrap[24:], extra)


secret = data_key(PASSPHRASE)
row((head, version, count, kind) == (b"KONSILV\n", 1, 1, 1) and listed("vault (10)", "Argon2id", "XChaCha20-Poly1305", "HKDF-SHA-256", "OPRF(ristretto255, SHA-512)", "Ed25519") and secret,
    "DSK II.1-h: vault: Argon2id and XChaCha20-Poly1305 of libsodium open it", (head, version, count, kind))
row((kib, passes) >= (65536, 3) and not data_key("geraten") and not data_key(PASSPHRASE, sodium.crypto_pwhash_ALG_ARGON2I13),
    "DSK II.1-h: control: another passphrase and another algorithm do not; it takes 64 MiB and 3 passes", (kib, passes))

# --- konsil's store: ChaCha20-Poly1305 ---


def chacha20(key, counter, nonce, text):
    return Cipher(algorithms.ChaCha20(key, (counter & 0xffffffff).to_bytes(4, "little") + nonce), None).encryptor().update(text)


def pages_of(data):
    """(number, what is sealed, nonce and tag) of each page of a database."""
    size, reserved = int.from_bytes(data[16:18], "big"), data[20]
    assert size in (4096, 8192) and len(data) % size == 0, (size, len(data))
    return [(1 + at // size, data[at:at + size - reserved], data[at + size - reserved:at + size]) for at in range(0, len(data), size)]


def open_chacha(key, page, data, tail):
    """SQLite3 Multiple Ciphers, cipher "chacha20": a nonce and a tag behind each page; the first 24 bytes of the file are open."""
    nonce, tag = tail[:16], tail[16:32]
    counter = int.from_bytes(nonce[12:], "little") ^ page
    once = chacha20(key, counter, nonce[:12], bytes(64))
    try:
        Poly1305.verify_tag(once[:32], data + nonce, tag)
    except InvalidSignature:
        return None
    offset = 24 if page == 1 else 0
    return chacha20(once[32:], counter + 1, nonce[:12], data[offset:])


def pages(path):
    with open(path, "rb") as file:
        return pages_of(file.read())


store = pages(f"{A.dir}/store.db")
key = hkdf(secret, None, b"konsil/0 store")
opened = [open_chacha(key, *page) for page in store]
row(listed("konsil's store", "ChaCha20-Poly1305") and all(opened) and b"CREATE TABLE" in opened[0] and word.encode() in b"".join(opened),
    f"DSK II.1-h: konsil's store: ChaCha20-Poly1305 of OpenSSL opens each page, under HKDF-SHA-256 of the vault's key ({len(opened)} pages)",
    [page for page, text in zip(range(1, 1 + len(opened)), opened) if not text])
other = hkdf(secret, None, b"konsil/0 other")
row(not any(open_chacha(other, *page) for page in store), "DSK II.1-h: control: another key opens none")
row(len({tail[:16] for _, _, tail in store}) == len(store), "DSK II.1-h: no nonce twice among its pages")

# --- konsild's store: AEGIS-256 ---

row(aes_round(0x000102030405060708090a0b0c0d0e0f, 0x101112131415161718191a1b1c1d1e1f) == 0x7a7b4e5638782546a8c0477a3b813f43
    and tuple(part.hex() for part in Aegis256(bytes.fromhex("1001" + "00" * 30), bytes.fromhex("100002" + "00" * 29)).seal(bytes(16)))
    == ("754fc3d8c973246dcc6d741412a4b236", "1181a1d18091082bf0266f66297d167d2e68b845f61a3b0527d31fc7b7b89f13"),
    "DSK II.1-h: control: aegis.py gives the draft's known answers (AESRound; AEGIS-256, test vector 1)")


def open_aegis(key, page, data, tail):
    """SQLite3 Multiple Ciphers, cipher "aegis": a tag and a nonce behind each page, key and nonce of the page from the stream under both."""
    tag, nonce = tail[:32], tail[32:64]
    once = Aegis256(key, nonce).seal(bytes(64))[0][:60] + page.to_bytes(4, "big")
    return Aegis256(once[:32], once[32:]).open(data[24 if page == 1 else 0:], tag)


with open(f"{lab.data}/konsild.key") as file:
    key = bytes.fromhex(file.read().strip())
store = pages(f"{lab.data}/konsild.db")
opened = [open_aegis(key, *page) for page in store]
row(listed("konsild's store", "AEGIS-256") and all(opened) and b"CREATE TABLE" in opened[0] and b"jonas" in b"".join(opened),
    f"DSK II.1-h: konsild's store: AEGIS-256 opens each page under the key of konsild.key ({len(opened)} pages)",
    [page for page, text in zip(range(1, 1 + len(opened)), opened) if not text])
row(not open_aegis(bytes(32), *store[0]), "DSK II.1-h: control: another key does not")
row(len({tail[32:64] for _, _, tail in store}) == len(store), "DSK II.1-h: nor is a nonce there twice")

# --- backups: HKDF-SHA-256, XChaCha20-Poly1305 ---

with open(f"{lab.data}/backup-keys/probe.key") as file:
    key = bytes.fromhex(file.read().strip())
with open(f"{lab.data}/backup/probe", "rb") as file:
    backup = file.read()
HEAD, SEGMENT = len(b"konsil backup\n") + 2 + 8 + 32, (1 << 20) + 16


def open_backup(key):
    """Of all segments the text, or None."""
    text, at, number = b"", HEAD, 0
    once = hkdf(key, backup[HEAD - 32:HEAD], b"konsil backup file")
    while True:
        last = len(backup) - at <= SEGMENT
        part = xchacha(once, bytes(15) + number.to_bytes(8, "big") + bytes([last]), backup[at:at + SEGMENT], backup[:HEAD])
        if part is None or last:
            return None if part is None else text + part
        text, at, number = text + part, at + SEGMENT, number + 1


# A manifest, which has the database's key, size and hash, then the database, then the list of files, which is short here.
text = open_backup(key) or b""
whole = lambda at: text[at:at + (len(text) - at) // 4096 * 4096]
found = [at for at in range(4, 1000) if hashlib.sha256(whole(at)).digest() in text[:at]]
database = whole(found[0]) if found else b""
row(listed("backups", "HKDF-SHA-256", "XChaCha20-Poly1305", "SHA-256") and len(found) == 1,
    "DSK II.1-h: backups: HKDF-SHA-256 and XChaCha20-Poly1305 open the file under its key, SHA-256 of what it holds stands there",
    (len(text), found))
keys = [text[at:at + 32] for at in range(max(0, found[0] - 32))] if found else []
page = next(iter(pages_of(database)), None)
row(any(open_aegis(key, *page) for key in keys), "DSK II.1-h: backups: the database in it is AEGIS-256, too, under a key that stands with it")
row(not open_backup(bytes(32)), "DSK II.1-h: control: another key does not open it")

# --- what the hospital keeps in a safe: the root's key, an officer's share (PROTOCOL.md §14.5, §19.6) ---

SECRET = "vier zufällige Wörter hier"


def ceremony(*words, lines=1):
    return subprocess.run([os.path.join(BUILD, "cmd", "konsilctl"), *words, "--password-stdin"], input=f"{SECRET}\n" * lines,
                          capture_output=True, text=True, timeout=TIMEOUT)


at = lambda *names: os.path.join(lab.dir, *names)
made = ceremony("ca", "init", at("root"), "--hospital", "Klinikum Beispiel")
outline = subprocess.run(["openssl", "asn1parse", "-in", at("root", "root.key")], capture_output=True, text=True, timeout=TIMEOUT).stdout
named = set(re.findall(r"OBJECT +:(\S+)", outline))
with open(at("root", "root.key"), "rb") as file:
    pem = file.read()
root_key = load_pem_private_key(pem, SECRET.encode())
row(listed("the root's key (14.5)", "PBES2", "scrypt", "AES-256-CBC", "SLIP-0039", "PBKDF2-HMAC-SHA-256", "HMAC-SHA-256")
    and named == {"PBES2", "scrypt", "aes-256-cbc"} and root_key.curve.name == "secp256r1",
    "DSK II.1-h: the root's key: PBES2, scrypt and AES-256-CBC open it; its shares: test_ca_shares.py, with SLIP-0039's own vectors", (made.stderr, named))
ceremony("recover", "deal", at("officers"), "--root", at("root", "root.pem"), lines=3)
with open(at("officers", "officer-1.share"), "rb") as file:
    share = file.read()
salt, nonce, sealed = share[-88:-72], share[-72:-48], share[-48:]
kib, passes = int.from_bytes(share[-96:-92], "big"), int.from_bytes(share[-92:-88], "big")
scalar = xchacha(sodium.crypto_pwhash_alg(32, SECRET.encode(), salt, passes, kib * 1024, sodium.crypto_pwhash_ALG_ARGON2ID13), nonce, sealed, share[:-72])
row(listed("officers (19)", "P-256", "SHA-256", "DHKEM(P-256, HKDF-SHA-256)", "HKDF-SHA-256", "ChaCha20-Poly1305", "Argon2id", "XChaCha20-Poly1305")
    and scalar and 0 < int.from_bytes(scalar, "big") < 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551 and (kib, passes) == (262144, 3),
    "DSK II.1-h: officers: Argon2id and XChaCha20-Poly1305 of libsodium open a share, and a number of P-256 is in it", (kib, passes))

# --- and nothing that the list does not have ---

OURS = {"TLS versions", "TLS 1.3 suites", "TLS 1.2 suites", "TLS groups", "TLS signatures", "SASL mechanisms", "SASL mechanisms for tokens", "SASL mechanisms for certificates", "channel bindings", "OMEMO versions",
        "OMEMO 2", "older OMEMO", "envelopes", "vault (10)", "konsil's store", "konsild's store", "backups",
        "credentials for relays (11.5)", "files (5.8)", "the root's key (14.5)", "officers (19)", "random numbers", "signatures of ours"}
row(set(documented) - {"what", "---"} == OURS, "DSK II.1-h: the list has no other lines than those that tests look at", set(documented) ^ OURS)
done()
