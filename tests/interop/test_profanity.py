#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Profanity from Debian and konsil write to each other, with the older OMEMO, on the protected domain."""
import os
import re
import shutil
import subprocess
import sys

import search
import tap
from demo import Demo
from lab import PASSPHRASE, Lab, canary, done, row
from screen import Screen

if missing := [program for program in ("profanity", "tmux") if not shutil.which(program)]:
    print(f"1..0 # SKIP apt-get install {' '.join(missing)}")
    sys.exit(0)

lab = Lab(tap=True, web=True)
anna, paul = lab.account("anna"), lab.account("paul")
A = lab.konsil(anna)


class Profanity(Screen):
    def __init__(self):
        home = os.path.join(lab.dir, "profanity")
        certificates = os.path.join(home, "certificates")
        os.makedirs(certificates, exist_ok=True)
        os.makedirs(os.path.join(home, "profanity"), exist_ok=True)
        shutil.copy(lab.ca, certificates)
        subprocess.run(["openssl", "rehash", certificates], check=True)
        with open(os.path.join(home, "profanity", "profrc"), "w") as file:
            file.write(f"[connection]\ntls.certpath={certificates}\n[ui]\nsplash=false\noccupants=false\n[omemo]\npolicy=always\n"
                       "trustmode=blind\n[notifications]\nmessage=off\n")
        super().__init__("profanity", {"XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home, "HOME": home}, 300, 60)  # an address of a file stands in one line

    def login(self):
        self.enter(f"/connect {paul} server 127.0.0.1 port {lab.port} tls force")
        self.sees("Enter password:")
        self.enter(lab.passwords[paul])
        return self.sees("[TLS] [online]", "logged in successfully")  # the bar above is drawn before the line

    def talk_to(self, jid):
        """Begins a conversation; until the other's keys are there, what is typed would not go out. Once for each of the
        other's devices: those that are trusted already are not named again."""
        self.enter(f"/msg {jid}")
        self.enter("/win 1")
        self.sees(f"Blind trust for {jid}")
        self.enter("/win 2")
        return self.sees(jid, "[OMEMO]")

    def quit(self):
        self.enter("/quit")
        self.sees("ended 0")
        self.close()


def told(who, text, screen):
    """True if a line shows this text of somebody, with the mark of OMEMO before it."""
    return any(f"~ {who}" in line and text in line for line in screen.splitlines())


# --- login and keys ---

P = Profanity()
ok, seen = P.login()
row(ok, "Profanity logs in with TLS, trusting the hospital's authority", seen)
P.enter("/omemo gen")
ok, seen = P.sees("materials generated", "Going to publish own device ID")
row(ok, "it makes its keys, and publishes its device", seen)
P.quit()
P = Profanity()
ok, seen = P.login()
row(ok, "and logs in again, which it needs after that", seen)

# --- both ways ---

words = {name: canary() for name in ("there", "back", "more", "to konsil offline", "to Profanity offline", "again")}
ok, seen = P.talk_to(anna)
row(ok, "a conversation begins with its mark of OMEMO", seen)
P.enter(words["there"])
P.sees(f"~ me: {words['there']}")
got = A.wait_body(words["there"])
row(got["encryption"] == "omemo1" and got["from"] == paul, "what Profanity says is shown by konsil, as the older OMEMO", got)
ok, seen = P.sees(f"~ me: {words['there']}")
row(ok, "and by itself with the mark", seen)
row("Error" not in seen and "encrypted messages only" not in seen, "and konsild did not object to what else it sent", seen)
sent = A.send(paul, words["back"])
ok, seen = P.sees(words["back"])
row(ok and told(anna, words["back"], seen), "what konsil says is shown by Profanity, with the mark", seen)
for i in range(10):
    P.enter(f"{words['more']} hin {i}")
    A.wait_body(f"{words['more']} hin {i}")
    A.send(paul, f"{words['more']} her {i}")
    P.sees(f"{words['more']} her {i}")
ok, seen = P.sees(*[f"{words['more']} her {i}" for i in range(10)])
row(ok, "ten times to and fro", seen)
devices = A.do("devices", jid=paul)["devices"]
row([d["encryption"] for d in devices] == ["omemo1"], "konsil lists its device as one of the older version", devices)

# --- a file ---

content = os.urandom(70000)
with open(os.path.join(lab.dir, "Befund.pdf"), "wb") as file:
    file.write(content)
A.do("file_send", to=paul, path=os.path.join(lab.dir, "Befund.pdf"), name="Befund.pdf", type="application/pdf")
address = re.compile(r"aesgcm://klinik\.example:\d+/files/[0-9a-f]{40}/file\.bin#[0-9a-f]{88}")
ok, seen = P.until(address.search)
row(ok and told(anna, "aesgcm://", seen), "XEP-0454: a file that konsil sends is shown by Profanity as its aesgcm:// address, with the mark", seen)
P.enter(address.search(seen)[0] if ok else "")
got = A.wait("message", lambda e: e["message"]["from"] == paul and e["message"].get("files"))["message"]
A.do("file_get", conversation=paul, message=got["message"], path=os.path.join(lab.dir, "back"))
over = A.wait("transfer", lambda e: e["transfer"]["direction"] == "down" and e["transfer"]["state"] in ("done", "failed"))["transfer"]
row(over["state"] == "done" and open(over["path"], "rb").read() == content,
    "XEP-0454: the address that Profanity sends on is a file to konsil, and the same bytes", over)

# --- one of them away ---

A.close()
P.enter(words["to konsil offline"])
P.sees(f"~ me: {words['to konsil offline']}")
A.start()
got = A.wait_body(words["to konsil offline"])
row(got["encryption"] == "omemo1", "what Profanity said while konsil was away is there when it comes back", got)
P.quit()
m = A.send(paul, words["to Profanity offline"])
A.wait_state(m, "server")
P = Profanity()
P.login()
P.talk_to(anna)  # of a device that is trusted already it tells nothing: this ends with its time, and by then her keys are there
ok, seen = P.sees(words["to Profanity offline"])
row(ok and told(anna, words["to Profanity offline"], seen), "what konsil said while Profanity was away is there when it comes back", seen)
P.enter(words["again"])
P.sees(f"~ me: {words['again']}")
row(A.wait_body(words["again"])["encryption"] == "omemo1", "and it goes on")
P.quit()

# --- the server's view ---

A.close()
lab.stop()
dump = tap.text(lab.tap)
row(not search.in_bytes(dump, words.values()) and not search.in_directory(lab.data, words.values()),
    "DSK II.1-a: with Profanity too, no word crossed the server", search.in_bytes(dump, words.values()))
row(sent.encode() in dump, "DSK II.1-a: control: the dump has the message's name")
sides = [e for way, e in tap.stanzas(lab.tap) if way == ">" and e.tag == "{jabber:client}message" and e.get("from", "").startswith(paul)
         and e.find("{jabber:client}body") is not None]
row(sides and all(e.findtext("{jabber:client}body").startswith("Diese Nachricht ist Ende-zu-Ende") for e in sides),
    "DSK II.1-g: the sentence in clear that Profanity adds is replaced by one that says nothing", [e.findtext("{jabber:client}body") for e in sides[:3]])

# --- what 'make run' tells a person to type, with nothing beside it ---

demo = Demo()
tomasz, jana = "t.nowak@klinik.example", "j.brandt@klinik.example"
command, = demo.lines_after("A third with Profanity")
lines = demo.lines_after("and in it these lines")
after = {"/omemo gen": "materials generated", "/disconnect": "logged out successfully", "/omemo start": "[OMEMO]"}
J = Screen(demo.lines_after("Next, in another terminal:")[0] + " --lang en", {"KONSIL_PASSPHRASE": PASSPHRASE})
J.sees("Password of the account:")
J.enter(demo.passwords[jana])
J.sees("connected", "Tomasz Nowak")
P = Screen(command, columns=140, lines=60)
P.sees("[offline]")
for line in lines:
    P.enter(line)
    if line.startswith("/connect"):
        P.sees("Enter password:")
        P.enter(demo.passwords[tomasz])
        ok, seen = P.sees("[TLS] [online]")
        row(ok, f"make run: {line.split(' server ')[0]} logs in", seen)
    for words, text in after.items():
        if line.startswith(words):
            ok, seen = P.sees(text)
            row(ok, f"make run: {words} does what it should", seen)
words = canary(), canary(), canary()
P.enter("/win 1")
P.sees(f"Blind trust for {jana}")  # her keys are there
P.enter("/win 2")
P.enter(words[2])
ok, seen = J.sees("Tomasz Nowak", " 1 ")
row(ok, "make run: Profanity writes first, and konsil counts what came", seen + P.screen())
J.key("Up")  # who wrote stands first
ok, seen = J.sees("Tomasz Nowak – Notaufnahme", words[2])
row(ok, "make run: and shows it", seen)
J.enter(words[0])
ok, seen = P.sees(words[0])
row(ok and told(jana, words[0], seen), "make run: konsil answers, and Profanity shows it with the mark of OMEMO", seen + J.screen())
P.enter(words[1])
ok, seen = J.sees(words[1])
row(ok, "make run: and konsil shows its answer", seen + P.screen())
J.close()
P.close()
done()
