# SPDX-License-Identifier: AGPL-3.0-or-later
"""konsil over a WebSocket (RFC 7395), by an address and by host-meta (XEP-0156); and the engine in WebAssembly, under Node,
over Node's own WebSocket. Both with a konsil over TCP, through one konsild."""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "interop"), os.path.join(HERE, "..", "peers")]
from in_node import WHY_NOT, InNode, node
from lab import BUILD, Konsil, Lab, canary, done, row, skip
from relay import Relay

ANNA, JONAS, CLARA = (f"{local}@klinik.example" for local in ("anna", "jonas", "clara"))
lab = Lab(web=True)
for local in ("anna", "jonas", "clara"):
    lab.account(local)
jonas, relay = lab.konsil(JONAS), Relay(lab.https_port)


class Web(Konsil):
    """One that goes where HTTPS goes."""

    def connect(self):
        self.do("connect", jid=self.jid, password=self.lab.passwords[self.jid], remember=True, host="127.0.0.1", port=relay.port)
        self.wait("ready")


def both_ways(one, jid, name):
    words = canary()
    message = one.do("send", to=JONAS, body=words)["message"]
    row(jonas.wait_body(words)["from"] == jid, f"{name}: what it writes arrives at a konsil over TCP")
    one.wait_state(message, "delivered")
    answer = canary()
    jonas.send(jid, answer)
    row(one.wait_body(answer)["from"] == JONAS, f"{name}: and the answer comes back")


# --- konsil --websocket ---

anna = Web(lab, ANNA, options=["--websocket"])
row(anna.do("state")["connection"] in ("online", "catching_up"), "XEP-0156 §3.2: konsil --websocket finds it in host-meta.json, and logs in")
both_ways(anna, ANNA, "RFC 7395")
sessions = json.loads(lab.ctl("--json", "sessions", "list", ANNA).stdout)
row(len(sessions["sessions"] if isinstance(sessions, dict) else sessions) == 1, "it is one session", sessions)

relay.cut()
words = canary()
jonas.send(ANNA, words)
row(anna.wait_body(words)["from"] == JONAS and anna.wait("ready", lambda e: e.get("resumed")) is not None,
    "XEP-0198 §5: cut off, it resumes over a new WebSocket, and nothing is lost")

# konsild begins anew: the connection is gone, and it comes back by itself with its token.
lab.stop()
anna.wait("connection", lambda e: e["state"] == "offline")
words = canary()
anna.do("send", to=JONAS, body=words)
lab.start()
anna.tell("retry")
jonas.tell("retry")
row(jonas.wait_body(words)["from"] == ANNA, "when konsild was away it comes back over a new WebSocket, and what was written meanwhile goes")
row(anna.close() == 0, "it ends well")

anna = Web(lab, ANNA, options=[f"--websocket=wss://klinik.example:{lab.https_port}/xmpp-websocket"])
both_ways(anna, ANNA, "--websocket=URL")
anna.kill()

wrong = Konsil(lab, ANNA, connect=False, options=["--websocket=wss://klinik.example/nothing-is-here"])
wrong.do("connect", jid=ANNA, password=lab.passwords[ANNA], host="127.0.0.1", port=lab.https_port)
row(wrong.wait("connection", lambda e: e["state"] == "offline")["reason"] == "connection.network", "RFC 6455 §4.1: a page that is no WebSocket is a lost connection")
wrong.kill()
wrong = Konsil(lab, ANNA, connect=False, options=["--websocket=wss://klinik.example/xmpp-websocket"])
wrong.do("connect", jid=ANNA, password=lab.passwords[ANNA], host="127.0.0.1", port=lab.port)
row(wrong.wait("connection", lambda e: e["state"] == "offline")["reason"] in ("connection.tls", "connection.network"), "where there is no TLS nothing is said")
wrong.kill()
for url in ("ws://klinik.example/xmpp-websocket", "https://klinik.example/xmpp-websocket", "wss://", "wss://klinik.example/a b", "wss://anna@klinik.example/"):
    refused = subprocess.run([os.path.join(BUILD, "cmd", "konsil"), f"--websocket={url}", ANNA], capture_output=True, text=True)
    row(refused.returncode == 64 and "wss" not in refused.stdout, f"--websocket={url} is refused", refused)

# --- the engine in WebAssembly ---

if not node():
    skip("the engine in WebAssembly logs in, writes and reads over a WebSocket of the platform's", WHY_NOT)
else:
    clara = InNode(lab, CLARA, f"wss://klinik.example:{lab.https_port}/xmpp-websocket")
    row(True, "RFC 7395: the engine in WebAssembly logs in over Node's WebSocket")
    both_ways(clara, CLARA, "in WebAssembly")
    clara.tell("cut")
    words = canary()
    jonas.send(CLARA, words)
    row(clara.wait_body(words)["from"] == JONAS, "XEP-0198 §5: cut off, it comes back, and nothing is lost")
    clara.do("disconnect")
    row(clara.wait("connection", lambda e: e["state"] == "offline" and e["reason"] == "connection.closed") is not None, "and goes when it is told to")
    row(clara.close() == 0, "the program ends well")
    clara = InNode(lab, CLARA)
    row(True, "XEP-0156 §3.2: without an address it finds the WebSocket in host-meta.json, and logs in")
    both_ways(clara, CLARA, "in WebAssembly, by host-meta")
    clara.close()
    clara = InNode(lab, CLARA, port=lab.port, connect=False)
    clara.do("connect", jid=CLARA, password=lab.passwords[CLARA])
    row(clara.wait("connection", lambda e: e["state"] == "offline")["reason"] == "connection.name",
        "XEP-0156 §3.2: where no host-meta.json can be had it goes nowhere, and says so")
    clara.close()
jonas.close()
row(lab.stop() == 0, "konsild ends in order")
done()
