# SPDX-License-Identifier: AGPL-3.0-or-later
"""Backups that are older than backup.keep go when a new one is whole: what was deleted is in none of them any more."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from lab import Lab, done, row

DAY = 86400
lab = Lab(settings='backup: { keep = "2 d"; };')
backups, key = os.path.join(lab.data, "backup"), os.path.join(lab.data, "backup.key")


def age(name, days):
    """As if so many days had passed since it was made."""
    path = os.path.join(backups, name)
    when = os.stat(path).st_mtime - days * DAY
    os.utime(path, (when, when))


def there():
    return sorted(os.listdir(backups))


def restored(name):
    """What a restored database has of paul: rows of accounts that may log in, messages, and stored values."""
    to = os.path.join(lab.dir, "restored-" + name)
    lab.ctl("restore", os.path.join(backups, name), "--key-file", key, "--to", to)
    sql = lambda what: int(subprocess.run(
        [os.environ["STORE_SQL"], f"{to}/konsild.db", f"{to}/konsild.key", what], check=True, capture_output=True, text=True).stdout.split()[0])
    ours = "(SELECT id FROM account WHERE local = 'paul')"
    return [sql(f"SELECT count(*) FROM account WHERE local = 'paul' AND name <> ''"), sql(f"SELECT count(*) FROM kv WHERE account IN {ours}"),
            sql(f"SELECT count(*) FROM kv WHERE store = 'offline' AND account IN {ours}")]


paul, rita = lab.account("paul", "offen.example"), lab.account("rita", "offen.example")
writer = lab.stream(rita, "station")
writer.send(f"<message to='{paul}' type='chat' id='m'><body>guten Morgen</body></message>")
writer.sync()
lab.ctl("backup", "sonntag")
row(restored("sonntag")[2] == 1, "(positive control: that a message waits for him is kept)")
reader = lab.stream(paul, "telefon").available()
reader.wait(lambda e: e.tag.endswith("message"))
reader.sync()
reader.close()
lab.ctl("backup", "montag")
seen = restored("montag")
row(seen[2] == 0, "DSK II.3-b: that a message waits is forgotten when it is delivered", seen)
row(seen[1] > 0, "(positive control: a backup has what paul has)", seen)
lab.ctl("user", "delete", paul)
lab.ctl("backup", "dienstag")
row(there() == ["dienstag", "montag", "sonntag"], "backup: within backup.keep the older one stays", there())
seen = restored("dienstag")
row(seen == [0, 0, 0], "DSK II.3-b: what was deleted is in no backup that is made afterwards", seen)
with open(os.path.join(backups, "notizen.txt"), "w") as file:
    file.write("Bänder wechseln\n")
os.mkdir(os.path.join(backups, "ordner"))
os.symlink(os.path.join(backups, "dienstag"), os.path.join(backups, "verweis"))
for name in ("sonntag", "montag", "notizen.txt", "ordner"):
    age(name, 5)
answer = lab.ctl("backup", "montag", check=False)
row(answer.returncode == 1 and "montag" in there(), "a backup that is not made removes none, however old", (answer, there()))
answer = lab.ctl("--dry-run", "backup", "mittwoch")
row("montag" in there(), "nor does one that is only tried", (answer, there()))
answer = lab.ctl("backup", "mittwoch")
row("montag" not in there() and {"dienstag", "mittwoch"} <= set(there()),
    "DSK II.3-b: with a new backup those whose time is up go, and with them what was deleted meanwhile", there())
row("Older backups that were deleted because their time was up (backup.keep): 2" in answer.stdout, "and konsilctl says how many", answer)
row({"notizen.txt", "ordner", "verweis"} <= set(there()), "what is no backup stays, whatever its age", there())
age("dienstag", 5)
age("mittwoch", 5)
shown = json.loads(lab.ctl("--json", "backup", "donnerstag").stdout)
row(shown["removed"] == 2 and "donnerstag" in there() and not {"dienstag", "mittwoch"} & set(there()),
    "backup --json: how many went; the new one stays", (shown, there()))
answer = lab.ctl("backup", "verify", os.path.join(backups, "donnerstag"), "--key-file", key)
row("complete" in answer.stdout, "and is good", answer)
row(lab.stop() == 0, "konsild ends in order")
done()
