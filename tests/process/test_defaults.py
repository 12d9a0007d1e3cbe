# SPDX-License-Identifier: AGPL-3.0-or-later
"""What holds where nobody decided anything: of a konsild with nothing in its settings but where things are, as it says itself
while it runs, and of a new konsil, as it behaves. Both are compared with files under version control, line by line."""
import difflib
import json
import os
import re
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from lab import Lab, done, open_to_others, row

HERE = os.path.dirname(os.path.abspath(__file__))
UNITS = {"ms": 0.001, "s": 1, "min": 60, "h": 3600, "d": 86400, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

lab = Lab()
anna, berta = lab.account("anna"), lab.account("berta")


def golden(path):
    with open(os.path.join(HERE, path), encoding="utf-8") as file:
        return [line for line in file.read().splitlines() if not line.startswith("#")]


def meant(text):
    """A value of defaults.txt as konsild's report has it: a text is there or not, a number is in seconds or bytes."""
    text = re.sub(r" \(in a domain that is not protected: .*\)$", "", text)
    if text.startswith('"'):
        return "set" if text != '""' else ""
    if text in ("true", "false"):
        return text == "true"
    number = re.fullmatch(r"(-?\d+)(?: (\w+))?", text)
    return int(number[1]) * UNITS.get(number[2], 1) if number else text


# --- konsild ---



def in_force():
    """(klinik.example as konsild reports it, {option: its value and whether it is as it comes}); what the edge reads is not in it."""
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(os.path.join(lab.dir, "control"))
        control.sendall(b'{"v":1,"command":"evidence.facts"}\n')
        report = json.loads(control.makefile().readline())["result"]
    found = next(one for one in report["domains"] if one["name"] == "klinik.example")
    return found, {**report["options"], **found["options"]}


def others(options):
    return {name: (one["value"], wanted[name]) for name, one in options.items()
            if name in wanted and not (one["default"] and one["value"] == meant(wanted[name]))}


domain, options = in_force()
wanted = dict(line.split(" = ", 1) for line in golden("../tree/defaults.txt"))
missing = [name for name in options if name not in wanted]
row(len(options) > 60 and not missing, "DSK I.12-a part (the web app): each setting of a running konsild stands in tests/tree/defaults.txt", missing)
row(domain["protected"] and wanted["protected"] == "true" and not others(options),
    "DSK I.12-a part (the web app): and what is in force on a fresh install is what stands there", others(options))
lab.of["klinik.example"] = "presence: { broadcast = true; };"
lab.settings('retention: { log = "14 d"; };')
lab.ctl("reload")
row(set(others(in_force()[1])) == {"presence.broadcast", "retention.log"}, "(control: what somebody set is seen)", others(in_force()[1]))
lab.of.clear()
lab.settings()
lab.ctl("reload")

# --- konsil ---

A, B = lab.konsil(anna, connect=False), lab.konsil(berta)
before = A.do("state")
A.do("connect", jid=anna, password=lab.passwords[anna], host="127.0.0.1", port=lab.port)
A.wait("ready")
sent = A.send(berta, "Bett 12?")
B.wait_body("Bett 12?")
A.wait_state(sent, "delivered")
B.do("mark_read", conversation=anna)
B.send(anna, "Ja.")  # goes behind what reading would have said
A.wait_body("Ja.")
told = [event["state"] for event in A.events("message_state") if event["message"] == sent]
wire = lab.stream(berta, "wire").available()
wire.sync()
seen = [element for element in wire.waiting if element.tag.endswith("presence") and (element.get("from") or "").startswith(anna)]
state = A.do("state")
colleagues = A.do("devices", jid=berta)["devices"]


def say(value):
    return json.dumps(value, ensure_ascii=False)


lines = [
    f"connection before anybody asked = {say(before['connection'])}",
    f"others are told what was read = {say(state.get('tell_read', False) or 'read' in told)}",
    f"others are told that it arrived = {say('delivered' in told)}",
    f"others see the presence of this device = {say(bool(seen))}",
    f"contacts pinned = {say([c['jid'] for c in A.do('contacts')['contacts'] if c.get('pinned')])}",
    f"bookmarks = {say(A.do('bookmarks')['bookmarks'])}",
    f"rooms = {say(A.do('rooms')['rooms'])}",
    f"transfers = {say(A.do('transfers')['transfers'])}",
    f"push is registered = {say(A.do('push').get('registered', False))}",
    f"own picture = {say(A.do('avatar', jid=anna).get('image', ''))}",
    f"trust in a colleague's first device = {say(sorted({d['trust'] for d in colleagues}))}",
    f"encryption = {say(sorted({d['encryption'] for d in colleagues}))}",
    f"files of the profile that others may read = {say(open_to_others(A.dir))}",
    f"saved files = {say([name for name in os.listdir(A.dir) if not re.fullmatch(r'(store|vault|lock)[-.a-z]*', name)])}",
]
ended = A.close()
A.start(connect=False)
lines.insert(1, f"logs in without the password after a restart = {say(A.do('state').get('remembered', False))}")
A.connect()
differs = list(difflib.unified_diff(golden("defaults_konsil.txt"), lines, lineterm="", n=0))
row(not differs, "DSK I.12-a part (the web app): a new konsil does and tells what tests/process/defaults_konsil.txt says, line by line", "\n".join(differs))
B.do("settings", tell_read=True)
asked = A.send(berta, "Bett 13?")
B.wait_body("Bett 13?")
B.do("mark_read", conversation=anna)
A.wait_state(asked, "read")
row(B.do("state")["tell_read"], "(control: who decides otherwise tells what was read)", B.do("state"))
row(ended == A.close() == 0 and B.close() == 0 and lab.stop() == 0, "all end in order")
done()
