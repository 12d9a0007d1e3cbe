# SPDX-License-Identifier: AGPL-3.0-or-later
"""konsil as a person sees it, in a terminal of its own against the lab's konsild."""
import os

from lab import BUILD, PASSPHRASE
from screen import Screen

PEOPLE = {
    "jana": ("Dr. Jana Brandt", "Innere Medizin", "Ärztin"),
    "murat": ("Murat Yılmaz", "Notaufnahme", "Pfleger"),
    "zoe": ("Zoe Hoffmann", "Apotheke", "Apothekerin"),
}


def account(lab, local):
    """One of PEOPLE; the address."""
    jid, (name, department, profession) = f"{local}@klinik.example", PEOPLE[local]
    lab.passwords[jid] = f"wort-{local}-4711"
    lab.ctl("user", "add", jid, "--name", name, "--department", department, "--profession", profession,
            "--password-stdin", text=lab.passwords[jid] + "\n")
    return jid


def pair(lab, *others, columns=110):
    """Jana's terminal, in German, and Murat's, in English, both logged in; others: accounts that are there, too.
    columns: of hers."""
    jids = [account(lab, local) for local in ("jana", "murat", *others)]
    a, b = Terminal(lab, jids[0], "de", columns=columns), Terminal(lab, jids[1], "en")
    a.login("verbunden", PEOPLE["murat"][0])
    b.login("connected", PEOPLE["jana"][0])
    return a, b


def shared(a, b, title, up):
    """A room of hers with him in it, shown at both; up: how often he goes up to it."""
    a.enter(f"/raum {title}")
    a.sees("Raum gegründet.")
    a.enter("/aufnehmen Murat")
    a.sees("Murat Yılmaz aufgenommen.", f"{title} – 2 Mitglieder")
    b.sees(f"# {title}")
    b.key(*["Up"] * up)
    b.sees(f"{title} – 2 members")


def nobody(a, line):
    """Whether a line in German that needs a person says so of one whom nobody knows, and the screen."""
    return a.refused(f"{line} Niemand", "Diese Person ist hier nicht bekannt. (Niemand)")


class Terminal(Screen):
    """A konsil; the same account has the same store each time."""

    def __init__(self, lab, jid, language=None, environment=None, prefix="", **size):
        """prefix: what the shell does before."""
        self.lab, self.jid = lab, jid
        self.dir = os.path.join(lab.dir, f"terminal-{jid.split('@')[0]}")
        language = f"--lang {language}" if language else ""
        super().__init__(f"{prefix}'{BUILD}/cmd/konsil' {language} --ca '{lab.ca}' --server 127.0.0.1:{lab.port} "
                         f"--dir '{self.dir}' {jid}", {"KONSIL_PASSPHRASE": PASSPHRASE, **(environment or {})}, **size)

    def login(self, *texts):
        """Types the account's password when it is asked for; until all texts are there."""
        self.until(lambda screen: "Passwort des Kontos" in screen or "Password of the account" in screen)
        self.enter(self.lab.passwords[self.jid])
        return self.sees(*texts)

    def refused(self, line, *texts):
        """Enters a line that is not done but answered by the texts, and stays; then it is cleared."""
        self.enter(line)
        ok, seen = self.says(*texts, f"> {line}")
        self.key("C-u")
        return ok, seen

    def says(self, *texts):
        """As sees(), wherever a line of the screen ends."""
        return self.until(lambda screen: all(text in " ".join(screen.split()) for text in texts))

    def leave(self):
        self.key("F10")
        self.sees("ended 0")
        self.close()
