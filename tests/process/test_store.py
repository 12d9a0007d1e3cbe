# SPDX-License-Identifier: AGPL-3.0-or-later
"""konsild and its database when something is wrong with it: from a newer version, damaged, or without room on the disk.

The full disk is a small file system in memory, of this process tree's own (a mount namespace)."""
import ctypes
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import wire
from lab import BUILD, Lab, done, row, skip

CLONE_NEWNS, CLONE_NEWUSER, MS_PRIVATE, MS_REC = 0x20000, 0x10000000, 0x40000, 0x4000
DISK = 12 << 20
PAGE = 8192
STORE_FAILS = "The last change could not be stored. The server refuses messages until it can be; nothing is lost."


def own_mounts():
    """May this process mount for itself? As root at once, else as root of a user namespace of its own."""
    libc, uid, gid = ctypes.CDLL(None, use_errno=True), os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWNS) != 0:
        if libc.unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0:
            return None
        for name, line in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(line)
    return libc if libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) == 0 else None


def sql(statement):
    subprocess.run([os.environ["STORE_SQL"], database, os.path.join(lab.data, "konsild.key"),
                    statement], check=True, capture_output=True)


def put(content):
    """Makes it the database; what the log of another one holds is not its."""
    with open(database, "wb") as file:
        file.write(content)
    if os.path.exists(database + "-wal"):
        os.unlink(database + "-wal")


def refusal():
    """What konsild says when it does not start; None if it does."""
    try:
        ended = subprocess.run([os.path.join(BUILD, "cmd", "konsild"), "--config", "konsild.conf"], cwd=lab.dir, env=dict(os.environ, LC_ALL="en_US.UTF-8"),
                               capture_output=True, text=True, timeout=wire.TIMEOUT)
    except subprocess.TimeoutExpired:
        return None
    return ended.stderr if ended.returncode else None


def say(stream, to, name):
    stream.send(f"<message to='{to}' id='{name}' type='chat'><body>{name} {'x' * 1200}</body></message>")


def refused_names(stream):
    """Ids of the messages that came back with resource-constraint; other errors are the test's end."""
    names = set()
    for element in stream.waiting:
        if element.tag == wire.CLIENT + "message" and element.get("type") == "error":
            assert wire.condition(element.find(wire.CLIENT + "error")) == "resource-constraint", element
            names.add(element.get("id"))
    return names


def settle(stream, count):
    """Until konsild has dealt with so many stanzas (XEP-0198 §4): it keeps them, or it refused them."""
    stream.send("<r xmlns='urn:xmpp:sm:3'/>")
    stream.wait(lambda e: e.tag == "{urn:xmpp:sm:3}a" and int(e.get("h")) == count)
    stream.waiting = [e for e in stream.waiting if e.tag != "{urn:xmpp:sm:3}a"]


lab = Lab()
database = os.path.join(lab.data, "konsild.db")
anna, jonas = lab.account("anna", "offen.example"), lab.account("jonas", "offen.example")

# --- from another version, damaged ---

lab.stop()
version = subprocess.run([os.environ["STORE_SQL"], database, os.path.join(lab.data, "konsild.key"),
                          "PRAGMA user_version"], check=True, capture_output=True, text=True).stdout.strip()
sql("PRAGMA user_version = 999")
said = refusal()
row(said and "was written by a newer konsild" in said and "Install that version" in said,
    "a database of a newer version is refused, with what to do", said)
sql(f"PRAGMA user_version = {version}")
lab.start()
lab.stream(anna, "control").close()
row(True, "(control: with the number back konsild starts, and the account is there)")

lab.stop()
with open(database, "rb") as file:
    good = file.read()
pages = [good[at:at + PAGE] for at in range(0, len(good), PAGE)]
put(pages[0] + b"".join(page[:100] + b"damage" + page[106:] for page in pages[1:]))
said = refusal()
row(said and "is damaged" in said and "Restore a backup" in said, "a damaged database is refused, with what to do", said)
put(good)
lab.start()
lab.stream(anna, "control").close()
row(True, "(control: with its bytes back konsild starts, and the account is there)")

# One page at a time: refused at the start, or noticed when it is read; never served as if nothing were wrong.
lab.stop()
at_start, noticed, unread, wrong, backups = 0, 0, 0, [], []
for page in range(1, len(pages)):
    put(good[:page * PAGE + 100] + b"damage" + good[page * PAGE + 106:])
    ended = subprocess.Popen([os.path.join(BUILD, "cmd", "konsild"), "--config", "konsild.conf"], cwd=lab.dir,
                             env=dict(os.environ, LC_ALL="en_US.UTF-8"), stderr=subprocess.PIPE, text=True)
    said = ""
    for line in ended.stderr:
        said += line
        if "konsild.started" in line:
            break
    if "konsild.started" not in said:
        at_start += 1
        if ended.wait(wire.TIMEOUT) == 0 or "Restore a backup" not in said and "restore a backup" not in said:
            wrong.append(said)
        continue
    answer = lab.ctl("user", "list", "offen.example", check=False)
    if answer.returncode == 0 and "anna" in answer.stdout and "jonas" in answer.stdout:
        unread += 1
        backups.append(lab.ctl("backup", f"page-{page}", check=False))
        ended.terminate()
        ended.stderr.read()
        ended.wait(wire.TIMEOUT)
        continue
    noticed += 1
    said += ended.stderr.read()
    if "restore a backup" not in said or ended.wait(wire.TIMEOUT) == 0:
        wrong.append(f"{answer} {said}")
row(noticed and not wrong, f"damage of one page ends konsild with what to do: {at_start} at the start, {noticed} when it was read"
    f" ({unread} not read)", wrong[:1])
row(backups and all(answer.returncode == 1 and "The database is damaged. No backup was made." in answer.stderr
                    and "konsilctl restore" in answer.stderr for answer in backups),
    "and a backup, which reads all pages, says that the database is damaged, and what to do", backups[:1])
put(good)
lab.start()

# --- no room ---

lab.stop()
libc = own_mounts()
if not libc:
    skip("a full disk", "this machine lets nobody mount a file system of their own")
    done()
aside = lab.data + ".aside"
os.rename(lab.data, aside)
os.mkdir(lab.data)
if libc.mount(b"none", lab.data.encode(), b"tmpfs", 0, f"size={DISK},mode=0700".encode()) != 0:
    skip("a full disk", "this machine lets nobody mount a file system of their own")
    done()
subprocess.run(["cp", "-a", aside + "/.", lab.data], check=True)
lab.start()
stream, sent = lab.stream(anna, "writer"), 0
stream.send("<enable xmlns='urn:xmpp:sm:3'/>")
stream.wait(lambda e: e.tag == "{urn:xmpp:sm:3}enabled")

say(stream, jonas, "before")
settle(stream, 1)
row(not refused_names(stream), "with room a message is acknowledged")

refused, before = set(), -1
while len(refused) - before < 50 and sent < 20000:  # a whole round; 20,000 messages are more than the disk could ever hold
    before = len(refused)
    for _ in range(50):
        say(stream, jonas, f"m{sent}")
        sent += 1
    settle(stream, sent + 1)
    refused = refused_names(stream)
row(refused, f"when the disk is full messages come back with resource-constraint ({len(refused)} of {sent})")
row(lab.konsild.poll() is None and "store.refuses" in open(lab.log_path).read(), "konsild lives on, and its log says so")
health = lab.ctl("health", check=False)
row(health.returncode and STORE_FAILS in health.stdout + health.stderr, "and so does konsilctl health", health)
reader = lab.stream(jonas, "reader")
row(reader.iq("get", "<ping xmlns='urn:xmpp:ping'/>", to="offen.example").get("type") == "result",
    "and serves others: a login needs no room")

full = [os.path.join(lab.data, name) for name in os.listdir(lab.data)]
row(libc.mount(b"none", lab.data.encode(), b"tmpfs", 32, f"size={4 * DISK}".encode()) == 0, "there is room again", full)  # 32: remount
for attempt in range(20000):  # the first that is taken; each answer is an event, so nothing here waits for time
    say(stream, jonas, f"after{attempt}")
    settle(stream, sent + attempt + 2)
    if f"after{attempt}" not in refused_names(stream):
        break
row(attempt == 0, "and konsild takes messages again at once, without a restart", f"after {attempt} tries")

lab.kill()
refused = refused_names(stream)
lab.start()
names = [body.text.split()[0] for message in lab.stream(jonas, "later").archive() if (body := message.find(wire.CLIENT + "body")) is not None]
wanted = ["before"] + [f"m{i}" for i in range(sent) if f"m{i}" not in refused] + [f"after{attempt}"]
row(names == wanted, f"after a kill all that was not refused is there, in order, once ({len(wanted)})",
    [set(wanted) - set(names), set(names) - set(wanted), len(names)])
row(not refused & set(names), f"and nothing of what was refused ({len(refused)})", refused & set(names))
done()
