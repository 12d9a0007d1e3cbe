#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""TLS as openssl s_client sees it, on both ports; and that what is offered is the list of doc/PROTOCOL.md §1.4 and nothing
else (DSK II.1-h), by trying each version, suite, group and signature that OpenSSL has. See tls_trial.py for the control."""
import os
import re
import socket
import ssl
import subprocess

import wire
from lab import HERE, TIMEOUT, Lab, done, note, row
from tls_trial import (ENVIRONMENT, EVERYTHING, GROUPS, SIGNATURES, SUITES_1_3, Anything, Hello, Seen, ciphers, client_hello,
                       compression_chosen)

lab = Lab()
anna = lab.account("anna")
for name, key in (("rsa", "rsa:2048"), ("ed", "ed25519")):
    subprocess.run(["openssl", "req", "-x509", "-newkey", key, "-nodes", "-days", "365", "-subj", f"/CN={name}.example", "-keyout",
                    f"{name}-key.pem", "-out", f"{name}.pem"], cwd=lab.dir, check=True, capture_output=True)
with open(f"{lab.dir}/konsild.conf") as file:
    settings = file.read()
with open(f"{lab.dir}/konsild.conf", "w") as file:
    file.write(settings.replace("domains = (", "domains = (" + "".join(
        f'{{ name = "{name}.example"; certificate = "{name}.pem"; key = "{name}-key.pem"; }},' for name in ("rsa", "ed"))))
lab.stop()
lab.start()
control = Anything(lab.dir, ("cert.pem", "key.pem"), ("rsa.pem", "rsa-key.pem"))
control_ed = Anything(lab.dir, ("ed.pem", "ed-key.pem"))


def direct(*options, domain="klinik.example", **more):
    return Seen(lab.direct_port, "-servername", domain, *options, **more)


def starttls(*options, domain="klinik.example", **more):
    return Seen(lab.port, "-starttls", "xmpp", "-xmpphost", domain, "-servername", domain, *options, **more)


BOTH = (("direct TLS", direct), ("STARTTLS", starttls))

# --- versions ---

for name, see in BOTH:
    for option, version in (("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")):
        seen = see(option, "-CAfile", lab.ca, "-verify_return_error", "-verify_hostname", "klinik.example")
        row(seen.version == version and "Verify return code: 0 (ok)" in seen.text, f"{name}: {version}, with the domain's certificate", seen)
    for option, version in (("-tls1_1", "TLSv1.1"), ("-tls1", "TLSv1")):
        seen, allowed = see(option, "-cipher", EVERYTHING), Seen(control.port, option, "-cipher", EVERYTHING)
        row(allowed.version == version and not seen and re.search("alert protocol version", seen.text),
            f"RFC 8996: {name}: {version} is refused, which s_client can speak", (seen, allowed))
    seen = see("-tls1_2", "-fallback_scsv")
    row(not seen and "inappropriate fallback" in seen.text, f"RFC 7507: {name}: who was talked down to TLS 1.2 is told", seen)


STREAM = ("<stream:stream xmlns='jabber:client' version='1.0' to='klinik.example' xmlns:stream='http://etherx.jabber.org/streams'>"
          "</stream:stream>")


def features(see, *options):
    """The stream features under TLS, as text: what is served there is XMPP."""
    return see(*options, "-ign_eof", "-quiet", say=STREAM).text


for name, see in BOTH:
    for option in ("-tls1_2", "-tls1_3"):
        seen = features(see, option)
        row("SCRAM-SHA-256-PLUS" in seen and "tls-exporter" in seen and "starttls" not in seen.split("<stream:features>")[-1],
            f"{name}: under {option[1:]} a stream that offers SCRAM-SHA-256-PLUS, and no TLS again", seen)

# --- what nobody should ask for ---

WEAK = {"without authentication": "ADH-AES256-GCM-SHA384", "without encryption": "ECDHE-RSA-NULL-SHA",
        "CBC": "ECDHE-ECDSA-AES256-SHA384", "without forward secrecy": "AES256-GCM-SHA384", "CCM with a short tag": "ECDHE-ECDSA-AES128-CCM8"}
for name, see in BOTH:
    for what, cipher in WEAK.items():
        options = ("-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")
        seen, allowed = see(*options), Seen(control.port, *options)
        also = see(*options, domain="rsa.example")
        row(allowed.suite == cipher and not seen and not also, f"{name}: a suite {what} is refused ({cipher})", (seen, also, allowed))

seen, allowed = [see("-tls1_2", say="R\n") for see in (direct, lambda *o, **m: Seen(control.port, *o, **m))]
row(seen and "RENEGOTIATING" in seen.text and "no renegotiation" in seen.text, "RFC 5246 §7.2.2: renegotiation is refused", seen)
row("RENEGOTIATING" in allowed.text and "no renegotiation" not in allowed.text, "control: a server that allows it does it", allowed)


def tickets(see, version):
    """True if the server gave something with which a session could be resumed."""
    seen = see(version, "-ign_eof", "-msg", say=STREAM)
    return bool(seen), "NewSessionTicket" in seen.text or bool(seen.find(r"Session-ID: ([0-9A-F]+)"))


row([tickets(direct, v) for v in ("-tls1_2", "-tls1_3")] == [(True, False)] * 2,
    "no tickets and no sessions: what was recorded stays closed to whom the server's memory is opened")
ask = lambda v: Seen(control.port, v, "-msg", say="Q\n", until=r"NewSessionTicket|Session-ID: [0-9A-F]")
row(["NewSessionTicket" in ask(v).text or bool(ask(v).find(r"Session-ID: ([0-9A-F]+)")) for v in ("-tls1_2", "-tls1_3")] == [True] * 2,
    "control: a server that gives some is seen to")


def hello(port, compressions):
    """The first bytes of the answer to a hello by hand."""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as plain:
        plain.sendall(client_hello(compressions))
        return plain.recv(4096)


both = hello(lab.direct_port, b"\1\0")
row(compression_chosen(both) == 0 and compression_chosen(hello(lab.direct_port, b"\0")) == 0,
    "RFC 3749, CVE-2012-4929: no compression is chosen from a hello that offers DEFLATE", both)
at = 5 + 4 + 2 + 32
at += 1 + both[at] + 2
row(compression_chosen(both[:at] + b"\1" + both[at + 1:]) == 1, "control: a hello that chose it would be seen")
row(hello(lab.direct_port, b"\1")[:1] == b"\x15", "RFC 5246 §7.4.1.2: a hello that allows nothing but DEFLATE gets an alert")

# --- ALPN ---

for name, see in BOTH:
    seen = see("-alpn", "xmpp-client")
    row(seen.find("^ALPN protocol: (.*)") == "xmpp-client", f"XEP-0368: {name}: ALPN xmpp-client is agreed on", seen)
    seen = see("-alpn", "h2,xmpp-client,http/1.1")
    row(seen.find("^ALPN protocol: (.*)") == "xmpp-client", f"XEP-0368: {name}: among others too", seen)
    for protocols in ("http/1.1", "xmpp-server", "xmpp-clien", "xmpp-client2", "h2,imap"):
        seen, allowed = see("-alpn", protocols), Seen(control.port, "-alpn", protocols)
        row(allowed and not seen and "no application protocol" in seen.text, f"RFC 7301 §3.2: {name}: {protocols} is refused", (seen, allowed))
    seen = see()
    row(seen and "No ALPN negotiated" in seen.text, f"RFC 7301 §3.1: {name}: a client without ALPN is served", seen)

# --- the whole list: what is documented is what is offered ---

with open(os.path.join(HERE, "..", "..", "doc", "PROTOCOL.md")) as file:
    lines = re.search(r"^\*\*1\.4 .*?(?=^## )", file.read(), re.M | re.S)[0].splitlines()
documented = {cells[1].strip(): set(re.findall("`([^`]+)`", cells[2])) for cells in (line.split("|") for line in lines) if len(cells) > 3}


def equal(what, offered, tried, by="konsild offers"):
    """A row: of all that was tried, what is offered is what is documented."""
    note(f"{what}: {len(offered)} of {len(tried)} that could be tried")
    row(offered == documented[what], f"DSK II.1-h: {what}: {by} what PROTOCOL.md §1.4 lists, and nothing else",
        f"offered, not documented: {sorted(offered - documented[what])}; documented, not offered: {sorted(documented[what] - offered)}")


DOMAINS = (("klinik.example", control), ("rsa.example", control), ("ed.example", control_ed))


def tries(names, option, *options):
    """(offered by konsild, possible at all) of names, each tried alone; possible is what a server which takes everything took."""
    possible, offered = set(), set()
    for name, value in names.items():
        for domain, other in DOMAINS:
            with_it = (*options, option, value)
            if name not in offered and (name in possible or Seen(other.port, *with_it)):
                possible.add(name)
                if direct(*with_it, domain=domain):
                    offered.add(name)
    return offered, possible


def suites_by(see):
    """All suites of TLS 1.2 that a server takes: it is offered all but those that it chose before, until it takes none."""
    left, taken = ciphers(), set()
    while seen := see("-tls1_2", "-cipher", ":".join(left) + ":@SECLEVEL=0"):
        left.remove(seen.suite)
        taken.add(seen.suite)
    return taken


offered = suites_by(direct) | suites_by(lambda *options: direct(*options, domain="rsa.example"))
possible = suites_by(lambda *options: Seen(control.port, *options))
equal("TLS 1.2 suites", offered, possible)
row(len(possible) > 60 and {"AES128-SHA", "ADH-AES128-SHA256", "ECDHE-RSA-AES128-SHA"} <= possible, "DSK II.1-h: control: weak suites could be tried", sorted(possible))
offered, possible = tries({name: name for name in SUITES_1_3}, "-ciphersuites", "-tls1_3")
equal("TLS 1.3 suites", offered, possible)
row(possible == set(SUITES_1_3), "DSK II.1-h: control: so could all suites of TLS 1.3", possible)
for version in ("-tls1_3", "-tls1_2"):
    offered, possible = tries({name: name for name in GROUPS}, "-groups", version, "-cipher", "ECDHE:@SECLEVEL=0")
    equal("TLS groups", offered, possible)
    row(len(possible) > len(documented["TLS groups"]) + 1, f"DSK II.1-h: control: other groups could be tried ({version[1:]})", possible)
offered, possible = map(set.union, *(tries(SIGNATURES, "-sigalgs", version, "-cipher", "ALL:@SECLEVEL=0") for version in ("-tls1_2", "-tls1_3")))
equal("TLS signatures", offered, possible)
row({"rsa_pkcs1_sha1", "ecdsa_sha1", "ecdsa_sha224"} <= possible, "DSK II.1-h: control: SHA-1 could be tried", possible)
equal("TLS versions", {seen.version for seen in (direct(option, "-cipher", EVERYTHING) for option in ("-tls1", "-tls1_1", "-tls1_2", "-tls1_3"))} - {None},
      ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"])

# --- konsil's hello, which is its list ---

with socket.create_server(("127.0.0.1", 0)) as listener:
    konsil = lab.konsil(anna, connect=False)
    konsil.do("connect", jid=anna, password=lab.passwords[anna], host="127.0.0.1", port=listener.getsockname()[1], tls="direct")
    listener.settimeout(TIMEOUT)
    plain, _ = listener.accept()
    with plain:
        plain.settimeout(TIMEOUT)
        record = plain.recv(5, socket.MSG_WAITALL)
        record += plain.recv(int.from_bytes(record[3:], "big"), socket.MSG_WAITALL)
    konsil.close()
seen = Hello(record)
names = {line.split()[0]: line.split()[2] for line in subprocess.run(
    ["openssl", "ciphers", "-V", EVERYTHING], env=ENVIRONMENT, capture_output=True, text=True, check=True).stdout.splitlines()}
suites = {names.get(f"0x{suite >> 8:02X},0x{suite & 255:02X}", hex(suite)) for suite in seen.suites if suite != 0x00ff}
equal("TLS 1.3 suites", {s for s in suites if s.startswith("TLS_")}, suites, "konsil offers")
equal("TLS 1.2 suites", {s for s in suites if not s.startswith("TLS_")}, suites, "konsil offers")
NUMBERS = {"TLS versions": {0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}, "TLS groups": {29: "X25519", 23: "P-256", 24: "P-384"},
           "TLS signatures": {0x0403: "ecdsa_secp256r1_sha256", 0x0503: "ecdsa_secp384r1_sha384", 0x0603: "ecdsa_secp521r1_sha512", 0x0807: "ed25519",
                              0x0804: "rsa_pss_rsae_sha256", 0x0805: "rsa_pss_rsae_sha384", 0x0806: "rsa_pss_rsae_sha512",
                              0x0401: "rsa_pkcs1_sha256", 0x0501: "rsa_pkcs1_sha384", 0x0601: "rsa_pkcs1_sha512"}}
for what, kind, head in (("TLS versions", 43, 1), ("TLS groups", 10, 2), ("TLS signatures", 13, 2)):
    words = Hello.words(seen.extensions[kind][head:])
    equal(what, {NUMBERS[what].get(word, hex(word)) for word in words}, words, "konsil offers")
row(seen.compressions == [0] and seen.extensions[16] == b"\0\x0c\x0bxmpp-client",
    "konsil offers no compression, and ALPN xmpp-client", (seen.compressions, seen.extensions))

# --- login ---

stream = wire.Stream(lab, "klinik.example")
offers = {e.text for e in stream.features.iter("{urn:ietf:params:xml:ns:xmpp-sasl}mechanism")}
equal("SASL mechanisms", offers, offers)
offers = {e.text for e in stream.features.findall("{urn:xmpp:sasl:2}authentication/{urn:xmpp:sasl:2}mechanism")}
equal("SASL mechanisms", offers, offers, "konsild offers by XEP-0388")
offers = {e.text for e in stream.features.iter("{urn:xmpp:fast:0}mechanism")}
equal("SASL mechanisms for tokens", offers, offers)
bindings = {e.get("type") for e in stream.features.iter("{urn:xmpp:sasl-cb:0}channel-binding")}
equal("channel bindings", bindings, bindings)
for mechanism in ("PLAIN", "DIGEST-MD5", "EXTERNAL", "ANONYMOUS", "SCRAM-SHA-512", "OAUTHBEARER"):
    stream = wire.Stream(lab, "klinik.example")
    stream.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{mechanism}'>AGFubmEAd29ydA==</auth>")
    answer = stream.next()
    row(mechanism not in documented["SASL mechanisms"] and wire.condition(answer) == "invalid-mechanism",
        f"DSK II.1-h: {mechanism}, which is not on it, is not taken either", wire.ET.tostring(answer))
    stream.close()
done()
