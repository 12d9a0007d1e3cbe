#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Dino from Debian, on a desktop that nobody looks at, and konsil write to each other, with the older OMEMO, on the protected domain.

Dino can be given an account by clicks only, and says nothing to programs. So its database has the account and the conversation
when it starts, what came is read there, too, and what it answers is typed at its window. KONSIL_PICTURE=FILE keeps how
it looked."""
import os
import sqlite3
import sys

import desktop
import search
import tap
from lab import BUILD, Lab, canary, done, row

if missing := desktop.missing(("dino-im", "dino-im")):
    print(f"1..0 # SKIP apt-get install {' '.join(missing)}")
    sys.exit(0)

OMEMO = 2  # in Dino's tables
lab = Lab(tap=True)
anna, paul = lab.account("anna"), lab.account("paul")
A = lab.konsil(anna)
clara = lab.stream(lab.account("clara"))
D = desktop.Desktop(lab, "paul")
database = os.path.join(D.home, "dino")


def prepare():
    """What somebody has after she typed her password and turned the lock of a conversation: the three tables, as Dino 0.4
    makes them; what else there is it makes itself."""
    os.makedirs(database, 0o700)
    with sqlite3.connect(os.path.join(database, "dino.db")) as db:
        db.executescript("""
            CREATE TABLE account (id INTEGER PRIMARY KEY AUTOINCREMENT, bare_jid TEXT NOT NULL UNIQUE, resourcepart TEXT,
              password TEXT, alias TEXT, enabled INTEGER, roster_version TEXT, mam_earliest_synced INTEGER);
            CREATE TABLE jid (id INTEGER PRIMARY KEY AUTOINCREMENT, bare_jid TEXT NOT NULL UNIQUE);
            CREATE TABLE conversation (id INTEGER PRIMARY KEY AUTOINCREMENT, account_id INTEGER NOT NULL, jid_id INTEGER NOT NULL,
              resource TEXT, active INTEGER, active_last_changed INTEGER NOT NULL DEFAULT 0, last_active INTEGER, type INTEGER,
              encryption INTEGER, read_up_to INTEGER, read_up_to_item INTEGER NOT NULL DEFAULT -1, notification INTEGER,
              send_typing INTEGER, send_marker INTEGER, pinned INTEGER DEFAULT 0);""")
        db.execute("INSERT INTO account (id, bare_jid, resourcepart, password, alias, enabled) VALUES (1, ?, 'dino', ?, '', 1)",
                   (paul, lab.passwords[paul]))
        db.execute("INSERT INTO jid VALUES (1, ?)", (anna,))
        db.execute("INSERT INTO conversation (id, account_id, jid_id, active, last_active, type, encryption, notification, send_typing,"
                   " send_marker) VALUES (1, 1, 1, 1, 1, 0, ?, 0, 0, 0)", (OMEMO,))
    db.close()


def read(file, query, *values):
    with sqlite3.connect(os.path.join(database, file)) as db:
        found = db.execute(query, values).fetchall()
    db.close()
    return found


def shown():
    """{text: how it was encrypted} of what stands in its conversations, in order."""
    return dict(read("dino.db", "SELECT m.body, m.encryption FROM content_item c JOIN message m ON c.content_type = 1"
                     " AND c.foreign_id = m.id WHERE c.hide = 0 ORDER BY c.id"))


def published():
    """Whether others can write to it: its device is listed and has keys, and both are open, which they are a little later."""
    items = lambda node: clara.iq("get", f"<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='{node}'/></pubsub>", paul)
    device = items("eu.siacs.conversations.axolotl.devicelist").find(".//{eu.siacs.conversations.axolotl}device")
    return device is not None and items(f"eu.siacs.conversations.axolotl.bundles:{device.get('id')}").get("type") == "result"


prepare()
first, back, again, last = (canary() for _ in range(4))
dino = D.start(["dino-im"], LD_PRELOAD=os.path.join(BUILD, "tests", "interop", "libat_lab.so"), LAB_PORT=str(lab.port), LAB_CA=lab.ca)
row(desktop.until(published), "Dino logs in, trusting the hospital's authority, and publishes its device and its keys")
sent = A.send(paul, first)
row(desktop.until(lambda: shown().get(first)) == OMEMO, "what konsil says stands in its conversation, as encrypted", shown())
D.enter("dino", back)
got = A.wait_body(back)
row(got["encryption"] == "omemo1" and got["from"] == paul, "what is typed at its window konsil shows, as the older OMEMO", got)
A.send(paul, again)
row(desktop.until(lambda: shown().get(again)) == OMEMO, "so it goes on", shown())
D.enter("dino", last)
row(A.wait_body(last)["encryption"] == "omemo1", "to and fro")
row(list(shown()) == [first, back, again, last], "nothing stands there that nobody said: of what keeps the ratchets going nothing is seen", shown())
devices = A.do("devices", jid=paul)["devices"]
row([d["encryption"] for d in devices] == ["omemo1"], "konsil lists its device as one of the older version", devices)
if picture := os.environ.get("KONSIL_PICTURE"):
    D.picture(picture)

dino.kill()
clara.close()
A.close()
lab.stop()
words = [first, back, again, last]
dump = tap.text(lab.tap)
row(not search.in_bytes(dump, words) and not search.in_directory(lab.data, words),
    "DSK II.1-a: with Dino too, no word crossed the server", search.in_bytes(dump, words))
row(sent.encode() in dump, "DSK II.1-a: control: the dump has the message's name")
done()
