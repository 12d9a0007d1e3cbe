# SPDX-License-Identifier: AGPL-3.0-or-later
"""Backups as an administrator meets them: taken under load, verified, refused when altered, restored on an empty host."""
import json
import os
import pty
import shutil
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import wire
from lab import BUILD, Lab, done, open_to_others, row

SM = "{urn:xmpp:sm:3}"
lab = Lab()
backups, key = os.path.join(lab.data, "backup"), os.path.join(lab.data, "backup-keys", "erste.key")
key_of = lambda name: os.path.join(lab.data, "backup-keys", name + ".key")


def backup_of(name):
    return os.path.join(backups, name)


def facts(*words):
    """What a command prints with --json, without what differs between a backup's cut and another's."""
    return json.loads(lab.ctl("--json", *words).stdout)


class Load(threading.Thread):
    """One who writes without a pause, and counts what was acknowledged."""

    def __init__(self, stream, to):
        super().__init__(daemon=True)
        self.stream, self.to, self.sent, self.acknowledged, self.stopping = stream, to, 0, 0, False
        stream.send("<enable xmlns='urn:xmpp:sm:3'/>")
        stream.wait(lambda e: e.tag == SM + "enabled")
        self.first = threading.Event()

    def run(self):
        while not self.stopping:
            for _ in range(20):
                self.stream.send(f"<message to='{self.to}' type='chat'><body>{self.sent} {'x' * 400}</body></message>")
                self.sent += 1
            self.stream.send("<r xmlns='urn:xmpp:sm:3'/>")
            # An <a/> of the server's own accord may come first; the answer to <r/> counts all of it.
            while self.acknowledged < self.sent:
                self.acknowledged = int(self.stream.wait(lambda e: e.tag == SM + "a").get("h"))
            self.first.set()

    def stop(self):
        self.stopping = True
        self.join(wire.TIMEOUT)


anna, jonas = lab.account("anna", "offen.example"), lab.account("jonas", "offen.example")
for number in range(10):
    lab.account(f"u{number}")
load = Load(lab.stream(anna), jonas)
load.start()
load.first.wait(wire.TIMEOUT)

# --- making one ---

for options in ([], ["--dry-run"]):
    for name in ("../erste", ".erste", "/tmp/erste"):
        answer = lab.ctl(*options, "backup", name, check=False)
        row(answer.returncode == 1 and "This is no name for a backup." in answer.stderr,
            f"backup {' '.join(options + [name])}: no name", answer)
answer = lab.ctl("--dry-run", "backup", "erste")
row("Nothing has happened" in answer.stdout and not os.listdir(backups), "backup --dry-run makes none", answer)
acknowledged_before = load.acknowledged
answer = lab.ctl("backup", "erste")
sent_after = load.sent
row(f"The backup is done: {backup_of('erste')}" in answer.stdout and "Keep a copy elsewhere" in answer.stdout and key in answer.stdout,
    "backup: says where it is, where its key is, and to keep a copy of that elsewhere", answer)
row(oct(os.stat(key).st_mode & 0o777) == oct(os.stat(backup_of("erste")).st_mode & 0o777) == "0o600"
    and os.listdir(backups) == ["erste"], "backup and key are nobody else's, and nothing is left beside them")
for options in ([], ["--dry-run"]):
    answer = lab.ctl(*options, "backup", "erste", check=False)
    row(answer.returncode == 1 and "There is a backup of that name already." in answer.stderr,
        f"backup {' '.join(options)}: does not replace another", answer)
load.first.clear()
row(load.first.wait(wire.TIMEOUT) and load.is_alive(), "the server works on meanwhile and afterwards")

# A server that takes its time, and a terminal: a second connection asks how far it is.
slow, progress = socket.socket(socket.AF_UNIX), ""
slow.bind(os.path.join(lab.dir, "slow"))
slow.listen(2)
terminal, other_end = pty.openpty()
waiting = subprocess.Popen([os.path.join(BUILD, "cmd", "konsilctl"), "--socket", os.path.join(lab.dir, "slow"), "--lang", "en",
                            "backup", "erste"], stdout=subprocess.PIPE, stderr=other_end)
first, _ = slow.accept()
first.makefile().readline()
second, _ = slow.accept()
second.makefile().readline()
second.sendall(b'{"ok":true,"result":{"backup_percent":42}}\n')
while "42 %" not in progress:
    progress += os.read(terminal, 1000).decode()
first.sendall(b'{"ok":true,"result":{"file":"F","key_file":"K","accounts":1,"messages":2,"audit_rows":3}}\n')
said = waiting.communicate(timeout=wire.TIMEOUT)[0].decode()
row(waiting.returncode == 0 and "The backup is done: F" in said, "backup: shows on a terminal how far it is", progress + said)

# --- looking at it ---

answer = lab.ctl("backup", "verify", backup_of("erste"), "--key-file", key)
row("The backup is complete and has not been altered." in answer.stdout, "backup verify: good", answer)
answer = lab.ctl("--lang", "de", "backup", "verify", backup_of("erste"), "--key-file", key)
row("Die Sicherung ist vollständig und unverändert." in answer.stdout and "Nachrichten" in answer.stdout,
    "backup verify: and in German", answer)
in_first = facts("backup", "verify", backup_of("erste"), "--key-file", key)
row(acknowledged_before <= in_first["messages"] <= sent_after and in_first["accounts"] == 12,
    "DSK I.9-a part (files, key log, configuration): a backup under load has what was acknowledged before it, and nothing "
    "that was not sent",
    (acknowledged_before, in_first, sent_after))

with open(backup_of("erste"), "rb") as file:
    sealed = file.read()
row(b"x" * 40 not in sealed and b"offen.example" not in sealed and b"konsil backup" in sealed,
    "DSK I.9-d part (where the key is kept): a backup holds neither content nor addresses in clear")
altered, size = os.path.join(lab.dir, "altered"), os.path.getsize(backup_of("erste"))
shutil.copy(backup_of("erste"), altered)
other_key = os.path.join(lab.dir, "other.key")
with open(os.open(other_key, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
    file.write("5" * 64 + "\n")


def flipped(offset):
    shutil.copy(backup_of("erste"), altered)
    with open(altered, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1]))


def verdict(path, key_file):
    answer = lab.ctl("backup", "verify", path, "--key-file", key_file, check=False)
    return answer.stderr if answer.returncode == 1 and not answer.stdout else f"accepted: {answer}"


damaged = "The key does not fit, or the backup is damaged or was altered."
for offset in (30, 100, size // 2, size - 1):
    flipped(offset)
    row(damaged in verdict(altered, key), f"a byte flipped at {offset * 100 // size} % of it is refused", verdict(altered, key))
with open(altered, "r+b") as file:
    file.truncate(size - 100)
row(damaged in verdict(altered, key), "one that was cut short is refused")
shutil.copy(backup_of("erste"), altered)
with open(altered, "ab") as file:
    file.write(b"x")
row(damaged in verdict(altered, key), "one with something behind it is refused")
row(damaged in verdict(backup_of("erste"), other_key), "another key is refused")
row("This is no backup of konsil." in verdict(os.path.join(lab.dir, "konsild.conf"), key), "another file is refused")
row("There is no such key file." in verdict(backup_of("erste"), os.path.join(lab.dir, "none")), "a key file that is not there is named")
os.chmod(other_key, 0o644)
row("Others may read the key too" in verdict(backup_of("erste"), other_key), "a key that others may read is refused")
row("There is no key in this file" in verdict(backup_of("erste"), os.path.join(lab.dir, "key.pem")), "a file that holds no key is refused")

# --- bringing it back ---

load.stop()
acknowledged = load.acknowledged
lab.ctl("backup", "zweite")
archive = [message.find("{*}body").text for message in lab.stream(jonas).archive()]
accounts, rows = lab.ctl("--json", "user", "list", "klinik.example").stdout, facts("audit", "verify")["rows"]
second = facts("backup", "verify", backup_of("zweite"), "--key-file", key_of("zweite"))
row(len(archive) == acknowledged == second["messages"], "control: all that was acknowledged is in the archive and in a backup after it",
    (len(archive), acknowledged, second))
host = os.path.join(lab.dir, "neu")
restore = ["restore", backup_of("zweite"), "--key-file", key_of("zweite"), "--to"]
answer = lab.ctl(*restore, lab.data, check=False)
row(answer.returncode == 1 and "There is something already." in answer.stderr, "restore: not into a directory with something in it", answer)
answer = lab.ctl("--dry-run", *restore, lab.data, check=False)
row(answer.returncode == 1 and "There is something already." in answer.stderr, "restore --dry-run: tells that too", answer)
answer = lab.ctl("--dry-run", *restore, host)
row("Nothing has happened" in answer.stdout and not os.path.exists(host), "restore --dry-run: makes nothing", answer)
os.mkdir(host)
lab.ctl("--dry-run", *restore, host)
row(os.path.isdir(host), "restore --dry-run: leaves an empty directory there")
os.rmdir(host)
answer = lab.ctl("restore", altered, "--key-file", key, "--to", host, check=False)
row(answer.returncode == 1 and damaged in answer.stderr and not os.path.exists(host), "restore: of an altered backup nothing is left", answer)
answer = lab.ctl("restore", backup_of("zweite"), "--key-file", key, "--to", os.path.join(lab.dir, "not", "there"), check=False)
row(answer.returncode == 1 and "This directory cannot be made." in answer.stderr, "restore: a directory that cannot be made is named", answer)
lab.stop()
shutil.copytree(backups, os.path.join(lab.dir, "safe"))
shutil.copy2(key_of("zweite"), os.path.join(lab.dir, "safe", "key"))
shutil.rmtree(lab.data)
saved = [os.path.join(lab.dir, "safe", name) for name in ("zweite", "key")]
answer = lab.ctl("restore", saved[0], "--key-file", saved[1], "--to", lab.data)
row(f"Restored in {lab.data}." in answer.stdout and "The database has a new key" in answer.stdout
    and f"accounts               {second['accounts']}" in answer.stdout,
    "restore: without a server and its data, prints what it restored", answer)
row(sorted(os.listdir(lab.data)) == ["files", "konsild.db", "konsild.key"] and not open_to_others(lab.data),
    "database, files and new key are there, and nobody else's", open_to_others(lab.data))
lab.start()
row([message.find("{*}body").text for message in lab.stream(jonas).archive()] == archive
    and lab.ctl("--json", "user", "list", "klinik.example").stdout == accounts
    and facts("audit", "verify")["rows"] == second["audit_rows"] == rows,
    "DSK I.9-a part (files, key log, configuration): konsild starts on it: the same accounts, the same messages in their "
    "order, the audit log whole, with the row of this backup, which is in it before it begins")
lab.ctl("backup", "dritte")
with open(key_of("dritte")) as new, open(saved[1]) as old:
    row(new.read() != old.read(), "each backup has a key of its own")
third = facts("backup", "verify", backup_of("dritte"), "--key-file", key_of("dritte"))
row([third[what] for what in ("accounts", "messages", "values")] == [second[what] for what in ("accounts", "messages", "values")],
    "a backup of the restored server counts the same", (second, third))
row(lab.stop() == 0, "konsild ends in order")

# --- a backup of a database with another cipher ---

shutil.rmtree(lab.data)
lab.settings()
with open(os.path.join(lab.dir, "konsild.conf")) as file:
    conf = file.read().replace('data: { directory = "data"; };', 'data: { directory = "data"; cipher = "chacha20"; };')
with open(os.path.join(lab.dir, "konsild.conf"), "w") as file:
    file.write(conf)
lab.start()
lab.account("vera")
lab.ctl("backup", "erste")
lab.stop()
for name, path in (("zweite", backup_of("erste")), ("key", key)):
    shutil.copy2(path, os.path.join(lab.dir, "safe", name))
shutil.rmtree(lab.data)
answer = lab.ctl("restore", saved[0], "--key-file", saved[1], "--to", lab.data)
lab.settings()
lab.start()
row('"vera"' in lab.ctl("--json", "user", "list", "klinik.example").stdout,
    "a database stays with its cipher, whatever the settings want of a new one", answer)
lab.stop()
done()
