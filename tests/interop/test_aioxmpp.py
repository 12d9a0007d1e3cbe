#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""konsild as aioxmpp sees it, a client library that others wrote: rooms, files, carbons, blocking, bookmarks, pictures."""
import asyncio
import hashlib
import logging
import os
import sys
import warnings

try:
    import aioxmpp
    import OpenSSL
    from aioxmpp.utils import namespaces
except ImportError as error:
    print(f"1..0 # SKIP {error}: apt-get install python3-aioxmpp")
    sys.exit(0)

from curl import curl
from lab import TIMEOUT, Lab, canary, done, row
from picture import png

DOMAIN, ROOM = "offen.example", "visite@rooms.offen.example"
SERVICES = (aioxmpp.MUCClient, aioxmpp.CarbonsClient, aioxmpp.BlockingClient, aioxmpp.BookmarkClient, aioxmpp.AvatarService,
            aioxmpp.DiscoClient, aioxmpp.RosterClient, aioxmpp.vcard.VCardService)


def context(lab):
    """TLS as aioxmpp wants it, trusting the lab's authority alone."""
    made = OpenSSL.SSL.Context(OpenSSL.SSL.TLS_METHOD)
    made.load_verify_locations(lab.ca)
    made.set_verify(OpenSSL.SSL.VERIFY_PEER | OpenSSL.SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *answer: bool(answer[-1]))
    return made


class Events:
    """What signals told, to wait for."""

    def __init__(self):
        self.all, self.news = [], asyncio.Event()

    def listen(self, signal, name):
        signal.connect(lambda *values, **named: self.happened(name, values, named))

    def happened(self, name, values, named):
        self.all.append((name, values, named))
        self.news.set()

    async def until(self, name, wanted=lambda *values, **named: True):
        async def take():
            while True:
                for i, (kind, values, named) in enumerate(self.all):
                    if kind == name and wanted(*values, **named):
                        self.all.pop(i)
                        return values, named
                self.news.clear()
                await self.news.wait()
        return await asyncio.wait_for(take(), TIMEOUT)


class Client(Events):
    def __init__(self, lab, jid, resource):
        super().__init__()
        security = aioxmpp.make_security_layer(lab.passwords[jid])._replace(ssl_context_factory=lambda: context(lab))
        self.client = aioxmpp.PresenceManagedClient(
            aioxmpp.JID.fromstr(f"{jid}/{resource}"), security,
            override_peer=[("127.0.0.1", lab.port, aioxmpp.connector.STARTTLSConnector())])
        self.muc, self.carbons, self.blocking, self.bookmarks, self.avatars, self.disco, self.roster, self.vcards = (
            self.client.summon(service) for service in SERVICES)
        self.inbox = self.client.summon(aioxmpp.dispatcher.SimpleMessageDispatcher)
        self.inbox.register_callback(None, None, lambda stanza: self.happened("message", (stanza,), {}))
        for name in ("on_bookmark_added", "on_bookmark_removed"):
            self.listen(getattr(self.bookmarks, name), name)
        self.listen(self.avatars.on_metadata_changed, "avatar")
        self.listen(self.muc.on_muc_invitation, "invitation")
        self.listen(self.client.on_stream_established, "online")
        self.listen(self.client.on_failure, "failure")

    async def start(self):
        self.client.presence = aioxmpp.PresenceState(True)
        await self.until("online")
        return self

    async def stop(self):
        stopped = asyncio.get_event_loop().create_future()
        self.client.on_stopped.connect(lambda: stopped.set_result(None))
        self.client.stop()
        await asyncio.wait_for(stopped, TIMEOUT)

    async def join(self, nick, **options):
        room, entered = self.muc.join(aioxmpp.JID.fromstr(ROOM), nick, **options)
        for name in ("on_message", "on_join", "on_leave", "on_exit", "on_topic_changed", "on_nick_changed", "on_muc_role_changed",
                     "on_muc_affiliation_changed"):
            self.listen(getattr(room, name), name)
        await asyncio.wait_for(entered, TIMEOUT)
        return room


def message(to, body, type_=aioxmpp.MessageType.CHAT):
    stanza = aioxmpp.Message(type_=type_, to=to)
    stanza.body[None] = body
    return stanza


def text(stanza):
    return next(iter(stanza.body.values()), "")


async def refused(answer, condition):
    try:
        await answer
    except aioxmpp.errors.XMPPError as error:
        return error.condition.value[1] == condition
    return False


async def rooms(a, b):
    one, two = a.client.local_jid.bare(), b.client.local_jid.bare()
    mine = await a.join("Eins")
    row(mine.muc_active and mine.me.affiliation == "owner" and mine.me.role == "moderator",
        "XEP-0045 §10.1: who enters first makes the room and owns it", mine.me)
    form = await a.muc.get_room_config(mine.jid)
    fields = {field.var: field for field in form.fields}
    row({"muc#roomconfig_membersonly", "muc#roomconfig_roomname", "muc#roomconfig_moderatedroom"} <= set(fields),
        "XEP-0045 §10.2: its form is one that aioxmpp reads", sorted(filter(None, fields)))
    filled = aioxmpp.muc.ConfigurationForm.from_xso(form)
    filled.roomname.value, filled.membersonly.value, filled.persistentroom.value = "Visite", False, True
    await a.muc.set_room_config(mine.jid, filled.render_reply())
    info = await a.disco.query_info(mine.jid, require_fresh=True)
    row({"muc_open", "muc_persistent", "urn:xmpp:mam:2"} <= info.features and "Visite" in {i.name for i in info.identities},
        "XEP-0045 §6.4: configured, it says so", sorted(info.features))

    theirs = await b.join("Zwei")
    _, _ = await a.until("on_join", lambda member, **_: member.nick == "Zwei")
    row({str(member.direct_jid.bare()) for member in theirs.members} == {str(one), str(two)},
        "XEP-0045 §7.2: another one enters; who is there is known by address", [str(m.direct_jid) for m in theirs.members])
    words = canary()
    theirs.send_message(message(mine.jid, words, aioxmpp.MessageType.GROUPCHAT))
    (said, member, *_), _ = await a.until("on_message", lambda said, *_, **__: text(said) == words)
    row(member.nick == "Zwei", "XEP-0045 §7.4: what one says the other hears", member)
    await b.until("on_message", lambda said, *_, **__: text(said) == words)
    tracked = canary()
    _, tracker = mine.send_message_tracked(message(mine.jid, tracked, aioxmpp.MessageType.GROUPCHAT))
    states = Events()
    states.listen(tracker.on_state_changed, "state")
    await states.until("state", lambda state, *_: state == aioxmpp.tracking.MessageState.DELIVERED_TO_RECIPIENT)
    row(True, "XEP-0045 §7.4: and the author sees his own, by which aioxmpp knows that it is there")

    await mine.set_topic({aioxmpp.structs.LanguageTag.fromstr("de"): "Bett 4"})
    (_, topic), _ = await b.until("on_topic_changed", lambda member, topic, **_: topic.any() == "Bett 4" if topic else False)
    row(topic.any() == "Bett 4", "XEP-0045 §8.1: the subject is changed, for all", topic)
    await theirs.set_nick("Deux")
    (_, before, after), _ = await a.until("on_nick_changed")
    row((before, after) == ("Zwei", "Deux"), "XEP-0045 §7.6: and a nick", (before, after))

    late = canary()
    mine.send_message(message(mine.jid, late, aioxmpp.MessageType.GROUPCHAT))
    await b.until("on_message", lambda said, *_, **__: text(said) == late)
    await a.muc.set_affiliation(mine.jid, two, "member")
    listed = {str(jid) for jid in await a.muc.get_affiliated(mine.jid, "member")}
    row(listed == {str(two)}, "XEP-0045 §9.3: membership is granted, and stands on the list", listed)
    await mine.muc_set_role("Deux", "visitor")
    (_, member), _ = await b.until("on_muc_role_changed", lambda presence, member, **_: member.role == "visitor")
    row(member.is_self, "XEP-0045 §8.4: voice is taken", member)
    row(await refused(b.muc.set_affiliation(mine.jid, one, "none"), "forbidden"), "XEP-0045 §9: who may not change it is told so")
    await mine.muc_set_role("Deux", "none", reason="Pause")
    _, named = await b.until("on_exit")
    row(named["muc_leave_mode"] == aioxmpp.muc.LeaveMode.KICKED and named["muc_reason"] == "Pause", "XEP-0045 §8.2: kicked", named)

    # Comes back, and is given what was said.
    theirs = await b.join("Zwei", history=aioxmpp.muc.xso.History(maxstanzas=1))
    (said, *_), _ = await b.until("on_message", lambda said, *_, **__: said.xep0203_delay)
    row(text(said) == late, "XEP-0045 §7.2.14: she comes back, and of the history gets what she asks for", text(said))
    await a.muc.set_affiliation(mine.jid, two, "outcast", reason="Schluss")
    _, named = await b.until("on_exit")
    row(named["muc_leave_mode"] == aioxmpp.muc.LeaveMode.BANNED, "XEP-0045 §9.1: banned", named)
    row(await refused(b.join("Zwei"), "forbidden"), "XEP-0045 §7.2.7: and does not come in again")
    await a.muc.set_affiliation(mine.jid, two, "none")
    filled = aioxmpp.muc.ConfigurationForm.from_xso(await a.muc.get_room_config(mine.jid))
    filled.membersonly.value = True
    await a.muc.set_room_config(mine.jid, filled.render_reply())
    row(await refused(b.join("Zwei"), "registration-required"), "XEP-0045 §7.2.6: into a room for members only nobody else gets")
    await mine.invite(two, "bitte", mode=aioxmpp.im.InviteMode.MEDIATED)
    (_, where, who, _), _ = await b.until("invitation")
    row(str(where) == ROOM and who.bare() == one, "XEP-0045 §7.8.2: she is invited by the room", (where, who))
    theirs = await b.join("Zwei")
    row(theirs.me.affiliation == "member", "XEP-0045 §7.8.2: which makes her a member", theirs.me)
    await theirs.leave()
    (member,), _ = await a.until("on_leave", lambda member, muc_leave_mode, **_: muc_leave_mode == aioxmpp.muc.LeaveMode.NORMAL)
    row(member.nick == "Zwei", "XEP-0045 §7.14: she leaves", member)


async def files(lab, a):
    service, = [item.jid for item in (await a.disco.query_items(aioxmpp.JID.fromstr(DOMAIN))).items] or [None]
    found = [jid for jid in (aioxmpp.JID.fromstr(DOMAIN), service)
             if namespaces.xep0363_http_upload in (await a.disco.query_info(jid)).features]
    row(len(found) == 1, "XEP-0363 §3: aioxmpp finds where files go", found)
    content = os.urandom(70000)
    slot = await aioxmpp.httpupload.request_slot(a.client, found[0], "bild.bin", len(content), "application/octet-stream")
    headers = [word for name, value in slot.put.headers.items() for word in ("--header", f"{name}: {value}")]
    answer = await asyncio.to_thread(curl, lab, slot.put.url, "--request", "PUT", "--data-binary", "@-", "--header",
                                     "Content-Type: application/octet-stream", *headers, data=content)
    row(answer.status == 201, "XEP-0363 §7: curl puts a file into aioxmpp's slot", answer)
    answer = await asyncio.to_thread(curl, lab, slot.get.url)
    row(answer.status == 200 and answer.body == content, "XEP-0363 §7: and gets it", answer)
    row(await refused(aioxmpp.httpupload.request_slot(a.client, found[0], "zu-gross", 1 << 40, "application/octet-stream"), "not-acceptable"),
        "XEP-0363 §5: one that is too large is refused")


async def people(lab, a, b, one, two):
    b2 = await Client(lab, two, "b2").start()
    await b.carbons.enable()
    copies = Events()

    def heard(stanza, _peer, _sent, source):
        copies.happened("copy", (stanza, source), {})
        return stanza

    b.client.summon(aioxmpp.im.dispatcher.IMDispatcher).message_filter.register(heard, 0)
    words = canary()
    await a.client.send(message(b2.client.local_jid, words))
    (copy, source), _ = await copies.until("copy", lambda stanza, _: text(stanza) == words)
    row(source == aioxmpp.im.dispatcher.MessageSource.CARBONS and copy.from_.bare() == one.bare(), "XEP-0280: a copy of what another device of hers gets comes, and aioxmpp opens it", copy)
    await b2.stop()

    await b.blocking.block_jids([one.bare()])
    row(one.bare() in b.blocking.blocklist, "XEP-0191 §3.3: blocked, and aioxmpp is told by the server", b.blocking.blocklist)
    await a.client.send(message(two_bare := aioxmpp.JID.fromstr(two), canary()))
    (bounced,), _ = await a.until("message", lambda stanza: stanza.type_ == aioxmpp.MessageType.ERROR)
    row(bounced.error.condition.value[1] == "service-unavailable", "XEP-0191 §3.3: what the blocked one sends comes back", bounced.error)
    await b.blocking.unblock_all()
    await a.client.send(message(two_bare, again := canary()))
    await copies.until("copy", lambda stanza, _: text(stanza) == again)
    row(not b.blocking.blocklist, "XEP-0191 §3.5: unblocked, he is heard again")

    mark = aioxmpp.bookmarks.Conference("Visite", aioxmpp.JID.fromstr(ROOM), autojoin=True, nick="Eins")
    await a.bookmarks.add_bookmark(mark)
    row([str(m.jid) for m in await a.bookmarks.get_bookmarks()] == [ROOM], "XEP-0048: a bookmark in the older form is kept")
    wire = lab.stream(str(one.bare()))
    held = await asyncio.to_thread(wire.iq, "get", "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'/></pubsub>")
    conference = held.find(".//{urn:xmpp:bookmarks:1}conference")
    row(conference is not None and conference.get("autojoin") == "true", "XEP-0402 §5.3.2: and stands in the newer one, too")
    await a.bookmarks.discard_bookmark(mark)
    row(not await a.bookmarks.get_bookmarks(), "XEP-0048: and is taken away")
    wire.close()

    a.roster.subscribe(two_bare), b.roster.approve(one.bare()), b.roster.subscribe(one.bare()), a.roster.approve(two_bare)
    pictures = aioxmpp.avatar.AvatarSet()
    picture = png()
    pictures.add_avatar_image("image/png", image_bytes=picture)
    await a.avatars.publish_avatar_set(pictures)
    (_, shown), _ = await b.until("avatar", lambda jid, shown: jid.bare() == one.bare() and shown)
    row(await shown[0].get_image_bytes() == picture, "XEP-0084: who sees her is told of her picture, and fetches it", shown)
    card = await b.vcards.get_vcard(one.bare())
    row(card.get_photo_data() == picture, "XEP-0398 §3.1: which is in her vCard, too", card)
    await a.avatars.disable_avatar()
    (_, shown), _ = await b.until("avatar", lambda jid, shown: jid.bare() == one.bare() and not shown)
    row(not shown, "XEP-0084 §3.5: and of its end")


async def main(lab, one, two):
    a, b = await Client(lab, one, "a").start(), await Client(lab, two, "b").start()
    row(str(a.client.local_jid) == f"{one}/a" and a.client.stream.sm_enabled, "aioxmpp logs in over STARTTLS, with stream management", a.client.local_jid)
    await rooms(a, b)
    await files(lab, a)
    await people(lab, a, b, a.client.local_jid, two)
    await a.stop()
    await b.stop()


logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")
lab = Lab(web=True)
asyncio.run(main(lab, lab.account("eins", DOMAIN), lab.account("zwei", DOMAIN)))
row(lab.stop() == 0, "konsild ends in order")
done()
