#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A component (XEP-0114) of slixmpp, which others wrote, beside a real konsild, and a client of slixmpp that talks to it."""
import asyncio
import sys

import slix
from lab import Lab, canary, done, row
from slix import Component, start

HOST = "sms.offen.example"
SECRET = "ein Geheimnis, das niemand errät"


async def main(lab, anna):
    other = Component(HOST, SECRET + "!", lab.component_port)
    await other.until("disconnected")
    row(not [name for name, _ in other.events if name == "session_start"], "XEP-0114 §3: with a wrong secret it gets nowhere")
    other.abort()
    sms = Component(HOST, SECRET, lab.component_port)
    await sms.until("session_start")
    row(True, "XEP-0114 §3: a component of slixmpp connects")
    client = await start(lab, anna, "a")
    client.send_presence()
    body = canary()
    client.send_message(mto=f"491711234567@{HOST}", mbody=body, mtype="chat")
    heard = await sms.until("message", lambda m: m["body"] == body)
    row(heard["from"].bare == anna and heard["to"] == f"491711234567@{HOST}", "what is for an address of its host comes to it", heard)
    body = canary()
    sms.send_message(mto=anna, mfrom=f"491711234567@{HOST}", mbody=body, mtype="chat")
    heard = await client.until("message", lambda m: m["body"] == body)
    row(heard["from"] == f"491711234567@{HOST}", "and what it says from there arrives", heard)
    info = await client["xep_0030"].get_info(jid=HOST)
    row(info["from"] == HOST, "XEP-0030: it answers for itself what it is", info)
    items = await client["xep_0030"].get_items(jid="offen.example")
    row(HOST in {str(item[0]) for item in items["disco_items"]["items"]}, "and its domain names it", items)
    row((await sms["xep_0199"].ping("offen.example", ifrom=HOST)) is not None, "XEP-0199: konsild answers it")
    sms.disconnect()
    await sms.until("disconnected")
    client.send_message(mto=f"491711234567@{HOST}", mbody=canary(), mtype="chat")
    bounced = await client.until("message_error")
    row(bounced["error"]["condition"] == "remote-server-timeout", "when it is gone, who writes to it is told", bounced)
    client.abort()


if __name__ == "__main__":
    lab = Lab(component=True, of={"offen.example": f'component: {{ host = "{HOST}"; secret = "{SECRET}"; }};'})
    asyncio.run(main(lab, lab.account("anna", "offen.example")))
    done()
