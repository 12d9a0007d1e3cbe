# SPDX-License-Identifier: AGPL-3.0-or-later
"""Certificates of clients from a hospital's PKI (XEP-0178): who gets in by one, who does not, and when that ends."""
import base64
import os
import ssl
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "interop"), os.path.join(HERE, "..", "peers")]
import wire
from lab import BUILD, Lab, done, row
from pki import Pki

SASL = "{urn:ietf:params:xml:ns:xmpp-sasl}"
ANNA, JONAS, DIENST = (f"{local}@klinik.example" for local in ("anna", "jonas", "dienst"))
pki, foreign = Pki(), Pki("Fremde")
tls = f"""tls: {{ client_ca = "{pki.sub}"; client_crl = "{pki.list}"; """
lab = Lab(of={"klinik.example": tls + "};"}, web=True)
for local in ("anna", "jonas", "dienst"):
    lab.account(local)


def stream(certificate=None, domain="klinik.example", **how):
    return wire.Stream(lab, domain, certificate=certificate and (certificate["chain"], certificate["key"]), **how)


def mechanisms(certificate=None, **how):
    """What konsild offers to who shows this."""
    one = stream(certificate, **how)
    found = [element.text for element in one.features.iter(SASL + "mechanism")]
    one.close()
    return found


def external(certificate, identity="", **how):
    """Logs in by it; a bound stream. wire.Refused."""
    one = stream(certificate, **how)
    one.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>{base64.b64encode(identity.encode()).decode() or '='}</auth>")
    answer = one.next()
    if answer.tag != SASL + "success":
        raise wire.Refused(wire.condition(answer))
    one.open()
    one.jid = one.iq("set", "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>").find(".//{*}jid").text
    return one


def refused(certificate, identity="", **how):
    try:
        external(certificate, identity, **how)
        return None
    except (wire.Refused, wire.Closed) as why:
        return why.args[0]


def by_password(certificate, jid):
    one = stream(certificate)
    one.scram_final(lab.passwords[jid], *one.scram_first(jid.split("@")[0]))
    one.open()
    one.jid = one.iq("set", "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>").find(".//{*}jid").text
    return one


def ended(one):
    """The condition with which the server ended it."""
    try:
        while True:
            one.next()
    except wire.Closed as end:
        return end.args[0]


def there(one):
    return one.iq("get", "<ping xmlns='urn:xmpp:ping'/>", to="klinik.example").get("type") == "result"


def reload():
    lab.ctl("reload")


def asked(port, name, *words):
    """Whether openssl's client is asked for a certificate there."""
    seen = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", lab.ca,
                           *(["-servername", name] if name else ["-noservername"]), *words],
                          input="", capture_output=True, text=True, timeout=wire.TIMEOUT).stdout
    assert "Verify return code: 0 (ok)" in seen, seen
    return "No client certificate CA names sent" not in seen


# --- who is asked ---

row(asked(lab.direct_port, "klinik.example", "-alpn", "xmpp-client"), "clients of a domain with authorities are asked for a certificate")
row(asked(lab.port, "klinik.example", "-starttls", "xmpp", "-xmpphost", "klinik.example"), "by STARTTLS, too")
row(asked(lab.port, None, "-starttls", "xmpp", "-xmpphost", "klinik.example") and not asked(lab.port, None, "-starttls", "xmpp", "-xmpphost", "offen.example"),
    "who names no domain in TLS is asked as the stream's header says")
row(not asked(lab.direct_port, "offen.example", "-alpn", "xmpp-client"), "those of a domain without are not")
row(not asked(lab.https_port, "klinik.example"), "nor are browsers, which would show a dialog")
row(not asked(lab.direct_port, "klinik.example", "-alpn", "http/1.1"), "nor on a port where both are served")
row(asked(lab.direct_port, "klinik.example", "-tls1_2"), "with TLS 1.2 they are asked, too")

# --- who gets in ---

anna, jonas = pki.client("anna", [ANNA]), pki.client("jonas", [JONAS])
with open(os.path.join(HERE, "..", "..", "doc", "PROTOCOL.md"), encoding="utf-8") as protocol:
    listed = next(line for line in protocol if line.startswith("| SASL mechanisms for certificates |"))
row(set(mechanisms(anna)) - set(mechanisms()) == {listed.split("`")[1]}, "DSK II.1-h: the mechanism for certificates is what PROTOCOL.md §1.4 lists", listed)
row(mechanisms(anna)[:2] == ["EXTERNAL", "SCRAM-SHA-256-PLUS"], "RFC 6120 §6.3.4: EXTERNAL is offered to who shows one", mechanisms(anna))
one = external(anna)
row(one.jid.startswith(ANNA + "/"), "XEP-0178 §2: and lets in whom it names", one.jid)
row('"certificate":true' in lab.ctl("--json", "sessions", "list", ANNA).stdout.replace(" ", ""), "konsilctl sessions list: says so",
    lab.ctl("--json", "sessions", "list", ANNA).stdout)
one.close()
row(refused(anna, ANNA) is None and refused(anna, JONAS) == "invalid-authzid", "RFC 6120 §6.3.8: as herself, and as nobody else")
row("EXTERNAL" not in mechanisms(), "who shows none is not offered it")
row(refused(None) == "invalid-mechanism", "and cannot have it")
row(by_password(None, ANNA).jid.startswith(ANNA), "her password is as good as ever")
short = external(pki.client("short", [ANNA], ends=0, seconds=12))
row(refused(pki.client("two", [ANNA, DIENST])) == "invalid-authzid", "XEP-0178 §2: one with two addresses does not say who logs in")
row(external(pki.client("two-b", [ANNA, DIENST]), DIENST).jid.startswith(DIENST), "but she does")
row(refused(pki.client("nobody", ["niemand@klinik.example"])) == "not-authorized", "RFC 6120 §6.5.10: it makes no account")
lab.ctl("user", "disable", DIENST)
row(refused(pki.client("dienst", [DIENST])) == "not-authorized", "nor does it open one that is disabled")
row(refused(pki.client("rooted", [ANNA])) is None, "control: another one of hers is as good")

# --- what is none ---

for certificate, name in [
    (foreign.client("anna", [ANNA]), "of another authority"),
    (pki.client("self", [ANNA], self_signed=True), "signed by itself"),
    (pki.client("late", [ANNA], begins=-30, ends=-1), "whose time is up"),
    (pki.client("early", [ANNA], begins=1, ends=2), "whose time has not come"),
    (pki.client("server", [ANNA], usage="serverAuth"), "for servers"),
    (pki.client("other", ["anna@offen.example"]), "with an address of another domain"),
    (pki.client("mail", sans=["email:" + ANNA, "DNS:klinik.example", "DNS:anna.klinik.example", "URI:xmpp:" + ANNA]), "without an address of XMPP"),
    (pki.client("nul", raw=[ANNA.encode() + b"\0.boese.example"]), "with a NUL behind its address"),
    (pki.client("nul-b", raw=[ANNA.encode(), b"anna\0jonas@klinik.example"]), "with a NUL in one of two"),
    (pki.client("bytes", raw=[ANNA.encode(), b"\xff\xfe@klinik.example"]), "with bytes that are no text in one of two"),
    (pki.client("ia5", sans=["otherName:1.3.6.1.5.5.7.8.5;IA5:" + ANNA]), "with an address that is no UTF-8 string"),
    (pki.client("many", [f"a{i}@klinik.example" for i in range(16)] + [ANNA]), "with 17 addresses"),
]:
    offered = mechanisms(certificate)
    row("EXTERNAL" not in offered and "SCRAM-SHA-256" in offered, f"one {name} is none, and the connection goes on", offered)
row(by_password(foreign.client("anna-b", [ANNA]), ANNA).jid.startswith(ANNA), "who shows one of another authority logs in by her password")
row(refused(pki.client("offen", ["anna@offen.example"]), "anna@offen.example", domain="offen.example", name="klinik.example") == "invalid-mechanism",
    "authorities of one domain do not vouch for people of another, whatever name TLS was asked for")
row(refused(pki.client("plain", [ANNA]), domain="klinik.example", name="offen.example") == "invalid-mechanism",
    "nor is a certificate known to a domain that did not ask for it")

# --- konsil ---


def person(directory, *options, wanted=None, **environment):
    """Why konsil did not get in without a password; None: it did. wanted: what it has to say at its start."""
    konsil = lab.konsil(ANNA, directory=os.path.join(lab.dir, directory), connect=False, options=options, environment=environment)
    if not wanted:
        konsil.do("connect", jid=ANNA, host="127.0.0.1", port=lab.port)
        event = konsil.lines.wait(lambda e: e.get("event") == "ready" or e.get("reason"), "the login")
        konsil.do("disconnect")
    konsil.close()
    with open(lab.errors.name, encoding="utf-8") as errors:
        said = errors.read()
    return wanted in said if wanted else event.get("reason")


os.environ["LC_ALL"] = "en_US.UTF-8"  # the sentences of konsil in English
with open(os.path.join(lab.dir, "word"), "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
    file.write("geheim\n")
word = os.path.join(lab.dir, "word")
for path in (anna["key"], jonas["key"]):
    os.chmod(path, 0o600)
for name, options in {
    "PEM and a key of PKCS#8": ["--certificate", anna["chain"], "--key", anna["key"]],
    "PEM and an encrypted key": ["--certificate", anna["chain"], "--key", anna["key8"], "--key-passphrase-file", word],
    "PKCS#12": ["--certificate", anna["p12"], "--key-passphrase-file", word],
}.items():
    why = person(name.replace(" ", "-"), *options)
    row(why is None, f"konsil logs in by its certificate, without a password: {name}", why)
row(person("PKCS#12", KONSIL_KEY_PASSPHRASE="geheim") is None, "it remembers where the certificate is")
row(person("PKCS#12", KONSIL_KEY_PASSPHRASE="falsch", wanted="The key's passphrase is wrong."), "a wrong passphrase of the key is said")
row(person("PKCS#12", wanted="The key of your certificate is encrypted."), "without one and without a terminal, that it needs one")
row(person("other", "--certificate", jonas["chain"], "--key", jonas["key"]) == "login.certificate",
    "a certificate of somebody else logs in nobody, and konsil says why")
row(person("no-key", "--certificate", anna["chain"], wanted="do not hold a certificate and its key"), "a certificate without a key is none")
row(person("mixed", "--certificate", anna["chain"], "--key", jonas["key"], wanted="do not hold a certificate and its key"),
    "nor is one with another key")
row(person("gone", "--certificate", anna["chain"] + ".none", wanted="or its key cannot be read"), "a file that is not there is said")
os.chmod(jonas["key"], 0o640)
row(person("open", "--certificate", jonas["chain"], "--key", jonas["key"], wanted="Others can read the key of your certificate"),
    "a key that others may read is refused")
konsil = lab.konsil(ANNA, directory=os.path.join(lab.dir, "PKCS#12"), options=["--no-certificate"])
row(konsil.do("state").get("connection") and not os.path.exists(os.path.join(konsil.dir, "certificate")),
    "--no-certificate: it is forgotten, and the password logs in")
konsil.close()

# --- when it ends ---

annas = external(anna)
hers, his = by_password(anna, ANNA), external(jonas)
pki.revoke(anna)
row(refused(anna) is None, "a revoked certificate is good until konsild is told")
pki.crl()
reload()
row(ended(annas) == "reset", "RFC 6120 §13.7.2.3: once it is on the list, who is here by it is not any more")
row("EXTERNAL" not in mechanisms(anna), "and does not come back by it")
row(there(hers), "who showed it and logged in by her password stays")
row(there(his), "and so does everybody else")
session = stream(jonas).socket
row(not stream(session=session).socket.session_reused, "RFC 8446 §2.2: TLS is never resumed, so each connection is looked at anew")

pki.crl(-1)
reload()
row("EXTERNAL" not in mechanisms(jonas) and there(his), "with a list whose time is up nobody gets in; who is here stays")
pki.crl()
reload()
row(refused(jonas) is None, "with a new one they do again")
row(ended(short) == "reset", "RFC 6120 §4.9.3.16: a session ends with its certificate, which was good for seconds")

# --- limits ---

long = pki.client("long", [ANNA])
with open(long["chain"], "a", encoding="ascii") as chain, open(pki.sub, encoding="ascii") as part:
    chain.write(80 * part.read())
for domain in "klinik.example", "offen.example":  # the first of all, and one that is chosen when the connection has begun
    lab.of = {domain: tls + "};"}
    lab.settings()
    reload()
    try:
        why = mechanisms(long, domain=domain)
    except (OSError, wire.Closed) as end:
        why = type(end).__name__
    row(isinstance(why, str), f"{domain}: a chain of 82 certificates ends the handshake; no stranger sends more than 32 KB of them", why)
lab.of = {"klinik.example": tls + "};"}
lab.settings()
reload()

# --- required ---


def ended_at_once(certificate=None):
    """The condition with which the server ends it before a login; None: it does not."""
    try:
        mechanisms(certificate)
        return None
    except wire.Closed as end:
        return end.args[0]


early = stream()
challenge = early.scram_first("anna")
lab.of = {"klinik.example": tls + "client_required = true; };"}
lab.settings()
reload()
why = ended_at_once()
row(why == "policy-violation", "tls.client_required: without a certificate there is no login", why)
row(ended_at_once(pki.client("required", raw=[ANNA.encode(), b"\xff\xfe@klinik.example"])) == "policy-violation",
    "with one of which an address cannot be read there is none either, because it may be anybody's")
try:
    early.scram_final(lab.passwords[ANNA], *challenge)
    why = "success"
except wire.Refused as no:
    why = no.args[0]
row(why == "not-authorized", "nor for who had asked for a challenge when none was required", why)
row(by_password(pki.client("device"), JONAS).jid.startswith(JONAS), "with a device's the password is good")
try:
    why = by_password(jonas, ANNA).jid
except wire.Refused as no:
    why = no.args[0]
row(why == "not-authorized", "DSK III.3-a part (which devices are managed is known to the hospital's PKI): a person's certificate lets in nobody else, "
    "with the right password", why)

# --- settings ---


def complaint(klinik):
    lab.of = {"klinik.example": klinik}
    lab.settings()
    return subprocess.run([os.path.join(BUILD, "cmd", "konsild"), "--check", "konsild.conf"], cwd=lab.dir, capture_output=True, text=True,
                          env=dict(os.environ, LC_ALL="en_US.UTF-8")).stderr


row("tls.client_ca" in complaint('tls: { client_ca = "key.pem"; };'), "konsild --check: authorities that are none are found", complaint('tls: { client_ca = "key.pem"; };'))
seen = complaint(f'tls: {{ client_ca = "{pki.sub}"; client_crl = "{pki.sub}"; }};')
row("tls.client_crl" in seen, "so is a list that is none", seen)
seen = complaint(f'tls: {{ client_ca = "{pki.dir}/nothing"; }};')
row("cannot be read" in seen and "tls.client_ca" in seen, "and a file that is not there", seen)
seen = complaint('tls: { client_required = true; };')
row("lacks the authorities" in seen, "to require certificates without authorities is a mistake", seen)
subprocess.run(["openssl", "crl", "-in", pki.list, "-outform", "DER", "-out", os.path.join(pki.dir, "list.der")], check=True)
seen = complaint(f'tls: {{ client_ca = "{pki.sub}"; client_crl = "{pki.dir}/list.der"; }};')
row(not seen, "a list may be DER", seen)
done()
