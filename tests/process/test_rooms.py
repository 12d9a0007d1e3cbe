# SPDX-License-Identifier: AGPL-3.0-or-later
"""konsilctl on rooms: what it says and does; and what of a room goes with an account, a session, or the room itself."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import wire
from lab import Lab, done, row

MUC, USER, ADMIN, OWNER = (f"http://jabber.org/protocol/muc{part}" for part in ("", "#user", "#admin", "#owner"))
ROOM = "tee@rooms.offen.example"
HATS = "urn:xmpp:hats:0"
lab = Lab()


def enter(stream, nick, room=ROOM):
    """Enters; what the room said: the statuses of the own presence, or the condition of the error."""
    stream.send(f"<presence to='{room}/{nick}'><x xmlns='{MUC}'><history maxstanzas='0'/></x></presence>")
    own = stream.wait(lambda e: e.tag == wire.CLIENT + "presence" and e.get("from") == f"{room}/{nick}"
                      and (e.get("type") == "error" or "110" in statuses(e)))
    return wire.condition(own) if own.get("type") == "error" else statuses(own)


def statuses(element):
    return [status.get("code") for status in element.iter(f"{{{USER}}}status")]


def leaves(stream, nick, room=ROOM):
    """Waits until somebody is shown to leave; the item that says how."""
    gone = stream.wait(lambda e: e.get("from") == f"{room}/{nick}" and e.get("type") == "unavailable")
    return gone.find(f".//{{{USER}}}item"), statuses(gone)


def members(room=ROOM):
    return {m["jid"]: m["affiliation"] for m in json.loads(lab.ctl("--json", "room", "members", room).stdout)}


def show(room=ROOM):
    return json.loads(lab.ctl("--json", "room", "show", room).stdout)


def affiliate(stream, jid, affiliation, room=ROOM):
    return stream.iq("set", f"<query xmlns='{ADMIN}'><item jid='{jid}' affiliation='{affiliation}'/></query>", room).get("type")


def audited():
    return [(entry["action"], entry["subject"], entry["detail"]) for entry in json.loads(lab.ctl("--json", "audit", "list").stdout)
            if entry["action"].startswith("room.")]


anna, jonas, clara, emil = (lab.account(name, "offen.example") for name in ("anna", "jonas", "clara", "emil"))
first, second = lab.stream(anna).available(), lab.stream(jonas).available()

# --- what there is ---

row(json.loads(lab.ctl("--json", "room", "list", "offen.example").stdout) == [], "room list: none")
enter(first, "Anna")
first.iq("set", f"<query xmlns='{OWNER}'><x xmlns='jabber:x:data' type='submit'/></query>", ROOM)
uninvited = enter(second, "Jonas")
row(uninvited == "registration-required", "DSK IV.2-d part (role/ward): nobody joins a closed room of an open domain by himself (XEP-0045 "
    "§7.2.6: the refusal is registration-required)", uninvited)
row(affiliate(first, jonas, "member") == "result" and "110" in enter(second, "Jonas"), "(control: who was added may)")
second.sync()
second.waiting.clear()
row(all(affiliate(first, jid, "member") == "result" for jid in (clara, emil)), "control: a room of four, two of them in it")
second.sync()
told = [e.find(f".//{{{USER}}}item") for e in second.waiting if e.tag == wire.CLIENT + "message" and e.get("from") == ROOM]
row([(item.get("jid"), item.get("affiliation")) for item in told] == [(clara, "member"), (emil, "member")],
    "DSK IV.2-d part (role/ward): and nobody is added silently: a member who is in the room is told of each (control: of no other)", told)
rooms = json.loads(lab.ctl("--json", "room", "list", "offen.example").stdout)
row([room["local"] for room in rooms] == ["tee"], "room list: the room", rooms)
table = lab.ctl("room", "list", "offen.example").stdout
row(table.splitlines()[0].split() == ["room", "name"] and "tee" in table, "room list: a table", table)
shown = show()
row((shown["present"], shown["belong"], shown["owners"], shown["members_only"], shown["archived"]) == (2, 4, 1, True, True),
    "room show: how many are in it and belong to it, and what it is like", shown)
row(members() == {anna: "owner", jonas: "member", clara: "member", emil: "member"}, "room members: all who belong to it", members())
row(audited() and set(audited()) == {("room.members", ROOM, "")}, "who asks that is in the audit log; who lists rooms is not", audited())

# --- refused ---

before, log = members(), len(audited())
for name, words, sentence in [
    ("the rooms of a domain that is not here", ["list", "nowhere.example"], "There is no such domain"),
    ("to show a room that is not there", ["show", "kaffee@rooms.offen.example"], "There is no such room"),
    ("to show an account as a room", ["show", anna], "There is no such room"),
    ("the members of a room that is not there", ["members", "kaffee@rooms.offen.example"], "There is no such room"),
    ("an owner of a room that is not there", ["owner", "kaffee@rooms.offen.example", anna], "There is no such room"),
    ("an owner who is no account of ours", ["owner", ROOM, "eve@anderswo.example"], "not the address of an account"),
    ("an owner who is a domain", ["owner", ROOM, "offen.example"], "not the address of an account"),
    ("to destroy a room that is not there", ["destroy", "kaffee@rooms.offen.example"], "There is no such room"),
    ("to destroy an account as a room", ["destroy", anna], "There is no such room"),
]:
    answer = lab.ctl("room", *words, check=False)
    row(answer.returncode == 1 and sentence in answer.stderr, f"refused with a sentence: {name}", answer)
for words in (["owner", ROOM, jonas], ["destroy", ROOM]):
    answer = lab.ctl("--dry-run", "room", *words)
    row("Nothing has happened" in answer.stdout, f"room {words[0]} --dry-run: says so", answer)
row(members() == before and show()["present"] == 2 and [entry for entry in audited()[log:] if entry[0] != "room.members"] == [],
    "and nothing of that was done or audited", audited()[log:])

# --- ghosts ---

third = lab.stream(clara).available()
enter(third, "Clara")
third.socket.close()
item, codes = leaves(first, "Clara")
row(item.get("role") == "none", "a session whose connection broke, and that cannot be resumed, leaves the room", codes)
third = lab.stream(clara).available()
enter(third, "Clara")
lab.ctl("sessions", "kill", clara)
item, codes = leaves(first, "Clara")
row(item.get("role") == "none" and show()["present"] == 2, "sessions kill: it leaves its rooms", show())
third = lab.stream(clara).available()
third.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
third.wait(lambda e: e.tag == "{urn:xmpp:sm:3}enabled")
enter(third, "Clara")
third.socket.close()
first.send(f"<message type='groupchat' to='{ROOM}' id='w1'><body>1</body></message>")
first.wait(lambda e: e.get("id") == "w1")
row(show()["present"] == 3, "a session that waits to be resumed stays in its rooms", show())
lab.ctl("sessions", "kill", clara)
leaves(first, "Clara")
row(show()["present"] == 2, "and leaves them when it is ended", show())

# --- an account that is disabled, and one that is deleted ---

third, fourth = lab.stream(clara).available(), lab.stream(emil).available()
enter(third, "Clara"), enter(fourth, "Emil")
lab.ctl("user", "disable", clara)
item, codes = leaves(first, "Clara")
row(item.get("role") == "none" and members().get(clara) == "member",
    "user disable: she leaves the room, and belongs to it still", members())
lab.ctl("user", "enable", clara)
third = lab.stream(clara).available()
row("110" in enter(third, "Clara"), "user enable: she enters again as who she was")
lab.ctl("user", "delete", emil)
leaves(first, "Emil")
fourth = lab.stream(lab.account("zeit", "offen.example")).available()
fourth.iq("get", "<ping xmlns='urn:xmpp:ping'/>", ROOM)
row(emil not in members(), "user delete: who was in the room leaves it, and belongs to it no more", members())
third.send("</stream:stream>")
leaves(first, "Clara")
first.sync()
first.waiting.clear()
lab.ctl("user", "delete", clara)
told = first.wait(lambda e: e.tag == wire.CLIENT + "message" and e.get("from") == ROOM and e.find(f".//{{{USER}}}item") is not None)
item = told.find(f".//{{{USER}}}item")
row((item.get("jid"), item.get("affiliation")) == (clara, "none") and members() == {anna: "owner", jonas: "member"},
    "user delete: of who was not in the room all are told that she belongs to it no more", members())

# --- hats ---

paula = "paula@offen.example"
lab.ctl("user", "add", paula, "--name", "Paula", "--profession", "Ärztin", "--department", "Innere", "--password-stdin", text="geheimnis\n")
lab.passwords[paula] = "geheimnis"
affiliate(first, paula, "member")
third = lab.stream(paula).available()
third.send(f"<presence to='{ROOM}/Paula'><x xmlns='{MUC}'/><hats xmlns='{HATS}'><hat title='Chefin' uri='urn:x'/></hats></presence>")
shown = first.wait(lambda e: e.get("from") == f"{ROOM}/Paula")
hats = {hat.get("uri"): hat.get("title") for hat in shown.iter(f"{{{HATS}}}hat")}
row(hats == {"urn:konsil:hats:profession": "Ärztin", "urn:konsil:hats:department": "Innere"},
    "XEP-0317: all see her profession and department, as the directory has them, and not what she says of herself", hats)
shown = third.wait(lambda e: e.get("from") == f"{ROOM}/Anna")
row(shown.find(f".//{{{HATS}}}hats") is None, "XEP-0317: of whom it has neither she wears no hat")
third.send("</stream:stream>")
leaves(first, "Paula")
affiliate(first, paula, "none")

# --- a room whose last owner is gone ---

second.sync()
second.waiting.clear()
lab.ctl("user", "delete", anna)
leaves(second, "Anna")
row(show()["owners"] == 0 and members() == {jonas: "member"}, "control: the last owner's account is deleted, and the room has none", members())
row(affiliate(second, jonas, "owner") == "error", "nobody makes himself its owner")
answer = lab.ctl("room", "owner", ROOM, jonas)
shown = second.wait(lambda e: e.get("from") == f"{ROOM}/Jonas" and e.tag == wire.CLIENT + "presence"
                    and e.find(f".//{{{USER}}}item").get("affiliation") == "owner")
row(shown.find(f".//{{{USER}}}item").get("role") == "moderator" and members() == {jonas: "owner"},
    "room owner: all who are in it see the new one", members())
row(("room.owner", ROOM, jonas) in audited(), "and it is in the audit log", audited())

# --- how long it keeps what is said ---

answer = lab.ctl("room", "retention", ROOM, "30")
row(answer.returncode == 0 and show()["retention_days"] == 30, "room retention: the room keeps for so many days what is said in it", answer)
row(("room.retention", ROOM, "30") in audited(), "and it is in the audit log", audited())
answer = lab.ctl("room", "retention", ROOM, "3650", check=False)
row(answer.returncode != 0 and show()["retention_days"] == 30, "longer than its domain it cannot be", answer)

# --- it survives, and ends ---

lab.stop(), lab.start()
row(members() == {jonas: "owner"} and show()["present"] == 0, "after a new start it is as it was, and nobody is in it", show())
row(show()["retention_days"] == 30, "its own days with it", show())
second = lab.stream(jonas).available()
enter(second, "Jonas")
answer = lab.ctl("room", "destroy", ROOM)
end = second.wait(lambda e: e.get("from") == f"{ROOM}/Jonas" and e.get("type") == "unavailable")
row(end.find(f".//{{{USER}}}destroy") is not None, "room destroy: all who are in it are told", answer)
row(json.loads(lab.ctl("--json", "room", "list", "offen.example").stdout) == [] and ("room.destroy", ROOM, "") in audited(),
    "it is on no list any more, and in the audit log", audited())
row(enter(second, "Jonas") == "gone", "and its name is not given again")
for words, wanted in [(["room", "owner"], ["JID", "OWNER"]), (["room", "retention"], ["JID", "DAYS|domain"])]:
    told = lab.ctl("help", *words, check=False).stdout
    row(all(any(line.split()[:1] == [word] for line in told.splitlines()) for word in wanted), f"konsilctl help {' '.join(words)}: says what each word is", told)
row(lab.stop() == 0, "konsild ends in order")
done()
