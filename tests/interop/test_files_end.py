# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the server has of files, and for how long: ciphertext, until the message is taken back or the time is up."""
import base64
import contextlib
import glob
import hashlib
import http.client
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "process"))
import search
import watch
from lab import BUILD, PASSPHRASE, Lab, canary, done, row

OPEN_STORE = os.path.join(BUILD, "tests", "interop", "open_store")
LATER = os.path.join(BUILD, "tests", "interop", "liblater.so")
MB = 1 << 20
lab = Lab(web=True)
anna, berta = lab.account("anna"), lab.account("berta")
A, B = lab.konsil(anna), lab.konsil(berta)
inbox = os.path.join(lab.dir, "inbox")
os.mkdir(inbox)


def status(url):
    """What a GET is answered with."""
    context = ssl.create_default_context(cafile=lab.ca)
    connection = http.client.HTTPSConnection("klinik.example", lab.https_port, context=context, timeout=60)
    connection.sock = context.wrap_socket(socket.create_connection(("127.0.0.1", lab.https_port), 60), server_hostname="klinik.example")
    with contextlib.closing(connection):
        connection.request("GET", "/" + url.split("/", 3)[3])
        return connection.getresponse().status


def url_of(konsil, name):
    """Where a file lies, out of the opened store of a device that was killed: nothing else tells it."""
    with tempfile.TemporaryDirectory() as directory:
        copy = shutil.copytree(konsil.dir, os.path.join(directory, "copy"))
        text = subprocess.run([OPEN_STORE, "konsil", copy], env={"KONSIL_PASSPHRASE": PASSPHRASE}, capture_output=True, text=True,
                              check=True).stdout
    for record in (bytes.fromhex(line.split(" ")[3]) for line in text.splitlines() if line.startswith("record 7 ")):
        if name.encode() in record:
            return re.search(rb"https://[^/]+/files/[0-9a-f]{40}/file\.bin", record)[0].decode()
    return ""


def in_database(words):
    """Hits in the database of konsild, decrypted."""
    lab.stop()
    with tempfile.TemporaryDirectory() as directory:
        for name in glob.glob(f"{lab.data}/konsild.db*"):
            shutil.copy(name, directory)
        subprocess.run([OPEN_STORE, "konsild", f"{directory}/konsild.db", f"{lab.data}/konsild.key"], check=True)
        hits = search.in_directory(directory, words)
    lab.start()
    return hits


def unevenness(data):
    """Chi-square against evenly spread bytes: of random ones, between 150 and 400."""
    even = len(data) / 256
    return sum((data.count(i) - even) ** 2 / even for i in range(256))


def read(name):
    with open(name, "rb") as file:
        return file.read()


at_server = lambda: sorted(glob.glob(f"{lab.data}/files/*/*"), key=os.path.getmtime)


def end_of(konsil, number):
    return konsil.wait("transfer", lambda e: e["transfer"]["transfer"] == number
                       and e["transfer"]["state"] in ("done", "failed"))["transfer"]


def save(message, konsil=None):
    konsil = konsil or B
    return end_of(konsil, konsil.do("file_get", conversation=anna, message=message["message"], path=inbox)["transfer"])


def restart(konsil):
    konsil.kill()
    konsil.start()


# --- ciphertext ---

A.send(berta, "guten Morgen")
B.wait_body("guten Morgen")
B.send(anna, "ebenso")
A.wait_body("ebenso")
kinds = {}
for kind, type_, magic in (("image", "image/jpeg", b"\xff\xd8\xff\xe0\0\x10JFIF"), ("voice note", "audio/ogg", b"OggS\0\2"),
                           ("video", "video/mp4", b"\0\0\0\x18ftypmp42"), ("document", "application/pdf", b"%PDF-1.7\n")):
    words = {what: canary() for what in ("name", "text", "thumbnail", "content")}
    content = (magic + (words["content"].encode() + b" ") * (MB // 20))[:MB]
    source = os.path.join(lab.dir, kind)
    with open(source, "wb") as file:
        file.write(content)
    thumbnail = (words["thumbnail"].encode() + b"\n") * 40
    over = end_of(A, A.do("file_send", to=berta, path=source, name=f"{words['name']}.{type_[-3:]}", type=type_, caption=words["text"],
                          thumbnail=base64.b64encode(thumbnail).decode(), thumbnail_type="image/jpeg", width=40, height=30)["transfer"])
    message = B.wait("message", lambda e: e["message"].get("files"))["message"]
    kinds[kind] = {"words": words, "type": type_, "content": content, "message": message, "thumbnail": thumbnail}
words = [word for kind in kinds.values() for word in kind["words"].values()]
row(all(base64.b64decode(kind["message"]["files"][0]["thumbnail"]) == kind["thumbnail"]
        and kind["message"]["files"][0]["name"].startswith(kind["words"]["name"]) and kind["message"]["files"][0]["type"] == kind["type"]
        and kind["message"]["body"] == kind["words"]["text"] for kind in kinds.values()),
    "control: the reader sees name, type, text and small picture of each", [kind["message"] for kind in kinds.values()])
saved = {name: save(kind["message"]) for name, kind in kinds.items()}
row(all(over["state"] == "done" and read(over["path"]) == kinds[name]["content"] for name, over in saved.items()),
    "control: and has the same bytes", saved)
stored = [read(name) for name in at_server()]
row(len(stored) == 4 and {len(data) for data in stored} == {MB + 16}, "control: there are four files at the server, each 16 bytes longer",
    [len(data) for data in stored])
figures = [unevenness(data) for data in stored], [unevenness(kind["content"]) for kind in kinds.values()]
row(all(100 < figure < 420 for figure in figures[0]) and min(figures[1]) > 10000,
    "DSK II.1-c in full: an image, a voice note, a video and a document lie at the server as bytes that look random (control: the files do not)",
    figures)
row(not [word for word in words if search.planted(word)] and not search.in_bytes(b"".join(stored), words)
    and all(search.in_bytes(kind["content"], [kind["words"]["content"]]) for kind in kinds.values()),
    "DSK II.1-c in full: no word of name, text, small picture or content stands in them, in any disguise (control: planted, each is found)",
    search.in_bytes(b"".join(stored), words))
hits = search.in_directory(lab.data, words + ["image/jpeg", "audio/ogg", "video/mp4"])
row(not hits, "DSK II.1-c in full: nor in any other file of konsild's", hits)
hits = in_database(words + ["image/jpeg", "audio/ogg", "video/mp4"])
row(not hits and in_database([os.path.basename(at_server()[0])]),
    "DSK II.1-c in full: nor in its database, opened with its own key (control: the file's number stands there)", hits)
restart(A), restart(B)
first, second = at_server()[:2]
whole, times = read(first), os.stat(first)


def replace_first(data):
    """The time of change is when its time is up, and stays."""
    with open(first, "wb") as file:
        file.write(data)
    os.utime(first, ns=(times.st_atime_ns, times.st_mtime_ns))


replace_first(read(second))
over = save(kinds["image"]["message"])
row(over.get("reason") == "file.not_genuine" and len(os.listdir(inbox)) == 4,
    "DSK II.1-c in full: bytes that are sealed under another key are not opened", over)
replace_first(whole)
row(save(kinds["image"]["message"])["state"] == "done", "control: under the right one they are")

# --- taken back ---

B.kill()
urls = {name: url_of(B, kind["words"]["name"]) for name, kind in kinds.items()}
B.start()
row(all(urls.values()) and [status(url) for url in urls.values()] == [200] * 4, "control: whoever has the address of a file gets it", urls)
taken, kept = urls["image"], urls["voice note"]
before = set(at_server())
A.do("retract", conversation=berta, message=kinds["image"]["message"]["message"])
B.wait("retracted", lambda e: e["message"] == kinds["image"]["message"]["message"])
# PROTOCOL §2: its name on the disk is a hash of its number in the address.
name = hashlib.sha256(b"konsil file name\n" + taken.split("/")[4].encode()).digest()[:16].hex()
watch.until(os.path.join(lab.data, "files", name[:2]), lambda names: name not in names, "the file that was taken back goes")
gone = before - set(at_server())
row([os.path.basename(path) for path in gone] == [name] and status(taken) == 404 and status(kept) == 200,
    "DSK I.7-a in full: after the retraction of its message a GET of the upload URL is 404 (control: another file's is 200)", gone)
ids = [taken.split("/")[4], name]
hits = search.in_directory(lab.data, ids) + in_database(ids)
row(not hits and in_database([os.path.basename(at_server()[0])]),
    "DSK I.7-a in full: neither its number nor its address is anywhere at the server, in the opened database neither (control: another one's is)", hits)
row(not (A.do("search", text=kinds["image"]["words"]["text"])["messages"] or B.do("search", text=kinds["image"]["words"]["text"])["messages"])
    and B.do("search", text=kinds["video"]["words"]["text"])["messages"],
    "DSK I.7-a in full: and neither program finds its text (control: another's it finds)")

# --- its time is up ---

names = [os.path.basename(name) for name in at_server()]
row(len(names) == 3 and status(kept) == 200, "control: the others are there", names)


def days_later(days):
    """konsild, started anew so much later. Its clock is another one; everything else is as it was."""
    lab.stop()
    os.environ.update(LD_PRELOAD=LATER, LATER_SECONDS=str(days * 86400))
    lab.start()
    del os.environ["LD_PRELOAD"], os.environ["LATER_SECONDS"]


days_later(89)
lab.log.wait(lambda line: "files.swept" in line, "a sweep")
row(status(kept) == 200 and len(at_server()) == 3, "control: a day before its time is up a file is there (files.keep: 90 days)")
days_later(91)
row(status(kept) == 404, "DSK I.7-c part (alerts): when its time is up, a GET of a file's URL is 404")
lab.log.wait(lambda line: "files.swept" in line, "a sweep")
row(not at_server(), "DSK I.7-c part (alerts): and nothing of any is on the disk, without anybody's doing", at_server())
lab.ctl("retention", "run")
urls_ids = [url.split("/")[4] for url in urls.values()]
lab.stop()
hits = search.in_directory(lab.data, names + urls_ids) + in_database(names + urls_ids)
row(not hits, "DSK I.7-c part (alerts): nor a row of it in the database, free pages included", hits)
over = save(kinds["voice note"]["message"])
row(over["state"] == "failed" and over["reason"] == "file.gone", "a reader who asks for it is told that its time is up", over)
done()
