# SPDX-License-Identifier: AGPL-3.0-or-later
"""A root whose key two of three persons open with words on paper, as they make it and use it; and Python as another
program that reads the same words (SLIP-0039)."""
import hashlib
import hmac
import itertools
import os
import pty
import re
import shutil
import stat
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "interop"))
from lab import BUILD, TIMEOUT, done, row

work = tempfile.TemporaryDirectory(prefix="konsil-")
PASSPHRASE = "vier zufällige Wörter hier"
at = lambda *names: os.path.join(work.name, *names)


def ctl(*words, text=""):
    return subprocess.run([os.path.join(BUILD, "cmd", "konsilctl"), "--socket", at("nowhere"), "--lang", "en", *words], input=text,
                          capture_output=True, text=True, timeout=TIMEOUT)


def deal(*words, before=(), answer=lambda number, share: [share]):
    """A command that gives shares out, and a person who types what answer says for each; (result, the shares)."""
    process = subprocess.Popen([os.path.join(BUILD, "cmd", "konsilctl"), "--socket", at("nowhere"), "--lang", "en", *words, "--password-stdin"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in before:
        process.stdin.write(line + "\n")
    process.stdin.flush()
    shares, lines, waiting = {}, [], []
    for line in process.stderr:
        lines.append(line)
        number = re.match(r"To try it, type share (\d)", line)
        if len(line.split()) == 33 and line.islower():
            share = line.strip()
        elif number:
            if int(number[1]) not in shares:
                shares[int(number[1])] = share
                waiting = list(answer(int(number[1]), share))
            if waiting:
                process.stdin.write(waiting.pop(0) + "\n")
                process.stdin.flush()
            else:
                process.stdin.close()
    out = process.stdout.read()
    return subprocess.CompletedProcess(words, process.wait(timeout=TIMEOUT), out, "".join(lines)), shares


def issuing(to, *shares, root="root", more=()):
    return ctl("ca", "issuing", at(root), "--to", at(to), "--domains", "klinik.example", "--password-stdin", *more,
               text="".join(share + "\n" for share in shares))


def made(directory):
    return os.path.isdir(at(directory)) and "issuing.key" in os.listdir(at(directory))


# --- the words, read by Python ---

with open(os.path.join(HERE, "..", "..", "src", "trust", "slip39_words.h"), encoding="ascii") as header:
    WORDS = " ".join(re.findall(r'^    "(.*?)\s*"', header.read(), re.M)).split()


def times(a, b):
    product = 0
    for bit in range(8):
        product ^= (a << bit) if b >> bit & 1 else 0
    for bit in range(14, 7, -1):
        product ^= (0x11b << (bit - 8)) if product >> bit & 1 else 0
    return product


def inverse(a):
    return next(b for b in range(1, 256) if times(a, b) == 1)


def passphrase_of(*shares):
    """Of two of one set: the secret in hexadecimal."""
    points = {}
    for share in shares:
        number = int("".join(f"{WORDS.index(word):010b}" for word in share.split()), 2)
        bits = f"{number:0330b}"
        points[int(bits[32:36], 2)] = int(bits[40:300], 2).to_bytes(33, "big")[1:]
    (x, y), (v, w) = points.items()
    weight = lambda mine, other: times(255 ^ other, inverse(mine ^ other))
    sealed = bytes(times(a, weight(x, v)) ^ times(b, weight(v, x)) for a, b in zip(y, w))
    left, right = sealed[:16], sealed[16:]
    for i in (3, 2, 1, 0):
        left, right = right, bytes(a ^ b for a, b in zip(left, hashlib.pbkdf2_hmac("sha256", bytes([i]), right, 2500, 16)))
    return (right + left).hex()


# --- making a root ---

result = ctl("ca", "init", at("dry"), "--hospital", "Klinikum", "--split", "--dry-run", "--password-stdin")
row(result.returncode == 0 and not os.listdir(at("dry")), "--dry-run makes no root, and bothers nobody", result)
result = ctl("ca", "init", at("dry"), "--hospital", "Klinikum", "--split")
row(result.returncode == 1 and "terminal" in result.stderr.lower() and not os.listdir(at("dry")), "without a terminal nobody is asked for words", result)
result, _ = deal("ca", "init", at("lost"), "--hospital", "Klinikum", "--split", answer=lambda number, share: [share] if number < 3 else [])
row(result.returncode == 1 and "not typed back" in result.stderr and not os.listdir(at("lost")),
    "a root is not made before the last share was typed from its paper", result)
wrong = lambda share: " ".join(share.split()[:-1] + ["academic" if share.split()[-1] != "academic" else "acid"])
result, shares = deal("ca", "init", at("root"), "--hospital", "Klinikum Beispiel", "--split",
                      answer=lambda number, share: [wrong(share), "nonsense", share] if number == 2 else [share.upper()])
row(result.returncode == 0 and len(shares) == 3 and "a word is wrong" in result.stderr and "not in the list" in result.stderr,
    "ca init --split: who typed it wrong sees the share again", result)
row(len({share.split()[0] for share in shares.values()}) == 1 and len(set(shares.values())) == 3, "three shares of one set", shares)
row(all(share not in result.stdout for share in shares.values()), "stdout has no share, only what was made", result)
key = at("root", "root.key")
with open(key, encoding="ascii") as file:
    text = file.read()
row("ENCRYPTED PRIVATE KEY" in text and text.startswith("konsil: 2 of 3 shares of set ") and stat.S_IMODE(os.stat(key).st_mode) == 0o600,
    "the file says that it is opened by shares", text)
opens = lambda path, word: subprocess.run(["openssl", "pkey", "-in", path, "-passin", "pass:" + word, "-noout"], capture_output=True,
                                          timeout=TIMEOUT).returncode == 0
for pair in itertools.permutations(sorted(shares), 2):
    row(opens(key, passphrase_of(*(shares[i] for i in pair))), f"SLIP-0039: Python has the passphrase out of shares {pair[0]} and {pair[1]}, and openssl opens the key with it")
row(not opens(key, passphrase_of(shares[1], shares[2].replace(shares[2].split()[9], "academic"))), "with a word changed it does not")
records = [name for name in os.listdir(at("root")) if name.startswith("ceremony-")]
with open(at("root", records[0]), encoding="utf-8") as file:
    text = file.read()
print("\n".join("# " + line for line in text.splitlines() if line))
row(len(records) == 1 and text.count("signature") == 7 and "2 of 3 shares" in text and "Klinikum Beispiel" in text
    and not any(share.split()[5] + " " + share.split()[6] in text for share in shares.values()),
    "a record is there to sign, without a word of a share", text)

# --- using it ---

for number in shares:
    result = issuing("one", shares[number])
    row(result.returncode == 1 and "A share is missing" in result.stderr and not made("one"), f"DSK I.5-f: share {number} alone does not issue", result)
result = issuing("one", shares[1], shares[1])
row(result.returncode == 1 and "same share twice" in result.stderr and not made("one"), "DSK I.5-f: nor does one given twice", result)
result = issuing("one", shares[1], wrong(shares[2]))
row(result.returncode == 1 and "not the share as it was given out" in result.stderr and not made("one"), "nor one with a wrong word", result)
result = issuing("one", shares[1], "academic lenght")
row(result.returncode == 1 and "not in the list" in result.stderr and "\n           2\n" in result.stderr, "whose word is not in the list is told which", result)
result = issuing("one", passphrase_of(shares[1], shares[2]))
row(result.returncode == 1 and not made("one"), "konsilctl asks for shares, not for what they make", result)
_, others = deal("ca", "init", at("other"), "--hospital", "Praxis", "--split")
result = issuing("one", shares[1], others[2])
row(result.returncode == 1 and "does not belong" in result.stderr and not made("one"), "a share of another root's", result)
for pair in itertools.permutations(sorted(shares), 2):
    to = "issuing-%d-%d" % pair
    result = issuing(to, *(shares[i] for i in pair))
    row(result.returncode == 0 and made(to), f"shares {pair[0]} and {pair[1]} issue", result)
verified = subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", at("root", "root.pem"), at(to, "issuing.pem")], capture_output=True, timeout=TIMEOUT)
row(verified.returncode == 0, "and what they issue leads to the root", verified)
records = [name for name in os.listdir(at("root")) if name.startswith("ceremony-")]
row(len(records) == 7 and any("klinik.example" in open(at("root", name), encoding="utf-8").read() for name in records),
    "DSK I.5-f in full: one share fails, two issue, and each time a record was written", records)

# --- on a terminal ---


def on_terminal(*words):
    """What the screen got, each time that somebody is asked; answers as a person with paper."""
    us, it = pty.openpty()
    process = subprocess.Popen([os.path.join(BUILD, "cmd", "konsilctl"), "--socket", at("nowhere"), "--lang", "en", *words], stdin=it, stderr=it,
                               stdout=subprocess.PIPE, text=True)
    os.close(it)
    screens, seen, share = [], "", ""
    while True:
        try:
            seen += os.read(us, 4096).decode()
        except OSError:  # its end is closed
            break
        written, asked = "Press Enter.\r\n" in seen, re.search(r"To try it, type share \d from paper.*:\r\n", seen)
        if written:
            share = [line for line in seen.splitlines() if len(line.split()) == 33][-1]  # before it stands what was typed
        if written or asked:
            screens.append(seen)
            seen = ""
            os.write(us, b"\n" if written else share.encode() + b"\n")
    os.close(us)
    process.stdout.close()
    return process.wait(timeout=TIMEOUT), screens, seen


status, screens, last = on_terminal("ca", "init", at("terminal"), "--hospital", "Klinikum", "--split")
CLEAR = "\x1b[2J\x1b[3J\x1b[H"
row(status == 0 and len(screens) == 6 and all(CLEAR in screen for screen in screens[1:] + [last]),
    "on a terminal each share is wiped from the screen before its holder types it, and before the next one comes", screens)
row(os.path.exists(at("terminal", "root.key")), "and the root is made")

# --- what stands in front of the key ---

with open(key, encoding="ascii") as file:
    text = file.read()
number = text.split("\n")[0].split()[-1]
os.mkdir(at("line"))
shutil.copy(at("root", "root.pem"), at("line"))
for line in (f"konsil: 2 of 3 shares of set {number} ", f"konsil: 02 of 3 shares of set {number}", f"konsil: 1 of 3 shares of set {number}",
             f"konsil: 4 of 3 shares of set {number}", f"konsil: 2 of 17 shares of set {number}", "konsil: 2 of 3 shares of set 32768", "konsil: 2 of 3",
             "konsil: 99999999999999999999 of 3 shares of set 1", "konsil:"):
    with open(at("line", "root.key"), "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(text.replace(text.split("\n")[0], line))
    result = issuing("one", shares[1], shares[2], root="line")
    row(result.returncode == 1 and "neither a key nor" in result.stderr and not made("one"), f"{line!r} is no line of shares", result)

# --- sharing out what there is ---

made_root = ctl("ca", "init", at("old"), "--hospital", "Klinikum", "--password-stdin", text=PASSPHRASE + "\n")
before = open(at("old", "root.key"), encoding="ascii").read()
certificate = open(at("old", "root.pem"), encoding="ascii").read()
result = ctl("ca", "split", at("old"), "--password-stdin", text="falsch\n")
row(result.returncode == 1 and "does not open" in result.stderr, "ca split: only for who knows the passphrase", result)
result, _ = deal("ca", "split", at("old"), before=[PASSPHRASE], answer=lambda number, share: [])
row(result.returncode == 1 and open(at("old", "root.key"), encoding="ascii").read() == before, "what was not finished leaves the key as it was", result)
result, first = deal("ca", "split", at("old"), before=[PASSPHRASE])
row(result.returncode == 0 and not opens(at("old", "root.key"), PASSPHRASE) and opens(at("old", "root.key"), passphrase_of(first[3], first[1]))
    and open(at("old", "root.pem"), encoding="ascii").read() == certificate, "ca split: shares open it, the passphrase does not, and the root is the same", result)
result, second = deal("ca", "split", at("old"), before=[first[2], first[3]])
row(result.returncode == 0, "ca split: again, by two of its holders", result)
result = issuing("anew", first[1], first[2], root="old")
row(result.returncode == 1 and not made("anew"), "then the older shares open it no more", result)
result = issuing("anew", second[1], second[2], root="old")
row(result.returncode == 0 and made("anew"), "and the newer do", result)
row(not [name for name in os.listdir(at("old")) if name.endswith(".new")], "nothing is left of the change", os.listdir(at("old")))
done()
