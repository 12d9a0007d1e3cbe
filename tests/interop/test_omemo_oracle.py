#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Our OMEMO against an independent one: whole <encrypted/> elements, bundles and device lists, in both versions.

usage: test_omemo_oracle.py OMEMO_ORACLE [--record FILE]      also writes known answers for test_omemo_vectors.py

The other side is python3-twomemo (urn:xmpp:omemo:2) and python3-oldmemo (eu.siacs.conversations.axolotl) from Debian,
which also validate what we send against the XML schemas of XEP-0384. Speaks TAP.
"""
import asyncio
import logging
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

try:
    import oldmemo
    import oldmemo.etree
    import omemo
    import twomemo
    import twomemo.etree
    import xeddsa
except ImportError as error:
    print(f"1..0 # SKIP {error}: apt-get install python3-twomemo python3-oldmemo python3-xmlschema")
    sys.exit(0)

OURS, THEIRS = "anna@example.org", "jonas@example.org"
rows = failed = 0


def row(ok, name, seen=""):
    global rows, failed
    rows += 1
    failed += not ok
    print(f"{'ok' if ok else 'not ok'} {rows} - {name}")
    if not ok:
        print(f"# {seen}")
    sys.stdout.flush()


class Ours:
    """One device of ours in a process."""

    def __init__(self, path, seed):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.spoken = []  # (command, answer)
        self.id = int(self.ask(f"device {OURS} {seed}"))

    def try_ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().rstrip("\n")
        self.spoken.append((line, answer))
        kind, _, rest = answer.partition(" ")
        return kind, rest

    def ask(self, line):
        kind, rest = self.try_ask(line)
        if kind != "ok":
            raise RuntimeError(f"{line[:60]}: {kind} {rest}")
        return rest

    def open(self, xml):
        """The error's name, or what the element said."""
        kind, rest = self.try_ask(f"open {THEIRS} {xml}")
        if kind != "ok":
            return rest
        device, kex, new, heartbeat, counter, identity, text = rest.split(" ")
        return {"device": int(device), "kex": kex == "1", "new": new == "1", "heartbeat": heartbeat == "1",
                "counter": int(counter), "identity": bytes.fromhex(identity),
                "text": None if text == "-" else bytes.fromhex(text)}

    def seal(self, version, device, text):
        return self.ask(f"seal {version} {THEIRS} {device} {'-' if text is None else text.hex()}")

    def done(self):
        self.process.stdin.close()
        return self.process.wait()


class Memory(omemo.Storage):
    def __init__(self):
        super().__init__(True)
        self.values = {}

    async def _load(self, key):
        return omemo.Just(self.values[key]) if key in self.values else omemo.Nothing()

    async def _store(self, key, value):
        self.values[key] = value

    async def _delete(self, key):
        self.values.pop(key, None)


class Theirs:
    """One device of theirs, of one version; its server is this object."""

    def __init__(self, ours, version):
        self.ours, self.version = ours, version
        self.module = twomemo if version == 2 else oldmemo
        self.namespace = self.module.twomemo.NAMESPACE if version == 2 else self.module.oldmemo.NAMESPACE
        self.etree = self.module.etree
        self.bundle = self.list = None
        self.sent = []  # empty messages that the library sends by itself

    async def start(self):
        server = self

        class Manager(omemo.SessionManager):
            @staticmethod
            async def _upload_bundle(bundle):
                server.bundle = bundle

            @staticmethod
            async def _download_bundle(namespace, bare_jid, device_id):
                if bare_jid == THEIRS:
                    return server.bundle
                xml = server.ours.ask(f"bundle {server.version}")
                return server.etree.parse_bundle(ET.fromstring(xml), bare_jid, device_id)

            @staticmethod
            async def _delete_bundle(namespace, device_id):
                server.bundle = None

            @staticmethod
            async def _upload_device_list(namespace, device_list):
                server.list = device_list

            @staticmethod
            async def _download_device_list(namespace, bare_jid):
                if bare_jid == THEIRS:
                    return server.list or {}
                return server.etree.parse_device_list(ET.fromstring(server.ours.ask(f"devices {server.version}")))

            async def _evaluate_custom_trust_level(self, device):
                return omemo.TrustLevel.TRUSTED

            async def _make_trust_decision(self, undecided, identifier):
                pass

            @staticmethod
            async def _send_message(message, bare_jid):
                server.sent.append(server.text_of(message))

        memory = Memory()
        backend = (twomemo.Twomemo if self.version == 2 else oldmemo.Oldmemo)(memory)
        self.manager = await Manager.create([backend], memory, THEIRS, None, "undecided")
        await self.manager.after_history_sync()
        await self.manager.refresh_device_list(self.namespace, OURS)
        self.id = (await self.manager.get_own_device_information())[0].device_id
        self.identity = (await self.manager.get_own_device_information())[0].identity_key

    def text_of(self, message):
        return ET.tostring(self.etree.serialize_message(message), encoding="unicode")

    def bundle_xml(self):
        return ET.tostring(self.etree.serialize_bundle(self.bundle), encoding="unicode")

    async def seal(self, text):
        messages, errors = await self.manager.encrypt(frozenset({OURS}), {self.namespace: text})
        assert len(messages) == 1 and not errors, errors
        return self.text_of(next(iter(messages)))

    async def open(self, xml):
        """The text, or None for an empty message."""
        element = ET.fromstring(xml)
        if self.version == 2:
            message = self.etree.parse_message(element, OURS)
        else:
            message = await self.etree.parse_message(element, OURS, THEIRS, self.manager)
        text, device, _ = await self.manager.decrypt(message)
        assert device.device_id == self.ours.id
        return text


def flip(xml, name):
    """Another base64 letter shortly before the end of an element."""
    at = re.search(rf"</(\w+:)?{name}>", xml).start() - 8
    return xml[:at] + ("B" if xml[at] == "A" else "A") + xml[at + 1:]


async def both_ways(path, version):
    name = "OMEMO 2" if version == 2 else "OMEMO 0.3"
    ours = Ours(path, 1)
    theirs = Theirs(ours, version)
    await theirs.start()

    # They begin.
    first, second, third = [await theirs.seal(text) for text in (b"eins", "zwei ü €".encode(), b"drei")]
    got = ours.open(first)
    row(isinstance(got, dict) and got["text"] == b"eins" and got["kex"] and got["new"] and got["device"] == theirs.id,
        f"{name}: their key exchange opens here", got)
    row(got["identity"] == xeddsa.ed25519_pub_to_curve25519_pub(theirs.identity),
        f"{name}: with their identity", got)
    got = ours.open(third)
    row(isinstance(got, dict) and got["text"] == b"drei" and not got["new"], f"{name}: out of order", got)
    got = ours.open(second)
    row(isinstance(got, dict) and got["text"] == "zwei ü €".encode(), f"{name}: and what was skipped", got)
    row(ours.open(second) == "KS_EEXISTS", f"{name}: a repeated one is a duplicate")
    row(await theirs.open(ours.seal(version, theirs.id, b"Antwort")) == b"Antwort", f"{name}: our answer opens there")

    ok = True
    for i in range(20):
        got = ours.open(await theirs.seal(b"hin %d" % i))
        ok = ok and isinstance(got, dict) and got["text"] == b"hin %d" % i and not got["kex"]
        ok = ok and await theirs.open(ours.seal(version, theirs.id, b"her %d" % i)) == b"her %d" % i
    row(ok, f"{name}: twenty exchanges", got)

    # Altered: refused on both sides, and the true one still opens.
    xml = await theirs.seal(b"wichtig")
    for part in ("key", "payload"):
        got = ours.open(flip(xml, part))
        row(got == "KS_ECRYPTO", f"{name}: their {part} altered is refused here", got)
    row(ours.open(xml)["text"] == b"wichtig", f"{name}: and the true one opens")
    xml = ours.seal(version, theirs.id, b"wichtig")
    for part in ("key", "payload"):
        try:
            await theirs.open(flip(xml, part))
            row(False, f"{name}: our {part} altered is refused there", "opened")
        except omemo.OMEMOException:
            row(True, f"{name}: our {part} altered is refused there")
    row(await theirs.open(ours.seal(version, theirs.id, b"weiter")) == b"weiter", f"{name}: and the session goes on")

    # Empty messages and heartbeats.
    row(await theirs.open(ours.seal(version, theirs.id, None)) is None, f"{name}: our empty message is one there")
    due = []
    for i in range(60):
        got = ours.open(await theirs.seal(b"x"))
        due += [got["counter"]] if isinstance(got, dict) and got["heartbeat"] else []
    row(due == [53], f"{name}: XEP-0384 §6: a heartbeat falls due at counter 53", due)
    await theirs.open(ours.seal(version, theirs.id, None))
    got = ours.open(await theirs.seal(b"danach"))
    row(got["counter"] == 0, f"{name}: after it their ratchet turns", got)
    del theirs.sent[:]
    for i in range(60):
        await theirs.open(ours.seal(version, theirs.id, b"y"))
    row(len(theirs.sent) > 0, f"{name}: their library sends a heartbeat of its own", len(theirs.sent))
    got = ours.open(theirs.sent[0])
    row(isinstance(got, dict) and got["text"] is None, f"{name}: which opens here as an empty message", got)
    row(ours.done() == 0, f"{name}: nothing leaks here")


async def we_begin(path, version):
    """We begin, to devices whose identity has either sign on Ed25519."""
    name = "OMEMO 2" if version == 2 else "OMEMO 0.3"
    signs = set()
    for seed in range(100, 140):
        ours = Ours(path, seed)
        theirs = Theirs(ours, version)
        await theirs.start()
        sign = theirs.identity[31] >> 7
        if sign not in signs:
            signs.add(sign)
            ours.ask(f"begin {version} {THEIRS} {theirs.id} {theirs.bundle_xml()}")
            first, second = ours.seal(version, theirs.id, b"eins"), ours.seal(version, theirs.id, b"zwei" * 6000)
            row(await theirs.open(first) == b"eins", f"{name}: our key exchange opens there (sign {sign})")
            row(await theirs.open(second) == b"zwei" * 6000, f"{name}: and a long message (sign {sign})")
            row(len(theirs.sent) >= 1 and isinstance(ours.open(theirs.sent[0]), dict),
                f"{name}: what they answer by themselves opens here (sign {sign})", theirs.sent)
            got = ours.open(await theirs.seal(b"Antwort"))
            row(isinstance(got, dict) and got["text"] == b"Antwort" and not got["kex"],
                f"{name}: and their answer (sign {sign})", got)
            row(await theirs.open(ours.seal(version, theirs.id, b"drei")) == b"drei", f"{name}: and so on (sign {sign})")
        row_ok = ours.done() == 0
        if len(signs) == 2:
            break
    row(row_ok and len(signs) == 2, f"{name}: identities of both signs came up", signs)


async def known_answers(path, version):
    """Two short conversations in which the other side opened all that we said, and we all that it said, as what our
    process was told and answered. Its chance is a seed, so the same commands give the same answers."""
    texts = [f"Bett {n}: 38,5 °C".encode() for n in range(1, 4)]
    conversations = []
    for seed, we in ((1, False), (2, True)):
        ours = Ours(path, seed)
        theirs = Theirs(ours, version)
        await theirs.start()
        if we:
            ours.ask(f"begin {version} {THEIRS} {theirs.id} {theirs.bundle_xml()}")
            assert [await theirs.open(ours.seal(version, theirs.id, text)) for text in texts] == texts
        first, second, third = [await theirs.seal(text) for text in texts]
        assert [ours.open(xml)["text"] for xml in (first, third, second)] == [texts[0], texts[2], texts[1]]
        for text in texts:
            assert await theirs.open(ours.seal(version, theirs.id, text)) == text
            assert ours.open(await theirs.seal(text))["text"] == text
        assert await theirs.open(ours.seal(version, theirs.id, None)) is None
        ours.done()
        conversations.append(ours.spoken)
    return conversations


async def main(path, record):
    for version in (2, 1):
        await both_ways(path, version)
        await we_begin(path, version)
    print(f"1..{rows}")
    if record:
        with open(record, "w") as file:
            file.write("# SPDX-License-Identifier: AGPL-3.0-or-later\n# Known answers of OMEMO, made by test_omemo_oracle.py --record: what is "
                       "told to omemo_oracle (>), and what it answers (<).\n")
            for version, name in ((2, f"XEP-0384 0.8: twomemo {twomemo.__version__['full']}"), (1, f"XEP-0384 0.3: oldmemo {oldmemo.__version__['full']}")):
                for spoken in await known_answers(path, version):
                    file.write(f"= {name}\n" + "".join(f"> {line}\n< {answer}\n" for line, answer in spoken))


logging.disable(logging.WARNING)  # they warn that a new device is not listed yet
asyncio.run(main(sys.argv[1], sys.argv[3] if sys.argv[2:3] == ["--record"] else None))
sys.exit(failed > 0)
