# SPDX-License-Identifier: AGPL-3.0-or-later
"""Another program that seals (OMEMO 2), and says inside of it what no konsil says: a stream (wire.py), and tests/interop/omemo_oracle."""
import os
import subprocess
import xml.etree.ElementTree as ET

from lab import BUILD

DEVICES, BUNDLES = "urn:xmpp:omemo:2:devices", "urn:xmpp:omemo:2:bundles"
ENVELOPE = "<envelope xmlns='urn:xmpp:sce:1'><content>{}</content><from jid='{}'/><to jid='{}'/><rpad>x</rpad></envelope>"


class Program:
    """A device of its own on the account of a stream."""

    def __init__(self, lab, stream):
        self.stream, self.jid, self.known = stream, stream.jid.split("/")[0], {}
        self.oracle = subprocess.Popen([os.path.join(BUILD, "tests", "interop", "omemo_oracle")], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True)
        lab.processes.append(self.oracle)
        device = self.ask(f"device {self.jid} 4711")
        self.publish(BUNDLES, self.ask("bundle 2"), device)
        self.publish(DEVICES, self.ask("devices 2"))

    def ask(self, line):
        self.oracle.stdin.write(line + "\n")
        self.oracle.stdin.flush()
        kind, _, rest = self.oracle.stdout.readline().rstrip("\n").partition(" ")
        if kind != "ok":
            raise RuntimeError(f"{line[:60]}: {kind} {rest}")
        return rest

    def publish(self, node, payload, item="current"):
        """For everybody to see."""
        answer = self.stream.iq("set", f"""<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='{node}'><item id='{item}'>{payload}</item>
</publish><publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#publish-options</value>
</field><field var='pubsub#access_model'><value>open</value></field></x></publish-options></pubsub>""")
        if answer.get("type") != "result":
            raise RuntimeError(ET.tostring(answer, encoding="unicode"))

    def payload(self, jid, node, item="current"):
        """What somebody has published there."""
        answer = self.stream.iq("get", f"""<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='{node}'><item id='{item}'/></items></pubsub>""", to=jid)
        return answer.find(".//{http://jabber.org/protocol/pubsub}item")[0]

    def send(self, to, content, name):
        """content: XML, what the envelope has; name: the message's id."""
        if to not in self.known:
            self.known[to] = self.payload(to, DEVICES)[0].get("id")
            bundle = ET.tostring(self.payload(to, BUNDLES, self.known[to]), encoding="unicode").replace("\n", "")
            self.ask(f"begin 2 {to} {self.known[to]} {bundle}")
        envelope = ENVELOPE.format(content, self.jid, to)
        sealed = self.ask(f"seal 2 {to} {self.known[to]} {envelope.encode().hex()}")
        self.stream.send(f"<message to='{to}' type='chat' id='{name}'>{sealed}<store xmlns='urn:xmpp:hints'/></message>")
