# SPDX-License-Identifier: AGPL-3.0-or-later
"""Roles at a terminal: who is in a room is shown, put out, banned, given a voice and made a moderator, in a room with
statements and in one of other programs."""
from lab import Lab, done, row
from terminal import pair, shared

TEA = "tee@rooms.offen.example"


def stated(a, b):
    shared(a, b, "Station 7", 1)
    ok, seen = a.refused("/hinauswerfen Zoe", "Diese Person ist jetzt nicht in diesem Raum. (Zoe)", "F6 zeigt")
    row(ok, "who is not there cannot be put out", seen)
    a.key("F6")
    ok, seen = a.sees("Ich  Besitzer", "Murat Yılmaz")
    row(ok and "aufbewahrt" not in seen and "ohne Stimme" not in seen, "at first the room keeps things as its server does, and everybody has a voice", seen)
    a.enter("/tage 30")
    ok, seen = a.sees("Was hier gesagt wird, wird höchstens 30 Tage aufbewahrt.")
    row(ok, "/tage shortens that, and F6 shows it", seen)
    a.enter("/keinestimme Murat")
    ok, seen = a.sees("Die Stimme ist genommen", "Murat Yılmaz  ohne Stimme")
    row(ok, "XEP-0045 §8.4: /keinestimme takes a voice, and F6 shows it at once", seen)
    b.enter("/askvoice")
    ok, seen = b.sees("The moderators were asked for a voice.")
    row(ok, "XEP-0045 §7.13: who has none asks for it", seen)
    ok, seen = a.says("murat bittet in Station 7 um eine Stimme: /stimme murat")
    row(ok, "XEP-0045 §8.6: and an owner is told who, and what to type", seen)
    a.enter("/stimme murat")
    ok, seen = a.until(lambda screen: "Die Stimme ist gegeben." in screen and "ohne Stimme" not in screen)
    row(ok, "XEP-0045 §8.3: who is given it", seen)
    b.enter("/kick Jana")
    ok, seen = b.says("The server refused this.")
    row(ok, "XEP-0045 §8.2: who may not put people out is told so", seen)
    a.enter("/moderator Murat")
    ok, seen = a.sees("Zum Moderator gemacht", "Murat Yılmaz  Moderator")
    row(ok, "XEP-0045 §9.6: /moderator makes one", seen)
    a.enter("/keinmoderator Murat")
    ok, seen = a.until(lambda screen: "Nicht mehr Moderator." in screen and "Murat Yılmaz  Moderator" not in screen)
    row(ok, "XEP-0045 §9.7: and /keinmoderator ends it", seen)
    a.enter("/hinauswerfen Murat")
    ok, seen = b.says("You were put out.", "into your own konsil comes back by itself")
    row(ok, "XEP-0045 §8.2: /hinauswerfen puts out, and who was is told what to do", seen)
    row(a.says("Hinausgeworfen; wiederkommen geht.")[0], "as is who did it", a.screen())
    b.enter("Am I still there?")
    ok, seen = b.sees("Am I still there?", "Waits until this device is in the room.")
    row(ok, "what one who was put out writes waits, and why is said", seen)
    a.enter("/sperren Murat")
    ok, seen = b.sees("Removed you from the room.")
    row(ok, "PROTOCOL §9.3: /sperren removes a member by a statement", seen)
    ok, seen = a.until(lambda screen: "Gesperrt." in screen and "ein Mitglied" in screen and "│ Murat" not in screen)
    row(ok, "and F6 shows it", seen)
    a.enter("/entsperren Murat")
    ok, seen = a.says("Seine Besitzer nehmen Mitglieder auf.")
    row(ok, "and nothing but a statement brings back", seen)
    a.key("Escape", "Escape")


def foreign(lab, a, b):
    """A room of other programs, in the open domain, where jana is an admin."""
    otto = lab.stream(lab.account("otto", "offen.example"), "desk").room(TEA)
    otto.send(f"<iq type='set' id='o' to='{TEA}'><query xmlns='http://jabber.org/protocol/muc#admin'>"
              f"<item affiliation='admin' jid='{a.jid}'/><item affiliation='member' jid='{b.jid}'/></query></iq>")
    otto.iq("set", "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>"
                   "<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>"
                   "<field var='muc#roomconfig_whois'><value>moderators</value></field></x></query>", TEA)
    for terminal, line in ((a, "/beitreten"), (b, "/join")):
        terminal.enter(f"{line} {TEA}")
        terminal.sees(f"{TEA} – ")
    a.key("F6")
    ok, seen = a.sees("sagt nur sein Server", "Murat Yılmaz", "murat@klinik.example", "otto  Moderator", "Ich  Moderator")
    row(ok, "F6 shows who is in a room of other programs, as its server says", seen)
    ok, seen = a.refused("/hinauswerfen t", "Mehrere Personen heißen so. (t)")
    row(ok, "a part of several names is too little", seen)
    b.key("F6")
    ok, seen = b.sees("jana  moderator")
    row(ok and a.jid not in seen, "XEP-0045 §7.2.4: without accounts where the room shows none", seen)
    ok, seen = b.refused("/ban jana", "This room does not show whose account that is. (jana)")
    row(ok, "then nobody can be banned by a nick", seen)
    a.enter("/hinauswerfen murat")
    ok, seen = b.says("You were put out.", "/join ROOM leads back")
    row(ok and a.until(lambda screen: "murat@" not in screen)[0], "XEP-0045 §8.2: /hinauswerfen puts somebody out, who is gone from F6", seen)
    b.enter(f"/join {TEA}")
    ok, seen = a.sees("murat@klinik.example")
    row(ok, "and comes back when he wants to", seen)
    a.enter("/sperren murat")
    ok, seen = b.says("You were banned.", "Ask who runs the room.")
    row(ok, "XEP-0045 §9.1: /sperren bans by the account that the room shows", seen)
    a.sees("Gesperrt.")
    a.enter("/entsperren Murat")
    ok, seen = a.sees("Nicht mehr gesperrt.")
    row(ok, "XEP-0045 §9.2: and /entsperren ends that, by name", seen)


def main():
    lab = Lab()
    a, b = pair(lab)
    stated(a, b)
    foreign(lab, a, b)
    done()


main()
