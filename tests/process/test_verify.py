# SPDX-License-Identifier: AGPL-3.0-or-later
"""Signed messages in files, as somebody checks them who has no account: konsil verify, and OpenSSL by the commands of
doc/verify.md."""
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "interop"))
import lab
from lab import BUILD, TIMEOUT, done

work = tempfile.TemporaryDirectory(prefix="konsil-")
at = lambda name: os.path.join(work.name, name)
SIGNED = "1795312800"  # the order's time


def row(name, ok, seen):
    lab.row(ok, name, seen)


def verify(name, *words, root="root.pem", lang="de"):
    return subprocess.run([os.path.join(BUILD, "cmd", "konsil"), "verify", at(name), "--root", at(root), "--lang", lang, *words],
                          capture_output=True, text=True, timeout=TIMEOUT)


def as_json(name, *words, **more):
    said = verify(name, *words, "--json", **more)
    return said.returncode, json.loads(said.stdout)


def commands():
    """Of the page, each line that a person copies."""
    page = open(os.path.join(HERE, "..", "..", "doc", "verify.md"), encoding="utf-8").read()
    return [line.split() for block in re.findall(r"```\n(.*?)```", page, re.S) for line in block.splitlines()]


def openssl(words, message):
    """As the page has it, with a message in the place of message.p7m, as of the day on which all this was signed."""
    names = {"message.p7m": at(message), "root.pem": at("root.pem"), "message.txt": at("message.txt"),
             "signer.pem": at("signer.pem"), "revoked.crl": at("before.crl")}
    more = ["-attime", SIGNED] if words[1] == "cms" else []
    return subprocess.run([names.get(word, word) for word in words] + more, capture_output=True, text=True, timeout=TIMEOUT)


subprocess.run([os.environ["SIGN_MESSAGES"], work.name], check=True, timeout=TIMEOUT)
content = open(at("order.txt"), "rb").read()

said = verify("order.p7m")
row("DSK II.2-b: a signed order is told to be valid, by whom, for whom, about which case, and what it says",
    said.returncode == 0 and not said.stderr and all(text in said.stdout for text in (
        "Gültig unterschrieben.", "Anordnung", "Dr. Jana Brandt, Kardiologie, Klinikum Beispiel (p-4711@klinik.example)",
        "p-4712@klinik.example", "F-2026-0815", "Heparin 5000 IE s.c., \"jetzt\"\nund dann 3× täglich")), said)
row("and that its time is its author's word, and nobody looked whether the device was revoked",
    "2026-11-22T02:00:00Z, nach Angabe der unterschreibenden Person" in said.stdout and "nicht geprüft" in said.stdout, said)
said = verify("order.p7m", lang="en")
row("in English, too", said.returncode == 0 and "Validly signed." in said.stdout and "as the person who signed says" in said.stdout, said)
code, told = as_json("ack.p7m")
row("DSK II.2-b: an acknowledgement names what it is about by its hash, for programs",
    code == 0 and told["valid"] and told["type"] == "ack" and told["author"]["name"] == "Jonas Weber"
    and told["to"] == ["p-4711@klinik.example", "r-visite@rooms.klinik.example"]
    and told["refs"] == [{"id": "0123456789abcdef0123456789abcdef", "sha256": as_json("order.p7m")[1]["sha256"]}]
    and told["files"][0]["size"] == 48213 and told["time"] == "2026-11-22T02:01:30Z" and told["revocation"] == "unknown", told)
said = verify("ack.p7m")
row("and for people", said.returncode == 0 and "Bestätigung" in said.stdout and "image/jpeg, 48213 B" in said.stdout, said)

# --- OpenSSL ---
shown = commands()
results = [openssl(words, "order.p7m") for words in shown]
row("DSK II.2-b: OpenSSL accepts it by the commands of doc/verify.md", len(shown) == 4 and all(r.returncode == 0 for r in results),
    [(" ".join(w), r.stderr) for w, r in zip(shown, results)])
row("and gives out what was signed", open(at("message.txt"), "rb").read() == content, "something else")
row("its signer's certificate tells the person", "Dr. Jana Brandt" in results[2].stdout, results[2].stdout)
row("and the list the one that was revoked",
    re.search("serial=([0-9A-F]+)", results[2].stdout)[1] in results[3].stdout.replace(":", ""), results[3].stdout)

whole = open(at("order.p7m"), "rb").read()
row("DSK II.2-b: (control: the same bytes elsewhere are valid)",
    open(at("copy.p7m"), "wb").write(whole) and verify("copy.p7m").returncode == 0 and openssl(shown[0], "copy.p7m").returncode == 0, "")
taken = []
for place in range(len(whole) - 1, 0, -37):
    changed = bytearray(whole)
    changed[place] ^= 1
    open(at("changed.p7m"), "wb").write(changed)
    if verify("changed.p7m").returncode == 0:
        taken.append(("konsil", place))
    if openssl(shown[0], "changed.p7m").returncode == 0 and open(at("message.txt"), "rb").read() != content:
        taken.append(("openssl", place))
row("DSK II.2-b: one changed byte fails, in both (each byte of a file: the unit test)", not taken, taken)
said = verify("changed.p7m")
row("it is said why, and what to do", said.returncode == 1 and "Ungültig" in said.stderr and len(said.stderr.splitlines()) == 2, said)

# --- who, when ---
said = verify("forged.p7m")
row("signed by another person's device than its author's: not valid",
    said.returncode == 1 and "gehört jemand anderem" in said.stderr, said)
row("another hospital's root: not valid", as_json("order.p7m", root="other.pem") == (1, {"valid": False, "reason": "certificate", "certificate": "path"}),
    as_json("order.p7m", root="other.pem"))
said = verify("order.p7m", "--crl", at("empty.crl"))
row("a list from after it that does not have the device: not revoked",
    said.returncode == 0 and "nicht gesperrt (Liste vom 2026-11-23T02:00:00Z)" in said.stdout, said)
said = verify("order.p7m", "--crl", at("old.crl"))
row("a list from before it says nothing", said.returncode == 0 and "nicht geprüft" in said.stdout, said)
said = verify("order.p7m", "--crl", at("before.crl"))
row("attack 55: a device that was revoked before: not valid", said.returncode == 1 and "war gesperrt, als" in said.stderr, said)
said = verify("order.p7m", "--crl", at("after.crl"))
row("revoked later: valid, with what the reader has to know",
    said.returncode == 0 and "seit 2026-11-22T02:30:00Z gesperrt; dass die Unterschrift älter ist, sagt nur" in said.stdout, said)
said = verify("order.p7m", "--crl", at("other.crl"))
row("another authority's list is refused", said.returncode == 1 and "keine Sperrliste der Stelle" in said.stderr, said)
said = verify("order.p7m", "--checkpoint", at("log.checkpoint"))
row("PROTOCOL §20.3: with the checkpoint that it names, it is certain since when",
    said.returncode == 0 and "sicher nicht vor 2026-11-22T01:50:00Z" in said.stdout, said)
said = verify("order.p7m", "--checkpoint", at("lie.checkpoint"))
row("one of its size with another root: another log", said.returncode == 1 and "anderes Schlüsselverzeichnis" in said.stderr, said)
said = verify("order.p7m", "--checkpoint", at("late.checkpoint"))
row("one that is an hour younger than the message: it was dated back", said.returncode == 1 and "jünger, als sie angibt" in said.stderr, said)
said = verify("order.p7m", "--checkpoint", at("other.checkpoint"))
row("one that nobody of the hospital signed is refused", said.returncode == 1 and "kein Prüfpunkt" in said.stderr, said)

# --- what is no message ---
for name, content_of in (("a text", b"Heparin"), ("an empty file", b""), ("bytes behind it", whole + b"\0"), ("more than 64 KiB", b"0" * 70000)):
    open(at("odd.p7m"), "wb").write(content_of)
    said = verify("odd.p7m")
    row(f"{name}: not valid", said.returncode == 1 and not said.stdout and said.stderr.startswith("konsil verify: "), said)
for name, words in (("no file", ("missing.p7m",)), ("no list", ("order.p7m", "--crl", at("missing"))),
                    ("no checkpoint", ("order.p7m", "--checkpoint", at("missing")))):
    said = verify(*words)
    row(f"{name}: said so", said.returncode == 1 and "lässt sich nicht lesen" in said.stderr, said)
said = subprocess.run([os.path.join(BUILD, "cmd", "konsil"), "verify", at("order.p7m")], capture_output=True, text=True, timeout=TIMEOUT)
row("without a root: how it is used", said.returncode == 64 and "--root FILE" in said.stderr, said)
said = subprocess.run([os.path.join(BUILD, "cmd", "konsil"), "verify", "--help"], capture_output=True, text=True, timeout=TIMEOUT)
row("--help says it", said.returncode == 0 and "--checkpoint FILE" in said.stdout, said)
done()
