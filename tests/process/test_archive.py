# SPDX-License-Identifier: AGPL-3.0-or-later
"""The archive and signed messages, as people use them: a phone is lost, its person gets a new one, and everything is back; an
order is signed, saved as a file, and checked by konsil verify and OpenSSL. konsild, konsil-ca and konsil are the real ones."""
import base64
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "interop")]
from hospital import Hospital, enrol
from lab import BUILD, PASSPHRASE, TIMEOUT, canary, done, row

ANNA, JONAS = "anna@klinik.example", "jonas@klinik.example"
hospital = Hospital()
lab = hospital.start("anna", "jonas")
anna, jonas = hospital.certified(ANNA, "Dr. Anna Brandt"), hospital.certified(JONAS, "Jonas Weber")
anna.wait("archive", lambda e: e["state"] == "open")
row(True, "a certified device has an archive without anybody's doing")

WORD = canary()
said = [f"Befund {n} {WORD}" for n in range(12)]
for n, body in enumerate(said):
    (anna if n % 2 else jonas).send(JONAS if n % 2 else ANNA, body)
    (jonas if n % 2 else anna).wait_body(body)

# signed
jonas.forget("message")
number = anna.do("sign", to=JONAS, kind="order", body=f"Heparin 5000 IE {WORD}", case_number="F-2026-0815")["message"]
order = jonas.wait("message", lambda e: e["message"].get("signed_as") == "order")["message"]
row(order["signature"] == "valid" and order["case_number"] == "F-2026-0815", "DSK II.2-b: a signed order arrives as one, with its case", order)
acknowledged = jonas.do("sign", to=ANNA, kind="ack", body="Gelesen und übernommen.", about=[order["message"]])
seen = anna.wait("message", lambda e: e["message"].get("signed_as") == "ack")["message"]
row(seen["signature"] == "valid", "and is acknowledged, signed too", seen)
exported = jonas.do("signed_file", conversation=ANNA, message=order["message"])
at = lambda name: os.path.join(lab.dir, name)
open(at("order.p7m"), "wb").write(base64.b64decode(exported["file"]))
open(at("order.checkpoint"), "w").write(exported["checkpoint"])
jonas.close()


def verify(name, *words):
    return subprocess.run([os.path.join(BUILD, "cmd", "konsil"), "verify", at(name), "--root", hospital.at("ca", "root.pem"), "--lang", "de", *words],
                          capture_output=True, text=True, timeout=TIMEOUT)


def openssl(name):
    return subprocess.run(["openssl", "cms", "-verify", "-inform", "DER", "-in", at(name), "-CAfile", hospital.at("ca", "root.pem"), "-purpose", "any"],
                          capture_output=True, timeout=TIMEOUT)


told = verify("order.p7m", "--checkpoint", at("order.checkpoint"))
row(told.returncode == 0 and f"Heparin 5000 IE {WORD}" in told.stdout and "Dr. Anna Brandt" in told.stdout and JONAS in told.stdout,
    "the receiver's file is accepted by konsil verify, offline", told)
other = openssl("order.p7m")
row(other.returncode == 0 and WORD.encode() in other.stdout, "and by openssl cms", other)
changed = bytearray(open(at("order.p7m"), "rb").read())
changed[changed.index(b"Heparin 5000") + 8] ^= 1
open(at("changed.p7m"), "wb").write(changed)
row(verify("changed.p7m").returncode != 0 and openssl("changed.p7m").returncode != 0, "one changed byte, and neither does", verify("changed.p7m"))

# the phone is lost
answer = anna.do("archive_recovery")
row(answer["event"] == "archive_recovery" and len(answer["text"]) == 32, "a recovery key is told, for paper", answer)
while anna.do("archive").get("waiting"):  # the server says when it has it, and each answer of the engine's comes after some of that
    pass
paper = answer["text"]
device = [d["device"] for d in hospital.devices() if d["jid"] == ANNA][0]
anna.kill()
hospital.ctl("ca", "revoke", ANNA, "--device", str(device))

fresh = hospital.certified(ANNA, "Dr. Anna Brandt", directory=os.path.join(lab.dir, "fresh"))
fresh.wait("archive", lambda e: e["state"] == "shut")
row(fresh.history(JONAS) == [], "a new phone has nothing, and says that there is an archive")
wrong = fresh.do("archive_open", recovery=("0" if paper[0] != "0" else "1") + paper[1:])
row(wrong["event"] == "error" and wrong["code"] in ("archive.key_typed", "archive.key_wrong"), "a letter typed wrong is told", wrong)
opened = fresh.do("archive_open", recovery=paper)
row(opened["event"] == "result", "the recovery key opens it", opened)
last = fresh.wait("archive", lambda e: e.get("restored") and not e.get("restoring"))
bodies = [m.get("body") for m in fresh.history(JONAS)]
row(bodies == said + [f"Heparin 5000 IE {WORD}", "Gelesen und übernommen."], "DSK I.9-c: everything is back, once, in its order", bodies)
back = [m for m in fresh.history(JONAS) if m.get("signed_as") == "order"]
row(len(back) == 1 and back[0]["signature"] in ("valid", "revoked_later"), "the order is one still", back)
row(last["restored"] == 14, "and how many came back is told", last)
jonas.start()
jonas.send(ANNA, "willkommen zurück")
fresh.wait_body("willkommen zurück")
row(True, "people write to the new phone")

found = subprocess.run(["grep", "-rlaF", WORD, lab.data], capture_output=True, text=True).stdout
control = subprocess.run(["grep", "-rlaF", WORD, lab.dir], capture_output=True, text=True).stdout
row(not found and at("order.p7m") in control, "konsild has nothing of what was said (positive control: it is found in the file that was saved)", found)
done()
