# SPDX-License-Identifier: AGPL-3.0-or-later
"""Invitations at a terminal, and what owners do in their rooms: they delete what another person wrote,
and give the room a picture; and the own one, which needs no room."""
import base64
import os

from lab import Lab, done, row
from picture import png
from terminal import Terminal, nobody, pair, shared

TEA, COFFEE = "tee@rooms.offen.example", "kaffee@rooms.offen.example"


def invited(lab, a, b):
    otto = lab.stream(lab.account("otto", "offen.example"), "desk").room(TEA).room(COFFEE)
    a.enter("/einladungen")
    ok, seen = a.sees("Es wartet keine Einladung.", "Esc zurück")
    row(ok, "/einladungen says that nothing waits", seen)
    a.key("Escape")
    # XEP-0045 §7.8.2: by the room; XEP-0249: by a person.
    otto.send(f"<message to='{TEA}'><x xmlns='http://jabber.org/protocol/muc#user'>"
              f"<invite to='{a.jid}'><reason>Wer kocht?</reason></invite></x></message>")
    ok, seen = a.sees("1 Einladung: /einladungen", "in einen Raum")
    row(ok, "XEP-0045 §7.8.2: who is invited by a room is told, at the bottom and below the people", seen)
    otto.send(f"<message to='{a.jid}'><x xmlns='jabber:x:conference' jid='{COFFEE}' reason='Pause'/></message>")
    ok, seen = a.sees("2 Einladungen: /einladungen", "otto@offen.example lädt Sie in einen Raum ein: /einladungen")
    row(ok, "XEP-0249 §2: and who is invited by a person, with whose invitation it is", seen)
    a.enter("/einladungen")
    ok, seen = a.sees(f"1   {TEA}", "Wer kocht?", f"2   {COFFEE}", "Einladung von otto@offen.example", "F7 annehmen  F8 ablehnen")
    row(ok and "Pause" not in seen, "/einladungen shows them with number, room and person, and the reason where the domain lets clear text in", seen)
    ok, seen = a.refused("/beitreten 7", "Eine Einladung mit dieser Nummer gibt es nicht.", "/einladungen zeigt sie")
    row(ok, "a number that none of them has is said so", seen)
    a.key("Escape")
    a.leave()
    a = Terminal(lab, a.jid, "de")
    ok, seen = a.sees("verbunden", "2 Einladungen: /einladungen")
    row(ok, "after a restart they wait still", seen)
    a.enter("/einladungen")
    a.sees(f"1   {COFFEE}", f"2   {TEA}")
    a.key("F8")
    ok, seen = a.until(lambda screen: COFFEE not in screen and "1 Einladung: " in screen and "Die Einladung ist abgelehnt." in screen)
    row(ok and f"2   {TEA}" in seen, "F8 declines the chosen one; the other stays, with its number", seen)
    a.enter("/beitreten 2")
    ok, seen = a.sees(f"{TEA} – nur lesen", "Noch keine Nachricht. Hier können Sie nur lesen.", "Sie lesen jetzt in diesem Raum mit.")
    row(ok and "Einladung:" not in seen, "/beitreten with its number accepts one: the room is shown, and nothing waits any more", seen)
    ok, seen = nobody(a, "/einladen")
    row(ok, "somebody whom nobody knows cannot be invited", seen)
    a.enter("/einladen MURAT")
    ok, seen = b.sees("1 invitation: /invitations", "Dr. Jana Brandt invites you into a room")
    row(ok, "XEP-0249 §2: /einladen invites a colleague, who is told by whom", seen)
    b.enter("/invitations")
    ok, seen = b.sees(f"1   {TEA}", "Invitation by Dr. Jana Brandt", "F7 accept  F8 decline")
    row(ok, "and sees it in English the same", seen)
    b.enter("/decline 1")
    ok, seen = b.sees("No invitation waits.", "The invitation is declined.")
    row(ok, "/decline with its number declines it", seen)
    b.key("Escape")
    a.enter("/einladen Murat")
    b.sees("1 invitation: /invitations")
    b.enter("/invitations")
    b.sees("F7 accept")
    b.key("F7")
    ok, seen = b.sees(f"{TEA} – read only", "You now read in this room.")
    row(ok, "an invitation that comes again is accepted by F7", seen)


def deleted(a, b):
    shared(a, b, "Station 5", 3)
    ok, seen = a.refused("/löschen Murat", "Eine solche Nachricht steht hier nicht.")
    row(ok, "of somebody who wrote nothing nothing can be deleted", seen)
    for text in ("Bett 4 heißt Müller", "Bett 5 ist frei", "Guten Morgen"):
        b.enter(text)
        a.sees(text)
    ok, seen = a.refused("/löschen Murat, Bett 6", "Eine solche Nachricht steht hier nicht.")
    row(ok, "nor what has other words", seen)
    a.enter("/löschen Murat, MÜLLER")
    ok, seen = a.says("Für alle löschen? Murat Yılmaz: „Bett 4 heißt Müller“ Dann noch einmal Enter, sonst Esc.")
    row(ok, "/löschen asks first, and shows whose message it is and what is in it", seen)
    a.key("Escape")
    ok, seen = a.until(lambda screen: "Für alle löschen?" not in screen)
    row(ok and "  Bett 4 heißt" in seen, "Escape leaves it", seen)
    a.key("Enter", "Enter")
    ok, seen = b.until(lambda screen: "Deleted by Dr. Jana Brandt" in screen and "Bett 4" not in screen)
    row(ok and "Bett 5 ist frei" in seen and "Guten Morgen" in seen,
        "XEP-0425 §4: Enter twice deletes it for everyone, and its author sees who did that", seen)
    ok, seen = a.until(lambda screen: "Gelöscht von Ihnen" in screen and "Bett 4" not in screen)
    row(ok and "Für alle gelöscht." in seen, "as does who deleted it", seen)
    b.enter("/delete Jana")
    ok, seen = b.says("There is no such message here.")
    b.key("C-u")
    row(ok, "what is not there any more cannot be deleted", seen)
    a.enter("Wer hat Dienst?")
    b.sees("Wer hat Dienst?")
    b.enter("/delete Jana")
    b.says("Delete for everyone? Dr. Jana Brandt: “Wer hat Dienst?”")
    b.key("Enter")
    ok, seen = b.says("Only owners of the room can do that.")
    row(ok and "Wer hat Dienst?" in a.screen(), "who owns no room deletes in it nothing of others", seen)
    a.enter("/löschen Murat")
    a.says("„Guten Morgen“")
    a.key("Enter")
    ok, seen = b.until(lambda screen: screen.count("Deleted by Dr. Jana Brandt") == 2 and "Guten Morgen" not in screen)
    row(ok and "Bett 5 ist frei" in seen, "without words it is the newest of that person", seen)
    a.leave()
    b.leave()
    a, b = Terminal(a.lab, a.jid, "de"), Terminal(b.lab, b.jid, "en")
    ok, seen = a.until(lambda screen: screen.count("Gelöscht von Ihnen") == 2)
    row(ok and "Müller" not in seen, "after a restart it is the same with the owner", seen)
    ok, seen = b.until(lambda screen: screen.count("Deleted by Dr. Jana Brandt") == 2)
    row(ok and "Müller" not in seen, "and with the author", seen)
    return a, b


def pictured(lab, a, b):
    """zoe has a program that draws pictures."""
    zoe, place = lab.konsil("zoe@klinik.example"), lambda name: os.path.join(lab.dir, name)
    image = base64.b64encode(png()).decode()
    for name, content in (("ich.png", png()), ("zu gross.png", png().ljust(65537, b"\0")), ("mittel.png", png().ljust(8193, b"\0")),
                          ("text.png", b"kein Bild"), ("leer.png", b"")):
        open(place(name), "wb").write(content)
    ok, seen = a.refused(f"/bild {place('nirgends.png')}", "Die Datei kann nicht gelesen werden.")
    row(ok, "a picture that is not there is said so", seen)
    for name in ("zu gross.png", "leer.png"):
        ok, seen = a.refused(f"/bild {place(name)}", "Das ist kein Bild, das sich als eigenes zeigen lässt.", "höchstens 64 KiB")
        row(ok, f"/bild refuses what others could not be shown: {name}", seen)
    a.enter(f"/bild {place('text.png')}")
    ok, seen = a.says("Das ist kein Bild, das sich als eigenes zeigen lässt.")
    row(ok, "/bild refuses what is called a picture and is none", seen)
    a.key("Escape")
    a.enter(f"/bild {place('ich.png')}")
    ok, seen = a.sees("Andere sehen jetzt Ihr Bild.")
    shown = zoe.do("avatar", jid=a.jid)
    row(ok and shown.get("image") == image, "XEP-0084 §3: /bild shows others the picture, byte for byte", (seen, shown))
    a.enter("/keinbild")
    ok, seen = a.sees("Andere sehen kein Bild von Ihnen mehr.")
    shown = zoe.do("avatar", jid=a.jid)
    row(ok and "image" not in shown, "XEP-0084 §3.5: /keinbild shows them none any more", (seen, shown))

    a.key("Down")
    a.sees("Murat Yılmaz – Notaufnahme")
    ok, seen = a.refused(f"/raumbild {place('ich.png')}", "Das geht nur in einem Raum.")
    row(ok, "a picture of a room is set in a room", seen)
    a.key("Up", "Up", "Up")
    a.sees("Station 5 – 2 Mitglieder")
    a.enter("/aufnehmen zoe")
    a.sees("Zoe Hoffmann aufgenommen.")
    room = zoe.wait("room", lambda e: e["room"].get("title") == "Station 5")["room"]["room"]
    ok, seen = a.refused(f"/raumbild {place('mittel.png')}", "Das ist kein Bild, das ein Raum haben kann.")
    row(ok, "a room's picture has at most 8 KiB", seen)
    zoe.forget("room")
    a.enter(f"/raumbild {place('ich.png')}")
    ok, seen = b.sees("Changed the room's picture.")
    row(ok, "PROTOCOL §9.2: /raumbild gives the room a picture, and its members learn that it has one", seen)
    zoe.wait("room", lambda e: e["room"]["room"] == room and e["room"].get("picture"))
    shown = zoe.do("room_picture", room=room)
    row(shown.get("image") == image, "and who draws it has it byte for byte", shown)
    zoe.forget("room")
    a.enter("/keinraumbild")
    ok, seen = a.until(lambda screen: screen.count("Raumbild geändert.") == 2)
    zoe.wait("room", lambda e: e["room"]["room"] == room and not e["room"].get("picture"))
    row(ok and "image" not in zoe.do("room_picture", room=room), "/keinraumbild takes it away", seen)
    b.enter(f"/roompicture {place('ich.png')}")
    ok, seen = b.says("Only owners of the room can do that.")
    row(ok, "who owns no room gives it no picture", seen)
    b.key("Escape")
    zoe.close()


def main():
    lab = Lab()
    a, b = pair(lab, "zoe")
    a, b = deleted(a, b)
    pictured(lab, a, b)
    invited(lab, a, b)
    done()


main()
