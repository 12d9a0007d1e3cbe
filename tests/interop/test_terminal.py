# SPDX-License-Identifier: AGPL-3.0-or-later
"""konsil as a person sees it: two terminals of tmux, one in German and one in English, against the real konsild."""
import os

from lab import BUILD, PASSPHRASE, Lab, done, row
from screen import Screen


class Terminal(Screen):
    """A konsil in a terminal of its own."""

    def __init__(self, lab, jid, language, server=None):
        self.dir = os.path.join(lab.dir, f"terminal-{jid.split('@')[0]}")
        super().__init__(f"'{BUILD}/cmd/konsil' --lang {language} --ca '{lab.ca}' --server 127.0.0.1:{server or lab.port} "
                         f"--dir '{self.dir}' {jid}", {"KONSIL_PASSPHRASE": PASSPHRASE})


def account(lab, local, name, department, profession):
    jid = f"{local}@klinik.example"
    lab.passwords[jid] = f"wort-{local}-4711"
    lab.ctl("user", "add", jid, "--name", name, "--department", department, "--profession", profession,
            "--password-stdin", text=lab.passwords[jid] + "\n")
    return jid


def main():
    lab = Lab()
    jana = account(lab, "jana", "Dr. Jana Brandt", "Innere Medizin", "Ärztin")
    murat = account(lab, "murat", "Murat Yılmaz", "Notaufnahme", "Pfleger")
    a, b = Terminal(lab, jana, "de"), Terminal(lab, murat, "en")
    try:
        row(*a.sees("Passwort des Kontos:")[:1], "the password is asked for, in German", a.screen())
        a.type(lab.passwords[jana])
        a.key("Enter")
        row(*b.sees("Password of the account:")[:1], "the password is asked for, in English", b.screen())
        row(lab.passwords[jana] not in a.screen(), "and is not shown")
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
        ok, seen = b.sees("Retracted")
        row(ok and "38,5" not in seen, "what was retracted is gone from the other screen", seen)

        b.key("F4")
        ok, seen = b.sees("turn read receipts off")
        row(ok, "F4 lets authors know what was read, and says so", seen)
        b.key("F1")
        a.type("Danke")
        a.key("Enter")
        ok, seen = a.sees("✓✓ gelesen")
        row(ok, "then the author sees that it was read", seen)

        a.key("F10")
        ok, seen = a.sees("ended 0")
        row(ok, "F10 leaves, and the terminal is as before", seen)
        b.type("Still there?")
        b.key("Enter")
        ok, seen = b.sees("✓ at the server")
        row(ok, "a message to somebody who is away is at the server", seen)
        a.close()
        a = Terminal(lab, jana, "de")
        ok, seen = a.sees("Still there?", "On my way")
        row(ok, "she comes back without typing her password, and it is there", seen)
    finally:
        a.close()
        b.close()
    done()


main()
