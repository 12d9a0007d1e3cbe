# SPDX-License-Identifier: AGPL-3.0-or-later
"""The audit log has every act of administration, tells when it was altered, and is read by those who have the right."""
import grp
import json
import os
import pwd
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from lab import BUILD, Lab, done, row, skip

lab = Lab()


def sql(statement):
    """On the database of the stopped konsild."""
    return subprocess.run([os.environ["STORE_SQL"], f"{lab.data}/konsild.db", f"{lab.data}/konsild.key", statement],
                          check=True, capture_output=True, text=True).stdout


log = lab.audit


# --- every act is in it ---

anna = lab.account("anna")
lab.ctl("user", "passwd", anna, "--password-stdin", text="geheimnis\n")
lab.ctl("user", "disable", anna)
lab.ctl("user", "disable", anna)
lab.ctl("user", "enable", anna)
lab.passwords[anna] = "geheimnis"
lab.stream(anna, "tablet")
lab.ctl("sessions", "list", anna)
lab.ctl("sessions", "kill", anna, "--resource", "tablet")
lab.ctl("sessions", "kill", anna)
lab.ctl("log", "debug", "--reason", "Ticket 4711")
lab.ctl("log", "normal")
lab.ctl("reload")
lab.ctl("backup", "erste")
lab.ctl("backup", "erste", check=False)
lab.ctl("user", "delete", anna)
wanted = [("user.add", anna, ""), ("user.passwd", anna, ""), ("user.disable", anna, ""), ("user.enable", anna, ""),
          ("sessions.list", anna, ""), ("sessions.kill", anna, "tablet"), ("sessions.kill", anna, ""),
          ("log.debug", "", "Ticket 4711"),
          ("log.normal", "", ""), ("reload", "", ""), ("backup", "", "erste"), ("backup", "", "erste"),
          ("backup", "", "failed: erste"),
          ("delete", "klinik.example", "reason=account values=2"), ("user.delete", anna, "")]
rows = log()
row([(r["action"], r["subject"], r["detail"]) for r in rows] == wanted, "each act is in the audit log, in its order, with the "
    "session or the file it was about; what changed nothing is not, and what failed has a second row", rows)
answer = lab.ctl("log", "debug", check=False)
row(answer.returncode == 64 and rows[7]["detail"] == "Ticket 4711",
    "DSK I.8-e: debug logging wants a reason, which is audited", answer)
for reason in ("", " \t"):
    answer = lab.ctl("log", "debug", "--reason", reason, check=False)
    row(answer.returncode == 1 and "An argument is missing" in answer.stderr and log() == rows,
        f"DSK I.8-e: and not {reason!r}, which is refused and does nothing", answer)
row([r["seq"] for r in rows] == list(range(1, len(wanted) + 1)) and {r["actor"] for r in rows} == {f"uid:{os.getuid()}"},
    "with a number and who asked for it", rows)
row("geheimnis" not in json.dumps(rows) and lab.ctl("audit", "list").stdout.split()[:3] == ["no.", "time", "who"]
    and lab.ctl("--lang", "de", "audit", "list").stdout.split()[:3] == ["Nr.", "Zeit", "wer"], "as a table, in both languages")
lab.ctl("audit", "verify"), lab.ctl("describe", "data"), lab.ctl("health")
row(log() == rows, "to read reports is not an act")

# --- altered, it tells so ---

verdict = lab.ctl("audit", "verify")
row(f"The audit log has not been altered. Rows: {len(rows)}" in verdict.stdout and rows[-1]["hash"] in verdict.stdout,
    "audit verify: unaltered, with the count and the last row's hash to note elsewhere", verdict)
verdict = lab.ctl("--lang", "de", "audit", "verify")
row("Das Prüfprotokoll ist unverändert." in verdict.stdout, "and in German", verdict)
lab.stop()
shutil.copytree(lab.data, os.path.join(lab.dir, "kept"))
for name, statement, first_wrong in [
    ("whom it was about", "UPDATE audit SET subject = 'b.unschuldig@klinik.example' WHERE seq = 3", 3),
    ("who did it", "UPDATE audit SET actor = 'uid:4711' WHERE seq = 1", 1),
    ("what was done", "UPDATE audit SET action = 'user.enable' WHERE seq = 3", 3),
    ("the reason", "UPDATE audit SET detail = 'Ticket 4712' WHERE seq = 8", 8),
    ("when", "UPDATE audit SET stamp_ms = stamp_ms + 1 WHERE seq = 5", 5),
    ("a row taken out", "DELETE FROM audit WHERE seq = 5", 5),
    ("a row taken out, and the gap closed", "DELETE FROM audit WHERE seq = 5; UPDATE audit SET seq = -seq + 1 WHERE seq > 5; "
     "UPDATE audit SET seq = -seq WHERE seq < 0", 5),
    ("the first row taken out", "DELETE FROM audit WHERE seq = 1", 1),
    ("the last row's hash", f"UPDATE audit SET hash = zeroblob(32) WHERE seq = {len(rows)}", len(rows)),
    ("two rows exchanged", "UPDATE audit SET seq = -1 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 4; "
     "UPDATE audit SET seq = 4 WHERE seq = -1", 3),
]:
    sql(statement)
    lab.start()
    english, german = lab.ctl("audit", "verify", check=False), lab.ctl("--lang", "de", "audit", "verify", check=False)
    row(english.returncode == 1 and "The audit log has been altered." in english.stderr
        and f"The first row that is wrong: {first_wrong}\n" in english.stderr
        and f"Die erste Zeile, die nicht stimmt: {first_wrong}\n" in german.stderr, f"altered is noticed, with the row: {name}", english)
    lab.stop()
    shutil.rmtree(lab.data)
    shutil.copytree(os.path.join(lab.dir, "kept"), lab.data)
sql(f"DELETE FROM audit WHERE seq = {len(rows)}")
lab.start()
verdict = lab.ctl("audit", "verify")
row(f"Rows: {len(rows) - 1}" in verdict.stdout and rows[-1]["hash"] not in verdict.stdout,
    "rows taken off the end: the hash is another than the one that was noted", verdict)
lab.stop()
shutil.rmtree(lab.data)
shutil.copytree(os.path.join(lab.dir, "kept"), lab.data)
lab.start()
row(lab.ctl("audit", "verify").returncode == 0 and log() == rows, "control: put back as it was, it is good")

with socket.socket(socket.AF_UNIX) as control:
    control.connect(os.path.join(lab.dir, "control"))
    answers = control.makefile()
    for _ in range(2500):
        control.sendall(b'{"v":1,"command":"log.normal"}\n')
        answers.readline()
many = log()
row([r["seq"] for r in many] == list(range(1, len(rows) + 2501)) and f"Rows: {len(rows) + 2500}" in lab.ctl("audit", "verify").stdout,
    "audit list: 2500 rows more, in their order, none twice")

# --- rights ---

names = ["daemon", "games", "nobody", "mail"]
conf = os.path.join(lab.dir, "konsild.conf")
READ = [("accounts", ["user", "list", "klinik.example"]), ("accounts", ["--dry-run", "sessions", "kill", "x@klinik.example"]),
        ("accounts", ["--dry-run", "user", "delete", "x@klinik.example"]), ("operate", ["health"]),
        ("operate", ["--dry-run", "backup", "zweite"]), ("operate", ["--dry-run", "reload"]),
        ("operate", ["--dry-run", "log", "debug", "--reason", "x"]), ("operate", ["--dry-run", "retention", "run"]),
        ("audit", ["audit", "list"]), ("audit", ["retention", "log"]),
        ("audit", ["audit", "verify"]), ("audit", ["describe", "data"])]


def as_user(name, group, words):
    user = pwd.getpwnam(name)
    return subprocess.run([os.path.join(lab.dir, "konsilctl"), "--socket", os.path.join(lab.dir, "control"), "--lang", "en", *words],
                          capture_output=True, text=True, cwd="/", user=user.pw_uid, group=group, extra_groups=[])


def have_users():
    try:
        return os.getuid() == 0 and all(pwd.getpwnam(name) for name in names)
    except KeyError:
        return False


if have_users():
    group = pwd.getpwnam("nobody").pw_gid
    lab.stop()
    shutil.copy(os.path.join(BUILD, "cmd", "konsilctl"), lab.dir)
    os.chmod(lab.dir, 0o711)
    with open(conf) as file:
        text = file.read()
    with open(conf, "w") as file:
        file.write(text.replace('socket = "control";', f'socket = "control"; group = "{grp.getgrgid(group).gr_name}"; '
                                'accounts = "daemon"; operate = "games"; audit = "nobody";'))
    lab.start()
    before = log()
    for words in [words for _, words in READ]:
        answer = as_user("nobody", 65500, words)
        if answer.returncode != 69 or "This user may not administer konsild." not in answer.stderr or answer.stdout:
            row(False, f"who is not in the socket's group gets nothing: {words}", answer)
            break
    else:
        row(True, f"who is not in the socket's group gets nothing, of {len(READ)} commands")
    for name, right in (("daemon", "accounts"), ("games", "operate"), ("nobody", "audit"), ("mail", None)):
        wrong = []
        for needed, words in READ:
            answer = as_user(name, group, words)
            # What they may do is answered, if only by "no such account".
            refused = answer.returncode == 1 and "You do not have the right to do this." in answer.stderr and not answer.stdout
            if refused == (needed == right) or answer.returncode not in (0, 1):
                wrong.append((words, answer))
        row(not wrong, f"with the right control.{right}: what it gives, and nothing else" if right
            else "in the socket's group, but without a right: nothing", wrong)
    row(log() == before, "and nothing of that is an act")
    answer = subprocess.run([os.path.join(lab.dir, "konsilctl"), "--socket", os.path.join(lab.dir, "control"), "user", "add",
                             "neu@klinik.example", "--password-stdin"], input="ein-langes-wort\n", text=True, capture_output=True, cwd="/",
                            user=pwd.getpwnam("daemon").pw_uid, group=group, extra_groups=[])
    row(answer.returncode == 0 and log()[-1]["actor"] == f"uid:{pwd.getpwnam('daemon').pw_uid}",
        "the log has who it was", answer)
else:
    skip("rights by user", "only root can become other users")
row(lab.stop() == 0, "konsild ends in order")
done()
