# SPDX-License-Identifier: AGPL-3.0-or-later
"""The archive's records, salts and key rings (doc/PROTOCOL.md §18) in the files of a real konsild: what is acknowledged survives
kill -9; what is dropped is in no file; a backup holds records, and neither salts nor key rings."""
import base64
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from lab import Lab, done, row

ARCHIVE = "urn:konsil:archive:0"
b64 = lambda data: base64.b64encode(data).decode()
lab = Lab()
until = int(time.time()) + 86400 * 300


def sql(name, statement, directory=None):
    """On a database of the stopped konsild."""
    directory = directory or lab.data
    said = subprocess.run([os.environ["STORE_SQL"], f"{directory}/{name}", f"{directory}/{name[:-3]}.key", statement],
                          capture_output=True, text=True)
    if said.returncode:
        raise RuntimeError(f"{said.stderr} ({os.listdir(directory)})")
    return said.stdout.split()


def put(stream, rids, salts, blobs):
    records = "".join(f"<r rid='{b64(r)}' salt='{b64(s)}' until='{until}'>{b64(b)}</r>" for r, s, b in zip(rids, salts, blobs))
    return stream.iq("set", f"<put xmlns='{ARCHIVE}'>{records}</put>")


def have(stream, rids):
    answer = stream.iq("get", f"<have xmlns='{ARCHIVE}'>{''.join(f'<r rid={chr(39)}{b64(r)}{chr(39)}/>' for r in rids)}</have>")
    return [base64.b64decode(r.get("rid")) for r in answer.iter("{%s}r" % ARCHIVE)]


def sql_rows():
    lab.stop()
    rows = int(sql("konsild.db", "SELECT count(*) FROM record")[0])
    lab.start()
    return rows


def values(name, directory=None):
    """All bytes of all rows of a database."""
    tables = sql(name, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'", directory)
    found = []
    for table in tables:
        for column in sql(name, f"SELECT name FROM pragma_table_info('{table}')", directory):
            found += sql(name, f"SELECT hex({column}) FROM {table}", directory)
    return b"\n".join(bytes.fromhex(value) for value in found)


anna = lab.account("anna")
stream = lab.stream(anna)
rids, salts, blobs = ([os.urandom(n) for _ in range(64)] for n in (16, 16, 2000))
put(stream, rids, salts, blobs)
ring = os.urandom(500)
stream.iq("set", f"<ring xmlns='{ARCHIVE}' v='1'><data>{b64(ring)}</data><sig>{b64(b'sig')}</sig><cert>{b64(b'cert')}</cert></ring>")

# --- kill -9 ---

lab.kill()
lab.start()
stream = lab.stream(anna)
row(have(stream, rids) == rids, "what was acknowledged is there after kill -9")
answer = stream.iq("get", f"<ring xmlns='{ARCHIVE}'/>")
row(base64.b64decode(next(answer.iter("{%s}data" % ARCHIVE)).text) == ring, "the key ring, too")

# --- where it is, and that a dropped one is nowhere ---

lab.stop()
records, shreds = values("konsild.db"), values("shred.db")
row(all(b in records for b in blobs) and all(s in shreds for s in salts) and ring in shreds,
    "control: records are found in one file, salts and the ring in the other")
row(not any(s in records for s in salts) and ring not in records and not any(b in shreds for b in blobs), "and in that one alone")
raw = b"".join(open(os.path.join(lab.data, name), "rb").read() for name in os.listdir(lab.data) if ".db" in name)
row(not any(secret in raw for secret in salts + blobs + [ring]), "no file shows any of it without the key")
lab.start()
stream = lab.stream(anna)
stream.iq("set", f"<drop xmlns='{ARCHIVE}'><r rid='{b64(rids[0])}'/></drop>")
row(have(stream, rids[:2]) == [rids[1]], "a record that was dropped is not there")
row(os.path.getsize(os.path.join(lab.data, "shred.db-wal")) == 0, "and the log of the file of salts is empty", os.listdir(lab.data))
lab.stop()
records, shreds = values("konsild.db"), values("shred.db")
row(blobs[0] not in records and salts[0] not in shreds and blobs[1] in records and salts[1] in shreds,
    "neither it nor its salt is in a file; its neighbour is")
lab.start()

# --- a backup ---

lab.ctl("backup", "erste")
host = os.path.join(lab.dir, "neu")
lab.ctl("restore", os.path.join(lab.data, "backup", "erste"), "--key-file", os.path.join(lab.data, "backup-keys", "erste.key"), "--to", host)
unpacked = values("konsild.db", host)
row(all(b in unpacked for b in blobs[1:]), "control: the backup has the records")
row(not any(s in unpacked for s in salts) and ring not in unpacked and not [n for n in os.listdir(host) if "shred" in n],
    "and neither salts nor key rings", os.listdir(host))

# --- a copy a day of the file of salts, which is the only other place where they are ---

copies = os.path.join(lab.data, "shred-backup")
lab.stop()
for name in os.listdir(copies):
    os.remove(os.path.join(copies, name))
old = f"shred_{int(time.time()) // 86400 - 6}.db"
shutil.copy(os.path.join(lab.data, "shred.db"), os.path.join(copies, old))
lab.start()
have(lab.stream(anna), rids)
lab.stop()
row(re.fullmatch(r"shred_\d+\.db", " ".join(os.listdir(copies))) and old not in os.listdir(copies),
    "konsild made a copy of today, which lies there alone; the one of six days ago is gone", os.listdir(copies))
today = os.listdir(copies)[0]
shutil.copy(os.path.join(copies, today), os.path.join(lab.dir, "shred.db"))
shutil.copy(os.path.join(lab.data, "shred.key"), os.path.join(lab.dir, "shred.key"))
row(all(s in values("shred.db", lab.dir) for s in salts[1:]), "put back it has the salts")
lab.start()

# --- an older backup comes back: what was dropped since is useless, and goes ---

stream = lab.stream(anna)
stream.iq("set", f"<drop xmlns='{ARCHIVE}'><r rid='{b64(rids[1])}'/></drop>")
late = os.urandom(16)
put(stream, [late], [os.urandom(16)], [b"late"])
lab.stop()
row(rids[1] in unpacked and late not in unpacked, "control: the backup is older")
for name in os.listdir(lab.data):
    if name.startswith(("konsild.", "vault.")):  # the vault is put back by its own backup (test_vault.py)
        os.remove(os.path.join(lab.data, name))
for name in ("konsild.db", "konsild.key"):
    shutil.move(os.path.join(host, name), os.path.join(lab.data, name))
lab.start()
stream = lab.stream(anna)
row(have(stream, rids + [late]) == rids[2:], "of the restored records those have their salts that were not dropped since, and what is missing can be put")
rows = sql_rows()
row(rows == 63, "control: the one without a salt is still in the file", rows)
lab.ctl("retention", "run")
rows = sql_rows()
row(rows == 62, "the first expiry removes it", rows)
put(lab.stream(anna), [late], [os.urandom(16)], [b"late"])
row(have(lab.stream(anna), [late]) == [late], "and a record that the backup lacks is put again")
done()
