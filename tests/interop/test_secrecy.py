#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a server can learn: everything that konsild said, heard and stored while two people used all that konsil can do.

The acceptance sentences of DSK II.1-a, II.1-d, II.1-g, I.12-c and I.12-e."""
import base64
import os
import shutil
import subprocess

import search
import tap
import wire
from lab import BUILD, Lab, canary, done, row

C, OMEMO, SASL = wire.CLIENT, "{urn:xmpp:omemo:2}", "{urn:ietf:params:xml:ns:xmpp-sasl}"
lab = Lab(tap=True)
anna, jonas, keyless = lab.account("anna"), lab.account("jonas"), lab.account("keyless")
A, J = lab.konsil(anna), lab.konsil(jonas)
J2 = lab.konsil(jonas, directory=os.path.join(lab.dir, "konsil-jonas-2"))
watch = lab.stream(jonas, "watch").available()
A.do("devices", jid=jonas)
A.wait("devices_changed", lambda e: e["jid"] == jonas and len(e["devices"]) == 2)

# --- all that a person can do in a conversation, each with words of its own ---

words = {name: canary() for name in ("text", "long text", "reply", "edit", "reaction", "retracted", "search")}
first = A.send(jonas, "Frau M., Zimmer 12: " + words["text"])
J.wait_body("Frau M., Zimmer 12: " + words["text"])
reply = J.do("send", to=anna, body=words["reply"], reply_to=first)["message"]
A.wait_body(words["reply"])
J.do("react", conversation=anna, message=first, emoji=[words["reaction"]])
A.wait("reaction", lambda e: e["message"] == first)
A.do("edit", conversation=jonas, message=first, body=words["edit"])
J.wait("edited", lambda e: e["message"] == first)
gone = A.send(jonas, words["retracted"])
J.wait_body(words["retracted"])
A.do("retract", conversation=jonas, message=gone)
J.wait("retracted", lambda e: e["message"] == gone)
for size in (1, 60, 200, 700, 1500, 3500, 7500, 15000, 24000):
    body = (words["long text"] + "x" * size)[-size:]
    A.do("send", to=jonas, body=body, wake="high")
    J.wait_body(body)
J.do("search", text=words["search"])

# --- I.12-c: that was read stays between the own devices, unless the person wants it otherwise ---


def device_of(client):
    return client.do("state")["device"]


def is_from_device(e, device, to):
    """Whether it is a message of an OMEMO device for an account."""
    return (e.tag == C + "message" and e.get("to") == to
            and getattr(e.find(f"{OMEMO}encrypted/{OMEMO}header"), "attrib", {}).get("sid") == str(device))


def from_device(device, to):
    """Message stanzas that konsild heard of an OMEMO device so far, for an account."""
    return [e for direction, e in tap.stanzas(lab.tap) if direction == "<" and is_from_device(e, device, to)]


# With a second device. J2 was told of the reading, so that the sending of it is over; then a further message comes and
# is acknowledged, after what Anna would have been told.
J2.wait_body("x" * 200)
row(not J.do("state").get("tell_read"), "DSK I.12-c part (clinical acknowledgement): a fresh client is not set to tell authors what was read")
watch.sync()
before, heard = len(from_device(device_of(J), jonas)), list(watch.waiting)
J.do("mark_read", conversation=anna)
J2.wait("read", lambda e: e["conversation"] == anna and not e.get("unread"))  # by XEP-0490, which is the quicker one
of = device_of(J)
watch.wait(lambda e: is_from_device(e, of, jonas) and e not in heard)  # and sealed, as all of his programs get it
last = A.send(jonas, "Danke.")
A.wait_state(last, "delivered")
NOT_TOLD = "DSK I.12-c: the author is not told that a message was read"
read_states = lambda client: [e for e in client.events("message_state") if e["state"] == "read"]
row(not read_states(A), NOT_TOLD, read_states(A))
told = from_device(device_of(J), jonas)[before:]
readers = {keys.get("jid") for e in told for keys in e.iter(OMEMO + "keys")}
row(told and readers == {jonas}, "DSK I.12-c: the reader's other device is, by a stanza to the own account with keys for nobody else",
    (len(told), readers))

# With one device, each stanza can be counted: what is owed to the author goes out together, so one receipt for each of
# his two messages is all that there may be.
lena, eve = lab.account("lena"), lab.account("eve")
L, E = lab.konsil(lena), lab.konsil(eve)
for author, reader in ((L, eve), (E, lena)):  # a new session has stanzas of its own
    author.wait_state(author.send(reader, "Guten Tag."), "delivered")
told = [len(from_device(device_of(E), lena))]
L.wait_state(L.send(eve, "Ungelesen?"), "delivered")
E.do("mark_read", conversation=lena)
L.wait_state(L.send(eve, "Nächste."), "delivered")
told.append(len(from_device(device_of(E), lena)))
row(told[1] - told[0] == 2 and not read_states(L), "DSK I.12-c: nor is there a further stanza to the author, after which one could guess it",
    (told, read_states(L)))
E.do("settings", tell_read=True)
wanted = L.send(eve, "Gelesen?")
L.wait_state(wanted, "delivered")
E.do("mark_read", conversation=lena)
event = L.wait_state(wanted, "read")
told.append(len(from_device(device_of(E), lena)))
row(event["recipients"] == [{"jid": eve, "state": "read"}] and told[2] - told[1] == 2,
    "DSK I.12-c: control: with the setting on the author is told, and the stanza that tells it is seen", (event, told))
row(E.do("state").get("tell_read") is True and not J.do("state").get("tell_read"), "DSK I.12-c: the setting is each person's own")

# --- II.1-g: nothing goes out in clear ---

hand = lab.stream(anna, "hand")
clear = canary()
BODY = f"<body>{clear}</body>"
ENCRYPTED = ("<encrypted xmlns='urn:xmpp:omemo:2'><header sid='1'><keys jid='" + jonas + "'><key rid='2'>AAAA</key></keys>"
             "</header><payload>AAAA</payload></encrypted>")


def refused(message):
    hand.ids += 1
    name = f"clear{hand.ids}"
    hand.send(message.replace("<message", f"<message id='{name}' to='{jonas}'", 1))
    hand.sync()
    answers = [e for e in hand.waiting if e.get("id") == name]
    hand.waiting = []
    return len(answers) == 1 and answers[0].get("type") == "error" and wire.condition(answers[0]) == "policy-violation"


for kind in (" type='chat'", " type='normal'", "", " type='headline'"):
    row(refused(f"<message{kind}>{BODY}</message>"), f"DSK II.1-g: a body in clear is refused with policy-violation (message{kind})")
row(refused(f"<message type='chat'><body xml:lang='de'>{clear}</body><store xmlns='urn:xmpp:hints'/></message>"),
    "DSK II.1-g: so is a body beside hints")
row(refused(f"<message type='chat'><subject>{clear}</subject></message>"), "DSK II.1-g: so is a subject alone")
row(refused(f"<message type='chat'><html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>"
            f"{clear}</body></html></message>"), "DSK II.1-g: so is XHTML")
row(refused(f"<message type='chat'><x xmlns='jabber:x:oob'><url>https://example.org/{clear}</url></x></message>"),
    "DSK II.1-g: so is a link")
hand.send("".join(f"<message type='chat' to='{jonas}' id='habit{i}'>{habit}</message>" for i, habit in enumerate((
    "<composing xmlns='http://jabber.org/protocol/chatstates'/>", f"<received xmlns='urn:xmpp:receipts' id='{clear}'/>",
    f"<displayed xmlns='urn:xmpp:chat-markers:0' id='{clear}'/>"))))
hand.sync()
row(not any("habit" in e.get("id", "") for e in hand.waiting), "DSK I.12-c: chat states, receipts and marks of others' clients are no error")
hand.waiting = []
hand.send(f"<message type='error' to='{jonas}'>{BODY}<error type='cancel'/></message>"
          f"<message type='groupchat' to='{jonas}'>{BODY}</message>"
          f"<message type='chat' to='{jonas}' id='beside'>{BODY}<subject>{clear}</subject>{ENCRYPTED}</message>")
hand.sync()
beside = watch.wait(lambda e: e.get("id") == "beside")
body = beside.find(C + "body")
row(body is not None and body.text.startswith("Diese Nachricht ist Ende-zu-Ende verschlüsselt.")
    and beside.find(C + "subject") is None and beside.find(OMEMO + "encrypted") is not None,
    "DSK II.1-g: beside encrypted content a clear body is replaced and a subject taken out", wire.ET.tostring(beside))

MARKS = {
    "a reply": "<reply xmlns='urn:xmpp:reply:0' to='a@b' id='{}'/>", "an edit": "<replace xmlns='urn:xmpp:message-correct:0' id='{}'/>",
    "reactions": "<reactions xmlns='urn:xmpp:reactions:0' id='{}'/>", "a retraction": "<retract xmlns='urn:xmpp:message-retract:1' id='{}'/>",
    "a marker with content": "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'><note xmlns='x'>{}</note></displayed>",
    "a location": "<geoloc xmlns='http://jabber.org/protocol/geoloc'><room>{}</room></geoloc>",
    "a file's name": "<file-sharing xmlns='urn:xmpp:sfs:0'><file xmlns='urn:xmpp:file:metadata:0'><name>{}</name></file></file-sharing>",
    "a patient": "<patient xmlns='urn:example:patient'>{}</patient>"}
mark = canary()
marks = "".join(text.format(mark) for text in MARKS.values())
hand.send(f"<message type='chat' to='{jonas}' id='beside all'>{marks}{ENCRYPTED}</message>")
beside = watch.wait(lambda e: e.get("id") == "beside all")
row(mark not in wire.ET.tostring(beside, encoding="unicode") and beside.find(OMEMO + "encrypted") is not None,
    f"DSK II.1-d: beside encrypted content konsild takes out {', '.join(MARKS)}", wire.ET.tostring(beside))
for what, text in MARKS.items():
    if "chat-markers" not in text:  # a habit, which goes nowhere
        row(refused(f"<message type='chat'>{text.format(mark)}</message>"), f"DSK II.1-d: {what} in clear is refused")

# Peers without keys who are there and read everything, in this domain and in one where the server would not mind.
open1, open2, open3 = (lab.account(name, "offen.example") for name in ("eins", "zwei", "drei"))
two, O3 = lab.stream(open2).available(), lab.konsil(open3)
reader = lab.stream(keyless, "reader").available()
for client, to, there in ((A, keyless, reader), (O3, open2, two)):
    lost = client.send(to, "An niemanden: " + words["text"])
    state = client.wait("message_state", lambda e: e["message"] == lost and e["recipients"][0].get("reason") == "peer.no_keys")
    there.sync()
    said = [e for e in there.waiting if e.tag == C + "message" and e.find("{http://jabber.org/protocol/pubsub#event}event") is None]
    row(state["state"] in ("waiting", "failed") and not said and not there.archive(),
        f"DSK II.1-g: to {to}, who has no keys, nothing is sent, and the reason is told", (state, [wire.ET.tostring(e) for e in said]))
answer = A.do("send", to=jonas, body=words["text"], encryption="none")
row(answer["event"] == "error" and answer["code"] == "command.member_unknown",
    "DSK II.1-g: there is no way to ask for a message in clear", answer)

# --- the unprotected domain, where the same searches must find ---

plain, chatty = canary(), "<active xmlns='http://jabber.org/protocol/chatstates'/><displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>"
one = lab.stream(open1)
one.send(f"<message type='chat' to='{open2}' id='offen'><body>{plain}</body>{chatty}{marks.replace(mark, plain)}</message>"
         f"<iq type='get' id='last' to='{open2}'><query xmlns='jabber:iq:last'/></iq>")
found = two.wait(lambda e: e.get("id") == "offen")
row(wire.ET.tostring(found, encoding="unicode").count(plain) == 1 + len(MARKS), "DSK II.1-d: control: the unprotected domain delivers all of these in clear",
    wire.ET.tostring(found))
row(found.findtext(C + "body") == plain, "DSK II.1-g: control: the unprotected domain delivers a body in clear")

# --- what the observer and the archives have ---

watch.sync()
stored = {"jonas": watch.archive(), "anna": hand.archive(), "zwei": two.archive()}
as_text = {who: b"".join(wire.ET.tostring(m) for m in messages) for who, messages in stored.items()}
everything = list(words.values()) + [clear, mark]
row(not search.in_bytes(bytes(watch.heard) + as_text["jonas"] + as_text["anna"], everything),
    "DSK II.1-a in full: another session of the recipient, and both archives, show no word",
    search.in_bytes(bytes(watch.heard) + as_text["jonas"] + as_text["anna"], everything))
row(plain.encode() in as_text["zwei"], "DSK II.1-a: control: the unprotected domain's archive shows the word")
ids = {m.get("id") for m in stored["jonas"]}
row({first, reply, gone, last} <= ids, "DSK II.1-a: control: the messages themselves are in the archive", ids)
row("beside" in ids and not any(i and i.startswith("clear") for i in ids), "DSK II.1-g: no refused message is in the archive", ids)

# --- the dump: every byte inside TLS at konsild, its directory, its database ---

for client in (A, J, J2, L, E, O3):
    client.close()
for stream in (hand, watch, reader, one, two):
    stream.close()
lab.stop()
dump = tap.text(lab.tap)
heard = tap.stanzas(lab.tap)
row(not search.planted(words["text"]), "DSK II.1-a: control: the search finds a word in each disguise", search.planted(words["text"]))
row(not search.in_bytes(dump, words.values()), "DSK II.1-a in full: of two people's words no byte crossed the server, in a full dump of all stanzas",
    search.in_bytes(dump, words.values()))
row(plain.encode() in dump and clear.encode() in dump and all(i.encode() in dump for i in (first, reply, gone)),
    "DSK II.1-a: control: the dump has what was said in clear, and the messages' names")
said = [e for direction, e in heard if direction == ">" and clear.encode() in wire.ET.tostring(e)
        and e.get("type") != "error"]
row(not said, "DSK II.1-g: konsild passed none of the refused words on", [wire.ET.tostring(e) for e in said[:3]])

copy = os.path.join(lab.dir, "copy")
shutil.copytree(lab.data, copy)
key = os.path.join(copy, "konsild.key")
sealed = search.in_directory(lab.data, everything + [plain]) + search.in_bytes(open(lab.log_path, "rb").read(), everything + [plain])
row(not sealed, "DSK II.1-a in full: no word is in the data directory or the log", sealed)
opened = subprocess.run([os.path.join(BUILD, "tests", "interop", "open_store"), "konsild", os.path.join(copy, "konsild.db"), key],
                        capture_output=True, text=True)
database = open(os.path.join(copy, "konsild.db"), "rb").read()
row(opened.returncode == 0 and database.startswith(b"SQLite format 3") and plain.encode() in database
    and all(i.encode() in database for i in (first, reply, gone, last)),
    "DSK II.1-a: control: the decrypted database has the unprotected domain's word, and the messages' names", opened.stderr)
row(not search.in_bytes(database, everything), "DSK II.1-a in full: no word is in the decrypted database", search.in_bytes(database, everything))

# --- I.12-e: nothing but what PROTOCOL.md §3.1 lists, in every message stanza that a konsil sent or was sent ---

HINT, SID, PUBSUB = "{urn:xmpp:hints}", "{urn:xmpp:sid:0}", "{http://jabber.org/protocol/pubsub#event}"
TREE = {
    OMEMO + "encrypted": (set(), {
        OMEMO + "header": ({"sid"}, {OMEMO + "keys": ({"jid"}, {OMEMO + "key": ({"rid", "kex"}, {})})}),
        OMEMO + "payload": (set(), {})}),
    "{urn:xmpp:eme:0}encryption": ({"namespace", "name"}, {}),
    SID + "origin-id": ({"id"}, {}),
    HINT + "store": (set(), {}),
    "{urn:konsil:wake:0}wake": ({"level"}, {}),
}
MESSAGE = {"from", "to", "type", "id"}
BY_SERVER = {SID + "stanza-id", "{urn:xmpp:delay}delay"}


def strangers(element, tree, attributes):
    """What an element has beyond its place in a tree: names of attributes and elements, or text where there is none."""
    found = [f"{element.tag}@{name}" for name in element.attrib if name not in attributes]
    if len(element) and (element.text or "").strip():
        found.append(f"{element.tag} has text")
    for child in element:
        if child.tag not in tree:
            found.append(child.tag)
        else:
            found += strangers(child, tree[child.tag][1], tree[child.tag][0])
    return found


def messages(direction):
    """Message stanzas of people that konsild heard or said; carbons and archived ones are unwrapped."""
    for way, element in heard:
        if way == direction and element.tag == C + "message" and element.get("type") != "error":
            inner = element.find(".//{urn:xmpp:forward:0}forwarded/" + C + "message")
            element = element if inner is None else inner
            if element.find(PUBSUB + "event") is None and "@klinik.example" in element.get("to", ""):
                yield element


by_konsil = [m for m in messages("<") if m.get("id") and not m.get("id").startswith(("clear", "beside", "habit"))]
extra = sum((strangers(m, TREE, MESSAGE) for m in by_konsil), [])
row(len(by_konsil) >= 20 and not extra, "DSK I.12-e: a stanza holds only what the list of PROTOCOL.md §3.1 names", (len(by_konsil), extra))
row(not extra, "DSK II.1-d part (patients and places, which no client sends): replies, edits, reactions, retractions and urgency stand inside the envelope", extra)
delivered = [m for m in messages(">") if not m.get("id", "").startswith("beside")]
server_tree = dict(TREE, **{"{urn:xmpp:message-retract:1}retracted": ({"id", "stamp", "from"}, {}), SID + "stanza-id": ({"id", "by"}, {}), "{urn:xmpp:delay}delay": ({"from", "stamp"}, {})})
extra = sum((strangers(m, server_tree, MESSAGE) for m in delivered), [])
row(len(delivered) >= 20 and not extra, "DSK I.12-e: nor does one that is delivered, as a carbon or out of the archive", (len(delivered), extra))
for what, alter in {
        "a subject": "<subject xmlns='jabber:client'/>", "an edit's mark": "<replace xmlns='urn:xmpp:message-correct:0' id='1'/>",
        "a reply's mark": "<reply xmlns='urn:xmpp:reply:0' to='a' id='1'/>", "reactions": "<reactions xmlns='urn:xmpp:reactions:0' id='1'/>",
        "a receipt": "<received xmlns='urn:xmpp:receipts' id='1'/>", "a fallback body": "<body xmlns='jabber:client'/>"}.items():
    spoiled = wire.ET.fromstring(wire.ET.tostring(by_konsil[0]))
    spoiled.append(wire.ET.fromstring(alter))
    row(strangers(spoiled, TREE, MESSAGE), f"DSK I.12-e: control: {what} beside it would be seen")

sizes = [len(base64.b64decode(m.findtext(f"{OMEMO}encrypted/{OMEMO}payload"))) for m in by_konsil
         if m.find(f"{OMEMO}encrypted/{OMEMO}payload") is not None]
# AES-256-CBC with PKCS #7 (XEP-0384 §4.4) adds a block to the buckets of PROTOCOL.md §4.5.
buckets = {bucket + 16 for bucket in (1024, 2048, 4096, 8192, 16384, 32768)}
row(set(sizes) == buckets, "DSK I.12-e: sizes are those of the six buckets, and each came up", sorted(set(sizes)))
small = sum(size == 1040 for size in sizes)
row(small >= 10, "DSK I.12-e: short texts, reactions, edits, retractions and receipts have one size", sizes)

# --- I.12-c: what a fresh client tells of its person ---

HABITS = ("{jabber:iq:last}", "{http://jabber.org/protocol/chatstates}", "{urn:xmpp:chat-markers:0}", "{urn:xmpp:idle:1}",
          "{urn:xmpp:receipts}")


def habits(domain, way, wanted=lambda element: True):
    """Elements that tell a person's habits, in stanzas that came from or went to people of a domain."""
    found = []
    for direction, element in heard:
        if direction == way and wanted(element) and any(f"@{domain}" in (element.get(side) or "") for side in ("from", "to")):
            found += [e.tag for e in element.iter() if e.tag.startswith(HABITS)]
    return found


row(not habits("klinik.example", ">"), "DSK I.12-c: and konsild passes none on", habits("klinik.example", ">"))
row(not habits("klinik.example", "<", lambda e: not e.get("id", "").startswith(("habit", "beside"))),
    "DSK I.12-c: fresh clients send no last activity, chat states, displayed marks or receipts in clear",
    habits("klinik.example", "<"))
row({"{http://jabber.org/protocol/chatstates}active", "{urn:xmpp:chat-markers:0}displayed", "{jabber:iq:last}query"}
    <= set(habits("offen.example", "<")), "DSK I.12-c: control: in the dump of the unprotected domain they are seen",
    habits("offen.example", "<"))
shown = [e for direction, e in heard if direction == ">" and e.tag == C + "presence"
         and (e.get("from") or "").split("/")[0] in (anna, jonas) and (e.get("from") or "").split("/")[0] != (e.get("to") or "").split("/")[0]]
row(not shown, "DSK I.12-c: nobody is shown another's presence", [wire.ET.tostring(e) for e in shown[:3]])
done()
