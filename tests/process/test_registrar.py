# SPDX-License-Identifier: AGPL-3.0-or-later
"""The hospital admits devices: konsil-ca beside konsild, operators at konsilctl, people at konsil; all of them the real ones."""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "interop")]
from hospital import Hospital, Registrar, enrol
from lab import done, row

hospital = Hospital()
at, ctl, invite = hospital.at, hospital.ctl, hospital.invite
row(sorted(os.listdir(at("ca"))) == ["issuing.key", "issuing.pem", "root.pem", "signer.key", "signer.pem"],
    "ca issuing makes what the registrar needs", os.listdir(at("ca")))
verified = subprocess.run(["openssl", "verify", "-CAfile", at("ca", "root.pem"), at("ca", "signer.pem")], capture_output=True, text=True)
row(verified.returncode == 0, "openssl: the signer's certificate is by the root", verified.stderr)

lab = hospital.start("anna", "jonas", "clara")
row(True, "konsil-ca connects outwards, by its certificate, and is let in")
said = ctl("ca", "invite", "anna@klinik.example", "--name", "Dr. Anna Brandt", "--profession", "Ärztin", "--department", "Kardiologie")
print("\n".join("# " + line for line in said.stdout.splitlines()))
row("einmal gültig" in said.stdout and "https://klinik.example/e#" in said.stdout, "ca invite says what to do with the link", said.stdout)
link = [line for line in said.stdout.splitlines() if line.startswith("https://")][0]
anna = lab.konsil("anna@klinik.example")
event = enrol(anna, link)
row(event["state"] == "certified" and event["name"] == "Dr. Anna Brandt" and event["department"] == "Kardiologie",
    "a device enrols by it, and its person sees whom the hospital takes for its owner", event)
jonas = lab.konsil("jonas@klinik.example")
answer = jonas.do("enrol", link=link)
row(answer["event"] == "error" and answer["code"] == "enrol.other", "the link is good for nobody else's account", answer)
event = enrol(jonas, invite("jonas@klinik.example", "Jonas Weber")["link"])
row(event["state"] == "certified", "a colleague enrols", event)
anna.send("jonas@klinik.example", "Befund ist da")
jonas.wait_body("Befund ist da")
jonas.send("anna@klinik.example", "danke")
anna.wait_body("danke")
row(True, "they write to each other")
device = anna.wait("devices_changed", lambda e: e["jid"] == "jonas@klinik.example" and e["devices"][0].get("genuine") == "genuine")["devices"][0]
row(device["name"] == "Jonas Weber", "with names that the hospital vouches for", device)

# a second device of an account: one operator alone cannot
tablet = lab.konsil("jonas@klinik.example", directory=os.path.join(lab.dir, "tablet"))
answer = invite("jonas@klinik.example", "Jonas Weber")
row(answer["waits"], "for another device of an account a second operator has to agree", answer)
event = enrol(tablet, answer["link"])
row(event["state"] == "pending" and event["reason"] == "enrol.waits", "until then the device waits, and says why", event)
refused = ctl("ca", "approve", "jonas@klinik.example", check=False)
row(refused.returncode == 1 and "nicht selbst zustimmen" in refused.stderr, "who invited cannot agree himself", refused)
anna.send("jonas@klinik.example", "nur an bestätigte Geräte")
jonas.wait_body("nur an bestätigte Geräte")
warned = anna.wait("warning", lambda e: e["code"] == "device.uncertified")
row(warned["jid"] == "jonas@klinik.example", "a device without a certificate gets no key, and who wrote is told", warned)
rows = [r for r in lab.audit() if r["action"] == "device.uncertified"]
row([(r["actor"], r["subject"]) for r in rows] == [("anna@klinik.example", "jonas@klinik.example")],
    "DSK I.4-d: the audit log has it, with who saw it", rows)
row(not [e for e in tablet.events("message") if e["message"].get("body") == "nur an bestätigte Geräte"], "it read nothing")

print("\n".join("# " + line for line in ctl("ca", "devices").stdout.splitlines()))
devices = hospital.devices()
row([(d["jid"], d["state"]) for d in devices] == [("anna@klinik.example", "good"), ("jonas@klinik.example", "good")],
    "ca devices: who has which", devices)

# revocation
jonas.forget("connection")
number = [d["device"] for d in devices if d["jid"] == "jonas@klinik.example"][0]
revoked = ctl("ca", "revoke", "jonas@klinik.example", "--device", str(number))
row("enden in wenigen Sekunden" in revoked.stdout, "ca revoke says what happens", revoked)
jonas.wait("connection", lambda e: e["state"] == "offline")
row(True, "its session ends")
clara = lab.konsil("clara@klinik.example")
enrol(clara, invite("clara@klinik.example", "Clara Meier")["link"])
message = clara.send("jonas@klinik.example", "zu spät")
state = clara.wait("message_state", lambda e: e["message"] == message and e["state"] == "failed"
                   or e["message"] == message and e["recipients"][0].get("reason"))
row(state["state"] != "delivered", "and nobody encrypts to it any more", state)
crl = at("konsil.crl")
ctl("ca", "crl", crl)
text = subprocess.run(["openssl", "crl", "-inform", "DER", "-in", crl, "-noout", "-text"], capture_output=True, text=True).stdout
row(text.count("Serial Number:") == 1, "openssl reads the list of revoked certificates", text[:300])

# both are killed and begin again
hospital.registrar.kill()
lab.kill()
lab.start()
hospital.registrar = Registrar(hospital)
again = hospital.devices()
row([d["state"] for d in again] == ["good", "good", "revoked"] or sorted(d["state"] for d in again) == ["good", "good", "revoked"],
    "killed and begun again, both know what they knew", again)
anna.send("clara@klinik.example", "noch da")
clara.wait_body("noch da")
row(True, "and people go on")
secret = open(at("ca", "issuing.key"), "rb").read().split(b"\n")[1]
found = subprocess.run(["grep", "-rlaF", secret.decode(), lab.dir], capture_output=True, text=True).stdout
row(not found and subprocess.run(["grep", "-rlaF", secret.decode(), at("ca")], capture_output=True).stdout,
    "the issuing key lies in the registrar's directory, and nowhere with konsild", found)
done()
