# SPDX-License-Identifier: AGPL-3.0-or-later
"""konsil over a WebSocket (RFC 7395), by an address and by host-meta (XEP-0156); and the engine in WebAssembly, under Node,
over Node's own WebSocket. Both with a konsil over TCP, through one konsild."""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "interop"), os.path.join(HERE, "..", "peers")]
from lab import BUILD, Konsil, Lab, Lines, canary, done, row, skip
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

MODULE = os.environ.get("KONSIL_WASM", "")
node = [["node"], ["node", "--experimental-websocket"]]
with_socket = [words for words in node if subprocess.run([*words, "-e", "process.exit(typeof WebSocket === 'function' ? 0 : 1)"],
                                                         capture_output=True).returncode == 0]
if not os.path.exists(MODULE) or not with_socket:
    skip("the engine in WebAssembly logs in, writes and reads over a WebSocket of the platform's", "no module of make wasm (KONSIL_WASM), or no WebSocket in this Node")
else:
    process = subprocess.Popen([*with_socket[0], "--no-warnings", os.path.join(HERE, "engine_in_node.mjs"), MODULE,
                                f"wss://klinik.example:{lab.https_port}/xmpp-websocket"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=lab.errors, env=dict(os.environ, NODE_EXTRA_CA_CERTS=lab.ca))
    lab.processes.append(process)

    class InNode(Konsil):
        """The same commands and events, on a process that is there already."""

        def start(self, connect=True):
            self.process, self.lines = process, Lines(process.stdout, json.loads)
            self.do("connect", jid=self.jid, password=self.lab.passwords[self.jid])
            self.wait("ready")

    clara = InNode(lab, CLARA)
    row(True, "RFC 7395: the engine in WebAssembly logs in over Node's WebSocket")
    both_ways(clara, CLARA, "in WebAssembly")
    clara.tell("cut")
    words = canary()
    jonas.send(CLARA, words)
    row(clara.wait_body(words)["from"] == JONAS, "XEP-0198 §5: cut off, it comes back, and nothing is lost")
    clara.do("disconnect")
    row(clara.wait("connection", lambda e: e["state"] == "offline" and e["reason"] == "connection.closed") is not None, "and goes when it is told to")
    process.stdin.close()
    row(process.wait(60) == 0, "the program ends well")
jonas.close()
row(lab.stop() == 0, "konsild ends in order")
done()
