#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A sleeping browser is woken through a push service that is not ours, and learns nothing but that there is something."""
import os
import subprocess
import xml.etree.ElementTree as ET

from lab import Lab, done, row
from push_service import PushService

NS = "urn:konsil:webpush:0"


def authority(directory):
    """A certificate for localhost, in a directory of the test's own, beside the lab's."""
    run = lambda *words: subprocess.run(("openssl",) + words, cwd=directory, check=True, capture_output=True)
    run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
        "/CN=push", "-addext", "subjectAltName=DNS:localhost", "-keyout", "push-key.pem", "-out", "push.pem")
    return os.path.join(directory, "push.pem"), os.path.join(directory, "push-key.pem")


lab = Lab()
certificate, key = authority(lab.dir)
service = PushService(certificate, key)
stranger = PushService(certificate, key)


def configure(server, domain=""):
    """konsild anew, with options for all and some for offen.example."""
    lab.stop()
    lab.settings(f"push: {{ {server} }};")
    path = os.path.join(lab.dir, "konsild.conf")
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(text.replace("protected = false;", "protected = false; push: { "
                                f'hosts = "localhost:{service.port}"; subject = "mailto:it@klinik.example"; {domain} }};'))
    lab.start()


configure(f'ca_file = "{certificate}"; private_addresses = true;')
anna, jonas = lab.account("anna", "offen.example"), lab.account("jonas", "offen.example")
J = lab.stream(jonas, "desk")


def ask(payload):
    """What anna's device asks her account, and then it is gone."""
    stream = lab.stream(anna, "browser")
    answer = stream.iq("set" if "subscribe" in payload else "get", payload)
    stream.close()
    return answer


def state():
    return ask(f"<webpush xmlns='{NS}'/>").find(f"{{{NS}}}webpush")


def subscribe(browser):
    return ask(f"<subscribe xmlns='{NS}' endpoint='{browser.endpoint}' p256dh='{browser.p256dh}' auth='{browser.auth}'/>")


def write(body, more=""):
    J.send(f"<message to='{anna}' type='chat' id='m'><body>{body}</body>{more}</message>")


vapid = state().get("key")
browser = service.subscribe(vapid)
answer = subscribe(browser)
row(answer.get("type") == "result" and state().get("registered") == "true", "a browser's endpoint and keys are registered",
    ET.tostring(answer))

# --- woken ---

sizes, texts, bodies = set(), set(), set()
for count, (body, more) in enumerate([("kurz", ""), ("x" * 3000, ""), ("laut", "<wake xmlns='urn:konsil:wake:0' level='high'/>"),
                                      ("", "")], 1):
    write(body, more)
    last = browser.wait(count)[-1]
    sizes.add(last.size)
    texts.add(last.text)
    bodies.add(last.body)
    if count == 3:
        row(last.urgency == "high", "PROTOCOL §3.3: what is urgent is urgent to the push service, too", last)
    state()  # anna was back, and is gone again
row(len(sizes) == 1, "DSK II.3-d in full, length: the push service sees one length for all messages", sizes)
row(texts == {'{"konsil":"wake"}'}, "DSK II.3-d in full, content: what the browser decrypts says that there is something, and nothing else", texts)
row(len(bodies) == count, "no two are encrypted alike", len(bodies))
row(last.claims.get("sub") == "mailto:it@klinik.example" and last.topic == "konsil" and last.ttl == 86400,
    "RFC 8292 §2.1, RFC 8030 §5.2, §5.4: with whom to write to, a topic and a lifetime", last)
row(not service.errors, "every request was signed with the server's key, for this push service, and decrypted", service.errors)
known = {"accept", "authorization", "content-encoding", "content-length", "content-type", "host", "topic", "ttl", "urgency"}
row(set(last.names) <= known, "and says in its headers nothing else", set(last.names) - known)

# --- what the push service answers ---

browser.answers, browser.retry_after = [429, 201], 1
count = len(browser.messages)
write("zu viele")
row([m.status for m in browser.wait(count + 2)[count:]] == [429, 201], "RFC 6585 §4: 429 is tried again", browser.messages)
state()
browser.answers = [307]
count = len(browser.messages)
write("umgeleitet")
browser.wait(count + 1)
lab.log.wait(lambda line: "push.refused status=307" in line, "the refusal in the log")
row(not service.errors, "RFC 8030 §8: a redirection is not followed", service.errors)
row(state().get("registered") == "true", "and the registration stays", "")
browser.answers = [410]
count = len(browser.messages)
write("vorbei")
browser.wait(count + 1)
lab.log.wait(lambda line: "push.gone" in line, "the end in the log")
row(state().get("registered") == "false", "RFC 8030 §7.3: 410 ends the registration", "")

# --- after a new start ---

subscribe(service.subscribe(vapid))
lab.kill()
lab.start()
J = lab.stream(jonas, "desk")
row(state().get("registered") == "true" and state().get("key") == vapid,
    "RFC 8292 §4: killed and started again, the key and the registrations are the same", "")

# --- where it may go ---

elsewhere = stranger.subscribe(vapid)
answer = subscribe(elsewhere)
row(answer.get("type") == "error" and answer.find(".//{*}not-allowed") is not None,
    "a push service that is not on the list is refused", ET.tostring(answer))
local = service.subscribe(vapid)
subscribe(local)
configure(f'ca_file = "{certificate}";')
J = lab.stream(jonas, "desk")
write("nach innen")
lab.log.wait(lambda line: "push.later status=0" in line, "the failure in the log")
row(not local.messages and not service.errors, "a name that leads into a private network is not asked", local.messages)
configure("private_addresses = true;")
J = lab.stream(jonas, "desk")
state()
write("ohne Zertifikat")
lab.log.wait(lambda line: "push.later status=0" in line, "the failure in the log")
row(not local.messages and not service.errors, "nor one whose certificate does not verify", local.messages)
configure(f'ca_file = "{certificate}"; private_addresses = true;', "enabled = false;")
J = lab.stream(jonas, "desk")
write("aus")
J.sync()
row(not local.messages, "DSK II.3-d in full, off: with push = off nothing leaves", local.messages)
configure(f'ca_file = "{certificate}"; private_addresses = true;')
J = lab.stream(jonas, "desk")
write("an")
row(len(local.wait()) == 1, "(control: with push = on it does)", local.messages)

# --- who asks ---

children = subprocess.run(["ps", "-o", "pid=,user=", "--ppid", str(lab.konsild.pid)], capture_output=True, text=True).stdout.split()
couriers = subprocess.run(["ps", "-o", "pid=", "--ppid", children[0]], capture_output=True, text=True).stdout.split()
with open(f"/proc/{couriers[0]}/status") as file:
    status = dict(line.split(":", 1) for line in file)
row(status["Seccomp"].strip() == "2" and status["NoNewPrivs"].strip() == "1" and int(status["CapEff"], 16) == 0,
    "the process that asks is under a filter of its own, without privileges", status)
os.kill(int(couriers[0]), 9)
state()
write("noch da?")
row(len(local.wait(2)) == 2, "killed, it is started anew, and devices are woken as before", local.messages)
lab.stop()
row(not os.path.exists(f"/proc/{children[0]}") or "zombie" in open(f"/proc/{children[0]}/status").read(),
    "and it ends with konsild", "")
done()
