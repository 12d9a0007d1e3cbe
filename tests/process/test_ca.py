# SPDX-License-Identifier: AGPL-3.0-or-later
"""The hospital's authorities as an administrator makes them, without a network, and as openssl reads what came of it."""
import hashlib
import json
import os
import stat
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from lab import BUILD, TIMEOUT, done, row

work = tempfile.TemporaryDirectory(prefix="konsil-")
PASSPHRASE = "vier zufällige Wörter hier"
at = lambda *names: os.path.join(work.name, *names)


def ctl(*words, text=None):
    """konsilctl without a server."""
    return subprocess.run([os.path.join(BUILD, "cmd", "konsilctl"), "--socket", at("nowhere"), *words], input=text,
                          capture_output=True, text=True, timeout=TIMEOUT)


def openssl(*words, text=None):
    result = subprocess.run(["openssl", *words], input=text, capture_output=True, timeout=TIMEOUT)
    return result.returncode, result.stdout


def init(directory, *words, passphrase=PASSPHRASE, hospital="Klinikum Beispiel"):
    return ctl("--lang", "de", *words, "ca", "init", directory, "--hospital", hospital, "--password-stdin", text=passphrase + "\n")


def issuing(*words, root="root", to="issuing", domains="klinik.example,praxis.example", passphrase=PASSPHRASE):
    return ctl("--lang", "en", *words, "ca", "issuing", at(root), "--to", at(to), "--domains", domains, "--password-stdin", text=passphrase + "\n")


# --- the root ---

made = init(at("dry"), "--dry-run")
row(made.returncode == 0 and not os.listdir(at("dry")), "--dry-run makes no root", made)
made = init(at("short"), passphrase="zu kurz")
row(made.returncode == 1 and "zu kurz" in made.stderr and not os.listdir(at("short")), "a root behind a short passphrase is not made", made)
made = init(at("long"), hospital="K" * 65)
row(made.returncode == 1 and "Höchstens 64" in made.stderr and not os.listdir(at("long")), "nor one whose name fits into no certificate", made)
made = init(at("root"))
row(made.returncode == 0 and "Wurzel" in made.stdout and "Safe" in made.stdout, "ca init: says what was made, and what to do next", made)
print("\n".join("# " + line for line in made.stdout.splitlines()))
key, certificate = at("root", "root.key"), at("root", "root.pem")
row(stat.S_IMODE(os.stat(key).st_mode) == 0o600 and stat.S_IMODE(os.stat(at("root")).st_mode) == 0o700, "the key is nobody else's")
with open(key, encoding="ascii") as file:
    row("BEGIN ENCRYPTED PRIVATE KEY" in file.read(), "and encrypted")
row(openssl("pkey", "-in", key, "-passin", "pass:" + PASSPHRASE, "-noout")[0] == 0
    and openssl("pkey", "-in", key, "-passin", "pass:falsch", "-noout")[0] != 0, "openssl opens it with the passphrase, and with no other")
row(b"scrypt" in openssl("asn1parse", "-in", key)[1], "it is hardened by scrypt")
row(openssl("verify", "-x509_strict", "-check_ss_sig", "-CAfile", certificate, certificate)[0] == 0, "RFC 5280: the root is an authority, by its own signature")
before = open(key, "rb").read()
made = init(at("root"))
row(made.returncode == 1 and "nie überschrieben" in made.stderr and open(key, "rb").read() == before, "a root is not made twice in one place", made)

# --- below it ---

made = issuing("--dry-run")
row(made.returncode == 0 and not os.listdir(at("issuing")), "--dry-run makes no issuing authority", made)
made = issuing(passphrase="falsch")
row(made.returncode == 1 and "does not open" in made.stderr and not os.listdir(at("issuing")), "nor does one who does not know the passphrase", made)
for domains in ("", ",", "Klinik.Example", "klinik.example,URI:x", "klinik example", ",".join(f"d{i}.example" for i in range(17))):
    made = issuing(domains=domains)
    row(made.returncode == 1 and "list of domains" in made.stderr and not os.listdir(at("issuing")), f"{domains[:24]!r} is no list of domains", made)
made = issuing(root="nowhere")
row(made.returncode == 1 and "no such file" in made.stderr, "a root that is not there", made)
os.chmod(key, 0o644)
made = issuing()
row(made.returncode == 1 and "Others may read" in made.stderr, "a root's key that others may read is not used", made)
os.chmod(key, 0o600)
made = issuing()
row(made.returncode == 0 and "klinik.example praxis.example" in made.stdout, "ca issuing: says for which domains", made)
print("\n".join("# " + line for line in made.stdout.splitlines()))
leaf = at("issuing", "issuing.pem")
row(sorted(os.listdir(at("issuing"))) == ["issuing.key", "issuing.pem", "root.pem", "signer.key", "signer.pem"], "with the root's certificate beside it, and without its key", os.listdir(at("issuing")))
row(openssl("verify", "-x509_strict", "-CAfile", certificate, leaf)[0] == 0, "openssl follows it to the root")
text = openssl("x509", "-in", leaf, "-noout", "-text")[1].decode()
row("CA:TRUE, pathlen:0" in text and "DNS:klinik.example, DNS:praxis.example" in text and "Certificate Sign, CRL Sign" in text
    and "Klinikum Beispiel" in text, "PROTOCOL §14.1: it makes no other authority, and answers for its domains", text)
row(openssl("pkey", "-in", at("issuing", "issuing.key"), "-noout")[0] == 0 and stat.S_IMODE(os.stat(at("issuing", "issuing.key")).st_mode) == 0o600,
    "its key opens without a passphrase, for one user")
made = issuing()
row(made.returncode == 1 and "never written over" in made.stderr, "and is not made twice in one place", made)

# --- what they say ---

shown = json.loads(ctl("--json", "ca", "show", certificate).stdout)
spki = openssl("pkey", "-pubin", "-outform", "DER", text=openssl("x509", "-in", certificate, "-noout", "-pubkey")[1])[1]
row(shown["root"] and shown["hospital"] == "Klinikum Beispiel" and shown["pin"].replace(" ", "") == hashlib.sha256(spki).hexdigest(),
    "PROTOCOL §14.3: the pin is SHA-256 of the root's SubjectPublicKeyInfo", shown)
shown = ctl("--lang", "de", "ca", "show", leaf)
row("ausstellende Stelle" in shown.stdout and "Für die Domänen: klinik.example praxis.example" in shown.stdout, "ca show: in German", shown)
for name, words in [("a key", key), ("a file of something else", __file__), ("a directory", work.name), ("nothing", at("nowhere"))]:
    shown = ctl("--lang", "en", "ca", "show", words)
    row(shown.returncode == 1 and shown.stderr.startswith("konsilctl: ") and not shown.stdout, f"ca show of {name}: refused with a sentence", shown)
done()
