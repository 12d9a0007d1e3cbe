# SPDX-License-Identifier: AGPL-3.0-or-later
"""konsil as a person sees it: two terminals of tmux, one in German and one in English, against the real konsild."""
import re

from lab import Lab, done, row
from terminal import Terminal, account


def marked(name):
    """Whether a person's line in the list has the mark of a failed message."""
    return lambda screen: any(re.match(f" {name} +!.*│", line) for line in screen.splitlines())


def fingerprint(screen, heading):
    """The first one after a line with this text. The number of a device, which may have eight digits, has a colon behind it."""
    return " ".join(re.findall(r"\b[0-9a-f]{8}\b(?!:)", screen[screen.index(heading):])[:8])


def devices(a, b):
    a.key("F6")
    b.key("F6")
    ok, seen = a.until(lambda screen: len(fingerprint(screen, "Eigene Geräte") if "Eigene Geräte" in screen else "") == 71)
    _, other = b.until(lambda screen: len(fingerprint(screen, "not compared") if "not compared" in screen else "") == 71)
    row(ok and fingerprint(seen, "Eigene Geräte") == fingerprint(other, "not compared"),
        "F6 shows the devices: what one reads as her own, the other has before him", seen + other)
    b.key("F8")
    ok, seen = b.sees(": refused")
    row(ok, "F8 refuses one", seen)
    b.enter("Nicht fuer dieses Geraet")
    ok, seen = b.sees("No device of this account is trusted.")
    row(ok, "then nothing goes there, and it is said why", seen)
    b.key("F7")
    ok, seen = b.sees(": trusted")
    row(ok, "F7 trusts it", seen)
    b.key("F6")
    b.enter("Verglichen und gut")
    a.key("Escape")
    ok, seen = a.sees("Verglichen und gut")
    row(ok, "and the next message arrives", seen)


KEYS = ["↑ ↓ oder Tab", "Enter", "Bild ↑ ↓", "F2", "F3", "F4", "F5", "F6", "F7, F8", "/senden", "/info, /dringend", "/wichtig", "/vergessen", "/raum", "im Raum   ", "/tage", "/löschen", "/verlassen", "/einladungen", "/bild", "F9", "Esc", "F10 oder Strg-Q",
        "Zeichen", "fehlgeschlagen"]  # the last of them stands in the last line


def helped(lab, jid, columns, lines):
    """The help on a small screen: page after page it is what a high one of this width shows at once."""
    name, a = f"help of {columns} columns and {lines} lines", Terminal(lab, jid, "de", columns=columns, lines=160)
    shown = lambda screen: screen.splitlines()[1:lines - 4]  # without the bar above, and what stands below
    try:
        a.sees("F1")
        a.key("F1")
        ok, seen = a.sees(*KEYS)
        whole = seen.splitlines()[1:]
        whole = whole[:1 + max((i for i, line in enumerate(whole) if KEYS[-1] in line), default=-1)]
        at = [min((i for i, line in enumerate(whole) if key in line), default=-1) for key in KEYS]
        row(ok and -1 not in at and at == sorted(at) and "mehr davon" not in seen, f"{name}: a high screen has all of it", seen)
        a.resize(columns, lines)
        ok, seen = a.until(lambda screen: "mehr davon" in screen and shown(screen) == whole[:lines - 5])
        row(ok, f"{name}: it begins, and says that there is more", seen)
        first, page, top, end = shown(seen), lines - 5, 0, len(whole) - (lines - 5)
        while ok and top < end:
            top = min(top + page, end)
            a.key("NPage")
            ok, seen = a.until(lambda screen: shown(screen) == whole[top:top + page])
        row(ok, f"{name}: Page down shows the rest, and leaves no line out", seen)
        a.key("NPage", "NPage", "Up")
        ok, seen = a.until(lambda screen: shown(screen) == whole[end - 1:end - 1 + page] and "mehr davon" in screen)
        a.key("Down")
        row(ok and a.until(lambda screen: shown(screen) == whole[end:])[0], f"{name}: at its end it stops, and the arrows move it by a line", seen)
        a.key(*["PPage"] * (end // page + 1))
        ok, seen = a.until(lambda screen: shown(screen) == first)
        row(ok, f"{name}: Page up leads back", seen)
        a.leave()
    finally:
        a.close()


def failed(a):
    """To somebody who never logged in."""
    rung = a.bells
    a.key("Down")
    a.sees("Zoe Hoffmann – Apotheke")
    a.enter("Kommt das an?")
    ok, seen = a.sees("Zoe Hoffmann: Dieses Konto hat noch kein Gerät")
    row(ok, "DSK II.2-e: a message that failed is told in the line at the bottom, with whose it is", seen)
    ok, seen = a.sees("! fehlgeschlagen", "  Dieses Konto hat noch kein Gerät")
    row(ok, "DSK II.2-e: and beside the message", seen)
    ok, seen = a.until(lambda screen: a.bells > rung)
    row(ok, "DSK II.2-e: and is heard", f"bells: {a.bells}, before: {rung}")
    ok, seen = a.until(marked("Zoe Hoffmann"))
    row(ok, "DSK II.2-e: and marked in the list of people", seen)
    row("Noch einmal senden, sobald" in " ".join(seen.split()) and "F5 sendet sie noch einmal." in " ".join(seen.split()), "with what to do, and the key for it", seen)
    a.key("Down")
    ok, seen = a.until(lambda screen: "Zoe Hoffmann: Dieses" not in screen)
    row(ok, "the line goes with the next key that does something", seen)
    ok, seen = a.until(lambda screen: "Zoe Hoffmann – Apotheke" not in screen and marked("Zoe Hoffmann")(screen))
    row(ok, "DSK II.2-e: also while another conversation is shown", seen)
    a.key("Up")
    ok, seen = a.until(lambda screen: "Zoe Hoffmann – Apotheke" in screen and not marked("Zoe Hoffmann")(screen))
    row(ok, "until it was looked at", seen)
    a.key("F5")
    ok, seen = a.sees("Zoe Hoffmann: Dieses")
    row(ok, "F5 sends it again, which fails again", seen)
    a.type("x")
    ok, seen = a.sees("> x")
    row("Zoe Hoffmann: Dieses" in seen, "the line stays while only letters are typed", seen)
    a.key("BSpace")
    a.key("Escape")
    ok, seen = a.until(lambda screen: "Zoe Hoffmann: Dieses" not in screen)
    row(ok, "Escape clears the line", seen)


def first_passphrase(lab, jid):
    """Nothing, too little, and enough."""
    a = Terminal(lab, jid, "de", environment={"KONSIL_PASSPHRASE": ""}, prefix="unset KONSIL_PASSPHRASE; ")
    try:
        a.sees("Ein neues Passwort")
        a.key("Enter")
        ok, seen = a.until(lambda screen: screen.count("Ein neues Passwort") == 2)
        row(ok and "weniger als 8 Zeichen" in seen, "an empty first passphrase is asked for again", seen)
        a.enter("sieben7")
        ok, seen = a.until(lambda screen: screen.count("Ein neues Passwort") == 3)
        row(ok and "ended" not in seen and "sieben7" not in seen, "and one of 7 characters", seen)
        a.enter("Station 3")
        a.sees("Noch einmal:")
        a.enter("Station 3")
        ok, seen = a.sees("Passwort des Kontos:")
        row(ok, "one of 9 is taken", seen)
        a.leave()
    finally:
        a.close()


def main():
    lab = Lab()
    jana = account(lab, "jana")
    murat = account(lab, "murat")
    account(lab, "zoe")
    a, b = Terminal(lab, jana, "de"), Terminal(lab, murat, "en")
    row(*a.sees("Passwort des Kontos:")[:1], "the password is asked for, in German", a.screen())
    a.type("falsch-4711")
    row(*a.sees("•" * 11)[:1], "and is not shown", a.screen())
    a.key("Enter")
    ok, seen = a.sees("Passwort des Kontos:", "Name oder Passwort stimmen nicht.")
    row(ok, "a mistyped one is refused, and asked for again", seen)
    a.enter(lab.passwords[jana])
    row(*b.sees("Password of the account:")[:1], "the password is asked for, in English", b.screen())
    b.type(lab.passwords[murat])
    b.key("Enter")

    ok, seen = a.sees("verbunden", "Murat Yılmaz", "Notaufnahme, Pfleger")
    row(ok, "the colleagues of the domain are listed with department and profession", seen)
    ok, seen = b.sees("connected", "Dr. Jana Brandt")
    row(ok, "in English the same", seen)

    a.type("Bett 4 bitte umlagern – größer als 38,5 °C")
    a.key("Enter")
    ok, seen = b.sees("Bett 4 bitte umlagern – größer als 38,5 °C")
    row(ok, "a message arrives at the other terminal", seen)
    ok, seen = a.sees("✓✓ zugestellt")
    row(ok, "its author sees that it was delivered", seen)
    b.type("On my way")
    b.key("Enter")
    ok, seen = a.sees("On my way")
    row(ok, "and so does the answer", seen)

    a.key("F2")
    ok, seen = a.sees("✎")
    row(ok, "F2 takes the last message back into the line", seen)
    a.type("!")
    a.key("Enter")
    ok, seen = b.sees("38,5 °C!", "edited")
    row(ok, "what was edited is shown with its mark", seen)
    a.key("F3")
    ok, seen = a.sees("Letzte Nachricht zurückziehen?", "38,5 °C!")
    row(ok, "F3 asks before it retracts", seen)
    a.key("Escape")
    ok, seen = a.until(lambda screen: "zurückziehen?" not in screen)
    row(ok and "38,5 °C!" in seen, "Escape leaves the message", seen)
    a.key("F3", "x", "F3")
    ok, seen = a.sees("> x", "zurückziehen?")
    row(ok and "38,5 °C!" in seen and "38,5 °C!" in b.screen(), "another key does, too: the next F3 asks again", seen)
    a.key("BSpace", "F3", "F3")
    ok, seen = b.sees("Retracted")
    row(ok and "38,5" not in seen, "F3 twice: what was retracted is gone from the other screen", seen)
    ok, seen = a.sees("Zurückgezogen")
    head = seen.splitlines()[[i for i, line in enumerate(seen.splitlines()) if "Zurückgezogen" in line][0] - 1] if ok else ""
    row("Ich " in head and "✓" not in head and "zugestellt" not in head, "and is not called delivered any more", seen)

    b.key("F4")
    ok, seen = b.sees("turn read receipts off")
    row(ok, "F4 lets authors know what was read, and says so", seen)
    b.key("F1")
    a.type("Danke")
    a.key("Enter")
    ok, seen = a.sees("✓✓ gelesen")
    row(ok, "then the author sees that it was read", seen)

    a.type("Halb geschrieben")
    a.key("F10", "x", "Enter")
    ok, seen = a.sees("Die Zeile ist nicht gesendet.")
    row(ok, "F10 asks before a line is lost", seen)
    a.key("Escape")
    ok, seen = a.until(lambda screen: "nicht gesendet" not in screen)
    row(ok and seen.splitlines()[-2].strip() == "> Halb geschrieben",
        "Escape leads back to it: what was typed meanwhile was neither sent nor kept", seen)
    a.key("Escape", *"Davor", "Enter", "F10", *"Kennwort", "Enter")
    ok, seen = a.sees("ended 0")
    row(ok, "F10 leaves, and the terminal is as before", seen)
    row(b.sees("Davor")[0], "what was sent before F10 arrives", b.screen())
    b.type("Still there?")
    b.key("Enter")
    ok, seen = b.sees("✓ at the server")
    row(ok, "a message to somebody who is away is at the server", seen)
    a.close()
    a = Terminal(lab, jana, "de")
    ok, seen = a.sees("Still there?", "On my way")
    row(ok, "she comes back without typing her password, and it is there", seen)
    a.sees("verbunden  F1")
    a.enter("Wieder da")
    ok, theirs = b.sees("Davor", "Wieder da")
    row(ok and "Kennwort" not in a.screen() + theirs, "what was typed behind F10 is nowhere, while what came before and after is", theirs)

    first_passphrase(lab, "zoe@klinik.example")
    devices(a, b)
    failed(a)
    a.leave()
    lab.passwords[jana] = "ein-neues-4712"
    lab.ctl("user", "passwd", jana, "--password-stdin", text=lab.passwords[jana] + "\n")
    a = Terminal(lab, jana, "de")
    ok, seen = a.sees("Passwort des Kontos:", "Name oder Passwort stimmen nicht.", "Kommt das an?")
    row(ok, "after 'konsilctl user passwd' the next start asks for the password, and shows what is there", seen)
    a.enter(lab.passwords[jana])
    ok, seen = a.sees("verbunden  F1")
    row(ok, "the new one logs in", seen)
    a.key("C-c")
    row(*a.sees("ended 0")[:1], "Ctrl-C leaves, too", a.screen())
    a.close()
    a = Terminal(lab, jana, environment={"LC_ALL": "en_ZZ.UTF-8"}, columns=80, lines=54)
    ok, seen = a.sees("connected  F1", "Kommt das an?", "Murat Yılmaz")
    row(ok, "and is remembered; a locale that is not installed decides about the language all the same", seen)
    a.key("F1")
    ok, seen = a.sees("↑ ↓ or Tab", "F10 or Ctrl-Q", "read   !\u00a0failed")
    row(ok and "more of it" not in seen, "a screen that is large enough has all of the help at once", seen)
    a.leave()
    helped(lab, jana, 50, 18)
    helped(lab, jana, 36, 10)
    done()


main()
