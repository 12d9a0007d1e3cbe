# SPDX-License-Identifier: AGPL-3.0-or-later
"""When an administrator puts a device out, nothing of it is left that could be used: not its session, nor what it would
resume it by; not its token; nobody wakes it; and a slot that it was given takes no file."""
import base64
import hashlib
import hmac
import json
import os
import sys
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "interop")]
import wire
from curl import curl
from lab import Lab, done, row

SASL2, FAST, SM, BIND2 = "urn:xmpp:sasl:2", "urn:xmpp:fast:0", "urn:xmpp:sm:3", "urn:xmpp:bind:0"
UPLOAD = "{urn:xmpp:http:upload:0}"
ANNA = "anna@klinik.example"
lab = Lab(web=True)
lab.account("anna")


def encoded(data):
    return base64.b64encode(data).decode()


def authenticate(stream, mechanism, first, more):
    """XEP-0388: what the server says to it."""
    stream.send(f"<authenticate xmlns='{SASL2}' mechanism='{mechanism}'><initial-response>{encoded(first)}</initial-response>{more}</authenticate>")
    answer = stream.next()
    while answer.tag == wire.STREAM + "features":
        answer = stream.next()
    return answer


class Device:
    """One installation of hers."""

    def __init__(self):
        self.agent = str(uuid.uuid4())
        self.stream = stream = wire.Stream(lab, "klinik.example")
        bare = f"n=anna,r={encoded(os.urandom(18))}"
        inside = (f"<user-agent id='{self.agent}'/><request-token xmlns='{FAST}' mechanism='HT-SHA-256-ENDP'/>"
                  f"<bind xmlns='{BIND2}'><tag>t</tag><enable xmlns='{SM}' resume='true'/></bind>")
        challenge = base64.b64decode(authenticate(stream, "SCRAM-SHA-256", b"n,," + bare.encode(), inside).text).decode()
        parts = dict(part.split("=", 1) for part in challenge.split(","))
        salted = hashlib.pbkdf2_hmac("sha256", lab.passwords[ANNA].encode(), base64.b64decode(parts["s"]), int(parts["i"]))
        key, without = hmac.digest(salted, b"Client Key", "sha256"), f"c=biws,r={parts['r']}"
        signature = hmac.digest(hashlib.sha256(key).digest(), ",".join((bare, challenge, without)).encode(), "sha256")
        proof = encoded(bytes(a ^ b for a, b in zip(key, signature)))
        stream.send(f"<response xmlns='{SASL2}'>{encoded(f'{without},p={proof}'.encode())}</response>")
        success = stream.next()
        assert success.tag == f"{{{SASL2}}}success", success
        self.token = success.find(f"{{{FAST}}}token").get("token")
        self.sm = success.find(f".//{{{SM}}}enabled").get("id")
        stream.jid = success.findtext(f"{{{SASL2}}}authorization-identifier")
        stream.next()  # features

    def by_token(self, inside=""):
        """(what the server says to the token, the stream)"""
        stream = wire.Stream(lab, "klinik.example")
        channel = hashlib.sha256(stream.socket.getpeercert(True)).digest()  # RFC 5929 §4.1
        proof = hmac.digest(self.token.encode(), b"Initiator" + channel, "sha256")
        return authenticate(stream, "HT-SHA-256-ENDP", b"anna\0" + proof, f"<user-agent id='{self.agent}'/><fast xmlns='{FAST}'/>{inside}"), stream

    def slot(self, content):
        answer = self.stream.iq("get", f"<request xmlns='urn:xmpp:http:upload:0' filename='x.bin' size='{len(content)}'/>", to="klinik.example")
        put = answer.find(f"{UPLOAD}slot/{UPLOAD}put")
        return put.get("url"), put.find(f"{UPLOAD}header").text

    def register(self):
        answer = self.stream.iq("set", f"<enable xmlns='urn:xmpp:push:0' jid='{ANNA}/{self.agent}' node='n'/>")
        assert answer.get("type") == "result", answer


def put(slot, content):
    return curl(lab, slot[0], "--request", "PUT", "--data-binary", "@-", "--header", f"Authorization: {slot[1]}", data=content).status


def registrations():
    return len(json.loads(lab.ctl("--json", "push", "list", ANNA).stdout))


def device_of(device):
    """As konsilctl names it."""
    sessions = json.loads(lab.ctl("--json", "sessions", "list", ANNA).stdout)
    sessions = sessions["sessions"] if isinstance(sessions, dict) else sessions
    return next(s["device"] for s in sessions if s["resource"] == device.stream.jid.split("/", 1)[1])


CONTENT = os.urandom(4000)
for command, words in (("sessions kill", lambda d: ("sessions", "kill", ANNA, "--resource", d.stream.jid.split("/", 1)[1])),
                       ("devices revoke", lambda d: ("devices", "revoke", ANNA, "--device", device_of(d)))):
    out, other = Device(), Device()
    out.register(), other.register()
    before, slots = registrations(), (out.slot(CONTENT), out.slot(CONTENT), other.slot(CONTENT))
    row(put(slots[0], CONTENT) == 201, f"{command}: (control: a slot of the device is good before)")
    row(out.by_token()[0].tag == f"{{{SASL2}}}success", "(control: so is its token)")
    detached = out.sm
    lab.ctl(*words(out))
    try:
        while True:
            out.stream.next()
    except wire.Closed as end:
        row(end.args[0] == "reset", f"{command}: its stream ends", end)
    answer, _ = out.by_token()
    row(answer.tag == f"{{{SASL2}}}failure", f"XEP-0484 §3.5: after {command} its token is good for nothing", answer.tag)
    stream = wire.Stream(lab, "klinik.example")
    stream.scram_final(lab.passwords[ANNA], *stream.scram_first("anna"))
    stream.open()
    stream.send(f"<resume xmlns='{SM}' h='0' previd='{detached}'/>")
    answer = stream.next()
    row(answer.tag == f"{{{SM}}}failed" and wire.condition(answer) == "item-not-found", "XEP-0198 §5: its session is resumed by nobody", answer.tag)
    row(put(slots[1], CONTENT) == 403, f"XEP-0363 §7: a slot that it was given before {command} takes no file")
    row(before > 0 and registrations() == before - 1,
        f"DSK II.3-b in full: and with {command} its push registration goes, so that nobody wakes it any more (control: her other device's stays)", registrations())
    row(other.by_token()[0].tag == f"{{{SASL2}}}success" and put(slots[2], CONTENT) == 201, "her other device has all of that as before")
    other.stream.send("</stream:stream>")
row(lab.stop() == 0, "konsild ends in order")
done()
