# SPDX-License-Identifier: AGPL-3.0-or-later
"""konsil with a PIN (doc/PROTOCOL.md §10.2), against a real konsild: set, entered, changed, wrong ten times; what a copy of
the profile is worth with the right PIN and without the server; what is left after a wipe."""
import base64
import glob
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import wire
from lab import BUILD, PASSPHRASE, Konsil, Lab, canary, done, row, skip
from screen import Screen

ANNA, JONAS, CLARA = (f"{name}@klinik.example" for name in ("anna", "jonas", "clara"))
PIN, NEW = "839215", "570364"
LATER = os.path.join(BUILD, "tests", "interop", "liblater.so")  # of builds without sanitizers
ahead, ahead_here = tempfile.NamedTemporaryFile(), tempfile.NamedTemporaryFile()  # of konsild's clocks, of a konsil's
for clock in (ahead, ahead_here):
    clock.write(bytes(8))
    clock.flush()
lab = Lab(web=True, under=lambda program: ["env", f"LD_PRELOAD={LATER}", f"LATER_FILE={ahead.name}"] if program == "konsild" and os.path.exists(LATER) else [])
for name in ("anna", "jonas", "clara"):
    lab.account(name)
WEB = ["--websocket=wss://klinik.example:%d/xmpp-websocket" % lab.https_port]
pin_file = os.path.join(lab.dir, "pin")


class Web(Konsil):
    """One that goes where HTTPS goes, and remembers its password."""

    def connect(self):
        self.do("connect", jid=self.jid, password=lab.passwords[self.jid], remember=True, host="127.0.0.1", port=lab.https_port)
        self.wait("ready")


def konsil(directory, secret, *words, text="", language="de", web=WEB):
    """konsil as a process that ends by itself."""
    environment = {**os.environ, "KONSIL_PASSPHRASE": secret}
    command = [os.path.join(BUILD, "cmd", "konsil"), "--json", "--lang", language, "--ca", lab.ca, "--dir", directory, "--server",
               f"127.0.0.1:{lab.https_port}", *web, *words]
    return subprocess.run(command, input=text, capture_output=True, text=True, env=environment, timeout=wire.TIMEOUT)


def opens(directory, secret, jid=ANNA, **more):
    """Whether the profile opens, and what konsil said."""
    ended = konsil(directory, secret, jid, text='{"cmd":"state"}\n', **more)
    return ended.returncode == 0 and '"event":"state"' in ended.stdout, ended


def set_pin(directory, secret, pin, jid=ANNA, word="set"):
    with open(os.path.join(lab.dir, "pin"), "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(pin + "\n")
    return konsil(directory, secret, "pin", word, "--pin-file", pin_file, jid)


def slots(account=ANNA):
    return json.loads(lab.ctl("--json", "vault", "list", account).stdout)


def kinds(directory):
    """Of the slots in the vault's file (§10.1)."""
    with open(os.path.join(directory, "vault"), "rb") as file:
        data, at, found = file.read(), 30, []
    for _ in range(data[29]):
        found.append(data[at + 4])
        at += 5
        for _ in range(3):
            at += 4 + int.from_bytes(data[at:at + 4], "big")
    return found


def copy(directory, name):
    target = os.path.join(lab.dir, name)
    shutil.copytree(directory, target)
    return target


# --- set ---

anna, jonas = Web(lab, ANNA, options=WEB), lab.konsil(JONAS)
word = canary()
message = jonas.send(ANNA, word)
anna.wait_body(word)
home = anna.dir
anna.close()
opened, seen = opens(home, PASSPHRASE)
row(opened, "(control: at first the passphrase opens the profile)", seen)
for pin, says in (("12345", "Eine PIN hat 6 bis 256 Zeichen."), ("123456", "Diese PIN ist eine von denen, die zuerst probiert werden."),
                  ("240683", "Diese PIN ist eine von denen, die zuerst probiert werden."), ("klinik.example", "Diese PIN steht in Ihrer Adresse.")):
    ended = set_pin(home, PASSPHRASE, pin)
    row(ended.returncode == 1 and says in ended.stderr and not slots(), f"§10.2: {pin} is no PIN, in German", ended)
ended = set_pin(home, PASSPHRASE, PIN)
row(ended.returncode == 0 and "Die PIN gilt ab jetzt." in ended.stdout, "§10.2: konsil pin set sets one", ended)
found = slots()
row(len(found) == 1 and found[0]["kind"] == "pin" and found[0]["state"] == "open" and found[0]["unlocked_ms"] > 0 and kinds(home) == [2],
    "§10.6: konsild has its slot, confirmed, and the profile no other one than that", (found, kinds(home)))
opened, ended = opens(home, PASSPHRASE)
row(not opened and "Die PIN ist falsch. Versuche, bis der Server dieses Gerät sperrt: 9." in ended.stderr, "§10.6: the passphrase opens nothing any more", ended)
opened, ended = opens(home, PIN)
row(opened, "§10.2: the PIN does, with the server's help", ended)
opened, ended = opens(home, PIN, web=["--websocket"])
row(opened, "§16.3: which is found by host-meta, too", ended)
opened, ended = opens(home, PIN, web=["--websocket=wss://anderswo.example/xmpp-websocket"])
row(not opened and "er antwortet nicht" in ended.stderr and "9" not in ended.stderr, "§16.3: a server whose certificate is another's is not asked", ended)
opened, ended = opens(home, "839216")
row(not opened and "sperrt: 9." in ended.stderr, "§16.4: and gave back the tries", ended)
opened, ended = opens(home, PIN, language="en")
row(opened, "(control: the right one again)", ended)

for secret in ("\x01\x02\x03\x04\x05\x06", "9" * 257):
    opened, ended = opens(home, secret)
    row(not opened and "Eine PIN hat 6 bis 256 Zeichen." in ended.stderr, f"§10.1: what can be no PIN is refused, with a sentence ({len(secret)} bytes)", ended)
opened, ended = opens(home, "839216")
row("sperrt: 9." in ended.stderr, "§16.3: and the server is not asked", ended)
row(opens(home, PIN)[0], "(control: the PIN opens)")

# --- a copy ---

stolen = copy(home, "stolen")
lab.stop()
opened, ended = opens(stolen, PIN)
row(not opened and "Zum Entsperren mit der PIN wird der Server gebraucht" in ended.stderr and word not in ended.stdout,
    "a copied profile with the right PIN, but without the server: nothing can be read", ended)
row(not any(word.encode() in open(path, "rb").read() for path in glob.glob(stolen + "/*")), "and nothing of it lies there in clear")
opened, ended = opens(home, PIN)
row(not opened and "Gelöscht ist nichts." in ended.stderr, "§10: while konsild is down nobody unlocks, and nothing is erased", ended)
lab.start()
opened, ended = opens(home, PIN)
row(opened and "Kopie" not in ended.stderr, "(control: when it is back the PIN opens)", ended)
opened, ended = opens(stolen, PIN)
row(opened and "eine zweite Kopie dieses Profils" in ended.stderr, "§16.4: who opens the copy as well is seen, at one of the two", ended)
opened, ended = opens(home, PIN)
row(opened and "eine zweite Kopie dieses Profils" in ended.stderr, "§16.4: and at the other", ended)

# --- the disk ---

os.mkdir(os.path.join(home, "vault.new"))  # where the vault's file is written before it takes its name
tried = slots()[0]["unlocked_ms"]
opened, ended = opens(home, PIN)
row(not opened and "schreiben" in ended.stderr and slots()[0]["unlocked_ms"] == tried, "§10.2: what cannot be written is not confirmed either", ended)
os.rmdir(os.path.join(home, "vault.new"))
row(opens(home, PIN)[0], "(control: when it can be written the PIN opens)")

# --- change ---

anna = Web(lab, ANNA, options=[*WEB, "--server", f"127.0.0.1:{lab.https_port}", "--passphrase-file", pin_file])
encoded = lambda count: base64.b64encode(os.urandom(count)).decode()
stray = anna.do("vault_make", kind="pin", slot=encoded(16), token=encoded(32), confirm=encoded(32))
row(stray["event"] == "vault_made" and len(slots()) == 2, "(control: a change that ended before its file: konsild has a slot that the profile has not)", stray)
anna.close()
before = next(slot["slot"] for slot in slots() if slot["unlocked_ms"])
ended = set_pin(home, PIN, NEW, word="change")
row(ended.returncode == 0 and kinds(home) == [2], "§10.6: the PIN is changed", ended)
states = {slot["slot"]: slot["state"] for slot in slots()}
row(states.pop(before) == "gone" and sorted(states.values()) == ["gone", "open"], "§10.6: the old one's key is destroyed, and that of a change that ended early; the new one's is there", states)
row(opens(home, NEW)[0] and not opens(home, PIN)[0], "§10.6: the new PIN opens, the old one does not")
opened, ended = opens(stolen, PIN)
row(not opened and "ist beim Server vernichtet" in ended.stderr, "§10.6: a copy from before is shut for good", ended)

# --- ten wrong ones ---

def leap(seconds, clock=ahead):
    """These clocks go on by so much."""
    clock.seek(0)
    total = struct.unpack("=q", clock.read())[0] + seconds
    clock.seek(0)
    clock.write(struct.pack("=q", total))
    clock.flush()


row(opens(home, NEW)[0], "(control: all tries are there)")
said = [opens(home, f"8392{number}")[1].stderr.splitlines()[0] for number in range(10, 15)]
row(said == [f"konsil: Die PIN ist falsch. Versuche, bis der Server dieses Gerät sperrt: {left}." for left in (9, 8, 7, 6, 5)],
    "§16.3: each wrong PIN counts, and it is said in German how many are left", said)
ended = opens(home, NEW)[1]
row("nimmt der Server gerade keine an: noch " in ended.stderr and kinds(home) == [2], "§16.3: after five the server takes none for a while, not the right one either", ended)
if os.path.exists(LATER):
    for number, seconds in enumerate((5, 15, 60, 300, 900)):
        leap(seconds)
        ended = opens(home, f"8392{15 + number}")[1]
        said.append(ended.stderr.splitlines()[0])
    row(said[-1] == "konsil: Dieses Gerät ist gesperrt: Die PIN war zehnmal falsch.", "§16.3: at the tenth the device is locked, and says so", said)
    leap(86400)
    ended = opens(home, NEW)[1]
    row("Dieses Gerät ist gesperrt: Die PIN war zehnmal falsch." in ended.stderr and "konsilctl vault unlock" in ended.stderr and any(slot["state"] == "locked" for slot in slots()),
        "§16.3: the right one does not open it any more, a day later either; it is said who helps, and that nothing is deleted", ended)
    lab.ctl("vault", "unlock", ANNA, next(slot["slot"] for slot in slots() if slot["state"] == "locked"))
    row(opens(home, NEW)[0], "§16.6: after an administrator's word it does")
else:
    skip("§16.3: at the tenth the device is locked", "needs konsild's clock to be moved: a build without sanitizers")

# --- a wipe ---

lab.ctl("vault", "wipe", ANNA)
opened, ended = opens(home, NEW)
row(not opened and "ist beim Server vernichtet. Was hier gespeichert ist, lässt sich nicht mehr öffnen." in ended.stderr, "after a wipe the right PIN opens nothing", ended)
row(os.path.exists(os.path.join(home, "store.db")) and kinds(home) == [2], "attack 46: and nothing was erased because of an answer", os.listdir(home))
# --- at a terminal: locked, and opened again ---

def memory(directory):
    """Which of the words are in the memory of the konsil that has the directory: a function of them."""
    process = next(path.split("/")[2] for path in glob.glob("/proc/[0-9]*/cmdline")
                   if directory.encode() in open(path, "rb").read() and os.path.basename(os.readlink(os.path.dirname(path) + "/exe")) == "konsil")
    found = set()

    def look(*words):
        with open(f"/proc/{process}/maps") as maps, open(f"/proc/{process}/mem", "rb", 0) as mem:
            for line in maps:
                span, rights = line.split()[:2]
                if not rights.startswith("rw"):
                    continue
                begin, end = (int(part, 16) for part in span.split("-"))
                if end - begin > 1 << 30:  # a sanitizer's shadow
                    continue
                try:
                    mem.seek(begin)
                    data = mem.read(end - begin)
                except OSError:
                    continue
                found.update(word for word in words if word.encode() in data)
        return found
    return look


clara = Web(lab, CLARA, options=WEB)
word, home = canary(), clara.dir
jonas.send(CLARA, word)
clara.wait_body(word)
clara.close()
ended = set_pin(home, PASSPHRASE, PIN, jid=CLARA)
row(ended.returncode == 0, "(control: another person's PIN)", ended)
clock = f"LD_PRELOAD='{LATER}' LATER_FILE='{ahead_here.name}' " if os.path.exists(LATER) else ""
screen = Screen(f"{clock}'{BUILD}/cmd/konsil' --lang de --ca '{lab.ca}' --dir '{home}' --server 127.0.0.1:{lab.https_port} {WEB[0]} {CLARA}")
row(screen.sees("PIN dieses Geräts:")[0], "at the start the PIN is asked for")
screen.enter("839216")
ok, seen = screen.sees("dieses Gerät sperrt: 9.")
row(ok and "839216" not in seen, "a wrong one is asked for again, and none is shown", seen)
screen.enter(PIN)
ok, seen = screen.sees("verbunden", word)
row(ok, "the right one opens, and the messages are there", seen)
secrets = (lab.passwords[CLARA], word)
look = memory(home)
row(word in look(*secrets), "(control: while it is open a message is in its memory)")
screen.key("F12")
ok, seen = screen.sees("konsil ist gesperrt.", "PIN dieses Geräts:")
row(ok and word not in seen, "F12 locks: the PIN is asked for, and nothing is on the screen", seen)
found = memory(home)(*secrets, PIN)
row(not found, "§10: of what was open nothing is in the memory of the locked konsil: not the account's password, no message, no PIN", found)
screen.enter(PIN)
ok, seen = screen.sees("verbunden", word)
row(ok, "and the PIN opens it again", seen)
unlocked = lambda: [slot["unlocked_ms"] for slot in slots(CLARA)]
before = unlocked()
second = konsil(home, PIN, CLARA)
row(second.returncode == 1 and "Ein anderes konsil benutzt diese Daten gerade." in second.stderr and unlocked() == before, "a second konsil over the same profile is refused before it asks the server", second)
if clock:
    word = canary()
    leap(600, ahead_here)
    jonas.send(CLARA, word)
    ok, seen = screen.sees(word)
    row(ok, "(control: ten minutes without a key are not too long)", seen)
    screen.type("q")
    screen.sees("> q")
    leap(600, ahead_here)
    word = canary()
    jonas.send(CLARA, word)
    ok, seen = screen.sees(word)
    row(ok, "a key begins the time anew", seen)
    leap(400, ahead_here)
    jonas.send(CLARA, canary())
    ok, seen = screen.sees("konsil ist gesperrt.", "PIN dieses Geräts:")
    row(ok, "after 15 minutes without a key it locks by itself", seen)
    screen.enter(PIN)
    ok, seen = screen.sees("verbunden", word)
    row(ok, "and the PIN opens it", seen)
else:
    skip("after 15 minutes without a key it locks by itself", "needs konsil's clock to be moved: a build without sanitizers")
screen.key("F10")
ok, seen = screen.sees("ended 0")
row(ok, "it ends as always", seen)
screen.close()
screen = Screen(f"'{BUILD}/cmd/konsil' --lang de --ca '{lab.ca}' --dir '{home}' --server 127.0.0.1:{lab.https_port} {WEB[0]} {CLARA}", {"KONSIL_PASSPHRASE": PIN})
row(screen.sees("verbunden", word)[0], "(control: a PIN in the environment opens it unasked)")
screen.key("F12")
ok, seen = screen.sees("konsil ist gesperrt.", "PIN dieses Geräts:")
row(ok and not memory(home)(PIN), "after a lock it is asked for all the same, and the environment has it no more", seen)
screen.enter(PIN)
ok, seen = screen.sees("verbunden", word)
row(ok, "and opens it when it is typed", seen)
done()
