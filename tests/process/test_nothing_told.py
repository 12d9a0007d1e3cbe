# SPDX-License-Identifier: AGPL-3.0-or-later
"""What programs tell that nobody asked them for: nothing of people in the log, not even when somebody debugs, and nothing to
the host of a link that somebody wrote, or of a picture that is said to lie there."""
import base64
import os
import socket
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from lab import Lab, canary, done, row
from sealed import Program
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
    "DSK I.8-e in full: no word, resource, id, namespace, address or password that a client sent is in the log", log[-2000:])
row(b"geheim" not in log, "DSK I.8-e: nor is anybody's address", log[-2000:])
row(b"127.0.0.9" not in log, "DSK II.3-b in full: a client's network address is in no log, and so has no time to be kept")
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

# --- pictures elsewhere: another program says in each way there is that one lies at that host ---

carla, dora = lab.account("carla", "offen.example"), lab.account("dora", "offen.example")
D = lab.konsil(dora)
C = lab.stream(carla).available()
program = Program(lab, C)
KEY, SUM = (base64.b64encode(bytes(n)).decode() for n in (32, 32))
HASH = f"<hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>{SUM}</hash>"


def file_at(address, picture):
    return f"""<file-sharing xmlns='urn:xmpp:sfs:0' disposition='inline'><file xmlns='urn:xmpp:file:metadata:0'><media-type>image/png</media-type>
<name>befund.png</name><size>100</size>{HASH}<thumbnail xmlns='urn:xmpp:thumbs:1' uri='{picture}' media-type='image/png' width='9' height='9'/></file>
<sources><encrypted xmlns='urn:xmpp:esfs:0' cipher='urn:xmpp:ciphers:aes-256-gcm-nopadding:0'><key>{KEY}</key><iv>{base64.b64encode(bytes(12)).decode()}</iv>
{HASH}<sources xmlns='urn:xmpp:sfs:0'><url-data xmlns='http://jabber.org/protocol/url-data' target='{address}'/></sources></encrypted>
<url-data xmlns='http://jabber.org/protocol/url-data' target='{link}'/></sources></file-sharing>"""


known = "data:image/png;base64,iVBORw0KGgo="
elsewhere = f"https://127.0.0.1:{host.getsockname()[1]}/befund.png"
program.send(dora, f"<body xmlns='jabber:client'>hier</body>{file_at('https://offen.example/f', known)}", "here")
shown = D.wait("message", lambda e: e["message"].get("body") == "hier")["message"]
row(shown["files"][0].get("thumbnail") == "iVBORw0KGgo=", "(positive control: the small picture that a message has in it is shown)", shown)
program.send(dora, f"""<body xmlns='jabber:client'>dort {link}</body>{file_at(elsewhere, link)}<x xmlns='jabber:x:oob'><url>{link}</url></x>
<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'><img src='{link}' alt=''/></body></html>
<reference xmlns='urn:xmpp:reference:0' type='data' uri='{link}'/>""", "there")
shown = D.wait("message", lambda e: e["message"].get("body", "").startswith("dort"))["message"]
row(len(shown["files"]) == 1 and "thumbnail" not in shown["files"][0],
    "of a file whose small picture lies elsewhere (XEP-0264) there is none, and the file stays", shown)
C.send(f"<message to='{dora}' type='chat' id='oob'><body>{link}</body><x xmlns='jabber:x:oob'><url>{link}</url></x></message>")
D.wait("warning", lambda e: e["code"] == "message.in_clear" and e["message"] == "oob")
program.publish("urn:xmpp:avatar:metadata", f"<metadata xmlns='urn:xmpp:avatar:metadata'><info id='{'a' * 40}' bytes='9' type='image/png' url='{link}'/></metadata>", "a" * 40)
row("image" not in D.do("avatar", jid=carla), "of somebody whose picture is announced with the address of another host (XEP-0084) there is none")
row(C.iq("set", f"<vCard xmlns='vcard-temp'><FN>Carla</FN><PHOTO><EXTVAL>{link}</EXTVAL></PHOTO></vCard>").get("type") == "result"
    and D.do("vcard", jid=carla).get("name") == "Carla", "(positive control: konsil sees the other's card)")
row("image" not in D.do("avatar", jid=carla), "nor has the card one, which says EXTVAL in place of the picture (XEP-0054)")
D.do("mark_read", conversation=carla)
D.do("history", **{"with": carla})
D.send(carla, "Danke.")
C.wait(lambda e: e.tag.endswith("}message") and e.find("{urn:xmpp:omemo:2}encrypted") is not None)
png = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
C.iq("set", f"<vCard xmlns='vcard-temp'><FN>Carla</FN><PHOTO><TYPE>image/png</TYPE><BINVAL>{png}</BINVAL></PHOTO></vCard>")
row(D.do("avatar", jid=carla).get("image") == png, "(positive control: a picture that is in the card itself is shown)")
row(not asked, "DSK I.12-d in full: of none of them, nor of a link, the host learns anything, neither from konsil nor from konsild", asked)
socket.create_connection(host.getsockname()).close()
row(rang.acquire(timeout=60) and len(asked) == 1, "(positive control: who asks it is counted)")
C.close()
D.close()
A.close()
B.close()
row(lab.stop() == 0, "konsild ends in order")
done()
