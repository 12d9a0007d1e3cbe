# SPDX-License-Identifier: AGPL-3.0-or-later
"""An XMPP stream of our own making, for stanzas that no decent client sends: direct TLS, SCRAM-SHA-256, bind.

Blocks, with one generous timeout for everything, so a test waits for what comes and never for time to pass."""
import base64
import hashlib
import hmac
import os
import socket
import ssl
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

TIMEOUT = int(os.environ.get("KONSIL_TIMEOUT", "120"))
CLIENT = "{jabber:client}"
STREAM = "{http://etherx.jabber.org/streams}"
STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"


class Refused(Exception):
    """A login that failed; args: the condition, and the whole element as text."""


class Closed(Exception):
    """The server ended the stream; args: the stream error's condition, or None."""


def condition(element):
    """The defined condition of an <error/>, <failure/> or <stream:error/>."""
    for child in element.iter():
        if child.tag.startswith(("{urn:ietf:params:xml:ns:xmpp-", "{urn:ietf:params:xml:ns:xmpp-sasl")):
            if child is not element and not child.tag.endswith("}text"):
                return child.tag.split("}")[1]
    return None


class Stream:
    def __init__(self, lab, domain, address=("127.0.0.1", 0), timeout=TIMEOUT, certificate=None, name=None, session=None):
        """address: where from; a loopback address of its own is another stranger to konsild. certificate: (chain, key) of the
        client's; name: what TLS asks for, if it is not domain; session: of TLS, to go on with."""
        context = ssl.create_default_context(cafile=lab.ca)
        context.set_alpn_protocols(["xmpp-client"])
        if certificate:
            context.load_cert_chain(*certificate)
        if session:  # that of another socket, whose context knows it
            context = session.context
        plain = socket.create_connection(("127.0.0.1", lab.direct_port), timeout, address)
        self.socket = context.wrap_socket(plain, server_hostname=name or domain, session=session and session.session)
        self.domain, self.ids, self.waiting, self.jid = domain, 0, [], None
        self.heard = bytearray()
        self.open()

    def open(self):
        self.parser, self.depth = ET.XMLPullParser(["start", "end"]), 0
        self.send(f"<?xml version='1.0'?><stream:stream xmlns='jabber:client' version='1.0' "
                  f"xmlns:stream='http://etherx.jabber.org/streams' to={quoteattr(self.domain)}>")
        self.features = self.next()

    def send(self, text):
        self.socket.sendall(text.encode() if isinstance(text, str) else text)

    def next(self):
        """The next child of the stream."""
        while True:
            for kind, element in self.parser.read_events():
                self.depth += 1 if kind == "start" else -1
                if kind == "start" and self.depth == 1:
                    self.root = element
                elif kind == "end" and self.depth == 1:
                    self.root.remove(element)
                    if element.tag == STREAM + "error":
                        raise Closed(condition(element))
                    return element
                elif kind == "end" and self.depth == 0:
                    raise Closed(None)
            data = self.socket.recv(65536)
            if not data:
                raise Closed(None)
            self.heard += data
            self.parser.feed(data)

    def wait(self, wanted):
        """The first element for which wanted() holds; the others stay for later waits."""
        for i, element in enumerate(self.waiting):
            if wanted(element):
                return self.waiting.pop(i)
        while True:
            element = self.next()
            if wanted(element):
                return element
            self.waiting.append(element)

    def scram_first(self, user, nonce=None):
        """Begins a login; (client-first-bare, server-first) as text. Refused: not even that."""
        bare = f"n={user.replace('=', '=3D').replace(',', '=2C')},r={nonce or base64.b64encode(os.urandom(18)).decode()}"
        first = base64.b64encode(b"n,," + bare.encode()).decode()
        self.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'>{first}</auth>")
        answer = self.next()
        if not answer.tag.endswith("}challenge"):
            raise Refused(condition(answer), ET.tostring(answer, encoding="unicode"))
        return bare, base64.b64decode(answer.text).decode()

    def scram_final(self, password, bare, server_first):
        """Ends it: nothing on success."""
        parts = dict(part.split("=", 1) for part in server_first.split(","))
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(parts["s"]), int(parts["i"]))
        without_proof = f"c=biws,r={parts['r']}"
        message = ",".join((bare, server_first, without_proof)).encode()
        key = hmac.digest(salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(key).digest(), message, "sha256")
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature))).decode()
        final = base64.b64encode(f"{without_proof},p={proof}".encode()).decode()
        self.send(f"<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{final}</response>")
        answer = self.next()
        if not answer.tag.endswith("}success"):
            raise Refused(condition(answer), ET.tostring(answer, encoding="unicode"))
        server = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
        assert base64.b64decode(answer.text) == b"v=" + base64.b64encode(server), "the server does not know the password"

    def login(self, jid, password, resource):
        user = jid.split("@")[0]
        self.scram_final(password, *self.scram_first(user))
        self.open()
        bind = self.iq("set", f"<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{escape(resource)}</resource></bind>")
        self.jid = bind.find(".//{*}jid").text
        return self

    def iq(self, kind, payload, to=None):
        """Sends a request; the answer, whatever its type."""
        self.ids += 1
        name = f"w{self.ids}"
        self.send(f"<iq type='{kind}' id='{name}'{f' to={quoteattr(to)}' if to else ''}>{payload}</iq>")
        return self.wait(lambda e: e.tag == CLIENT + "iq" and e.get("id") == name and e.get("type") in ("result", "error"))

    def available(self):
        """Becomes an available resource with carbons, so that all messages of the account come here too."""
        self.iq("set", "<enable xmlns='urn:xmpp:carbons:2'/>")
        self.send("<presence/>")
        self.wait(lambda e: e.tag == CLIENT + "presence" and e.get("from") == self.jid)
        return self

    def room(self, jid):
        """Makes a room as its server makes them, and is in it."""
        self.send(f"<presence to={quoteattr(jid + '/' + self.jid.split('@')[0])}><x xmlns='http://jabber.org/protocol/muc'/></presence>")
        self.wait(lambda e: e.tag == CLIENT + "presence" and e.get("from", "").startswith(jid))
        self.iq("set", "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>", to=jid)
        return self

    def sync(self):
        """Everything that the server had for us before now is in self.waiting afterwards."""
        self.iq("get", "<ping xmlns='urn:xmpp:ping'/>", to=self.domain)

    def archive(self, peer=None):
        """All messages of the archive, oldest first."""
        found, after = [], ""
        who = f"<field var='with'><value>{escape(peer)}</value></field>" if peer else ""
        while True:
            done = self.iq("set", "<query xmlns='urn:xmpp:mam:2'><x xmlns='jabber:x:data' type='submit'>"
                           f"<field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>{who}</x>"
                           f"<set xmlns='http://jabber.org/protocol/rsm'><max>100</max>{after}</set></query>")
            results = [e for e in self.waiting if e.find("{urn:xmpp:mam:2}result") is not None]
            self.waiting = [e for e in self.waiting if e.find("{urn:xmpp:mam:2}result") is None]
            found += [e.find(".//" + CLIENT + "message") for e in results]
            fin = done.find("{urn:xmpp:mam:2}fin")
            if fin is None:
                raise Refused(condition(done))
            if fin.get("complete") == "true" or not results:
                return found
            after = f"<after>{results[-1].find('{urn:xmpp:mam:2}result').get('id')}</after>"

    def close(self):
        try:
            self.send("</stream:stream>")
            while True:
                self.next()
        except (Closed, OSError, ET.ParseError):
            pass
        self.socket.close()
