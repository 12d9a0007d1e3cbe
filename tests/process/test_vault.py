# SPDX-License-Identifier: AGPL-3.0-or-later
"""The vault's server (doc/PROTOCOL.md §16) as konsild has it: tries over TLS, what administrators do, and that nothing
brings back what was destroyed: no restart, no copy of the database, no backup."""
import base64
import concurrent.futures
import glob
import hashlib
import http.client
import json
import os
import shutil
import socket
import ssl
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import ed25519
import wire
from lab import BUILD, Lab, done, row

VAULT = "{urn:konsil:vault:0}"
ANNA, JONAS = "anna@klinik.example", "jonas@klinik.example"
# RFC 9496 A.1: the generator of ristretto255, and five times it.
POINTS = [bytes.fromhex(point) for point in (
    "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76",
    "e882b131016b52c1d3337080187cf768423efccbb517bb495ab812c4160ff44e")]
lab = Lab(web=True)
for name in ("anna", "jonas"):
    lab.account(name)
context = ssl.create_default_context(cafile=lab.ca)
context.set_alpn_protocols(["http/1.1"])


def encoded(data):
    return base64.b64encode(data).decode()


def ask(path, body, media_type="application/json", method="POST"):
    """(status, the answer's JSON or bytes)"""
    host, port = "klinik.example", lab.https_port
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=wire.TIMEOUT, context=context)
    connection.sock = context.wrap_socket(socket.create_connection(("127.0.0.1", port), wire.TIMEOUT), server_hostname=host)
    try:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method, path, body=data, headers={"Host": f"{host}:{port}", "Content-Type": media_type})
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if answer.headers.get("Content-Type") == "application/json" else text
    finally:
        connection.close()


class Slot:
    """A device's lock."""

    def __init__(self, stream, kind="pin"):
        self.id, self.token, self.key, self.gen = os.urandom(16), os.urandom(32), ed25519.Key(os.urandom(32)), 0
        answer = stream.iq("set", f"<make xmlns='urn:konsil:vault:0' kind='{kind}' slot='{encoded(self.id)}' "
                           f"token='{encoded(hashlib.sha256(self.token).digest())}' confirm='{encoded(self.key.public)}'/>")
        self.made = answer.find(VAULT + "made")
        self.condition = None if self.made is not None else wire.condition(answer)

    def names(self, **more):
        return {"slot": encoded(self.id), "token": encoded(self.token), **more}

    def eval(self, point=POINTS[0], **other):
        return ask("/vault/eval", self.names(blinded=encoded(point), **other))

    def signature(self, nonce, gen):
        return encoded(self.key.sign(b"konsil/0 confirm\n" + struct.pack(">H", 16) + self.id + struct.pack(">H", 16) + nonce + struct.pack(">Q", gen)))

    def confirm(self):
        status, answer = self.eval()
        assert status == 200, (status, answer)
        self.gen += 1
        return ask("/vault/confirm", self.names(gen=self.gen, sig=self.signature(base64.b64decode(answer["nonce"]), self.gen)))


def login(name):
    return lab.stream(f"{name}@klinik.example")


def actions():
    return [entry["action"] for entry in lab.audit()]


anna, jonas = login("anna"), login("jonas")

# --- an unlock ---

slot = Slot(anna)
status, first = slot.eval()
row(status == 200 and hashlib.sha256(base64.b64decode(first["z"])).digest()[:8] == base64.b64decode(first["keyid"])
    and first["keyid"] == slot.made.get("keyid") and first["left"] == 9 and len(base64.b64decode(first["nonce"])) == 16,
    "§16.3: the generator evaluated is the key's public half, of which keyid is the hash", (status, first))
status, second = slot.eval(POINTS[1])
row(status == 200 and second["z"] != first["z"] and second["keyid"] == first["keyid"], "§16.3: another point is evaluated by the same key", (status, second))
status, answer = slot.confirm()
row(status == 200 and answer["gen"] == 1 and len(base64.b64decode(answer["ticket"])) == 32, "§16.4: a signature over the nonce confirms", (status, answer))
ticket = answer["ticket"]
row(slot.eval()[1]["left"] == 9, "§16.4: and gives all tries back")
row(ask("/vault/ticket", slot.names()) == (200, {"ticket": ticket}), "§16.5: the ticket is given again inside its window")
status, answer = slot.eval()
signature = slot.signature(base64.b64decode(answer["nonce"]), 2)
row(ask("/vault/confirm", slot.names(gen=2, sig=signature))[0] == 200, "(control: a confirmation)")
row(ask("/vault/confirm", slot.names(gen=2, sig=signature)) == (404, {"error": "unknown"}), "attack 42: which is good once")

# --- strangers ---

left = slot.eval()[1]["left"]
row(all(ask("/vault/eval", {"slot": encoded(slot.id), "token": encoded(os.urandom(32)), "blinded": encoded(POINTS[0])}) == (404, {"error": "unknown"}) for _ in range(20))
    and ask("/vault/eval", {"slot": encoded(os.urandom(16)), "token": encoded(slot.token), "blinded": encoded(POINTS[0])}) == (404, {"error": "unknown"}),
    "attack 41: without the token there is no slot")
row(slot.eval()[1]["left"] == left - 1, "attack 41: and no counter moves")
slot.confirm()
BAD = {
    "no JSON": b"{",
    "a list": b"[]",
    "a name twice": json.dumps(slot.names(blinded=encoded(POINTS[0]))).replace("{", '{"slot": "x", ', 1).encode(),
    "a name too much": slot.names(blinded=encoded(POINTS[0]), more=1),
    "a name too few": slot.names(),
    "a token that is too short": {**slot.names(blinded=encoded(POINTS[0])), "token": encoded(slot.token[1:])},
    "base64 without its end": {**slot.names(blinded=encoded(POINTS[0])), "token": encoded(slot.token).rstrip("=")},
    "a number": {**slot.names(blinded=encoded(POINTS[0])), "slot": 1},
    "the identity": slot.names(blinded=encoded(bytes(32))),
    "no point": slot.names(blinded=encoded(b"\xff" * 32)),
    "4,096 bytes": json.dumps(slot.names(blinded="A" * 4096))[:4096].encode(),
}
wrong = [what for what, body in BAD.items() if ask("/vault/eval", body) != (400, {"error": "malformed"})]
row(not wrong, "§16.3: what is malformed is refused: " + ", ".join(BAD), wrong)
row(ask("/vault/eval", b"A" * 4097)[0] == 413, "§16.3: 4,097 bytes are not read")
row(ask("/vault/eval", slot.names(blinded=encoded(POINTS[0])), media_type="text/plain") == (400, {"error": "malformed"}), "§16.3: it is said to be JSON")
row(ask("/vault/eval", b"", method="GET")[0] == 405 and ask("/vault/other", slot.names())[0] == 404, "§16.3: POST, and three names")
row(slot.eval()[1]["left"] == 9, "§16.3: and nothing of that counted")
for gen in (-1, 2**53, 1.5, "1"):
    assert ask("/vault/confirm", slot.names(gen=gen, sig=encoded(bytes(64)))) == (400, {"error": "malformed"}), gen
row(ask("/vault/confirm", slot.names(gen=2**53 - 1, sig=encoded(bytes(64)))) == (404, {"error": "unknown"}),
    "§16.4: a generation is a whole number from 0 to 2^53 - 1")

# --- ten tries ---

victim = Slot(jonas)
with concurrent.futures.ThreadPoolExecutor(12) as crowd:
    answers = list(crowd.map(lambda _: victim.eval(), range(100)))
row(sum(status == 200 for status, _ in answers) == 5 and sum(status == 429 and a["error"] == "wait" and 0 < a["seconds"] <= 5 for status, a in answers) >= 95,
    "DSK I.2-d part (a device's side): of a hundred at once five are evaluated, and then the wait begins (attack 40)", sorted((s for s, _ in answers)))
lab.stop()
lab.start()
status, answer = victim.eval()
row((status == 429 and answer["error"] == "wait") or (status == 200 and answer["left"] == 4), "attack 40: a restart gives nothing back", (status, answer))

# --- administrators ---

anna, jonas = login("anna"), login("jonas")
rows = json.loads(lab.ctl("--json", "vault", "list", ANNA).stdout)
row(len(rows) == 1 and rows[0]["slot"] == slot.id.hex() and rows[0]["state"] == "open" and rows[0]["unlocked_ms"] > 0 and "vault.list" in actions(),
    "§16.6: an administrator sees slots, and that is audited", rows)
device = rows[0]["device"]
row(lab.ctl("vault", "unlock", ANNA, slot.id.hex(), check=False).returncode == 1 and "vault.unlock" not in actions(),
    "§16.6: what is not locked is not unlocked, and nothing of that is said to have happened")
name = "tuesday"
made = json.loads(lab.ctl("--json", "vault", "backup", name).stdout)
row(made["slots"] == 2 and os.path.exists(made["file"]) and os.path.exists(made["key_file"]), "§16.8: the vault is backed up", made)
lab.stop()
data = lab.data
yesterday = os.path.join(lab.dir, "yesterday.db")
shutil.copy(os.path.join(data, "vault.db"), yesterday)
lab.start()
anna, jonas = login("anna"), login("jonas")
row(slot.eval()[0] == 200, "(control: before the wipe the slot answers)")
lab.ctl("vault", "wipe", ANNA, "--device", device)
row(slot.eval() == (410, {"error": "gone"}) and ask("/vault/ticket", slot.names()) == (410, {"error": "gone"}), "DSK III.3-b part (what a device erases itself): wiped: the key is gone, and the ticket, though the device knows nothing of it (§16.7)")
row("vault.wipe" in actions(), "§16.7: which is audited")
try:
    while True:
        anna.next()
except wire.Closed as end:
    row(end.args[0] == "not-authorized", "§16.7: and the device's session is ended", end)
row(victim.eval()[0] in (200, 429), "§16.7: somebody else's is there")

# --- nothing brings it back ---

for what in ("restart", "a copy of yesterday's database", "a restored backup"):
    lab.stop()
    if what != "restart":
        for path in glob.glob(os.path.join(data, "vault.db*")):
            os.remove(path)
    if what == "a copy of yesterday's database":
        shutil.copy(yesterday, os.path.join(data, "vault.db"))
    if what == "a restored backup":
        said = lab.ctl("vault", "restore", made["file"], "--key-file", made["key_file"], "--to", data).stdout
        row("2" in said and "1" in said, "§16.8: restore says how many slots are back, and how many of them destroyed", said)
    lab.start()
    row(slot.eval() == (410, {"error": "gone"}), f"attack 45: after {what} it is still gone", slot.eval())
status, answer = victim.eval()
row(status == 429 or (status == 200 and answer["left"] <= 4), "§16.8: what came back has used up five tries (control: the other slot is back)", (status, answer))
row(lab.ctl("vault", "restore", made["file"], "--key-file", made["key_file"], "--to", data, check=False).returncode == 1,
    "§16.8: a database that is there is not replaced")

old = json.loads(lab.ctl("--json", "vault", "backup", "last-week").stdout)
young = json.loads(lab.ctl("--json", "vault", "backup", "today").stdout)
for path in (old["file"], old["key_file"]):
    os.utime(path, (0, 0))
lab.ctl("reload")
row(not any(os.path.exists(old[name]) for name in ("file", "key_file")) and all(os.path.exists(young[name]) for name in ("file", "key_file")),
    "§16.8: a backup of the vault goes after a week, with its key, without a newer one (control: the one of today stays)")
row(any("vault_backups=1" in (entry.get("detail") or "") for entry in lab.audit()), "§16.8: which is in the audit log")
os.utime(young["file"], (0, 0)), os.utime(young["key_file"], (0, 0))
lab.ctl("reload")
row(not os.path.exists(young["file"]) and not os.path.exists(young["key_file"]), "§16.8: and the last one, too")

# --- what else ends a slot, and what does not ---

jonas = login("jonas")
lab.passwords[JONAS] = "ein anderes Wort"
lab.ctl("user", "passwd", JONAS, "--password-stdin", text=lab.passwords[JONAS] + "\n")
row(victim.eval()[0] in (200, 429), "§16.7: a new password does not end a slot: the device comes back")
lab.ctl("user", "disable", JONAS)
row(victim.eval() == (410, {"error": "gone"}), "§16.7: an account that is disabled has no slots of devices any more", victim.eval())
lab.ctl("user", "enable", JONAS)
row(victim.eval() == (410, {"error": "gone"}), "§16.7: and does not have them again when it is enabled")
jonas = login("jonas")
revoked, kept = Slot(jonas), Slot(jonas, "account")
device = next(d["device"] for d in json.loads(lab.ctl("--json", "sessions", "list", JONAS).stdout))
lab.ctl("devices", "revoke", JONAS, "--device", device)
row(revoked.eval() == (410, {"error": "gone"}) and kept.eval()[0] == 200, "§16.7: a device that is put out has no slot; the account slot stays")
lab.ctl("user", "delete", JONAS)
row(kept.eval() == (410, {"error": "gone"}), "§16.7: until the account is deleted")

# --- what lies on the disk ---

lab.stop()
tombs = os.path.join(data, "vault.tombs")
content = open(tombs, "rb").read()
row(content.count(slot.id) >= 1 and len(content) % 16 == 0, "§16.7: the tombstone is on the disk, and it is the slot's id")
os.rename(tombs, tombs + ".away")
refused = subprocess.run([os.path.join(BUILD, "cmd", "konsild"), "--config", "konsild.conf"], cwd=lab.dir, capture_output=True, text=True, timeout=wire.TIMEOUT)
row(refused.returncode != 0 and "vault.tombs" in refused.stderr, "§16.8: without its tombstones konsild does not start, and says what is missing", refused)
os.rename(tombs + ".away", tombs)
lab.start()
row(slot.eval() == (410, {"error": "gone"}), "(control: with them it does)")
lab.stop()
for path in glob.glob(os.path.join(data, "vault.db*")):
    os.remove(path)
shutil.copy(yesterday, os.path.join(data, "vault.db"))
open(tombs, "wb").write(content[:16])
lab.start()
row(slot.eval()[0] == 200, "(control: without a tombstone yesterday's copy would open again)")
lab.stop()
open(tombs, "wb").write(content)
lab.start()

# --- a new directory, out of konsild's own backup ---

late = Slot(login("anna"))
whole = json.loads(lab.ctl("--json", "backup", "whole").stdout)
keys = json.loads(lab.ctl("--json", "vault", "backup", "keys").stdout)
row(late.confirm()[0] == 200, "(control: when the backups are made a slot is there)")
lab.ctl("vault", "wipe", ANNA)
living = Slot(login("anna"))
row(living.confirm()[0] == 200, "(control: a slot that is in neither backup)")
lab.stop()
former = data + ".former"
os.rename(data, former)
for one in (whole, keys):
    for name in ("file", "key_file"):
        one[name] = one[name].replace(data, former)
said = lab.ctl("restore", whole["file"], "--key-file", whole["key_file"], "--to", data)
row("konsilctl vault restore" in said.stdout and not os.path.exists(os.path.join(data, "vault.db")), "§16.1: konsild's own backup has no vault in it, and restore says so", said)
refused = lab.ctl("vault", "restore", keys["file"], "--key-file", keys["key_file"], "--to", data, check=False)
row(refused.returncode == 1 and "vault.tombs" in refused.stderr and not os.path.exists(os.path.join(data, "vault.db")),
    "§16.8: the vault is not restored without its tombstones", refused)
shutil.copy(os.path.join(former, "vault.tombs"), data)
lab.ctl("vault", "restore", keys["file"], "--key-file", keys["key_file"], "--to", data)
lab.start()
row(late.eval() == (410, {"error": "gone"}) and living.eval() == (404, {"error": "unknown"}),
    "attack 45: in a directory made of two backups what was wiped since is gone, and what is in neither is unknown", (late.eval(), living.eval()))

done()
