# SPDX-License-Identifier: AGPL-3.0-or-later
"""slixmpp, a client library that others wrote, as tests use it: clients of a lab, and what happens to them, by name."""
import asyncio
import logging
import ssl
import sys

try:
    import slixmpp
    from slixmpp.exceptions import IqError, PresenceError
    from slixmpp.xmlstream import ET
except ImportError as error:
    print(f"1..0 # SKIP {error}: apt-get install python3-slixmpp")
    sys.exit(0)

from lab import TIMEOUT

PLUGINS = ("0030", "0059", "0060", "0092", "0115", "0163", "0191", "0198", "0199", "0202", "0203", "0280", "0313", "0334", "0359")
EVENTS = ("session_start", "message", "carbon_received", "carbon_sent", "roster_update", "presence_subscribe", "presence_subscribed",
          "presence_unsubscribe", "presence_unsubscribed", "presence_available", "presence_unavailable", "presence_dnd", "pubsub_publish",
          "pubsub_retract", "blocked", "unblocked", "session_resumed", "sm_enabled", "failed_auth", "no_auth", "disconnected", "message_error")


class Waits:
    """What happens to a stream is waited for by name."""

    def listen(self, names):
        self.events = []
        self.news = asyncio.Event()
        for name in names:
            self.add_event_handler(name, lambda value, name=name: self.happened(name, value))

    def happened(self, name, value):
        self.events.append((name, value))
        self.news.set()

    async def until(self, name, wanted=lambda value: True):
        """The first such event, which is taken."""
        async def take():
            while True:
                for i, (kind, value) in enumerate(self.events):
                    if kind == name and wanted(value):
                        return self.events.pop(i)[1]
                self.news.clear()
                await self.news.wait()
        return await asyncio.wait_for(take(), TIMEOUT)


class Client(Waits, slixmpp.ClientXMPP):
    """Somebody."""

    def __init__(self, lab, jid, resource, mechanism, certificate=None, plugins=(), events=()):
        super().__init__(f"{jid}/{resource}", "" if certificate else lab.passwords[jid], sasl_mech=mechanism)
        self.ca_certs = lab.ca
        if certificate:
            self.certfile, self.keyfile = certificate["chain"], certificate["key"]
        for plugin in PLUGINS + tuple(plugins):
            self.register_plugin(f"xep_{plugin}")
        self.listen(EVENTS + tuple(events))
        self.connect(("127.0.0.1", lab.port), disable_starttls=False)


class Component(Waits, slixmpp.ComponentXMPP):
    """A program beside konsild that speaks for all addresses of a host (XEP-0114)."""

    def __init__(self, host, secret, port):
        super().__init__(host, secret, "127.0.0.1", port)
        for plugin in ("0030", "0199"):
            self.register_plugin(f"xep_{plugin}")
        self.listen(EVENTS)
        self.connect()


async def start(lab, jid, resource, mechanism="SCRAM-SHA-256", **more):
    client = Client(lab, jid, resource, mechanism, **more)
    await client.until("session_start")
    return client


async def refused(answer, condition):
    """True if a request is refused with this condition."""
    try:
        await answer
    except (IqError, PresenceError) as error:
        return error.condition == condition
    return False


# Debian's slixmpp knows of channel bindings tls-unique only, which TLS 1.3 has not (RFC 9266 §1), and says otherwise that it
# believes the server to have none; konsild, which has others, must take that for an attack (RFC 5802 §6).
ssl.SSLObject.get_channel_binding = lambda *_: None
logging.disable(logging.CRITICAL)
