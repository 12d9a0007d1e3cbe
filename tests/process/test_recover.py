# SPDX-License-Identifier: AGPL-3.0-or-later
"""Officers who open a person's archive for a new device: dealing, asking, answering, each two of three; and what does not
go: one alone, a stranger's request, another's slot, a share that is not there any more."""
import itertools
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from lab import BUILD, TIMEOUT, done, row

work = tempfile.TemporaryDirectory(prefix="konsil-")
at = lambda *names: os.path.join(work.name, *names)
WORDS = ["", "erste Passphrase von eins", "zweite Passphrase von zwei", "dritte Passphrase von drei"]


def ctl(*words, text="", lang="de"):
    return subprocess.run([os.path.join(BUILD, "cmd", "konsilctl"), "--socket", at("nowhere"), "--lang", lang, *words], input=text,
                          capture_output=True, text=True, timeout=TIMEOUT)


def device(*words):
    return subprocess.run([os.environ["RECOVER_DEVICE"], *words], capture_output=True, text=True, timeout=TIMEOUT)


def hospital(name):
    """A root and an issuing authority."""
    ctl("ca", "init", at(name, "root"), "--hospital", "Klinikum " + name, "--password-stdin", text="eine lange Passphrase\n")
    ctl("ca", "issuing", at(name, "root"), "--to", at(name, "issuing"), "--domains", "klinik.example", "--password-stdin", text="eine lange Passphrase\n")


def deal(directory, passphrases=WORDS[1:], root="here", more=()):
    return ctl("recover", "deal", at(directory), "--root", at(root, "root", "root.pem"), "--password-stdin", *more,
               text="".join(word + "\n" for word in passphrases))


def answer(officer, request, say="ja", word=None, to="answers", more=(), lang="de", share=None):
    return ctl("recover", "answer", share or at("officers", f"officer-{officer}.share"), at(request), "--to", at(to), "--password-stdin", *more,
               text=f"{say}\n{WORDS[officer] if word is None else word}\n", lang=lang)


def files(directory):
    return sorted(os.listdir(at(directory))) if os.path.isdir(at(directory)) else []


for name in ("here", "elsewhere"):
    os.mkdir(at(name))
    hospital(name)

# --- dealing ---

result = deal("dry", more=["--dry-run"])
row(result.returncode == 0 and not files("dry"), "--dry-run deals nothing", result)
result = deal("short", passphrases=[WORDS[1], WORDS[2], "kurz"])
row(result.returncode == 1 and "zu kurz" in result.stderr and not files("short"), "a dealing whose third passphrase is too short leaves nothing behind", result)
result = ctl("recover", "deal", at("leaf"), "--root", at("here", "issuing", "issuing.pem"), "--password-stdin", text="\n".join(WORDS[1:]))
row(result.returncode == 1 and not files("leaf"), "nor does one whose root is none", result)
result = deal("officers")
row(result.returncode == 0 and "Kennzahl" in result.stdout, "recover deal: says by which name the key goes", result)
print("\n".join("# " + line for line in result.stdout.splitlines()))
names = files("officers")
row([name for name in names if not name.startswith("ceremony")] == ["officer-1.share", "officer-2.share", "officer-3.share", "officers.public"]
    and all(stat.S_IMODE(os.stat(at("officers", name)).st_mode) == 0o600 for name in names), "three shares, what everybody may know, and a record", names)
record = open(at("officers", next(name for name in names if name.startswith("ceremony"))), encoding="utf-8").read()
name = re.search(r"Kennzahl ([0-9a-f]{16})", result.stdout)[1]
row(name in record and len(re.findall(r"^Teil [123]: ", record, re.M)) == 3 and "Klinikum here" in record, "PROTOCOL §19.6: the record names the key, and has a line for each officer", record)
row(all(word.encode() not in open(at("officers", f), "rb").read() for f in names for word in WORDS[1:]), "no file has a passphrase")
result = deal("officers")
row(result.returncode == 1 and "nie überschrieben" in result.stderr, "shares are not written over", result)

certify = lambda file, to="certified": ctl("ca", "officers", at("here", "root"), at(*file), "--to", at(to), "--domains", "klinik.example",
                                           "--password-stdin", text="eine lange Passphrase\n")
result = certify(("officers", "officers.public"))
row(result.returncode == 0 and files("certified") == ["officers.pem"], "PROTOCOL §19.8: ca officers certifies their key", result)
text = subprocess.run(["openssl", "x509", "-in", at("certified", "officers.pem"), "-noout", "-text"], capture_output=True, text=True, timeout=TIMEOUT).stdout
verified = subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", at("here", "root", "root.pem"), at("certified", "officers.pem")],
                          capture_output=True, timeout=TIMEOUT)
row(verified.returncode == 0 and "Key Agreement" in text and "CA:FALSE" in text and "DNS:klinik.example" in text, "and openssl follows it to the root", text)
row(certify(("officers", "officer-1.share"), "other").returncode == 1 and not files("other"), "a share is no public file", files("other"))
deal("elsewheres", root="elsewhere")
result = certify(("elsewheres", "officers.public"), "other")
row(result.returncode == 1 and not files("other"), "nor is a dealing for another root certified", result)

# --- that they are there ---

NONCE = "7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069"
proofs = {}
for i in (1, 2, 3):
    result = ctl("recover", "prove", at("officers", f"officer-{i}.share"), NONCE, "--password-stdin", text=WORDS[i] + "\n")
    proofs[i] = result.stdout.split()
    checked = ctl("recover", "proven", at("officers", "officers.public"), NONCE, *proofs[i])
    row(result.returncode == 0 and proofs[i][0] == str(i) and checked.returncode == 0, f"PROTOCOL §19.5: officer {i} proves the share", (result, checked))
for what, words in [("another officer's number", (NONCE, "2", proofs[1][1])), ("another nonce", (NONCE[::-1], *proofs[1])),
                    ("a digit changed", (NONCE, "1", "0" + proofs[1][1][1:] if proofs[1][1][0] != "0" else "1" + proofs[1][1][1:])), ("nothing", (NONCE, "1", ""))]:
    result = ctl("recover", "proven", at("officers", "officers.public"), *words)
    row(result.returncode == 1 and "beweist nicht" in result.stderr, f"a proof with {what} is none", result)
result = ctl("recover", "prove", at("officers", "officer-1.share"), "abc", "--password-stdin", text=WORDS[1] + "\n")
row(result.returncode == 1 and "64 Zeichen" in result.stderr, "what is no nonce is not signed", result)
result = ctl("recover", "prove", at("officers", "officer-1.share"), NONCE, "--password-stdin", text=WORDS[2] + "\n")
row(result.returncode == 1 and "öffnet den Teil nicht" in result.stderr and not result.stdout, "another officer's passphrase opens no share", result)

# --- a person asks ---

made = device("ask", at("here", "issuing"), at("officers", "officers.public"), at("anna.request"), at("anna.state"))
row(made.returncode == 0, "a device asks", made)
result = answer(1, "anna.request", more=["--dry-run"])
row(result.returncode == 0 and "Anna Brandt" in result.stderr and not files("answers"), "--dry-run shows who asks, and answers nothing", result)
for word in ("nein", "", "j", "JA!"):
    result = answer(1, "anna.request", say=word)
    row(result.returncode == 1 and "Nicht zugestimmt" in result.stderr and not files("answers"), f"{word!r} is no yes", result)
result = answer(1, "anna.request", word="falsch")
row(result.returncode == 1 and "öffnet den Teil nicht" in result.stderr and not files("answers"), "who does not know the passphrase does not answer", result)
result = answer(1, "anna.request")
shown = result.stderr
print("\n".join("# " + line for line in shown.splitlines()))
row(result.returncode == 0 and all(text in shown for text in ("Anna Brandt", "Innere Medizin", "anna@klinik.example", "Telefon verloren, PIN vergessen", "27183")),
    "an officer reads who asks for what, in plain words", result)
result = answer(2, "anna.request", say="yes", lang="en")
row(result.returncode == 0 and "Who asks: Anna Brandt" in result.stderr, "in English", result)
result = answer(3, "anna.request", more=["--json"])
row(result.returncode == 0 and json.loads(result.stdout)["officer"] == 3, "as JSON", result)
parts = {int(name.rsplit("-", 1)[1][0]): at("answers", name) for name in files("answers")}
row(sorted(parts) == [1, 2, 3], "PROTOCOL §19.6: three parts are there", parts)
again = answer(3, "anna.request")
row(again.returncode == 1 and "nie überschrieben" in again.stderr, "a part is not written over", again)
opened = lambda *words, who="anna": device("open", at("officers", "officers.public"), at(who + ".request"), at(who + ".state"), *words).stdout.strip()
for pair in itertools.permutations((1, 2, 3), 2):
    row(opened(*(parts[i] for i in pair)) == "opened", f"PROTOCOL §19.4: officers {pair[0]} and {pair[1]} open the account's key at the device")
for i in parts:
    row(opened(parts[i]) == "KS_EAGAIN, officer 0", f"attack 53: officer {i} alone opens nothing", opened(parts[i]))
row(opened(parts[1], parts[1]) == "KS_ESYNTAX, officer 0", "attack 53: nor twice the same", opened(parts[1], parts[1]))

# --- what is not answered ---


def refused(what, says, request, **more):
    result = answer(1, request, to="refused", **more)
    row(result.returncode == 1 and says in result.stderr and not files("refused"), what, result)


made = device("ask", at("here", "issuing"), at("officers", "officers.public"), at("eve.request"), at("eve.state"), "eve")
refused("attack 52: eve has anna's slot in her ring", "wurde für ein anderes Konto gemacht", "eve.request")
device("ask", at("elsewhere", "issuing"), at("officers", "officers.public"), at("stranger.request"), at("stranger.state"))
refused("a device of another hospital", "nicht zugelassen", "stranger.request")
bytes_ = bytearray(open(at("anna.request"), "rb").read())
bytes_[-1] ^= 1
open(at("altered.request"), "wb").write(bytes_)
refused("a signature that was altered", "nicht unterschrieben", "altered.request")
open(at("long.request"), "wb").write(bytes(512 * 1024 + 1))
refused("a file that is too large", "keine Anfrage", "long.request")
refused("a file of something else", "keine Anfrage", os.path.join("here", "root", "root.pem"))
refused("no file", "gibt es nicht", "nothing.request")
deal("others")
refused("a share of another dealing", "nichts für diese Vertrauenspersonen", "anna.request", share=at("others", "officer-1.share"))
share = bytearray(open(at("officers", "officer-1.share"), "rb").read())
share[-1] ^= 1
open(at("broken.share"), "wb").write(share)
refused("a share that was altered", "öffnet den Teil nicht", "anna.request", share=at("broken.share"))
open(at("cut.share"), "wb").write(share[:-1])
refused("a share that was cut off", "nicht die Form", "anna.request", share=at("cut.share"))
device("ask", at("here", "issuing"), at("officers", "officers.public"), at("second.request"), at("second.state"))
row(opened(parts[1], parts[2], who="second") == "part 1: KS_ENOTFOUND", "a part is for the request that it answers", opened(parts[1], parts[2], who="second"))
shutil.copy(at("anna.request"), at("thief.request"))
shutil.copy(at("second.state"), at("thief.state"))
row(opened(parts[1], parts[2], who="thief") == "part 1: KS_ECRYPTO", "and for the device that asked: another one does not read it", opened(parts[1], parts[2], who="thief"))
done()
