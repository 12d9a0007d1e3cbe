#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""konsild as slixmpp sees it, a client library that others wrote: two people on the unprotected domain, over STARTTLS."""
import asyncio
import os
import sys

import slix
from lab import TIMEOUT, Lab, canary, done, row
from slix import ET, refused, slixmpp, start

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "peers"))
from pki import Pki

DOMAIN = "offen.example"


async def main(lab, one, two):
    a = await start(lab, one, "a")
    row(a.boundjid.full == f"{one}/a", "slixmpp logs in over STARTTLS with SCRAM-SHA-256, and binds its resource", a.boundjid)
    b = await start(lab, two, "b", "SCRAM-SHA-1")
    row(b.boundjid.full == f"{two}/b", "with SCRAM-SHA-1 too")
    row(a["xep_0198"].enabled_out or await a.until("sm_enabled") is not None, "XEP-0198: stream management is enabled")

    # Who is there: disco, version, time, ping.
    info = await a["xep_0030"].get_info(jid=DOMAIN)
    features = info["disco_info"]["features"]
    row({"urn:xmpp:ping", "urn:xmpp:blocking", "urn:xmpp:carbons:2", "urn:xmpp:time", "jabber:iq:version"} <= set(features)
        and ("server", "im") in {identity[:2] for identity in info["disco_info"]["identities"]},
        "XEP-0030: the server says what it can", sorted(features))
    own = await a["xep_0030"].get_info(jid=one)
    row("urn:xmpp:mam:2" in own["disco_info"]["features"] and ("pubsub", "pep") in {i[:2] for i in own["disco_info"]["identities"]},
        "XEP-0030: so does the account", own["disco_info"]["features"])
    row((await a["xep_0199"].ping(DOMAIN)) < TIMEOUT, "XEP-0199: a ping comes back")
    row((await a["xep_0092"].get_version(DOMAIN))["software_version"]["name"], "XEP-0092: the server has a name")
    clock = await a["xep_0202"].get_entity_time(DOMAIN)
    row(clock.xml.findtext("{urn:xmpp:time}time/{urn:xmpp:time}utc").endswith("Z"), "XEP-0202: and a clock", clock)

    # Roster and presence, RFC 6121.
    await a.get_roster()
    a.auto_authorize = b.auto_authorize = None
    a.send_presence()
    b.send_presence()
    await a.update_roster(two, name="Zwei")
    pushed = await a.until("roster_update", lambda iq: two in iq["roster"]["items"])
    row(pushed["roster"]["items"][slixmpp.JID(two)]["name"] == "Zwei", "RFC 6121 §2.3: a contact is added, and pushed", pushed)
    a.send_presence(pto=two, ptype="subscribe")
    asked = await b.until("presence_subscribe")
    row(asked["from"].bare == one, "RFC 6121 §3.1: a request for subscription arrives, from the bare JID", asked)
    b.send_presence(pto=one, ptype="subscribed")
    await a.until("presence_subscribed")
    seen = await a.until("presence_available", lambda p: p["from"] == f"{two}/b")
    row(seen["from"] == f"{two}/b", "RFC 6121 §3.1.5: approved, and the presence is there", seen)
    b.send_presence(pshow="dnd", pstatus="Visite")
    seen = await a.until("presence_dnd")
    row(seen["status"] == "Visite", "RFC 6121 §4.4: a change is seen", seen)
    b.send_presence(pto=one, ptype="unsubscribed")
    await a.until("presence_unsubscribed")
    gone = await a.until("presence_unavailable", lambda p: p["from"].bare == two)
    row(gone["from"].bare == two, "RFC 6121 §3.2: taken back, it is seen no more", gone)

    # Messages, carbons, archive.
    b2 = await start(lab, two, "b2")
    b2.send_presence()
    await b2["xep_0280"].enable()
    await b["xep_0280"].enable()
    words = canary()
    a.send_message(mto=f"{two}/b", mbody=words, mtype="chat")
    got = await b.until("message", lambda m: m["body"] == words)
    row(got["from"] == f"{one}/a", "RFC 6121 §8: a message arrives, from the full JID", got)
    copy = await b2.until("carbon_received")
    row(copy["carbon_received"]["body"] == words, "XEP-0280: another session of the recipient gets a copy", copy)
    answer = canary()
    b.send_message(mto=one, mbody=answer, mtype="chat")
    await a.until("message", lambda m: m["body"] == answer)
    copy = await b2.until("carbon_sent")
    row(copy["carbon_sent"]["body"] == answer, "XEP-0280: and one of what is sent", copy)
    lot = [f"{canary()} {i}" for i in range(25)]
    for text in lot:
        a.send_message(mto=two, mbody=text, mtype="chat")
    await b.until("message", lambda m: m["body"] == lot[-1])
    found = [m["mam_result"]["forwarded"]["stanza"] async for m in b["xep_0313"].iterate(rsm={"max": 10}, with_jid=one)]
    row([m["body"] for m in found] == [words, answer, *lot], "XEP-0313, XEP-0059: the archive has all of it, in order, page by page",
        [m["body"] for m in found])
    row(all(m["id"] for m in found[:2]) and len({str(m) for m in found}) == len(found), "XEP-0313: each once")

    # Offline.
    await b.disconnect()
    await b2.disconnect()
    late = canary()
    a.send_message(mto=two, mbody=late, mtype="chat")
    await a["xep_0199"].ping(DOMAIN)
    b = await start(lab, two, "b")
    b.send_presence()
    kept = await b.until("message", lambda m: m["body"] == late)
    row(kept["delay"]["stamp"] is not None, "XEP-0160, XEP-0203: what came meanwhile is delivered at login, with its time", kept)

    # Personal eventing.
    await a["xep_0060"].publish(one, "http://jabber.org/protocol/tune", id="current",
                                payload=ET.fromstring("<tune xmlns='http://jabber.org/protocol/tune'><title>Eins</title></tune>"))
    items = await a["xep_0060"].get_items(one, "http://jabber.org/protocol/tune")
    row([i["id"] for i in items["pubsub"]["items"]] == ["current"], "XEP-0163: a published item is there", items)
    node = "urn:example:open"
    form = a["xep_0004"].make_form(ftype="submit")
    form.add_field(var="FORM_TYPE", ftype="hidden", value="http://jabber.org/protocol/pubsub#publish-options")
    form.add_field(var="pubsub#access_model", value="open")
    form.add_field(var="pubsub#persist_items", value="true")
    await a["xep_0060"].publish(one, node, id="1", payload=ET.fromstring("<x xmlns='urn:example:open'>eins</x>"), options=form)
    items = await b["xep_0060"].get_items(one, node)
    row(len(items["pubsub"]["items"]) == 1, "XEP-0060 §7.1.5: published as open, somebody who is no contact can read it", items)
    row(await refused(b["xep_0060"].get_items(one, "http://jabber.org/protocol/tune"), "not-authorized"),
        "XEP-0060 §6.5.9.5: of a node that is not open he cannot")
    await b["xep_0060"].subscribe(one, node)
    await b.until("pubsub_publish", lambda m: m["pubsub_event"]["items"]["node"] == node)
    await a["xep_0060"].publish(one, node, id="2", payload=ET.fromstring("<x xmlns='urn:example:open'>zwei</x>"))
    told = await b.until("pubsub_publish", lambda m: [i["id"] for i in m["pubsub_event"]["items"]] == ["2"])
    row(told["from"].bare == one, "XEP-0060 §6.1: a subscriber is told of a new item", told)
    await a["xep_0060"].retract(one, node, "2", notify=True)
    told = await b.until("pubsub_retract")
    row(told["pubsub_event"]["items"]["retract"]["id"] == "2", "XEP-0060 §7.2: and of one taken back", told)
    await b["xep_0060"].unsubscribe(one, node)
    await a["xep_0060"].delete_node(one, node)
    row(await refused(b["xep_0060"].get_items(one, node), "item-not-found"), "XEP-0060 §8.4: a deleted node is no more")

    # Blocking.
    row(not (await b["xep_0191"].get_blocked())["blocklist"]["items"], "XEP-0191 §3.2: an empty list, which is asked for to be told of changes")
    await b["xep_0191"].block(one)
    pushed = await b.until("blocked")
    row(one in {str(jid) for jid in pushed["block"]["items"]}, "XEP-0191 §3.3: blocked, and pushed", pushed)
    a.send_message(mto=two, mbody=canary(), mtype="chat")
    bounced = await a.until("message_error")
    row(bounced["error"]["condition"] == "service-unavailable", "XEP-0191 §3.3: what the blocked one sends comes back", bounced)
    row([str(jid) for jid in (await b["xep_0191"].get_blocked())["blocklist"]["items"]] == [one], "XEP-0191 §3.2: the list has him")
    await b["xep_0191"].unblock(one)
    again = canary()
    a.send_message(mto=two, mbody=again, mtype="chat")
    await b.until("message", lambda m: m["body"] == again)
    row(True, "XEP-0191 §3.4: unblocked, he is heard again")

    # A connection that breaks.
    b.abort()
    missed = canary()
    a.send_message(mto=two, mbody=missed, mtype="chat")
    await a["xep_0199"].ping(DOMAIN)
    b.connect(("127.0.0.1", lab.port))
    await b.until("session_resumed")
    got = await b.until("message", lambda m: m["body"] == missed)
    row(got["body"] == missed, "XEP-0198 §5: after a break the session is resumed, and what came meanwhile arrives", got)

    # Certificates.
    mine = pki.client("eins", [one])
    c = await start(lab, one, "c", "EXTERNAL", certificate=mine)
    row(c.boundjid.full == f"{one}/c", "XEP-0178 §2: it logs in by a certificate, without a password", c.boundjid)
    pki.revoke(mine)
    pki.crl()
    lab.ctl("reload")
    await c.until("disconnected")
    row(True, "RFC 6120 §13.7.2.3: revoked, it is sent away after a reload, which the sandbox lets read the new list")
    wrong = slix.Client(lab, one, "c", "EXTERNAL", certificate=mine)
    await wrong.until("no_auth")
    row(True, "and does not get in any more")
    await wrong.until("disconnected")

    # A wrong password.
    lab.passwords[one] += "x"
    wrong = slix.Client(lab, one, "wrong", "SCRAM-SHA-256")
    await wrong.until("failed_auth")
    row(True, "RFC 6120 §6.5.10: with a wrong password it does not get in")
    await a.disconnect()
    await b.disconnect()


pki = Pki()
lab = Lab(of={DOMAIN: f'tls: {{ client_ca = "{pki.root}"; client_crl = "{pki.list}"; }};'})
asyncio.get_event_loop().run_until_complete(main(lab, lab.account("eins", DOMAIN), lab.account("zwei", DOMAIN)))
done()
