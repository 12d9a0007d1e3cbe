# SPDX-License-Identifier: AGPL-3.0-or-later
"""XMPP over WebSocket (RFC 7395) with a client that others wrote: @xmpp/client, from npm, under Node."""
import json
import os
import shutil
import subprocess

from lab import BUILD, HERE, Lab, Lines, done, row, skip

PACKAGES = ["@xmpp/client@0.14.0", "ws@8.23.0"]
modules = os.path.join(BUILD, "npm")


def install():
    if os.path.isdir(os.path.join(modules, "node_modules", "@xmpp", "client")):
        return True
    os.makedirs(modules, exist_ok=True)
    return shutil.which("npm") and subprocess.run(
        ["npm", "install", "--prefix", modules, "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--silent", *PACKAGES],
        capture_output=True, timeout=120).returncode == 0


if not install():
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
tell("stop")
closed = wait("closed")
row(closed["code"] == 1000 and wait("stopped"), "RFC 7395 §3.6: it goes with <close/>, and WebSocket ends with 1000", closed)
process.stdin.close()
row(lab.stop() == 0, "konsild ends in order")
done()
