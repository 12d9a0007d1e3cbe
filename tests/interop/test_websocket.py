# SPDX-License-Identifier: AGPL-3.0-or-later
"""XMPP over WebSocket (RFC 7395) with a client that others wrote: @xmpp/client, from npm, under Node."""
import json
import os
import subprocess

import npm
from curl import curl
from lab import HERE, Lab, Lines, done, row, skip

modules = npm.install("npm", "@xmpp/client@0.14.0", "ws@8.23.0")
if not modules:
    skip("RFC 7395: @xmpp/client logs in, writes, reads and comes back", "npm cannot install @xmpp/client here")
    done()

lab = Lab(web=True)
anna, jonas = lab.account("anna", "offen.example"), lab.account("jonas", "offen.example")
peer = lab.stream(jonas, "wire").available()
process = subprocess.Popen(["node", os.path.join(HERE, "xmpp_client.mjs"), "offen.example", str(lab.https_port), lab.ca, anna,
                            lab.passwords[anna], jonas], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(os.environ, MODULES=modules))
lab.processes.append(process)
lines = Lines(process.stdout, json.loads)


def tell(word):
    process.stdin.write(word.encode() + b"\n")
    process.stdin.flush()


def wait(event):
    seen = lines.wait(lambda e: e["event"] in (event, "refused"), event)
    assert seen["event"] == event, seen
    return seen


tell("start")
row(wait("upgrade")["extensions"] is None, "RFC 7692: it offers compression and does without")
online = wait("online")
browser = online["jid"]  # the server adds to the resource (XEP-0386)
row(online["jid"].startswith(f"{anna}/browser"), "RFC 7395: @xmpp/client logs in over WebSocket with SCRAM", online)
message = peer.wait(lambda stanza: stanza.tag == "{jabber:client}message")
row("grüße über WebSocket" in "".join(message.itertext()), "RFC 7395: what it writes arrives at a client over TCP", message)
peer.send(f"<message to='{browser}' type='chat'><body>zurück &amp; &lt;gelesen&gt;</body></message>")
row(wait("message") == {"event": "message", "from": f"{jonas}/wire", "body": "zurück & <gelesen>"}, "RFC 7395: and it reads the answer")
tell("cut")
wait("closed")
peer.send(f"<message to='{browser}' type='chat'><body>unterwegs</body></message>")
row(wait("resumed") and wait("message")["body"] == "unterwegs", "XEP-0198 §5: cut off, it resumes over a new WebSocket, and nothing is lost")

# A room.
room = "tee@rooms.offen.example"
tell(f"room {room}/Anna")
made = wait("occupant")
row(made["own"] and made["affiliation"] == "owner", "XEP-0045 §10.1: it makes a room", made)
tell(f"open {room}")
wait("opened")
peer.send(f"<presence to='{room}/Jonas'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
row(wait("occupant")["from"] == f"{room}/Jonas", "XEP-0045 §7.2: it is told who enters")
tell(f"say {room} wer kommt mit?")
row(peer.wait(lambda stanza: stanza.tag == "{jabber:client}message" and stanza.findtext("{jabber:client}body") == "wer kommt mit?") is not None
    and wait("message")["from"] == f"{room}/Anna", "XEP-0045 §7.4: what it says all hear, itself too")
tell("cut")
wait("closed")
peer.send(f"<message to='{room}' type='groupchat'><body>ich</body></message>")
wait("resumed")
# It does not count the answers to its own requests (0.14: they end in iqCaller), so what it has comes once more before that.
said = lines.wait(lambda e: e["event"] == "message" and e["body"] == "ich", "what was said meanwhile")
row(said["from"] == f"{room}/Jonas", "XEP-0198 §5: cut off, it is still in the room, and nothing that was said is lost", said)

# A file, which curl takes where the slot says.
tell("slot 5000")
slot, content = wait("slot"), os.urandom(5000)
fields = [word for field in slot["headers"] for word in ("--header", field)]
row(curl(lab, slot["url"], "--request", "PUT", "--data-binary", "@-", *fields, data=content).status == 201
    and curl(lab, slot["url"]).body == content, "XEP-0363 §4, §7: it asks for a slot, curl puts a file and gets it", slot)
tell("stop")
closed = wait("closed")
row(closed["code"] == 1000 and wait("stopped"), "RFC 7395 §3.6: it goes with <close/>, and WebSocket ends with 1000", closed)
process.stdin.close()
peer.close()
row(lab.stop() == 0, "konsild ends in order")
done()
