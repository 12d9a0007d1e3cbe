# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files of the engine in WebAssembly, under Node, by the platform's fetch: to a konsil and back, through a real konsild."""
import hashlib
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import watch
from front import before_files, change_file, files_at
from in_node import WHY_NOT, InNode, node, reads_blobs
from lab import Lab, done, note, row, skip
from peak import Peak

MB = 1 << 20
LARGE, LIMIT = 64 * MB, 96 * MB

if not node():
    skip("the engine in WebAssembly moves files", WHY_NOT)
    done()

lab = Lab(web=True)
front = before_files(lab, LIMIT)
clara, berta = InNode(lab, lab.account("clara")), lab.konsil(lab.account("berta"))
clara.send(berta.jid, "guten Morgen")
berta.wait_body("guten Morgen")
berta.send(clara.jid, "ebenso")
clara.wait_body("ebenso")
inbox = os.path.join(lab.dir, "inbox")
os.mkdir(inbox)
ours = lambda: [name for name in os.listdir(clara.dir) + os.listdir(inbox) if name.startswith(".konsil-")]


def path_of(name, content):
    path = os.path.join(lab.dir, name)
    with open(path, "wb") as file:
        file.write(content)
    return path


def sha(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def send(konsil, to, path):
    return konsil.do("file_send", to=to.jid, path=path, name=os.path.basename(path))["transfer"]


def got(konsil):
    """The next message with a file."""
    return konsil.wait("message", lambda e: e["message"].get("files") and not e["message"].get("mine"))["message"]


def get(konsil, of, message, place=inbox + "/"):
    return konsil.do("file_get", conversation=of.jid, message=message["message"], path=place)["transfer"]


# --- up ---

content = random.Random(5).randbytes(20 * MB)
source = path_of("bild.bin", content)
front.begin(6 * MB)
number = send(clara, berta, source)
row(front.reached(), "(positive control: the file is on its way)")
front.cut()
over = clara.wait_transfer(number)
row(over["state"] == "done", "XEP-0363 §4: the engine in WebAssembly puts a file, also when the line broke", over)
message = got(berta)
stored = open(files_at(lab)[-1], "rb").read()
row(len(stored) == 20 * MB + 16 and content[:64] not in stored, "PROTOCOL §5.8: what lies at the server is sealed", len(stored))
over = berta.wait_transfer(get(berta, clara, message))
row(over["state"] == "done" and sha(over["path"]) == hashlib.sha256(content).hexdigest(), "a konsil has the same bytes", over)
os.unlink(over["path"])
row(not ours(), "and nothing half done is left", ours())

# --- down ---

berta.wait_transfer(send(berta, clara, source))
message = got(clara)
front.begin(8 * MB)
number = get(clara, berta, message)
row(front.reached(), "(positive control: it is being fetched)")
parts = [os.path.join(inbox, name) for name in os.listdir(inbox)]
row([os.path.basename(path) for path in parts] == [f".konsil-{number}.part"] and os.stat(parts[0]).st_mode & 0o077 == 0
    and content[:64] not in open(parts[0], "rb").read(), "until all of it is here nothing has the file's name; what is here is sealed, and its owner's alone", parts)
half = os.path.getsize(parts[0])
front.cut()
over = clara.wait_transfer(number)
row(over["state"] == "done" and sha(over["path"]) == hashlib.sha256(content).hexdigest(), "XEP-0363 §7: it fetches a file, also when the line broke", over)
row(half > MB and front.down < 20 * MB - half + 4 * MB, "RFC 9110 §14.2: only what was missing was fetched", f"{front.down} after {half}")
row(os.listdir(inbox) == ["bild.bin"], "and nothing half done is left", os.listdir(inbox))
over = clara.wait_transfer(get(clara, berta, message))
row(over["state"] == "done" and over["path"].endswith("bild (2).bin"), "what is there is not overwritten: the second gets a number", over)
front.begin(8 * MB)
number = get(clara, berta, message)
front.reached()
clara.do("file_cancel", transfer=number)
over = clara.wait_transfer(number)
watch.until(inbox, lambda names: not ours(), "what is given up goes")
front.cut()
row(over.get("reason") == "file.cancelled" and sorted(os.listdir(inbox)) == ["bild (2).bin", "bild.bin"], "one that is given up leaves nothing", over)

# --- what a server, and people, can do ---

small = path_of("klein.bin", b"x" * 70000)
before = sorted(os.listdir(inbox))
for name, to in (("other", lambda b: b[:100] + bytes([b[100] ^ 1]) + b[101:]), ("fewer", lambda b: b[:-20])):
    berta.wait_transfer(send(berta, clara, small))
    message = got(clara)
    change_file(files_at(lab)[-1], to)
    over = clara.wait_transfer(get(clara, berta, message))
    row(over.get("reason") == "file.not_genuine" and sorted(os.listdir(inbox)) == before, f"of {name} bytes than its author sent nothing is saved, and the reader is told", over)
berta.wait_transfer(send(berta, clara, small))
message = got(clara)
over = clara.wait_transfer(get(clara, berta, message, "/proc/nirgends/x"))
row(over.get("reason") == "file.unwritable", "a place where nothing can be saved is said so", over)
os.unlink(files_at(lab)[-1])
over = clara.wait_transfer(get(clara, berta, message))
row(over.get("reason") == "file.gone" and sorted(os.listdir(inbox)) == before, "XEP-0363 §7: a file that the server has no more is said so", over)
for path in (os.path.join(lab.dir, "nirgends"), "/dev/zero"):
    over = clara.wait_transfer(send(clara, berta, path))
    row(over.get("reason") == "file.unreadable", f"what cannot be read is said so: {os.path.basename(path)}", over)
over = clara.wait_transfer(send(clara, berta, path_of("leer.txt", b"")))
end = berta.wait_transfer(get(berta, clara, got(berta)))
row(over["state"] == "done" and os.path.getsize(end["path"]) == 0, "an empty file goes, too", (over, end))
berta.wait_transfer(send(berta, clara, end["path"]))
over = clara.wait_transfer(get(clara, berta, got(clara)))
row(over["state"] == "done" and os.path.getsize(over["path"]) == 0, "and comes", over)

# --- memory ---

big = path_of("gross.bin", b"")
with open(big, "wb") as out:
    for _ in range(LARGE // MB):
        out.write(random.randbytes(MB))
with Peak(clara.process.pid) as up:
    over = clara.wait_transfer(send(clara, berta, big))
row(over["state"] == "done", f"a file of {LARGE // MB} MiB goes", over)
berta.wait_transfer(get(berta, clara, got(berta)))
berta.wait_transfer(send(berta, clara, big))
message = got(clara)
with Peak(clara.process.pid) as down:
    over = clara.wait_transfer(get(clara, berta, message))
row(over["state"] == "done" and sha(over["path"]) == sha(big), "and comes as it went", over)
LITTLE = "and takes Node, which collects its garbage late, less than half of that in memory"
if reads_blobs():
    row(max(up.kib, down.kib) < LARGE // 2048, LITTLE, f"{up.kib} KiB and {down.kib} KiB")
else:
    skip(LITTLE, "this Node has no Blob that reads from the disk (fs.openAsBlob)")
note(f"up {LARGE / MB / up.seconds:.0f} MiB/s, down {LARGE / MB / down.seconds:.0f} MiB/s with all of them on one machine; "
     f"{up.kib} KiB and {down.kib} KiB more at the peak")
row(not ours(), "nothing half done is left", ours())
row(clara.close() == 0, "the program ends well")
berta.close()
done()
