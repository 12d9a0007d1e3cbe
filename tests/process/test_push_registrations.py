# SPDX-License-Identifier: AGPL-3.0-or-later
"""konsilctl push: who may wake an account's devices, without what it takes to wake them; and that it goes."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from lab import Lab, done, row

lab = Lab()
anna, jonas = lab.account("anna"), lab.account("jonas")
SECRET = "geheimer-pfad-4711"
POINT = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"


def subscribe(stream):
    return stream.iq("set", "<subscribe xmlns='urn:konsil:webpush:0' "
                            f"endpoint='https://fcm.googleapis.com/fcm/send/{SECRET}' p256dh='{POINT}' auth='BTBZMqHH6r4Tts7J_aSIgg'/>")


def registered(*words):
    return json.loads(lab.ctl("--json", "push", "list", *words).stdout)


phone, tablet = lab.stream(anna, "phone"), lab.stream(anna, "tablet")
row(registered(anna) == [], "push list: at first nothing wakes anybody", registered(anna))
row(subscribe(phone).get("type") == "result" and subscribe(tablet).get("type") == "result", "(two devices register)")
tablet.iq("set", f"<enable xmlns='urn:xmpp:push:0' jid='{jonas}/desk' node='geheimer-knoten'/>")
shown = registered(anna)
row(sorted((r["kind"], r["service"]) for r in shown) == [("web", "fcm.googleapis.com")] * 2 + [("xmpp", "klinik.example")],
    "push list: each registration, with the host of its service", shown)
row(all(r["since_ms"] > 1700000000000 and len(r["device"]) == 16 for r in shown), "and its device, and since when", shown)
table = lab.ctl("--lang", "en", "push", "list", anna).stdout
row("fcm.googleapis.com" in table and "since" in table, "as a table, too", table)
row(not any(word in table + json.dumps(shown) for word in (SECRET, POINT, "geheimer-knoten", "BTBZMqHH6r4Tts7J")),
    "push list: never what it takes to wake a device: no path, key, secret or node", shown)
row(registered(jonas) == [], "nor is somebody else's shown")
answer = lab.ctl("push", "remove", anna, "--device", shown[-1]["device"], "--dry-run")
row(len(registered(anna)) == 3, "push remove --dry-run: nothing goes", answer)
lab.ctl("push", "remove", anna, "--device", [r["device"] for r in shown if r["kind"] == "xmpp"][0])
row([r["kind"] for r in registered(anna)] == ["web"], "push remove --device: all of one device goes", registered(anna))
webpush = tablet.iq("get", "<webpush xmlns='urn:konsil:webpush:0'/>")
row(webpush[0].get("registered") == "false", "and its program learns that when it asks", webpush)
lab.ctl("push", "remove", anna)
row(registered(anna) == [], "push remove: without a device all of them")
for name, words in (("an account that is not there", ("list", "niemand@klinik.example")), ("a device that is none", ("remove", anna, "--device", "xyz"))):
    answer = lab.ctl("push", *words, check=False)
    row(answer.returncode == 1 and answer.stderr, f"of {name} it is said", answer)
rows = json.loads(lab.ctl("--json", "audit", "list").stdout)
row([r["action"] for r in rows if r["subject"] == anna and r["action"].startswith("push.")][-2:] != []
    and {"push.list", "push.remove"} <= {r["action"] for r in rows if r["subject"] == anna}, "both are in the audit log", rows)
row(subscribe(phone).get("type") == "result" and len(registered(anna)) == 1, "a program may register anew")
phone.iq("set", "<unsubscribe xmlns='urn:konsil:webpush:0'/>")
row(registered(anna) == [], "DSK II.3-b in full: a push registration goes when the device says so")
done()
