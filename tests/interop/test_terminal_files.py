# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files at a terminal: what is typed, what is shown, and what is there afterwards."""
import hashlib
import os

from lab import BUILD, PASSPHRASE, Lab, done, row
from screen import Screen


class Terminal(Screen):
    def __init__(self, lab, jid, language, place):
        super().__init__(f"cd '{place}'; '{BUILD}/cmd/konsil' --lang {language} --ca '{lab.ca}' --server 127.0.0.1:{lab.port} "
                         f"--dir '{lab.dir}/terminal-{jid.split('@')[0]}' {jid}", {"KONSIL_PASSPHRASE": PASSPHRASE},
                         columns=140)


def main():
    lab = Lab(web=True)
    anna, berta = lab.account("anna"), lab.account("berta")
    places = [os.path.join(lab.dir, name) for name in ("a", "b")]
    for place in places:
        os.mkdir(place)
    content = os.urandom(3 << 20)
    open(os.path.join(places[0], "Befund Müller.pdf"), "wb").write(content)
    a, b = Terminal(lab, anna, "de", places[0]), Terminal(lab, berta, "en", places[1])
    try:
        for terminal, jid in ((a, anna), (b, berta)):
            terminal.sees("Passwort" if terminal is a else "Password")
            terminal.enter(lab.passwords[jid])
        a.sees("Berta")
        b.sees("Anna")
        a.enter("Guten Morgen")
        b.sees("Guten Morgen")
        a.enter("/send nirgends.pdf")
        ok, seen = a.sees("Die Datei kann nicht gelesen werden.", "> /send nirgends.pdf")
        row(ok, "a file that is not there is said so, and the line stays", seen)
        a.key("C-u")
        a.enter("/send Befund Müller.pdf")
        ok, seen = b.sees("[1] Befund Müller.pdf, 3.0 MiB")
        row(ok, "/send sends a file, and its reader sees its name, size and number", seen)
        ok, seen = a.sees("Befund Müller.pdf ist beim Server.", "[1] Befund Müller.pdf, 3.0 MiB")
        row(ok, "the writer sees that it went", seen)
        b.enter("/save 7")
        ok, seen = b.sees("This message brings no such file.")
        row(ok, "a number that there is none of is said so", seen)
        b.key("C-u")
        b.enter("/save 1")
        ok, seen = b.sees("Befund Müller.pdf is saved")
        saved = os.path.join(places[1], "Befund Müller.pdf")
        row(ok and os.listdir(places[1]) == ["Befund Müller.pdf"]
            and hashlib.sha256(open(saved, "rb").read()).digest() == hashlib.sha256(content).digest(),
            "/save saves it where konsil was started, byte for byte", seen)
        b.enter("/save 1 anders.pdf")
        ok, seen = b.sees("anders.pdf")
        ok, seen = b.until(lambda screen: os.path.exists(os.path.join(places[1], "anders.pdf")))
        row(ok, "or under another name", seen)
        b.enter("/unbekannt")
        ok, seen = a.sees("/unbekannt")
        row(ok, "what is none of these lines is sent as it is", seen)
        a.key("F3")
        a.key("F3")
        ok, seen = b.until(lambda screen: "[1]" not in screen)
        row(ok, "F3 takes a file back, too", seen)
        b.enter("/save 1")
        ok, seen = b.sees("This message brings no such file.")
        row(ok, "and then it cannot be saved any more", seen)
    finally:
        a.close()
        b.close()
    done()


main()
