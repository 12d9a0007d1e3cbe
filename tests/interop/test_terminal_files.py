# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files at a terminal: what is typed, what is shown, and what is there afterwards."""
import glob
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
        for name in ("eins.txt", "zwei.txt"):
            open(os.path.join(places[0], name), "wb").write(os.urandom(2048))
        a.enter("/send eins.txt nirgends.txt")
        ok, seen = a.sees("Die Datei kann nicht gelesen werden.", "> /send eins.txt nirgends.txt")
        row(ok and "eins.txt" not in b.screen(), "of several files of which one is not there none is sent", seen)
        a.key("C-u")
        a.enter("/send eins.txt zwei.txt")
        ok, seen = b.sees("[2] eins.txt, 2.0 KiB, part 1 of 2", "[3] zwei.txt, 2.0 KiB, part 2 of 2")
        row(ok, "PROTOCOL §5.8: /send sends several, and their reader sees which of how many each one is", seen)
        stored = sorted(glob.glob(f"{lab.data}/files/*/*"), key=os.path.getmtime)[-1]
        times = os.stat(stored)
        with open(stored, "r+b") as file:
            file.write(b"changed")
        os.utime(stored, ns=(times.st_atime_ns, times.st_mtime_ns))
        b.enter("/save 3")
        ok, seen = b.sees("The server gave other data than the sender sent. Nothing of it was saved.")
        row(ok and not [name for name in os.listdir(places[1]) if "zwei" in name or name.startswith(".konsil")],
            "of a file that the server changed nothing is saved, and the reader is told", seen)
        b.enter("/save 2")
        ok, seen = b.sees("eins.txt is saved")
        row(ok, "control: of the other one all is", seen)
        b.enter("/unbekannt")
        ok, seen = a.sees("/unbekannt")
        row(ok, "what is none of these lines is sent as it is", seen)
        a.key("F3")
        a.key("F3")
        ok, seen = b.until(lambda screen: "[3]" not in screen)
        row(ok, "F3 takes a file back, too", seen)
        ok, seen = b.refused("/save 3", "This message brings no such file.")
        row(ok, "and then it cannot be saved any more", seen)
    finally:
        a.close()
        b.close()
    done()


main()
