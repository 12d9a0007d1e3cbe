#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a server could tell a device, or a place, by: all that konsild heard of a program of konsil in a session with everything in
it, and all that it says it keeps.

The acceptance sentence of DSK II.3-e. No version is needed for III.2 yet, so none is told."""
import json
import os
import platform
import re
import socket

import tap
from lab import Lab, done, row

SASL2 = "{urn:xmpp:sasl:2}"
ZONE, LANGUAGE = "Pacific/Chatham", "eo_XX.UTF-8"
lab = Lab(tap=True)
anna, jonas = lab.account("anna"), lab.account("jonas")
A = lab.konsil(anna, environment={"TZ": ZONE, "LANG": LANGUAGE})
J = lab.konsil(jonas)
A.send(jonas, "Guten Tag.")
J.wait_body("Guten Tag.")
J.send(anna, "Guten Tag auch.")
A.wait_body("Guten Tag auch.")
room = A.do("room_create", title="Visite", members=[jonas])["room"]
J.wait("room", lambda e: e["room"]["room"] == room and e["room"].get("title") == "Visite")
A.do("server_info")
curious = lab.stream(jonas, "curious").available()
answers = [curious.iq("get", f"<{name} xmlns='{ns}'/>", anna) for name, ns in
           (("query", "jabber:iq:version"), ("time", "urn:xmpp:time"), ("query", "jabber:iq:last"))]
heard = b"\n".join(bytes(flow) for (_, direction), flow in tap.read(lab.tap).items() if direction == "<")
agents = [e.find(SASL2 + "user-agent") for direction, e in tap.stanzas(lab.tap) if direction == "<" and e.tag == SASL2 + "authenticate"]
agents = [agent for agent in agents if agent is not None]
row(len(agents) >= 2 and b"urn:konsil:" in heard, "control: two programs said what they are, and all that they said was heard", len(heard))
row(all({child.tag: child.text for child in agent} == {SASL2 + "software": "konsil", SASL2 + "device": "konsil"} and set(agent.attrib) == {"id"}
        and re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", agent.get("id")) for agent in agents),
    "DSK II.3-e in full: a program says that it is konsil, and a random id of its installation, and nothing of its device",
    [list(map(lambda child: (child.tag, child.text), agent)) for agent in agents])
row(len({agent.get("id") for agent in agents}) == 2, "DSK II.3-e in full: that id is not made of the machine: two programs on one have two", len(agents))
about = {"name": socket.gethostname(), "release": platform.release(), "kind": platform.machine(), "system": platform.system(),
         "zone": ZONE, "city": "Chatham", "language": "eo_XX", "home": os.path.expanduser("~"), "processor": platform.version()}
found = [what for what, value in about.items() if len(value) > 2 and value.encode() in heard]
row(not found, "DSK II.3-e in full: neither name, system, kind, language, time zone nor folders of the machine are in what was heard", found)
row(not any(word in heard for word in (b"geoloc", b"<os>", b"latitude", b"<lat>", b"<tzo>")),
    "DSK II.3-e in full: no place, no operating system and no local time either")
told = [answer for answer in answers if answer.get("type") == "result"
        and any(child.tag.rpartition("}")[2] in ("os", "tzo") for child in answer.iter())]
row(not told, "DSK II.3-e in full: nor does anybody get them who asks for them", [answer.get("type") for answer in answers])
stores = json.loads(lab.ctl("--lang", "en", "--json", "describe", "data").stdout)
place = re.compile(r"\b(location|position|latitude|longitude|whereabouts|gps|operating system|hardware|screen|battery|time zone|language|model)\b", re.I)
row(len(stores) > 20 and any("device" in store["purpose"].lower() for store in stores), "control: the register is there", len(stores))
row(not [store for store in stores if place.search(store["store"] + " " + store["purpose"])],
    "DSK II.3-e in full: the register, which is all that is stored (II.3-a), has no place and no trait of a device",
    [store["purpose"] for store in stores if place.search(store["purpose"])])
row(lab.stop() == 0, "konsild ends in order")
done()
