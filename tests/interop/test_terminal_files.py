# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files at a terminal: what is typed, what is shown, and what is there afterwards."""
import hashlib
import os

from lab import Lab, done, row
from terminal import Terminal


def main():
    lab = Lab(web=True)
    anna, berta = lab.account("anna"), lab.account("berta")
    places = [os.path.join(lab.dir, name) for name in ("a", "b")]
    for place in places:
        os.mkdir(place)
    content = os.urandom(3 << 20)
    open(os.path.join(places[0], "Befund Müller.pdf"), "wb").write(content)
    a, b = (Terminal(lab, jid, language, prefix=f"cd '{place}'; ", columns=140)
            for jid, language, place in ((anna, "de", places[0]), (berta, "en", places[1])))
    try:
        a.login("Berta")
        b.login("Anna")
        a.enter("Guten Morgen")
        b.sees("Guten Morgen")
        ok, seen = a.refused("/send nirgends.pdf", "Die Datei kann nicht gelesen werden.")
        row(ok, "a file that is not there is said so, and the line stays", seen)
        a.enter("/send Befund Müller.pdf")
        ok, seen = b.sees("[1] Befund Müller.pdf, 3.0 MiB")
        row(ok, "/send sends a file, and its reader sees its name, size and number", seen)
        ok, seen = a.sees("Befund Müller.pdf ist beim Server.", "[1] Befund Müller.pdf, 3.0 MiB")
        row(ok, "the writer sees that it went", seen)
        ok, seen = b.refused("/save 7", "This message brings no such file.")
        row(ok, "a number that there is none of is said so", seen)
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
        ok, seen = b.refused("/save 1", "This message brings no such file.")
        row(ok, "and then it cannot be saved any more", seen)
    finally:
        a.close()
        b.close()
    done()


main()
