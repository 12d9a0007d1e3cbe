#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a stolen disk tells: the directories of konsil, konsild and konsilctl, after an orderly end and after a kill.

The acceptance sentences of DSK I.3-c, I.3-i and I.2-g."""
import os
import shutil
import subprocess

import search
from lab import BUILD, PASSPHRASE, Lab, canary, done, open_to_others, row

os.umask(0o022)  # as on most machines; what must not be read by others has to see to it itself
OPEN_STORE = os.path.join(BUILD, "tests", "interop", "open_store")
lab = Lab()
anna, jonas = lab.account("anna"), lab.account("jonas")
A, J = lab.konsil(anna), lab.konsil(jonas, connect=False)
J.do("connect", jid=jonas, password=lab.passwords[jonas], host="127.0.0.1", port=lab.port, remember=True)
J.wait("ready")

# --- life, and both ends of it ---

words = {name: canary() for name in ("sent", "answer", "edited", "reaction", "waiting", "long")}
sent = A.send(jonas, words["sent"])
J.wait_body(words["sent"])
J.do("send", to=anna, body=words["answer"], reply_to=sent)
A.wait_body(words["answer"])
edited = A.send(jonas, canary())
A.do("edit", conversation=jonas, message=edited, body=words["edited"])
J.wait("edited")
J.do("react", conversation=anna, message=sent, emoji=[words["reaction"]])
A.wait("reaction")
row(len(A.do("search", text=words["edited"])["messages"]) == 1, "DSK I.3-c: control: the words are stored and indexed, and found by search")
for i in range(60):  # so that pages split and the write-ahead log goes round
    A.tell("send", to=jonas, body=f"{words['long']} {i} " + "lang " * 400)
J.wait_body(f"{words['long']} 59 " + "lang " * 400)
lab.stop()
A.wait("connection", lambda e: e["state"] == "offline")
A.send(jonas, words["waiting"])
A.kill()
J.close()


def contents(client):
    """What the owner sees: the identity's private key, and all records by table."""
    copy = client.dir + "-copy"
    shutil.copytree(client.dir, copy)
    text = subprocess.run([OPEN_STORE, "konsil", copy], env={"KONSIL_PASSPHRASE": PASSPHRASE}, capture_output=True,
                          text=True, check=True).stdout
    shutil.rmtree(copy)
    lines = [line.split(" ") for line in text.splitlines()]
    identity = next(bytes.fromhex(line[1]) for line in lines if line[0] == "identity")
    return identity, [(int(line[1]), bytes.fromhex(line[3])) for line in lines if line[0] == "record"]


for client, end in ((A, "SIGKILL"), (J, "an orderly end")):
    identity, records = contents(client)
    inside = b"\n".join(value for _, value in records)
    missing = [name for name, word in words.items() if word.encode() not in inside]
    row(not missing or (client is J and missing == ["waiting"]),
        f"DSK I.3-c: control: after {end} the unlocked store has the words", missing)
    log = os.path.join(client.dir, "store.db-wal")
    row((os.path.exists(log) and os.path.getsize(log) > 0) == (client is A),
        f"DSK I.3-c: control: after {end} pages are {'still in the write-ahead log' if client is A else 'all in the database'}", os.listdir(client.dir))
    row(not search.in_directory(client.dir, words.values()), f"DSK I.3-c part (the web app): after {end} no word is in the directory",
        search.in_directory(client.dir, words.values()))
    row(not search.in_directory(client.dir, [identity]), f"DSK I.3-i part (the web app), DSK I.2-g: after {end} the private identity key is not in the directory")
    # Own keys and the sessions of both versions (engine_store.h): a piece from the middle of each.
    pieces = [value[len(value) // 2 - 12:len(value) // 2 + 12] for table, value in records if table in (2, 4, 5) and len(value) >= 32]
    row(len(pieces) > 50 and not search.in_directory(client.dir, pieces),
        f"DSK I.3-i: nor are pre-keys and sessions ({end})", len(pieces))
    secrets = [lab.passwords[client.jid], PASSPHRASE]
    row(not search.in_directory(client.dir, secrets), f"DSK I.2-g: neither the passphrase nor the account's password is ({end})")
    row(lab.passwords[client.jid].encode() in inside or client is A, f"DSK I.2-g: control: a remembered password is in the store ({end})")
    row({"vault", "store.db"} <= set(os.listdir(client.dir)) and not open_to_others(client.dir),
        f"DSK I.2-g: the directory is 0700 and its files 0600 ({end})", open_to_others(client.dir))
    with open(os.path.join(client.dir, "planted"), "wb") as file:
        file.write(b"\0" * 5000 + identity + words["answer"].encode())
    row(len(search.in_directory(client.dir, [identity])) == 1 and search.in_directory(client.dir, [words["answer"]]),
        f"DSK I.3-c, DSK I.3-i, DSK I.2-g: control: planted in the same directory both are found ({end})")
    os.remove(os.path.join(client.dir, "planted"))
row(not search.planted(words["sent"]) and not search.planted(identity), "DSK I.3-i: control: the search finds keys and words in each disguise")
row(not search.in_directory(lab.dir, words.values()), "DSK I.3-c: no word is anywhere else: server, logs, temporary files",
    search.in_directory(lab.dir, words.values()))

# What the search cannot see through would be a compressor that it does not know. What a program itself asks for counts:
# libcurl has some of its own, for what a web server says, and takes nothing of ours to them.
programs = {file.name: file.path for file in os.scandir(os.path.join(BUILD, "cmd")) if file.is_file() and os.access(file.path, os.X_OK)}
libraries = {line.split("[")[1].rstrip("]") for path in programs.values()
             for line in subprocess.run(["readelf", "-d", path], capture_output=True, text=True, check=True).stdout.splitlines()
             if "(NEEDED)" in line}
row(any("libcrypto" in name for name in libraries) and not [name for name in libraries if any(
    word in name for word in ("libz.", "zstd", "snappy", "lz4", "brotli", "bz2", "lzma"))],
    "DSK I.3-c: control: no program has a library that compresses", libraries)

# --- nothing without unlocking ---


def konsil(passphrase, *options):
    environment = {"PATH": os.environ["PATH"], **({"KONSIL_PASSPHRASE": passphrase} if passphrase else {})}
    return subprocess.run([os.path.join(BUILD, "cmd", "konsil"), "--json", "--ca", lab.ca, "--dir", J.dir, *options, jonas],
                          input='{"cmd":"state"}\n{"cmd":"history","with":"' + anna + '"}\n', capture_output=True, text=True,
                          env=environment, start_new_session=True)


wrong = os.path.join(lab.dir, "wrong")
with open(wrong, "w") as file:
    file.write("geraten\n")
os.chmod(wrong, 0o600)
for name, result in {"no passphrase": konsil(None), "a wrong one": konsil("geraten"), "a wrong one in a file": konsil(None, "--passphrase-file", wrong)}.items():
    row(result.returncode != 0 and not result.stdout and result.stderr, f"DSK I.2-g: with {name} konsil says nothing and fails", result)
result = konsil(PASSPHRASE)
row(result.returncode == 0 and f"{words['long']} 59" in result.stdout, "DSK I.2-g: control: with the right one it tells the history", result)

right = os.path.join(lab.dir, "right")
with open(right, "w") as file:
    file.write(PASSPHRASE + "\n")
os.chmod(right, 0o640)
result = konsil(None, "--lang", "en", "--passphrase-file", right)
row(result.returncode == 1 and "Others can read the file" in result.stderr, "a file with the passphrase that others may read is refused", result)
os.chmod(right, 0o600)
result = konsil(None, "--passphrase-file", right)
row(result.returncode == 0 and f"{words['long']} 59" in result.stdout, "control: one that is nobody else's is taken", result)
result = konsil("1234567", "--lang", "en", "--dir", os.path.join(lab.dir, "fresh"))
row(result.returncode == 1 and "fewer than 8 characters" in result.stderr and not os.path.exists(os.path.join(lab.dir, "fresh")),
    "a new device is not begun with a passphrase of 7 characters", result)
result = konsil("ähnliche", "--dir", os.path.join(lab.dir, "fresh"))
row(result.returncode == 0 and os.path.exists(os.path.join(lab.dir, "fresh")), "control: with 8 it is", result)

row(programs.keys() == {"konsil", "konsilctl", "konsild", "konsil-ca"}, "DSK I.2-g part (the gateway): no other program has keys of messages: there is no gateway yet, and konsil-ca has the authority's alone", programs)

# --- the tools of the administrator ---

home = os.path.join(lab.dir, "home")
os.mkdir(home)
lab.start()
os.environ.update(HOME=home, XDG_DATA_HOME=home, XDG_CONFIG_HOME=home, XDG_CACHE_HOME=home, XDG_STATE_HOME=home)
lena = lab.account("lena")
lab.ctl("user", "passwd", lena, "--password-stdin", text="ein-neues-Kennwort-9\n")
lab.ctl("health")
row(not os.listdir(home), "DSK I.2-g: konsilctl leaves no file behind, so no key", os.listdir(home))
secrets = [lab.passwords[lena], "ein-neues-Kennwort-9"]
lab.stop()
copy = os.path.join(lab.dir, "copy")
shutil.copytree(lab.data, copy)
subprocess.run([OPEN_STORE, "konsild", os.path.join(copy, "konsild.db"), os.path.join(copy, "konsild.key")], check=True)
row(not search.in_directory(lab.data, secrets) and not search.in_directory(copy, secrets),
    "DSK I.2-g: passwords given to konsilctl are not in konsild's directory, nor in the decrypted database")
row(search.in_directory(copy, ["lena"]), "DSK I.2-g: control: the account's name is found in the decrypted database")
row("konsild.key" in os.listdir(lab.data) and not open_to_others(lab.data),
    "DSK I.2-g: konsild's directories are 0700, its files and key 0600", open_to_others(lab.data))
os.chmod(os.path.join(lab.data, "konsild.key"), 0o640)
row(open_to_others(lab.data) == ["konsild.key 640"], "DSK I.2-g: control: a file that others may read is seen")
done()
