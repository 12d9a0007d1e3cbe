# SPDX-License-Identifier: AGPL-3.0-or-later
"""A hospital's devices at a terminal: an invitation is opened, an order signed, acknowledged and saved as a file, and how it stands
with the archive is told, and its recovery key."""
import glob
import os
import re
import subprocess

from hospital import Hospital
from lab import BUILD, done, row
from terminal import PEOPLE, Terminal, account

hospital = Hospital()
lab = hospital.start()
jids = [account(lab, local) for local in ("jana", "murat")]
shared = os.path.join(lab.dir, "files")
os.mkdir(shared)
a = Terminal(lab, jids[0], "de", columns=110)
b = Terminal(lab, jids[1], "en", prefix=f"cd '{shared}' && ")
a.login("verbunden", PEOPLE["murat"][0])
b.login("connected", PEOPLE["jana"][0])

for terminal, jid, name in ((a, jids[0], PEOPLE["jana"][0]), (b, jids[1], PEOPLE["murat"][0])):
    terminal.enter(f"/enrol {hospital.invite(jid, name)['link']}")
    ok, seen = terminal.says(name, "Krankenhaus" if terminal is a else "hospital")
    row(ok, "/enrol: the device is the hospital's, and says so", seen)

a.enter("/anordnung #F-2026-0815 Heparin 5000 IE s.c.")
ok, seen = a.says("Mit dem Zertifikat dieses Geräts unterschreiben?")
row(ok, "/anordnung asks first, because it cannot be taken back", seen)
a.key("Enter")
ok, seen = b.says("Order #F-2026-0815, signed", "Heparin 5000 IE s.c.")
row(ok, "the other reads it, as an order about that case, and that it is signed", seen)
b.enter("/ack heparin")
ok, seen = b.says("Acknowledge, signed? “Heparin 5000 IE s.c.”")
row(ok, "/ack asks, and shows which", seen)
b.key("Enter")
ok, seen = a.says("Bestätigung, unterschrieben", "Read and taken over.")
row(ok, "and she sees that he took it over", seen)
b.enter("/signed heparin")
ok, seen = b.says("Saved; konsil verify checks it:", ".p7m")
row(ok, "/signed saves it as a file", seen)
files = sorted(glob.glob(os.path.join(shared, "konsil-*")))
row(len(files) == 2 and files[1].endswith(".p7m") and os.stat(files[1]).st_mode & 0o777 == 0o600, "for oneself alone, and the checkpoint beside it", files)
told = subprocess.run([os.path.join(BUILD, "cmd", "konsil"), "verify", files[1], "--root", hospital.at("ca", "root.pem"), "--checkpoint", files[0], "--lang", "de"],
                      capture_output=True, text=True)
row(told.returncode == 0 and "Heparin 5000 IE s.c." in told.stdout, "konsil verify takes both", told)
b.enter("/signed heparin")
ok, seen = b.says("cannot be written here, or is there already")
row(ok, "a file that is there is not written over", seen)

a.enter("/archiv")
ok, seen = a.says("Das Archiv ist offen")
row(ok, "/archiv says how it stands", seen)
a.enter("/wiederherstellungsschlüssel")
a.says("Einen neuen Wiederherstellungsschlüssel machen?")
a.key("Enter")
ok, seen = a.until(lambda screen: re.search(r"\b([A-Z2-9]{4}-){6}[A-Z2-9]{2}\b", screen))
row(ok and "nur einmal" in seen, "/wiederherstellungsschlüssel shows one, once", seen)
a.enter("/wiederherstellen ABCD")
ok, seen = a.says("In diesem Wiederherstellungsschlüssel stimmt ein Zeichen nicht.")
row(ok, "what is no such key is refused, and why is said", seen)
a.key("Escape")
for again, question in (("739105", "Das waren zwei verschiedene."), ("739104", "Diese PIN holt auf einem neuen Gerät alles zurück.")):
    if again == "739105":
        a.enter("/archivpin")
    a.says("Neue PIN fürs Archiv:")
    a.enter("739104")
    a.says("Dieselbe PIN noch einmal:")
    a.enter(again)
    ok, seen = a.says(question)
    row(ok and "7391" not in seen, f"/archivpin: typed unseen and twice: {question}", seen)
a.enter("/wiederherstellen")
a.says("PIN des Archivs:")
a.enter("739104")
ok, seen = a.says("Das Archiv ist auf diesem Gerät schon offen.")
row(ok, "/wiederherstellen alone asks for the PIN; where it is open, that is said", seen)
a.leave()
b.leave()
done()
