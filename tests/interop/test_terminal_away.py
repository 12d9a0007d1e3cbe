# SPDX-License-Identifier: AGPL-3.0-or-later
"""A terminal at which nobody looks; one whose server is away, or lies."""
import http.server
import json
import os
import queue
import ssl
import subprocess
import threading

import tap
from lab import TIMEOUT, Lab, done, row
from terminal import Terminal, account, pair

CSI = b"urn:xmpp:csi:0"


class Status:
    """Where the hospital says what is wrong: https://localhost:PORT/, by the lab's authority."""

    def __init__(self, lab):
        run = lambda *words: subprocess.run(("openssl",) + words, cwd=lab.dir, check=True, capture_output=True)
        run("req", *"-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout status-key.pem -out status.csr".split())
        with open(os.path.join(lab.dir, "status.ext"), "w") as file:
            file.write("subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:false\n")
        run(*"x509 -req -in status.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 30 -extfile status.ext -out status.pem".split())
        self.asked, self.news, status = [], queue.Queue(), self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                status.asked.append((self.path, dict(self.headers)))
                self.send_response(302 if self.path == "/moved" else 200)
                if self.path == "/moved":
                    self.send_header("Location", "/followed")
                self.end_headers()
                self.wfile.write(status.file.encode())
                status.news.put(self.path)

            def log_message(self, *_):
                pass

        self.file = ""
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(lab.dir, "status.pem"), os.path.join(lab.dir, "status-key.pem"))
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"https://localhost:{self.server.server_address[1]}/"


    def wait(self, path):
        """Until it is asked for."""
        while path not in dict(self.asked):
            self.news.get(timeout=TIMEOUT)


def heard(lab):
    """What clients told konsild of who looks, in order."""
    return [element.tag.split("}")[1] for direction, element in tap.stanzas(lab.tap)
            if direction == "<" and element.tag.startswith("{urn:xmpp:csi:0}")]


def away(lab, a, b):
    b.enter("One")
    a.sees("One")
    a.type("\x1b[O")
    b.enter("Two")
    ok, seen = a.sees("Two", " 1 │")
    row(ok, "a message that comes while nobody looks at the terminal is counted as not read", seen)
    ok, seen = b.until(lambda screen: screen.count("✓✓") == 2)
    row(heard(lab)[-1:] == ["inactive"], "XEP-0352 §4: and its server knows that nobody looks", heard(lab))
    a.type("\x1b[I")
    ok, seen = a.until(lambda screen: " 1 │" not in screen)
    row(ok, "who looks again has read it", seen)
    b.enter("Three")
    a.sees("Three")
    b.until(lambda screen: screen.count("✓✓") == 3)
    row(heard(lab)[-1:] == ["active"], "XEP-0352 §4: and the server knows that", heard(lab))


def stopped(lab, jid):
    """In a shell, which has a prompt again."""
    a = Terminal(lab, jid, "de", prefix="set -m; ")
    a.sees("verbunden  F1", "# Tumorboard")
    before = len(heard(lab))
    a.key("C-z")
    ok, seen = a.sees("ended 148")  # 128 and the signal's number: the shell goes on
    row(ok and "verbunden" not in seen, "Ctrl-Z gives the terminal to the shell", seen)
    row(heard(lab)[before:] == ["inactive"], "XEP-0352 §4: after the server was told", heard(lab))
    a.close()


def ghost(lab, a, zoe):
    """konsild says that somebody belongs to a room whom no owner added."""
    a.enter("/raum Tumorboard")
    a.sees("# Tumorboard", "Der Raum ist da.")
    room = json.loads(lab.ctl("room", "list", "klinik.example", "--json").stdout)[0]["local"] + "@rooms.klinik.example"
    a.enter("/aufnehmen Murat")
    a.sees("Murat Yılmaz aufgenommen.")
    lab.ctl("room", "owner", room, zoe)
    stream = lab.stream(zoe).available()
    stream.send(f"<presence to='{room}/zoe'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
    ok, seen = a.says("Tumorboard: Der Server nennt eine zusätzliche Person in diesem Raum.", "(Zoe Hoffmann)",
                      "Die IT des Krankenhauses benachrichtigen.")
    row(ok, "DSK II.2-a: a member whom only the server names is told of, by name", seen)
    a.key("F6")
    ok, seen = a.sees("Murat Yılmaz", "Ich  Besitzer")
    row(ok and "Apotheke" not in seen, "DSK II.2-a: and is none of those who are shown as members", seen)
    a.key("F6")


def outage(lab, a, c, status):
    status.file = json.dumps({"beginning": "2026-11-22T06:00:00Z", "expected_end": "2026-11-22T09:30:00Z", "planned": True,
                              "message": {"default": "Bitte Telefon benutzen.", "en": "Please phone."}})
    lab.stop()
    ok, seen = a.says("Am Server wird gearbeitet, ab 22.11. ", "Voraussichtlich bis 22.11. ", "Bitte Telefon benutzen.")
    row(ok, "XEP-0455 §4: when nobody gets through, what the hospital announced is fetched and shown", seen)
    headers = dict(status.asked).get("/klinik.json", {})
    row(headers and not {"Cookie", "Authorization", "Referer"} & set(headers),
        "XEP-0455 §4: as a guest, who tells nothing", status.asked)
    status.wait("/moved")
    lab.start()
    a.key("F5")
    ok, seen = a.until(lambda screen: "verbunden  F1" in screen and "Telefon" not in screen)
    row(ok, "a login ends it", seen)
    c.key("F5")
    ok, seen = c.sees("verbunden  F1")
    row(ok and "/followed" not in dict(status.asked), "XEP-0455 §4: an address that leads elsewhere is not followed", status.asked)


def main():
    lab = Lab(tap=True)
    status = Status(lab)
    lab.stop()
    lab.of["klinik.example"] = f'outage: {{ addresses = "{status.url}klinik.json"; }};'
    lab.of["offen.example"] = f'outage: {{ addresses = "{status.url}moved"; }};'
    lab.settings()
    lab.start()
    zoe = account(lab, "zoe")
    a, b = pair(lab)
    c = Terminal(lab, lab.account("otto", "offen.example"), "de")  # whose hospital's page was moved
    c.login("verbunden  F1")
    away(lab, a, b)
    ghost(lab, a, zoe)
    a.leave()
    stopped(lab, a.jid)
    a = Terminal(lab, a.jid, "de")
    a.sees("verbunden  F1")
    outage(lab, a, c, status)
    done()


main()
