# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rooms at a terminal: made in one, shown in the other, changed, left and ended; and how urgent a message is."""
from lab import Lab, done, row
from terminal import Terminal, nobody, pair

TITLE = "Station 3 – Übergabe"


def refusals(a):
    ok, seen = a.refused("/raum", "Dahinter fehlt etwas.", "F1 zeigt")
    row(ok, "a line that lacks something says so, and stays to be mended", seen)
    ok, seen = a.refused("/aufnehmen Murat", "Das geht nur in einem Raum.", "/raum TITEL")
    row(ok, "what is for rooms is refused elsewhere, with what to do", seen)


def made(a, b):
    a.enter(f"/raum {TITLE}")
    ok, seen = a.sees(f"# {TITLE}", "ein Mitglied", "Raum gegründet.", "Der Raum ist da.")
    row(ok, "/raum makes a room, and shows it", seen)
    ok, seen = nobody(a, "/aufnehmen")
    row(ok, "somebody whom nobody knows cannot be added", seen)
    ok, seen = a.refused("/aufnehmen a", "Mehrere Personen heißen so. (a)")
    row(ok, "and a part of several names is too little", seen)
    a.enter("/aufnehmen MURAT")
    ok, seen = a.sees("Murat Yılmaz aufgenommen.", "2 Mitglieder")
    row(ok, "/aufnehmen adds a colleague by a part of the name, whatever its letters", seen)
    ok, seen = b.sees(f"# {TITLE}")
    row(ok, "who was added sees the room in the list", seen)
    b.key("Up")
    ok, seen = b.sees(f"{TITLE} – 2 members", "This device is in the room now.", "F6 members")
    row(ok, "and when and by whom", seen)


def said(a, b):
    a.enter("Wer übernimmt Bett 4?")
    ok, seen = b.sees("Wer übernimmt Bett 4?", "Dr. Jana Brandt")
    row(ok, "a message reaches the other terminal", seen)
    b.enter("I do")
    ok, seen = a.sees("I do", "Murat Yılmaz")
    row(ok, "and so does the answer", seen)
    ok, seen = a.refused("/vergessen Bett 9", "Eine Nachricht mit diesen Worten steht hier nicht.")
    row(ok, "what nobody said cannot be forgotten", seen)
    a.enter("/vergessen bett 4")
    ok, seen = a.sees("Nur auf diesem Gerät löschen? „Wer übernimmt Bett 4?“")
    row(ok, "/vergessen asks first, about which words", seen)
    a.key("Enter")
    ok, seen = a.until(lambda screen: "Auf diesem Gerät gelöscht." in screen and "Bett 4" not in screen)
    row(ok and "Wer übernimmt Bett 4?" in b.screen(), "DSK I.7-a: then it is gone here, and stands where others have it", seen + b.screen())
    b.enter("/add Zoe")
    ok, seen = b.says("Only owners of the room can do that.", "Ask an owner.")
    row(ok, "who is no owner adds nobody", seen)


def members(a, b):
    a.enter("/aufnehmen zoe")
    a.sees("Zoe Hoffmann aufgenommen.")
    a.key("F6")
    ok, seen = a.sees("Ich  Besitzer", "Murat Yılmaz", "Notaufnahme, Pfleger", "Zoe Hoffmann  noch kein Gerät",
                      "Wer neu dazukommt, liest ab dann mit.", "F8 entfernen")
    row(ok, "F6 shows who is in the room, what they are, who owns it, and who cannot read yet", seen)
    b.key("F6")
    ok, seen = b.sees("Dr. Jana Brandt  owner", "Newcomers read from then on.")
    row(ok and "F8 remove" not in seen, "and its members, who change nothing, the same", seen)
    a.key("F7")
    ok, seen = b.until(lambda screen: "Me  owner" in screen and "F8 remove" in screen)
    row(ok, "F7 makes one an owner, and that is seen at once", seen)
    a.key("Down", "F8")
    ok, seen = a.sees("Zoe Hoffmann aus dem Raum entfernen?")
    row(ok, "F8 asks first, by name", seen)
    a.key("Up")
    ok, seen = a.until(lambda screen: "entfernen?" not in screen)
    row(ok and "Zoe Hoffmann  noch" in seen, "another key leaves all as it is", seen)
    a.key("Down", "F8", "F8")
    ok, seen = b.until(lambda screen: "2 members" in screen and "│ Zoe Hoffmann" not in screen)
    row(ok, "and F8 again removes", seen)
    a.key("F6")
    b.key("F6")


def changed(a, b):
    ok, seen = a.refused("/früheres vielleicht", "Hier gehört ein Ja oder ein Nein hin.")
    row(ok, "what newcomers read is yes or no", seen)
    a.enter("/früheres ja")
    ok, seen = b.sees("Newcomers may read what was said before, too.")
    row(ok, "/früheres lets them read what was said before, and all are told", seen)
    ok, seen = a.refused("/tage viele", "Hier gehört eine Zahl von Tagen hin.")
    row(ok, "for how long a room keeps things is a number", seen)
    a.enter("/tage 30")
    ok, seen = a.sees("Der Server hat die Frist übernommen")
    row(ok, "/tage shortens it, and the server's answer is seen", seen)
    a.enter("/thema Wer ist wann da")
    ok, seen = b.sees(f"{TITLE} – Wer ist wann da", "Renamed the room.")
    row(ok, "/thema gives it a subject", seen)
    b.enter("/title Ward 3")
    ok, seen = a.sees("# Ward 3", "Ward 3 – Wer ist wann da", "Raum umbenannt.")
    row(ok, "an owner who was made one gives it another title", seen)


def urgent(a, b):
    rung = b.bells
    a.enter("/dringend Reanimation Bett 4")
    ok, seen = a.sees("Dringend senden?", "> /dringend Reanimation Bett 4")
    row(ok and "Reanimation" not in b.screen(), "what wakes people is asked about first", seen)
    a.key("Escape")
    ok, seen = a.until(lambda screen: "Dringend senden?" not in screen)
    row(ok and "> /dringend" in seen, "Escape leads back to the line", seen)
    a.key("Enter", "Enter")
    ok, seen = b.sees("Urgent", "Reanimation Bett 4")
    row(ok, "Enter twice sends it, and its reader sees how urgent it is", seen)
    ok, seen = b.until(lambda screen: b.bells > rung)
    row(ok, "and hears it", f"bells: {b.bells}, before: {rung}")
    ok, seen = a.sees("Dringend  ✓")
    row(ok, "its author sees that, too", seen)
    a.enter("/info Kaffee ist da")
    ok, seen = b.sees("  Info", "Kaffee ist da")
    row(ok, "/info sends what wakes nobody", seen)
    a.enter("/wichtig Visite um 9")
    ok, seen = b.sees("Visite um 9")
    row(ok and seen.count("Info") == 1 and seen.count("Urgent") == 1, "/wichtig sends as usual", seen)


def gone(lab, a, b):
    a.enter("/entfernen Murat")
    ok, seen = b.sees("Removed you from the room.", "you are not in it any more")
    row(ok, "a member who is removed is told", seen)
    b.enter("Anyone?")
    ok, seen = b.sees("! You do not belong to this room any more.", "Ask an owner to add you again.")
    row(ok, "and what he writes then goes nowhere, with the reason", seen)
    b.leave()
    b = Terminal(lab, b.jid, "en")
    ok, seen = b.sees("# Ward 3", "you are not in it any more", "Visite um 9")
    row(ok, "after a restart the room is there, with what was said, and he is not in it", seen)
    b.leave()
    a.enter("/verlassen")
    a.sees("Diesen Raum verlassen?")
    a.key("Enter")
    ok, seen = a.sees("Ein Raum braucht einen Besitzer.", "den Raum auflösen")
    row(ok, "the last owner cannot leave it, and is told what to do", seen)
    a.enter("/auflösen")
    ok, seen = a.sees("Diesen Raum für alle auflösen?")
    row(ok, "/auflösen asks first", seen)
    a.key("Enter")
    ok, seen = a.sees("Der Raum wurde aufgelöst.", "Sie sind nicht mehr darin")
    row(ok, "and then ends the room", seen)
    a.leave()
    a = Terminal(lab, a.jid, "de", columns=80)
    ok, seen = a.sees("# Ward 3", "Der Raum wurde aufgelöst.")
    row(ok, "after a restart it is still there to be read", seen)
    return a


def foreign(lab, a):
    """A room of other programs, in the open domain."""
    lab.stream(lab.account("otto", "offen.example"), "desk").room("tee@rooms.offen.example")
    a.enter("/beitreten tee@rooms.offen.example")
    ok, seen = a.sees("# tee@rooms.offen.example")
    row(ok, "/beitreten enters a room of other programs", seen)
    a.key("Down", "Down", "Down")
    ok, seen = a.sees("nur lesen: ")
    row(ok, "and it is shown as such", seen)
    a.key("F6")
    ok, seen = a.sees("sagt nur sein Server")
    row(ok, "instead of members, what kind of room it is", seen)
    a.key("F6")
    ok, seen = a.refused("/aufnehmen Zoe", "Dies ist ein Raum anderer Programme.")
    row(ok, "nothing of it can be changed", seen)


def main():
    lab = Lab()
    a, b = pair(lab, "zoe", columns=80)
    refusals(a)
    made(a, b)
    said(a, b)
    members(a, b)
    changed(a, b)
    urgent(a, b)
    a = gone(lab, a, b)
    foreign(lab, a)
    done()


main()
