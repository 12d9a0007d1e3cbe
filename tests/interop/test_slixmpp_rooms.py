#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rooms, files and pictures as slixmpp sees them, on the unprotected domain; what it puts and gets over HTTP does curl."""
import asyncio
import contextlib
import hashlib
import os

from curl import curl
from lab import TIMEOUT, Lab, canary, done, row
from slix import ET, refused, slixmpp, start

DOMAIN, ROOM, OTHER = "offen.example", slixmpp.JID("station@rooms.offen.example"), slixmpp.JID("tee@rooms.offen.example")
MUC_USER = "{http://jabber.org/protocol/muc#user}"
PLUGINS = ("0004", "0045", "0048", "0054", "0084", "0249", "0363", "0421")
EVENTS = ("groupchat_message", "groupchat_presence", "groupchat_subject", "groupchat_invite", "groupchat_direct_invite",
          "groupchat_config_status", "groupchat_message_error")


async def join(who, nick, room=ROOM, **wishes):
    """slixmpp's own way in, which prints; (own presence, subject, occupants, history)."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        return await who["xep_0045"].join_muc_wait(room, nick, timeout=TIMEOUT, **wishes)


def say(who, text, room=ROOM):
    who.send_message(mto=room, mbody=text, mtype="groupchat")


def heard(who, text):
    return who.until("groupchat_message", lambda message: message["body"] == text)


def statuses(presence):
    return {int(status.get("code")) for status in presence.xml.iter(MUC_USER + "status")}


def left(who, nick, code=None):
    return who.until("groupchat_presence", lambda p: p["type"] == "unavailable" and p["from"].resource == nick
                     and (code is None or code in statuses(p)))


async def configure(who, room=ROOM, **fields):
    form = await who["xep_0045"].get_room_config(room)
    form["type"] = "submit"
    for name, value in fields.items():
        form.get_fields()[f"muc#roomconfig_{name}"]["value"] = value
    await who["xep_0045"].set_room_config(room, form)


async def rooms(a, b, c, one, two, three):
    presence, subject, _, _ = await join(a, "Eins")
    row({110, 201} <= statuses(presence) and presence["muc"]["affiliation"] == "owner", "XEP-0045 §10.1: who comes first makes the room", presence)
    row(await refused(join(b, "Zwei"), "item-not-found"), "XEP-0045 §10.1.3: until it is configured nobody else gets in")
    await configure(a, roomname="Station 3", membersonly=False, publicroom=True, persistentroom=True, moderatedroom=False)
    listed = await b["xep_0030"].get_items(f"rooms.{DOMAIN}")
    row(str(ROOM) in {str(item[0]) for item in listed["disco_items"]["items"]}, "XEP-0045 §6.3: public, it is listed", listed)
    features = (await b["xep_0030"].get_info(jid=ROOM))["disco_info"]["features"]
    row({"muc_open", "urn:xmpp:occupant-id:0", "urn:xmpp:mam:2"} <= set(features), "XEP-0045 §6.4: and says what it is like", features)
    first = canary()
    say(a, first)
    await heard(a, first)
    a["xep_0045"].set_subject(ROOM, "Bett 4")
    await a.until("groupchat_subject", lambda m: m["subject"] == "Bett 4")
    presence, subject, occupants, _ = await join(b, "Zwei", maxstanzas=20)
    row(subject["subject"] == "Bett 4" and {p["from"].resource for p in occupants} >= {"Eins"},
        "XEP-0045 §7.2: who enters is told who is there, and the subject", (subject, occupants))
    entered = await a.until("groupchat_presence", lambda p: p["from"].resource == "Zwei")
    hats = {hat.get("title") for hat in entered.xml.iter("{urn:xmpp:hats:0}hat")}
    row(hats == {"Arzt", "Kardiologie"}, "XEP-0317: what the directory says of a person stands beside the nick", entered)
    row((await heard(b, first))["delay"]["from"] == ROOM, "XEP-0045 §7.2.13: and what was said before")
    words = canary()
    say(b, words)
    told = await heard(a, words)
    row(told["from"].resource == "Zwei" and (await heard(b, words)), "XEP-0045 §7.4: all hear what one says", told)
    row(told["occupant-id"]["id"] and told["stanza_id"]["by"] == ROOM, "XEP-0421 §3, XEP-0359: with an id of who says it, and one of what is said", told)
    row(await refused(b["xep_0045"].set_role(ROOM, "Eins", "none"), "forbidden"), "XEP-0045 §8.2: who may not kick is told so")

    await a["xep_0045"].set_role(ROOM, "Zwei", "visitor")
    await configure(a, moderatedroom=True)
    await b.until("groupchat_config_status", lambda m: 104 in statuses(m))
    say(b, canary())
    bounced = await b.until("groupchat_message_error")
    row(bounced["error"]["condition"] == "forbidden", "XEP-0045 §7.4: without voice nobody hears him, and he is told", bounced)
    await a["xep_0045"].set_role(ROOM, "Zwei", "participant")
    await a["xep_0045"].set_role(ROOM, "Zwei", "none", reason="Pause")
    gone = await left(b, "Zwei", 307)
    row(gone.xml.findtext(f".//{MUC_USER}reason") == "Pause", "XEP-0045 §8.2: kicked, with a reason", gone)

    await a["xep_0045"].set_affiliation(ROOM, "outcast", jid=two)
    row(await refused(join(b, "Zwei"), "forbidden"), "XEP-0045 §7.2.7: who is banned does not get in")
    row([str(jid) for jid in await a["xep_0045"].get_affiliation_list(ROOM, "outcast")] == [two], "XEP-0045 §9.2: and stands on the list")
    await a["xep_0045"].send_affiliation_list(ROOM, [(two, "admin"), (three, "member")])
    await configure(a, membersonly=True, moderatedroom=False)
    await join(b, "Zwei")
    await join(c, "Drei", seconds=0)
    row(await refused(join(c, "Eins"), "conflict"), "XEP-0045 §7.2.8: a nick that somebody has is a conflict")
    await b["xep_0045"].set_role(ROOM, "Drei", "none")
    await left(c, "Drei", 307)
    row(True, "XEP-0045 §8.2: an admin kicks a member")
    await b["xep_0045"].set_affiliation(ROOM, "none", jid=three)
    row(await refused(join(c, "Drei"), "registration-required"), "XEP-0045 §7.2.6: for members only")
    a["xep_0045"].invite(ROOM, three, reason="bitte")
    invited = await c.until("groupchat_invite")
    row(invited["from"] == ROOM and invited.xml.find(f".//{MUC_USER}invite").get("from").startswith(one), "XEP-0045 §7.8.2: invited by the room", invited)
    a["xep_0249"].send_invitation(three, ROOM, reason="bitte")
    direct = await c.until("groupchat_direct_invite")
    row(direct["groupchat_invite"]["jid"] == ROOM, "XEP-0249: and directly", direct)
    presence, *_ = await join(c, "Drei")
    row(presence["muc"]["affiliation"] == "member", "XEP-0045 §7.8.2: which made her a member", presence)
    await configure(a, passwordprotectedroom=True, roomsecret="geheim")
    c["xep_0045"].leave_muc(ROOM, "Drei", "weg")
    await a.until("groupchat_presence", lambda p: p["type"] == "unavailable" and p["status"] == "weg")
    row(await refused(join(c, "Drei"), "not-authorized"), "XEP-0045 §7.2.5: without the password she does not come back")
    await join(c, "Drei", password="geheim")
    row(True, "XEP-0045 §7.2.5: with it she does")

    found = [m["mam_result"]["forwarded"]["stanza"] async for m in c["xep_0313"].iterate(jid=ROOM, rsm={"max": 2})]
    row([m["body"] for m in found if m["body"]] == [first, words], "XEP-0313 §4: the room's archive has it, page by page", [m["body"] for m in found])
    row(await refused(c["xep_0045"].destroy(ROOM), "forbidden"), "XEP-0045 §10.9: who does not own it does not end it")
    await join(c, "Drei", OTHER)
    other = await c.until("groupchat_presence", lambda p: p["from"] == f"{OTHER}/Drei")
    mine = await c.until("groupchat_presence", lambda p: p["from"] == f"{ROOM}/Drei" and p["type"] == "available")
    row(other["occupant-id"]["id"] != mine["occupant-id"]["id"], "XEP-0421 §4.1: in another room she has another id", (other, mine))
    await a["xep_0045"].destroy(ROOM, reason="geschlossen", altroom=OTHER)
    end = await c.until("groupchat_presence", lambda p: p.xml.find(f".//{MUC_USER}destroy") is not None)
    row(end.xml.find(f".//{MUC_USER}destroy").get("jid") == OTHER, "XEP-0045 §10.9: its end is told, and where one goes on", end)
    row(await refused(join(c, "Drei"), "gone"), "XEP-0045 §10.9: it does not come again")


async def bookmarks(a, one):
    pubsub = a["xep_0060"]
    await pubsub.publish(one, "urn:xmpp:bookmarks:1", id=str(OTHER), payload=ET.fromstring(
        "<conference xmlns='urn:xmpp:bookmarks:1' name='Tee' autojoin='true'><nick>Eins</nick></conference>"))
    older = await a["xep_0048"].get_bookmarks(method="xep_0049")
    marks = older["private"]["bookmarks"]["conferences"]
    row([(mark["jid"], mark["nick"]) for mark in marks] == [(OTHER, "Eins")], "XEP-0402 §5.3.1: what stands in the newer form slixmpp finds in the older", older)


async def files(lab, a, b):
    """What RFC 9110 and XEP-0363 say, by curl."""
    ask = lambda *words, **more: asyncio.to_thread(curl, lab, *words, **more)
    service = await a["xep_0030"].get_info(jid=DOMAIN)  # its own search does not run on Python 3.11
    row("urn:xmpp:http:upload:0" in service["disco_info"]["features"], "XEP-0363 §3: the domain takes files", service)
    content = os.urandom(100000)

    async def slot(who, size):
        answer = (await who["xep_0363"].request_slot(service["from"], "bild.bin", size, "application/octet-stream"))["http_upload_slot"]
        fields = [word for field in answer["put"]["headers"] for word in ("--header", f"{field['name']}: {field['value']}")]
        return answer["put"]["url"], answer["get"]["url"], fields

    def put(url, fields, data):
        return ask(url, "--request", "PUT", "--data-binary", "@-", "--header", "Content-Type: application/octet-stream", *fields, data=data)

    url, get, fields = await slot(a, len(content))
    row(url == get and (await ask(get)).status == 404, "XEP-0363 §4: a slot, in which there is nothing yet", url)
    row((await put(url, [], content)).status == 403, "without its Authorization nothing is put")
    _, _, foreign = await slot(b, len(content))
    row((await put(url, foreign, content)).status == 403, "nor with that of another account")
    row((await put(url, fields, content[:-1])).status == 400, "XEP-0363 §7: nor another number of bytes")
    row((await put(url, fields, content)).status == 201, "XEP-0363 §7: curl puts the file")
    row((await put(url, fields, content)).status == 403, "once")
    answer = await ask(get)
    row(answer.status == 200 and answer.body == content and answer.headers["x-content-type-options"] == "nosniff", "and gets it", answer)
    answer = await ask(get, "--head")
    row(answer.status == 200 and answer.headers["content-length"] == str(len(content)) and not answer.body, "RFC 9110 §9.3.2: HEAD tells its size", answer)
    part = os.path.join(lab.dir, "part")
    with open(part, "wb") as file:
        file.write(content[:40000])
    await asyncio.to_thread(curl, lab, get, "--continue-at", "-", output=part)
    with open(part, "rb") as file:
        row(hashlib.sha256(file.read()).digest() == hashlib.sha256(content).digest(), "RFC 9110 §14: a download that was cut off goes on where it was")
    answer = await ask(get, "--range", "99990-")
    row(answer.status == 206 and answer.body == content[99990:], "RFC 9110 §14.2: its end", answer)
    row((await ask(get, "--range", "100000-")).status == 416, "RFC 9110 §15.5.17: and nothing behind it")
    row((await ask(get, "--request", "DELETE")).status == 405 and (await ask(get)).status == 200, "over HTTP nobody deletes it")
    row((await ask(get.rsplit("/", 2)[0] + "/../../konsild.conf", "--path-as-is")).status in (400, 404), "no way leads out")
    return get, content


async def pictures(a, b, one, two):
    a.auto_authorize = b.auto_authorize = True
    a.send_presence(pto=two, ptype="subscribe")
    await a.until("presence_subscribed")
    await b.until("presence_subscribed")
    picture = b"\x89PNG\r\n\x1a\n" + os.urandom(500)
    name = hashlib.sha1(picture).hexdigest()
    await a["xep_0084"].publish_avatar(picture)
    await a["xep_0084"].publish_avatar_metadata({"id": name, "type": "image/png", "bytes": len(picture)})
    a.send_presence()
    seen = await b.until("presence_available", lambda p: p["from"].bare == one and p.xml.findtext(".//{vcard-temp:x:update}photo") == name)
    row(True, "XEP-0398 §4: its hash is in her presence", seen)
    items = await b["xep_0084"].retrieve_avatar(one, name)
    row(items["pubsub"]["items"]["item"]["avatar_data"]["value"] == picture, "XEP-0084 §3.4: and the picture is fetched from the node", items)
    card = await b["xep_0054"].get_vcard(one)
    row(card["vcard_temp"]["PHOTO"]["BINVAL"] == picture, "XEP-0398 §3.1: or from the vCard", card)


async def main(lab, one, two, three):
    a, b, c = [await start(lab, jid, name, plugins=PLUGINS, events=EVENTS) for jid, name in ((one, "a"), (two, "b"), (three, "c"))]
    for who in (a, b, c):
        who.send_presence()
    await rooms(a, b, c, one, two, three)
    await bookmarks(a, one)
    await files(lab, a, b)
    await pictures(a, b, one, two)
    for who in (a, b, c):
        await who.disconnect()


lab = Lab(web=True)
people = [lab.account(name, DOMAIN) for name in ("eins", "drei")]
people.insert(1, f"zwei@{DOMAIN}")
lab.passwords[people[1]] = "wort-zwei-4711"
lab.ctl("user", "add", people[1], "--name", "Zwei", "--department", "Kardiologie", "--profession", "Arzt", "--password-stdin",
        text=lab.passwords[people[1]] + "\n")
asyncio.get_event_loop().run_until_complete(main(lab, *people))
row(lab.stop() == 0, "konsild ends in order")
done()
