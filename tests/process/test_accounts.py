# SPDX-License-Identifier: AGPL-3.0-or-later
"""konsilctl on accounts and their sessions: what it says, what it does, and that who is locked out is out everywhere."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import wire
from lab import Lab, done, row

SM = "{urn:xmpp:sm:3}"
lab = Lab()


def sql(statement):
    """On the database of the stopped konsild."""
    return subprocess.run([os.environ["STORE_SQL"], f"{lab.data}/konsild.db", f"{lab.data}/konsild.key", statement],
                          check=True, capture_output=True, text=True).stdout.split()


def users(domain="klinik.example"):
    """{local: state}"""
    return {user["local"]: user["state"] for user in json.loads(lab.ctl("--json", "user", "list", domain).stdout)}


def everything():
    """What administration can change: accounts of both domains, and the audit log."""
    return [lab.ctl("--json", *words).stdout
            for words in (("user", "list", "klinik.example"), ("user", "list", "offen.example"), ("audit", "list"))]


def logged_in(jid, password):
    """A stream past its login, before resource binding; wire.Refused."""
    stream = wire.Stream(lab, jid.split("@")[1])
    stream.scram_final(password, *stream.scram_first(jid.split("@")[0]))
    stream.open()
    return stream


def refused(jid, password):
    try:
        logged_in(jid, password)
        return None
    except wire.Refused as why:
        return why.args[0]


def resumable(jid, resource):
    """A bound stream that can be resumed; its id for that."""
    stream = lab.stream(jid, resource)
    stream.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
    return stream, stream.wait(lambda e: e.tag == SM + "enabled").get("id")


def cut_off(jid, resource):
    """A session whose network went away: its id for resumption."""
    stream, name = resumable(jid, resource)
    stream.socket.close()
    return name


def resumes(jid, password, name):
    stream = logged_in(jid, password)
    stream.send(f"<resume xmlns='urn:xmpp:sm:3' h='0' previd='{name}'/>")
    return stream.wait(lambda e: e.tag in (SM + "resumed", SM + "failed")).tag == SM + "resumed"


def ended(stream):
    """The condition with which the server ended it."""
    try:
        while True:
            stream.next()
    except wire.Closed as end:
        return end.args[0] or "closed"


# --- adding ---

new = "b.new@klinik.example"
before = everything()
checked = lab.ctl("--dry-run", "user", "add", new, "--name", "Bea Neu", "--password-stdin", text="geheimnis\n")
row("Nothing has happened" in checked.stdout and everything() == before,
    "user add --dry-run: checks, says so, and changes nothing")
added = lab.ctl("user", "add", new, "--name", "Dr. Bea Neu", "--department", "Innere", "--profession", "Ärztin",
                "--password-stdin", text="geheimnis\n")
row("The account was added." in added.stdout and users() == {"b.new": "active"} and everything() != before,
    "user add: the account is there when konsilctl returns", added)
row(refused(new, "geheimnis") is None and refused(new, "geheimniss") == "not-authorized",
    "its password lets in, another one does not")
table = lab.ctl("user", "list", "klinik.example").stdout
row(table.splitlines()[0].split() == ["account", "name", "department", "profession", "state"]
    and "Dr. Bea Neu" in table and "Ärztin" in table, "user list: a table, in English", table)
table = lab.ctl("--lang", "de", "user", "list", "klinik.example").stdout
row(table.splitlines()[0].split() == ["Konto", "Name", "Abteilung", "Beruf", "Zustand"] and "aktiv" in table,
    "user list: and in German", table)

before = everything()
for name, words, text, sentence in [
    ("an account that is there already", ["user", "add", new, "--password-stdin"], "geheimnis\n", "exists already"),
    ("an address of no domain of ours", ["user", "add", "b.new@anderswo.example", "--password-stdin"], "geheimnis\n",
     "not the address of an account"),
    ("an address with a resource", ["user", "add", "b.new@klinik.example/tablet", "--password-stdin"], "geheimnis\n",
     "not the address of an account"),
    ("an empty password", ["user", "add", "c.new@klinik.example", "--password-stdin"], "\n", "The password is empty"),
    ("RFC 8265 §4.2: a password with a control character", ["user", "add", "c.new@klinik.example", "--password-stdin"],
     "geheim\tgeheim\n", "characters that are not allowed"),
    ("NIST SP 800-63B §5.1.1.2: a password of 7 characters", ["user", "add", "c.new@klinik.example", "--password-stdin"],
     "geheim7\n", "The password has fewer than 8 characters."),
    ("one of 7 characters in 14 bytes", ["user", "add", "c.new@klinik.example", "--password-stdin"], "äöüäöüä\n",
     "The password has fewer than 8 characters."),
    ("a name that moves a terminal's cursor", ["user", "add", "c.new@klinik.example", "--name", "Eva\x1b[31m", "--password-stdin"],
     "geheimnis\n", "has control characters"),
    ("a department with one of Unicode's", ["user", "add", "c.new@klinik.example", "--department", "I\u009b", "--password-stdin"],
     "geheimnis\n", "has control characters"),
    ("a profession of 257 bytes", ["user", "add", "c.new@klinik.example", "--profession", "ä" * 128 + "x", "--password-stdin"],
     "geheimnis\n", "longer than 256 bytes"),
    ("a new password of one character", ["user", "passwd", new, "--password-stdin"], "x\n", "Take a longer one, best of several words."),
    ("to disable who is not there", ["user", "disable", "niemand@klinik.example"], None, "no such account"),
    ("a new password for who is not there", ["user", "passwd", "niemand@klinik.example", "--password-stdin"], "geheimnis\n",
     "no such account"),
    ("the accounts of a domain that is not here", ["user", "list", "nowhere.example"], None, "There is no such domain"),
    ("a new account, without a terminal to ask for its password", ["user", "add", "c.new@klinik.example"], "geheim\ngeheim\n",
     "With --password-stdin"),
    ("a new password, without a terminal to ask for it", ["user", "passwd", new], "geheim\ngeheim\n", "With --password-stdin"),
    ("to delete who is not there", ["user", "delete", "niemand@klinik.example"], None, "no such account"),
]:
    answer = lab.ctl(*words, text=text, check=False)
    row(answer.returncode == 1 and sentence in answer.stderr, f"refused with a sentence: {name}", answer)
row(everything() == before, "and nothing of that was done or audited")
answer = lab.ctl("--lang", "de", "--dry-run", "user", "add", "c.new@klinik.example", "--password-stdin", text="geheim7\n", check=False)
row("Das Passwort hat weniger als 8 Zeichen." in answer.stderr and "aus mehreren Wörtern" in answer.stderr,
    "a short password in German, with what to do", answer)
answer = lab.ctl("--dry-run", "user", "add", "c.new@klinik.example", "--password-stdin", text="äöüäöüäö\n")
row("Nothing has happened" in answer.stdout, "control: one of 8 characters is taken", answer)
answer = lab.ctl("--dry-run", "user", "add", "c.new@klinik.example", "--name", "ä" * 128, "--password-stdin", text="geheimnis\n")
row("Nothing has happened" in answer.stdout, "control: so is a name of 256 bytes", answer)
answer = lab.ctl("--lang", "de", "user", "disable", "niemand@klinik.example", check=False)
row("Dieses Konto gibt es nicht." in answer.stderr and "konsilctl user list" in answer.stderr,
    "a refusal in German, with what to do", answer)
for words in (["user", "add"], ["user", "list", "a", "b"], ["user", "list", "klinik.example", "--reason", "x"],
              ["log", "debug"], ["backup"], ["restore", "x"], ["nonsense"], ["user", "list", "--nonsense"]):
    answer = lab.ctl(*words, check=False)
    row(answer.returncode == 64 and answer.stderr and not answer.stdout, f"usage is explained: {' '.join(words)}", answer)


# --- help ---

def helped(*words):
    """What help says; its commands, and whether it has an example."""
    answer = lab.ctl(*words, check=False)
    lines = answer.stdout.splitlines()
    commands = [" ".join(line.split()[1:3]) for line in lines if line.startswith("  konsilctl ")]
    return answer.returncode, commands, "For example:" in lines, answer.stdout


status, commands, example, text = helped("help")
row(status == 0 and len(commands) > 15 and "backup verify" in commands and not example and helped("--help")[3] == text,
    "help, --help: all commands", text)
status, commands, example, text = helped("help", "user", "add")
row(status == 0 and commands == ["user add"] * 2 and example and "--department" in text and "--reason" not in text
    and "The address of an account" in text, "help COMMAND: that command alone, with its arguments and options and an example", text)
row(helped("user", "add", "--help")[3] == text and helped("user", "add", new, "--name", "x", "--help")[3] == text,
    "COMMAND --help: the same, whatever else was typed")
status, commands, example, text = helped("help", "sessions")
row(status == 0 and commands[1:] == ["sessions list", "sessions kill"], "help WORD: all commands that begin with it", text)
row(helped("help", "backup")[1] == ["backup NAME", "backup monday"], "help backup: it, and not backup verify", helped("help", "backup"))
answer = lab.ctl("help", "nonsense", check=False)
row(answer.returncode == 64 and "There is no such command." in answer.stderr, "help of what is no command: a sentence", answer)
answer = lab.ctl("user", "add", check=False)
row("This is how the command is written:" in answer.stderr and "konsilctl user add JID" in answer.stderr,
    "too few words: how the command is written", answer)

# --- importing ---

def imported(text, *options):
    path = os.path.join(lab.dir, "staff.csv")
    with open(path, "w") as file:
        file.write(text)
    return lab.ctl(*options, "user", "import", path, check=False)


good = "".join(f"u{i}@klinik.example;Name {i};Station {i};Pflege;wort-{i}{i}{i}\n" for i in range(5))
for name, text, line, sentence in [
    ("a line with too few fields", good + "u9@klinik.example;Name\n", 6, "This line is no account"),
    ("a line without a password", "# staff\n\n" + good + "u9@klinik.example;N;D;P;\n", 8, "This line is no account"),
    ("a password of 7 characters", good + "u9@klinik.example;N;D;P;geheim7\n", 6, "The password has fewer than 8 characters."),
    ("a name with a control character", good + "u9@klinik.example;N\x1b;D;P;geheimnis\n", 6, "has control characters"),
    ("what is no address", good + "@klinik.example;N;D;P;geheimnis\n", 6, "This line is no account"),
    ("an account twice", good + "U1@klinik.example;N;D;P;geheimnis\n", 6, "further up in the file"),
    ("an account that is there already", good + f"{new};N;D;P;geheimnis\n", 6, "exists already"),
    ("a domain that is not ours", good + "u9@anderswo.example;N;D;P;geheimnis\n", 6, "not the address of an account"),
]:
    before = everything()
    answer = imported(text)
    row(answer.returncode == 1 and sentence in answer.stderr and f"staff.csv:{line}\n" in answer.stderr
        and "No account was added." in answer.stderr and everything() == before,
        f"user import: {name} is named with its line, and no account is added", answer)
before = everything()
answer = imported(good, "--dry-run")
row("Accounts: 5" in answer.stdout and everything() == before, "user import --dry-run: counts, and adds none", answer)
answer = lab.ctl("user", "import", "/nonexistent/staff.csv", check=False)
row(answer.returncode == 1 and "This file cannot be read." in answer.stderr and "/nonexistent/staff.csv" in answer.stderr
    and "standard input" in answer.stderr, "user import: a file that is not there is named, with what to do", answer)
answer = imported("\ufeff# staff\n" + good + "u9@klinik.example; Name 9 ;;;wort;mit;Strichpunkt\n")
row(answer.stdout == "Accounts added: 6\n" and len(users()) == 7, "user import: counts what it added", answer)
row(refused("u3@klinik.example", "wort-333") is None and refused("u9@klinik.example", "wort;mit;Strichpunkt") is None,
    "and the passwords are theirs, semicolons and all")

# --- sessions ---

anna, jonas = lab.account("anna"), lab.account("jonas")
first, second = lab.stream(anna, "station"), lab.stream(anna, "tablet")
sessions = json.loads(lab.ctl("--json", "sessions", "list", anna).stdout)
row(sorted(session["resource"] for session in sessions) == ["station", "tablet"], "sessions list: all of an account's", sessions)
table = lab.ctl("--lang", "de", "sessions", "list", anna).stdout
row(table.splitlines()[0].split() == ["Sitzung", "Gerät", "verbunden", "anwesend", "Zertifikat", "unbestätigt"], "sessions list in German", table)
answer = lab.ctl("--dry-run", "sessions", "kill", anna)
first.sync(), second.sync()
row("Nothing has happened" in answer.stdout, "sessions kill --dry-run: both are still there")
answer = lab.ctl("sessions", "kill", anna, "--resource", "tablet")
row(answer.stdout == "Sessions ended: 1\n" and ended(second) == "reset", "sessions kill --resource: that one ends", answer)
first.sync()
row(True, "and the other lives")
waits = cut_off(anna, "telefon")
row(resumes(anna, lab.passwords[anna], waits), "control: a session that was cut off is resumed")
waits = cut_off(anna, "telefon")
lab.ctl("sessions", "kill", anna)
row(ended(first) == "reset" and not resumes(anna, lab.passwords[anna], waits),
    "sessions kill: all end, and one that waits to be resumed is gone too")

# --- locked out ---

live, waits = lab.stream(anna, "station"), cut_off(anna, "telefon")
old = lab.passwords[anna]
answer = lab.ctl("user", "passwd", anna, "--password-stdin", text="neues Wort\n")
row("all sessions have ended" in answer.stdout and ended(live) == "not-authorized", "user passwd: live streams end", answer)
row(refused(anna, old) == "not-authorized" and refused(anna, "neues Wort") is None, "the old password is refused, the new one lets in")
row(not resumes(anna, "neues Wort", waits), "a session from before is not resumed")
lab.passwords[anna] = "neues Wort"

live, waits, other = lab.stream(anna, "station"), cut_off(anna, "telefon"), lab.stream(jonas, "station")
lab.ctl("--dry-run", "user", "disable", anna)
live.sync()
row(users()["anna"] == "active", "user disable --dry-run: the account and its stream live")
before_login = logged_in(anna, lab.passwords[anna])
answer = lab.ctl("user", "disable", anna)
row(ended(live) == "not-authorized" and users()["anna"] == "disabled",
    "DSK IV.2-b part (the directory, rooms and duties): user disable: live streams end", answer)
before_login.send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
try:
    bound = before_login.wait(lambda e: e.get("id") == "b").get("type") == "result"
except wire.Closed:
    bound = False
row(not bound, "a stream that was logged in, but not bound yet, gets no further")
row(refused(anna, lab.passwords[anna]) == refused("niemand@klinik.example", "x") == "not-authorized",
    "DSK I.5-c part (single devices, push and uploads): login is refused, and as for an unknown account")
answer = other.iq("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", to=anna)
unknown = other.iq("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", to="niemand@klinik.example")
row(wire.condition(answer) == wire.condition(unknown) and answer.get("type") == "error",
    "others find it as little as an unknown account", wire.condition(answer))
answer = lab.ctl("user", "passwd", anna, "--password-stdin", text="drittes Wort\n", check=False)
row(answer.returncode == 1 and "The account is disabled." in answer.stderr, "a disabled account gets no new password", answer)
lab.ctl("user", "enable", anna)
row(refused(anna, lab.passwords[anna]) is None, "user enable: the same password lets in again")
row(not resumes(anna, lab.passwords[anna], waits),
    "DSK I.5-c part (single devices, push and uploads): and no session from before is resumed")

# --- deleted ---

paul, rita = lab.account("paul", "offen.example"), lab.account("rita", "offen.example")
writer = lab.stream(rita, "station").available()
for body in ("eins", "zwei"):
    writer.send(f"<message to='{paul}' type='chat'><body>{body}</body></message>")
writer.sync()
lab.stop()
number = sql("SELECT id FROM account WHERE local = 'paul'")[0]


def rows_of_paul():
    return [int(sql(f"SELECT count(*) FROM {what}")[0]) for what in (
        f"archive WHERE owner1 = {number} OR owner2 = {number}", f"archive_index WHERE account = {number}",
        f"kv WHERE account = {number}", "account WHERE local = 'paul' AND (name <> '' OR department <> '')")]


there = rows_of_paul()
row(there[0] == 2 and there[2] > 0 and there[3] == 1, "control: what waits for paul is stored, with his keys and his name", there)
lab.start()
live, waits = lab.stream(paul, "station"), cut_off(paul, "telefon")
answer = lab.ctl("user", "delete", paul)
row("is deleted" in answer.stdout and ended(live) == "not-authorized", "user delete: live streams end", answer)
row(refused(paul, lab.passwords[paul]) == "not-authorized", "login is refused")
row(users("offen.example")["paul"] == "deleted", "the name stays known as deleted")
answer = lab.ctl("user", "add", paul, "--password-stdin", text="geheimnis\n", check=False)
row(answer.returncode == 1 and "Names are never given a second time." in answer.stderr, "the name is never given again", answer)
for command in ("enable", "disable", "delete"):
    answer = lab.ctl("user", command, paul, check=False)
    row(answer.returncode == 1 and "There is no such account." in answer.stderr, f"and there is nothing to {command}", answer)
writer = lab.stream(rita, "station").available()
row(len(writer.archive(paul)) == 2, "who wrote to it keeps what they wrote")
lab.stop()
row(rows_of_paul() == [0, 0, 0, 0], "of the deleted account no message, key or name is left in the database", rows_of_paul())
sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) INSERT INTO account (domain, local, state, "
    "name, created_ms) SELECT 'klinik.example', printf('z%05d', i), 1, 'Zahl', 0 FROM n")
sql("UPDATE account SET name = 'Eva' || char(27) WHERE local = 'z00001'")
lab.start()
row(list(users())[-2500:] == [f"z{i:05}" for i in range(1, 2501)], "user list: 2500 accounts in their order, none twice")
row(refused(paul, lab.passwords[paul]) == "not-authorized" and users("offen.example")["paul"] == "deleted",
    "nor does a new start bring it back")
items = lab.stream(lab.account("zoe")).iq("get", "<query xmlns='urn:konsil:directory:0' after='z'/>", "klinik.example")
names = {item.get("jid"): item.get("name") for item in items[0]}
row(names["z00002@klinik.example"] == "Zahl" and names["z00001@klinik.example"] is None,
    "a name of before that nobody can be shown hides no colleague, and its owner is there without", list(names.items())[:3])
row(lab.stop() == 0, "konsild ends in order")
done()
