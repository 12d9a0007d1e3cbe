# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rooms from konsil to konsil, through a real konsild: what owners take out, their pictures, and who is invited."""
import base64
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import wire
from lab import Lab, canary, done, row

MUC = "http://jabber.org/protocol/muc"
lab = Lab()


def archived(stream, room, message):
    """What the room's archive holds under the id of a message: names of elements."""
    stream.iq("set", "<query xmlns='urn:xmpp:mam:2'/>", room)
    results = [e.find(".//" + wire.CLIENT + "message") for e in stream.waiting if e.find("{urn:xmpp:mam:2}result") is not None]
    stream.waiting.clear()
    return {child.tag.split("}")[1] for found in results if found.get("id") == message for child in found}


# --- an owner takes a message out ---

anna, jonas = lab.account("anna"), lab.account("jonas")
A, J = lab.konsil(anna), lab.konsil(jonas)
room = A.do("room_create", title="Visite", members=[jonas])["room"]
J.wait("room", lambda e: e["room"]["room"] == room and e["room"].get("title") == "Visite")
words = canary()
message = J.send(room, words)
A.wait_body(words)
spy = lab.stream(anna).available()
spy.send(f"<presence to='{room}/anna'><x xmlns='{MUC}'><history maxstanzas='0'/></x></presence>")
row("encrypted" in archived(spy, room, message), "control: the room's archive has a message")
refused = J.do("moderate", room=room, message=message)
row(refused.get("code") == "room.not_owner", "XEP-0425: who does not own the room takes nothing out", refused)
row(A.do("moderate", room=room, message=message, reason="falscher Raum")["event"] == "result", "XEP-0425: an owner does")
event = J.wait("retracted", lambda e: e["message"] == message)
row((event.get("moderated_by"), event.get("moderated_why")) == (anna, "falscher Raum"), "XEP-0425 §4: its author sees who did it, and why", event)
shown = [m for m in J.history(room) if m["message"] == message]
row(shown and shown[0]["retracted"] and "body" not in shown[0], "PROTOCOL §5.5: and nothing of what it said", shown)

spy.wait(lambda e: e.find(".//{urn:xmpp:message-moderate:1}moderated") is not None)
held = archived(spy, room, message)
row("retracted" in held and "encrypted" not in held, "DSK I.7-a: konsild's copy is a tombstone", held)

# --- its picture ---

picture = base64.b64encode(b"\x89PNG\r\n\x1a\n" + os.urandom(8000)).decode()
row(A.do("room_picture_set", room=room, image=picture)["event"] == "result", "PROTOCOL §9.2: a room gets a picture")
told = J.wait("room", lambda e: e["room"]["room"] == room and e["room"].get("picture"))
got = J.do("room_picture", room=room)
row(got.get("image") == picture and got["picture"] == told["room"]["picture"], "PROTOCOL §9.2: which its members have", told)
row(J.do("room_picture_set", room=room, image=picture).get("code") == "room.not_owner", "and change only as owners")

# --- invitations ---

paul, rita = lab.account("paul", "offen.example"), lab.account("rita", "offen.example")
P = lab.konsil(paul)
other = lab.stream(rita).available()
FOREIGN = "tee@rooms.offen.example"
other.send(f"<presence to='{FOREIGN}/Rita'><x xmlns='{MUC}'/></presence>")
other.wait(lambda e: e.get("from") == f"{FOREIGN}/Rita")
other.iq("set", f"<query xmlns='{MUC}#owner'><x xmlns='jabber:x:data' type='submit'/></query>", FOREIGN)
other.send(f"<message to='{FOREIGN}'><x xmlns='{MUC}#user'><invite to='{paul}'><reason>Tee</reason></invite></x></message>")
invitation = P.wait("invitation")["invitation"]
row((invitation["room"], invitation.get("from"), invitation.get("reason")) == (FOREIGN, rita, "Tee"),
    "XEP-0045 §7.8.2: who is invited by another program's room is told, by whom, and why", invitation)
P.close()
P.start()
row([i["room"] for i in P.do("invitations")["invitations"]] == [FOREIGN], "and after a restart, too")
row(P.do("room_join", room=FOREIGN)["event"] == "result" and not P.do("invitations")["invitations"], "to enter it accepts")
told = P.wait("room", lambda e: e["room"]["room"] == FOREIGN)["room"]
row(told.get("foreign"), "PROTOCOL §9.5: to read there", told)

# --- a service that wakes ---

row(P.do("push_service_set", service=f"{rita}/Wecker", node="n1")["event"] == "result", "XEP-0357 §5: a service wakes this device")
refused = P.do("push_service_set", service="push.fremd.example")
row(refused.get("code") == "server.refused", "one of a stranger does not", refused)
row(P.do("push_service_remove", service=f"{rita}/Wecker")["event"] == "result", "XEP-0357 §6: and no more")
done()
