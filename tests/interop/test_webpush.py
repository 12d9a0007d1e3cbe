#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Web Push at a push service of parts that others wrote (tests/peers/webpush.mjs: http_ece and web-push, from npm, under
Node): whatever it is that somebody is woken for, it sees the same. test_push.py has what konsild does besides."""
import json
import os
import subprocess
import xml.etree.ElementTree as ET

import npm
from lab import HERE, Lab, Lines, done, row, skip

NS = "urn:konsil:webpush:0"
MUC, USER, ADMIN, OWNER = (f"http://jabber.org/protocol/muc{part}" for part in ("", "#user", "#admin", "#owner"))
ROOM = "visite@rooms.offen.example"
RETRY_S = 45  # longer than konsild waits by itself before the second try (push.c: 30 s and a quarter)
modules = npm.install("npm-webpush", "web-push@3.6.7")
if not modules:
    skip("RFC 8030: a push service of others' parts takes what konsild sends", "npm cannot install web-push here")
    done()

lab = Lab()
certificate, key = os.path.join(lab.dir, "push.pem"), os.path.join(lab.dir, "push-key.pem")
subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=push",
                "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate], check=True, capture_output=True)
process = subprocess.Popen(["node", os.path.join(HERE, "..", "peers", "webpush.mjs"), certificate, key], stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE, stderr=lab.errors, env=dict(os.environ, MODULES=modules))
lab.processes.append(process)
lines = Lines(process.stdout, json.loads)
port = lines.wait(lambda e: e["event"] == "ready", "the push service")["port"]


def service(cmd, answer, **fields):
    process.stdin.write(json.dumps({"cmd": cmd, **fields}).encode() + b"\n")
    process.stdin.flush()
    return lines.wait(lambda e: e["event"] == answer, cmd)


def pushed(browser):
    """The next one for it."""
    return lines.wait(lambda e: e["event"] == "refused" or (e["event"] == "push" and e["id"] == browser["id"]), "a push")


lab.stop()
lab.of = {"offen.example": f'push: {{ hosts = "localhost:{port}"; subject = "mailto:it@klinik.example"; }};'}
lab.settings(f'push: {{ ca_file = "{certificate}"; private_addresses = true; }};')
lab.start()
anna, jonas, clara = (lab.account(local, "offen.example") for local in ("anna", "jonas", "clara"))


def ask(jid, payload):
    """What a device of hers asks, and then it is gone."""
    stream = lab.stream(jid, "browser")
    answer = stream.iq("set" if "subscribe" in payload else "get", payload)
    stream.close()
    return answer


def state(jid):
    return ask(jid, f"<webpush xmlns='{NS}'/>").find(f"{{{NS}}}webpush")


def subscribe(jid):
    browser = service("subscribe", "subscribed", key=state(jid).get("key"))
    answer = ask(jid, f"<subscribe xmlns='{NS}' endpoint='{browser['endpoint']}' p256dh='{browser['p256dh']}' auth='{browser['auth']}'/>")
    assert answer.get("type") == "result", ET.tostring(answer)
    return browser


control = service("subscribe", "subscribed", key="")
sent = service("send", "sent", id=control["id"], text="von web-push")
seen = pushed(control)
row(sent["status"] == 201 and seen["event"] == "push" and seen["text"] == "von web-push",
    "(control: what the library web-push sends is taken and decrypted)", (sent, seen))

# --- asked to wait; meanwhile the rest ---

J, clara_browser = lab.stream(jonas, "desk").available(), subscribe(clara)
service("answers", "answers", id=clara_browser["id"], answers=[[429, RETRY_S], [201]])
J.send(f"<message to='{clara}' type='chat' id='c'><body>zu viele</body></message>")
late = pushed(clara_browser)
row(late["event"] == "push" and late["status"] == 429, "RFC 8292, RFC 8291: what konsild sends is signed and encrypted as others know it", late)

# --- whatever it is ---

J.send(f"<presence to='{ROOM}/Jonas'><x xmlns='{MUC}'/></presence>")
J.wait(lambda e: e.get("from") == f"{ROOM}/Jonas")
J.iq("set", f"<query xmlns='{OWNER}'><x xmlns='jabber:x:data' type='submit'/></query>", ROOM)
J.iq("set", f"<query xmlns='{ADMIN}'><item jid='{anna}' affiliation='member'/></query>", ROOM)
browser = subscribe(anna)
sealed = "<encrypted xmlns='urn:xmpp:omemo:2'><header sid='7'><keys jid='{}'><key rid='8'>{}</key></keys></header><payload>{}</payload></encrypted>"
reasons = {
    "a direct message": f"<message to='{anna}' type='chat' id='r1'><body>kurz</body></message>",
    "a long one": f"<message to='{anna}' type='chat' id='r2'><body>{'lang ' * 2000}</body></message>",
    "an encrypted one": f"<message to='{anna}' type='chat' id='r3'>{sealed.format(anna, 'QUJD', 'QUJD' * 500)}</message>",
    "a room's message": f"<message to='{ROOM}' type='groupchat' id='r4'><body>an alle</body></message>",
    "a room's encrypted message": f"<message to='{ROOM}' type='groupchat' id='r5'>{sealed.format(anna, 'QUJD', 'QUJD' * 500)}</message>",
    "a room's invitation (XEP-0045 §7.8.2)": f"<message to='{ROOM}' id='r6'><x xmlns='{USER}'><invite to='{anna}'><reason>komm</reason></invite></x></message>",
    "an invitation (XEP-0249)": f"<message to='{anna}' id='r7'><x xmlns='jabber:x:conference' jid='{ROOM}'/></message>",
}
seen = {}
for what, stanza in reasons.items():
    J.send(stanza)
    seen[what] = pushed(browser)
    state(anna)  # she was back, and is gone again
one = next(iter(seen.values()))
row(all(push["event"] == "push" for push in seen.values()), "each of them wakes: " + ", ".join(seen), seen)
row({push.get("size") for push in seen.values()} == {one.get("size")},
    "DSK II.3-d in full, length: a direct message, a room's message and an invitation are bodies of one length", seen)
row({push.get("head") for push in seen.values()} == {one.get("head")} and {(push.get("urgency"), push.get("topic"), push.get("ttl")) for push in seen.values()}
    == {("normal", "konsil", 86400)}, "DSK II.3-d in full, length: with the same fields, as long", seen)
row({push.get("text") for push in seen.values()} == {'{"konsil":"wake"}'}, "DSK II.3-d in full, content: of which a browser decrypts that there is something", seen)

J.send(f"<message to='{anna}' type='chat' id='r8'><body>laut</body><wake xmlns='urn:konsil:wake:0' level='high'/></message>")
loud = pushed(browser)
row(loud.get("urgency") == "high" and loud["head"] != one["head"] and loud["size"] == one["size"],
    "(control: what is urgent is told apart by its fields, and by nothing else)", loud)
state(anna)

# --- what the service answers ---

service("answers", "answers", id=browser["id"], answers=[[410]])
J.send(f"<message to='{ROOM}' type='groupchat' id='g1'><body>vorbei</body></message>")
gone = pushed(browser)
lab.log.wait(lambda line: "push.gone" in line, "the end in the log")
row(gone.get("status") == 410 and state(anna).get("registered") == "false", "RFC 8030 §7.3: 410 ends the registration", gone)
again = subscribe(anna)
J.send(f"<message to='{anna}' type='chat' id='g2'><body>und weiter</body></message>")
row(pushed(again).get("id") == again["id"], "and the next subscription of the device is woken")
second = pushed(clara_browser)
row(second.get("status") == 201 and second["at_ms"] - late["at_ms"] >= RETRY_S * 1000,
    f"RFC 9110 §10.2.3: told to come again after {RETRY_S} s it comes, and not before", (late, second))
process.stdin.close()
row(process.wait(60) == 0 and not any(e["event"] == "refused" for e in lines.all), "there was nothing that the service had to refuse", lines.all)
row(sum(e["event"] == "push" and e["id"] == browser["id"] for e in lines.all) == len(reasons) + 2,
    "and the subscription that was gone was never asked again", lines.all)
row(lab.stop() == 0, "konsild ends in order")
done()
