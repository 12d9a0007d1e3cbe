# SPDX-License-Identifier: AGPL-3.0-or-later
"""What programs tell that nobody asked them for: nothing of people in the log, not even when somebody debugs, and nothing to
the host of a link that somebody wrote."""
import os
import socket
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from lab import Lab, canary, done, row
from wire import Stream

lab = Lab()
anna, berta = lab.account("anna.geheim"), lab.account("berta.geheim")

# --- the log ---

lab.ctl("log", "debug", "--reason", "Ticket 4711")
word = canary()
A, B = lab.konsil(anna), lab.konsil(berta)
A.send(berta, word)
B.wait_body(word)
stream = lab.stream(anna, f"{word}-ressource").available()
stream.send(f"<message to='{berta}' type='chat' id='{word}'><body>{word}</body></message>")  # refused: it is in clear
stream.wait(lambda e: e.tag.endswith("message") and e.get("type") == "error")
stream.iq("get", f"<x xmlns='urn:{word}'/>", f"{word.lower()}@klinik.example")
elsewhere = Stream(lab, "klinik.example", ("127.0.0.9", 0))
elsewhere.close()
wrong = lab.konsil(anna, connect=False, directory=os.path.join(lab.dir, "wrong"))
wrong.do("connect", jid=anna, password=word, host="127.0.0.1", port=lab.port)
wrong.wait("connection", lambda e: e.get("reason"))
wrong.close()
log = open(lab.log_path, "rb").read()
row(b"c2s." in log and len(log) > 500, "(positive control: somebody debugs, and the log has much to say)", log[-2000:])
row(word.encode() not in log and word.lower().encode() not in log,
    "DSK I.8-e: no word, resource, id, namespace, address or password that a client sent is in the log", log[-2000:])
row(b"geheim" not in log, "DSK I.8-e: nor is anybody's address", log[-2000:])
row(b"127.0.0.9" not in log, "DSK II.3-b: a client's network address is in no log, and so has no time to be kept")
lab.ctl("log", "normal")

# --- a link ---

asked, host, rang = [], socket.create_server(("127.0.0.1", 0)), threading.Semaphore(0)


def listen():
    while True:
        asked.append(host.accept())
        rang.release()


threading.Thread(target=listen, daemon=True).start()
link = f"http://127.0.0.1:{host.getsockname()[1]}/befund.png"
A.send(berta, f"Siehe {link} und <img src='{link}'/>")
B.wait("message", lambda e: link in e["message"].get("body", ""))
B.do("mark_read", conversation=anna)
B.do("history", **{"with": anna})
B.send(anna, "Danke.")
A.wait_body("Danke.")
row(not asked, "DSK I.12-d: of a link that somebody wrote its host learns nothing, neither from konsil nor from konsild", asked)
socket.create_connection(host.getsockname()).close()
row(rang.acquire(timeout=60) and len(asked) == 1, "(positive control: who asks it is counted)")
A.close()
B.close()
row(lab.stop() == 0, "konsild ends in order")
done()
