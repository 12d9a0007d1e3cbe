# SPDX-License-Identifier: AGPL-3.0-or-later
"""Backups that are older than backup.keep go when a new one is whole: what was deleted is in none of them any more."""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from lab import Lab, done, row

DAY = 86400
lab = Lab(settings='backup: { keep = "2 d"; };')
backups, keys = os.path.join(lab.data, "backup"), os.path.join(lab.data, "backup-keys")


def key_of(name):
    return os.path.join(keys, name + ".key")


def age(name, days):
    """As if so many days had passed since it was made."""
    for path in (os.path.join(backups, name), key_of(name)):
        if os.path.exists(path):
            when = os.stat(path).st_mtime - days * DAY
            os.utime(path, (when, when))


def there():
    return sorted(os.listdir(backups))


def restored(name):
    """What a restored database has of paul: rows of accounts that may log in, messages, and stored values."""
    to = os.path.join(lab.dir, "restored-" + name)
    lab.ctl("restore", os.path.join(backups, name), "--key-file", key_of(name), "--to", to)
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
row(seen[2] == 0, "DSK II.3-b in full: that a message waits is forgotten when it is delivered", seen)
row(seen[1] > 0, "(positive control: a backup has what paul has)", seen)
lab.ctl("user", "delete", paul)
lab.ctl("backup", "dienstag")
row(there() == ["dienstag", "montag", "sonntag"] and sorted(os.listdir(keys)) == [f"{name}.key" for name in there()], "backup: within backup.keep the older one stays", there())
seen = restored("dienstag")
row(seen == [0, 0, 0], "DSK II.3-b in full: what was deleted is in no backup that is made afterwards", seen)
tape = os.path.join(lab.dir, "band")  # a copy of Sunday's backup that was carried away; konsild does not know of it
shutil.copy(os.path.join(backups, "sonntag"), tape)
verify = lambda path, name: lab.ctl("backup", "verify", path, "--key-file", key_of(name), check=False)
row("complete" in verify(tape, "sonntag").stdout, "(positive control: as long as its key is there, a copy of Sunday's backup can be read)")
row(verify(tape, "dienstag").returncode == 1, "DSK II.3-b in full: with another backup's key it cannot")
with open(key_of("sonntag"), "rb") as file:
    secret = file.read()
with open(os.path.join(keys, "notizen.txt"), "w") as file:
    file.write("Bänder wechseln\n")
shutil.move(os.path.join(backups, "dienstag"), os.path.join(lab.dir, "dienstag-band"))
lab.ctl("backup", "ersatz")
answer = lab.ctl("backup", "dienstag", check=False)
row(answer.returncode == 1 and "There is a backup of that name already." in answer.stderr and os.path.exists(key_of("dienstag")),
    "a backup that was carried away keeps its key, and its name is not used again", answer)
shutil.move(os.path.join(lab.dir, "dienstag-band"), os.path.join(backups, "dienstag"))
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
    "DSK II.3-b in full: with a new backup those whose time is up go, and with them what was deleted meanwhile", there())
row(sorted(os.listdir(keys)) == ["dienstag.key", "ersatz.key", "mittwoch.key", "notizen.txt"],
    "DSK II.3-b in full: and their keys go with them", os.listdir(keys))
row(not [name for path, _, files in os.walk(lab.data) for name in files if secret.strip() in open(os.path.join(path, name), "rb").read()]
    and all(verify(tape, name).returncode == 1 for name in ("dienstag", "ersatz", "mittwoch")),
    "DSK II.3-b in full: so a copy of Sunday's backup opens with nothing that konsild has today", os.listdir(keys))
log = [(at["actor"], at["action"], at["subject"], at["detail"]) for at in lab.audit()]
row(log[-1] == ("konsild", "delete", "", "reason=period backups=2") and [at for at in log if "backups=" in at[3]] == log[-1:],
    "DSK I.7-f in full: the log of deletions says how many backups went, and why; and nothing when none did", log)
row("Older backups that were deleted because their time was up (backup.keep): 2" in answer.stdout, "and konsilctl says how many", answer)
row({"notizen.txt", "ordner", "verweis"} <= set(there()), "what is no backup stays, whatever its age", there())
age("dienstag", 5)
age("mittwoch", 5)
shutil.move(os.path.join(backups, "ersatz"), os.path.join(lab.dir, "ersatz-band"))
age("ersatz", 5)
shown = json.loads(lab.ctl("--json", "backup", "donnerstag").stdout)
row(sorted(os.listdir(keys)) == ["donnerstag.key", "notizen.txt"],
    "DSK II.3-b in full: the key of one that was carried away goes when its time is up", os.listdir(keys))
row(shown["removed"] == 2 and "donnerstag" in there() and not {"dienstag", "mittwoch"} & set(there()),
    "backup --json: how many went; the new one stays", (shown, there()))
answer = lab.ctl("backup", "verify", os.path.join(backups, "donnerstag"), "--key-file", key_of("donnerstag"))
row("complete" in answer.stdout, "and is good", answer)
row(lab.stop() == 0, "konsild ends in order")
done()
