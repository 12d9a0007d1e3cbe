# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files from konsil to konsil, through a real konsild: whole, once, and after everything that can break."""
import glob
import hashlib
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import watch
from front import before_files, change_file, files_at
from lab import BUILD, Lab, canary, done, note, row, skip
from peak import Peak, measured
from search import in_directory

MB = 1 << 20
TELLS = measured(os.path.join(BUILD, "cmd", "konsil"))  # its memory does
LARGE, LIMIT = (256 * MB, 512 * MB) if TELLS else (8 * MB, 64 * MB)

lab = Lab(web=True)
front = before_files(lab, LIMIT)
anna_jid, berta_jid = lab.account("anna"), lab.account("berta")
anna, berta = lab.konsil(anna_jid), lab.konsil(berta_jid)
anna.send(berta_jid, "guten Morgen")
berta.wait_body("guten Morgen")
berta.send(anna_jid, "ebenso")
anna.wait_body("ebenso")  # each knows by now that the other is a konsil

word = canary()
content = random.Random(5).randbytes(20 * MB)
source = os.path.join(lab.dir, "bild.bin")
open(source, "wb").write(content)
inbox = os.path.join(lab.dir, "inbox")
os.mkdir(inbox)


def send(name, path=source, **more):
    return anna.do("file_send", to=berta_jid, path=path, name=name, **more)["transfer"]


def got():
    """The next message with a file at berta's."""
    return berta.wait("message", lambda e: e["message"].get("files"))["message"]


def get(message, place=inbox + "/", konsil=berta):
    return konsil.do("file_get", conversation=anna_jid, message=message["message"], path=place)["transfer"]


def sha(name):
    with open(name, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- up, with a kill in the middle ---

front.begin(6 * MB)
number = send(f"{word} Röntgen.jpg", type="image/jpeg", caption="bitte ansehen")
row(front.reached(), "(positive control: the file is on its way)")
anna.kill()
front.begin()
watch.until(f"{lab.data}/files/part", lambda names: not names, "what came of a broken upload is removed")
row(not [n for n in glob.glob(f"{lab.data}/files/*/*")], "of an upload that broke nothing lies at the server")
anna.start()
over = anna.wait_transfer(number)
row(over["state"] == "done" and over["message"], "an upload that a kill broke is done after a new start, under its number", over)
message = got()
file = message["files"][0]
row(file["name"] == f"{word} Röntgen.jpg" and file["size"] == 20 * MB and message["body"] == "bitte ansehen",
    "XEP-0447: the reader is told name and size, and its text", file)
row(not in_directory(lab.data, [word, "image/jpeg"]), "DSK II.1-g part (files): konsild knows neither its name nor its type")
stored = [open(n, "rb").read() for n in glob.glob(f"{lab.data}/files/*/*")]
row(len(stored) == 1 and len(stored[0]) == 20 * MB + 16 and content[:64] not in stored[0], "and has one file, sealed", len(stored))

# --- down, with a kill in the middle ---

front.begin(8 * MB)
number = get(message)
row(front.reached(), "(positive control: it is being fetched)")
watch.until(inbox, lambda names: any(os.path.getsize(os.path.join(inbox, n)) > 4 * MB for n in names), "half of a download is written", written=True)
berta.kill()
parts = glob.glob(f"{inbox}/.konsil-*")
row(os.listdir(inbox) == [os.path.basename(parts[0])] and os.path.getsize(parts[0]) > 4 * MB,
    "until all of it is here nothing has the file's name", os.listdir(inbox))
half = os.path.getsize(parts[0])
row(content[:64] not in open(parts[0], "rb").read() and os.stat(parts[0]).st_mode & 0o077 == 0,
    "and what is here is sealed, and its owner's alone")
front.begin()
berta.start()
over = berta.wait_transfer(number)
row(over["state"] == "done" and os.path.basename(over["path"]) == file["save_as"], "it goes on after a new start", over)
row(sha(over["path"]) == hashlib.sha256(content).hexdigest(), "the reader has the same bytes (SHA-256)")
row(front.down < 20 * MB - half + MB, "RFC 9110 §14.2: only what was missing was fetched", f"{front.down} after {half}")
row(os.listdir(inbox) == [file["save_as"]], "nothing half done is left", os.listdir(inbox))
over = berta.wait_transfer(get(message))
row(over["state"] == "done" and over["path"].endswith(" (2).jpg") and len(os.listdir(inbox)) == 2,
    "what is there is not overwritten: the second gets a number", over)

# --- what a server can do ---

small = os.path.join(lab.dir, "klein.bin")
open(small, "wb").write(b"x" * 70000)


at_server = lambda: files_at(lab)[-1]
change = lambda to: change_file(at_server(), to)
anna.wait_transfer(send("a.txt", small))
message = got()
change(lambda b: b[:100] + bytes([b[100] ^ 1]) + b[101:])
before = os.listdir(inbox)
over = berta.wait_transfer(get(message))
row(over["state"] == "failed" and over["reason"] == "file.not_genuine" and os.listdir(inbox) == before,
    "of bytes that the server changed nothing is saved, and the reader is told", over)
anna.wait_transfer(send("b.txt", small))
message = got()
change(lambda b: b[:-20])
over = berta.wait_transfer(get(message))
row(over.get("reason") == "file.not_genuine" and os.listdir(inbox) == before, "nor of fewer", over)

# --- what people can do wrong ---

big = os.path.join(lab.dir, "gross.bin")
with open(big, "wb") as out:
    out.truncate(LIMIT + MB)
over = anna.wait_transfer(send("zu gross.bin", big))
row(over.get("reason") == "file.too_big" and over["detail"] == ("512.0 MiB" if TELLS else "64.0 MiB"), "what is too big is refused, with the limit", over)
over = anna.wait_transfer(send("fort.bin", os.path.join(lab.dir, "nirgends")))
row(over.get("reason") == "file.unreadable", "a file that is not there is said so", over)
over = anna.wait_transfer(send("geraet.bin", "/dev/zero"))
row(over.get("reason") == "file.unreadable", "so is what is no file", over)
anna.wait_transfer(send("../../../tmp/x", small))
message = got()
over = berta.wait_transfer(get(message))
row(over["state"] == "done" and os.path.dirname(os.path.realpath(over["path"])) == os.path.realpath(inbox),
    "a name that is a path leads nowhere", over)
over = berta.wait_transfer(get(message, "/proc/nirgends/x"))
row(over.get("reason") == "file.unwritable", "a place where nothing can be saved is said so", over)
empty = os.path.join(lab.dir, "leer")
open(empty, "wb").close()
anna.wait_transfer(send("leer.txt", empty))
over = berta.wait_transfer(get(got()))
row(over["state"] == "done" and os.path.getsize(over["path"]) == 0, "an empty file goes, too", over)

# --- memory ---

os.unlink(big)
with open(big, "wb") as out:
    for _ in range(LARGE // MB):
        out.write(random.randbytes(MB))
with Peak(anna.process.pid) as up:
    over = anna.wait_transfer(send("gross.bin", big))
row(over["state"] == "done", f"a file of {LARGE // MB} MiB goes", over)
message = got()
with Peak(berta.process.pid) as down:
    over = berta.wait_transfer(get(message))
row(over["state"] == "done" and sha(over["path"]) == sha(big), "and comes as it went", over)
name = "and takes each konsil less than 2 MiB in memory"
if TELLS:
    row(up.kib < 2048 and down.kib < 2048, name, f"{up.kib} KiB and {down.kib} KiB")
else:
    skip(name, "a sanitizer keeps what was freed")
note(f"up {LARGE / MB / up.seconds:.0f} MiB/s, down {LARGE / MB / down.seconds:.0f} MiB/s with all of them on one machine; "
     f"{up.kib} KiB and {down.kib} KiB more at the peak")
for path in (over["path"], big, at_server()):  # what is searched below need not be so large
    os.unlink(path)

# --- taken back ---

word = canary()
anna.wait_transfer(send("zurueck.txt", small, caption="Befund " + word))
message = got()
taken = at_server()
found = lambda client: client.do("search", text=word)["messages"]
row(os.path.exists(taken) and found(anna) and found(berta), "(positive control: it lies at the server, and both find it by its caption)")
anna.do("retract", conversation=berta_jid, message=message["message"])
berta.wait("retracted", lambda e: e["message"] == message["message"])
watch.until(os.path.dirname(taken), lambda names: os.path.basename(taken) not in names, "the file that was taken back goes")
row(not os.path.exists(taken), "PROTOCOL §3.4: a file that its author took back is gone from the server's disk")
row(not found(anna) and not found(berta), "DSK I.7-a: after a retraction neither finds it any more", (found(anna), found(berta)))
row(not in_directory(lab.data, [os.path.basename(taken)]), "DSK I.7-a: and the server has no object of that name")
row(berta.do("file_get", conversation=anna_jid, message=message["message"], path=inbox)["code"] == "message.retracted",
    "and can be fetched no more")

# --- many, and the end of the input ---

for i in range(3):
    send(f"{i}.txt", small, set="mappe", part=i + 1, of=3)
row(anna.close() == 0, "konsil --json goes when its files are with the server")
names = [got()["files"][0] for _ in range(3)]
row([(n["name"], n["part"], n["of"]) for n in names] == [(f"{i}.txt", i + 1, 3) for i in range(3)],
    "PROTOCOL §5.8: each says which of how many it is", names)
done()
