# SPDX-License-Identifier: AGPL-3.0-or-later
"""Periods: what is older goes, from a database of a real konsild, and konsilctl tells of it. Time is not waited for: the
stamps of what is stored are moved into the past while konsild stands."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import search
from lab import Lab, canary, done, row

DAY = 86400000
lab = Lab()


def sql(statement):
    """On the database of the stopped konsild."""
    return subprocess.run([os.environ["STORE_SQL"], f"{lab.data}/konsild.db", f"{lab.data}/konsild.key", statement],
                          check=True, capture_output=True, text=True).stdout


def older(days):
    """All that is stored is so many days older."""
    lab.stop()
    sql(f"UPDATE archive SET stamp_ms = stamp_ms - {days * DAY}")
    lab.start()


def pages():
    """What the database has of text, in its rows."""
    lab.stop()
    text = sql("SELECT hex(stanza) FROM archive; SELECT with1, with2 FROM archive; SELECT store, hex(key), hex(value) FROM kv;"
               " SELECT seq, actor, action, subject, detail FROM audit")
    lab.start()
    return text


def retention(*words, check=True):
    return json.loads(lab.ctl("--json", *words, check=check).stdout)


anna, jonas = lab.account("anna"), lab.account("jonas")
a, b = lab.konsil(anna), lab.konsil(jonas)
sent = a.send(jonas, "canary-alt")
b.wait_body("canary-alt")
a.close(), b.close()

# --- what is in force ---

answer = lab.ctl("retention", "show")
row("klinik.example  archive" in answer.stdout and "180 days" in answer.stdout and "retention.archive" in answer.stdout
    and "365 days" in answer.stdout and "never yet" in answer.stdout, "retention show: the period of each domain and category", answer)
answer = lab.ctl("--lang", "de", "retention", "show")
row("180 Tage" in answer.stdout and "noch nie" in answer.stdout and "(Server)" in answer.stdout, "retention show: and in German", answer)
described = {store["store"]: store for store in retention("describe", "data")}
row(described["archive"]["days"] == 180 and described["archive"]["option"] == "retention.archive"
    and described["archive"]["readers"] == ["owner"] and described["archive"]["where"] == "archive",
    "DSK II.3-a: describe data says how long, who reads it and where it is", described["archive"])

# --- nothing is old ---

row("Nothing is older than its period." in lab.ctl("--dry-run", "retention", "run").stdout, "--dry-run: nothing would go")
row("Nothing was deleted yet." in lab.ctl("retention", "log").stdout, "retention log: nothing was deleted yet")

# --- half a year later ---

older(200)
before = pages()
row(before.count("urn:xmpp:omemo:2".encode().hex().upper()) >= 1 and len(sql_rows := before.splitlines()) > 4, "control: messages are stored")
dry = retention("--dry-run", "retention", "run")
row([r["category"] for r in dry] == ["archive"] and dry[0]["domain"] == "klinik.example" and dry[0]["rows"] >= 2 and dry[0]["oldest"],
    "--dry-run: counts of each category and domain, and the oldest", dry)
answer = lab.ctl("--dry-run", "retention", "run")
row("archive" in answer.stdout and "This would be deleted; nothing was changed." in answer.stdout, "--dry-run: as a table", answer)
row(retention("--dry-run", "retention", "run") == dry, "and nothing changed")
answer = lab.ctl("--lang", "de", "retention", "run")
row("klinik.example" in answer.stdout and "Gelöscht, auch aus den freien Seiten der Datenbank." in answer.stdout
    and "In Sicherungen ist es noch" in answer.stdout, "retention run: a table of what went, and what becomes of backups", answer)
row("Nothing is older than its period." in lab.ctl("retention", "run").stdout, "and a second run finds nothing")
after = pages()
row("urn:xmpp:omemo:2".encode().hex().upper() not in "".join(line for line in after.splitlines() if "pep" not in line)
    and anna not in "\n".join(line for line in after.splitlines() if line.count("|") == 1),
    "DSK I.7-c part (alerts): messages, and with whom, are gone from the database", after[:2000])

# --- the log of it ---

rows = retention("retention", "log")
row(len(rows) == 1 and rows[0]["reason"] == "period" and rows[0]["actor"] == f"uid:{os.getuid()}" and rows[0]["domain"] == "klinik.example"
    and rows[0]["deleted"]["archive"] == dry[0]["rows"] and rows[0]["time"] and rows[0]["oldest"],
    "DSK I.7-f in full: the log of deletions says what category, how much, when, why and by whom", rows)
lab.ctl("user", "delete", jonas)
rows = retention("retention", "log")
text = lab.ctl("retention", "log").stdout
row(len(rows) == 2 and rows[1]["reason"] == "account" and rows[1]["deleted"]["values"] > 2 and "account deleted" in text,
    "DSK I.7-f: the deletion of an account, too", rows)
row(not any(word in json.dumps(rows) + text for word in ("canary", "anna", "jonas")), "DSK I.7-f in full: and neither content nor whose it was", rows)

# --- by itself, and its own period ---

lab.stop()
sql(f"UPDATE audit SET stamp_ms = stamp_ms - {400 * DAY} WHERE seq = 1")
count = int(sql("SELECT count(*) FROM audit"))
lab.start()
lab.ctl("audit", "verify", check=False)  # a changed stamp is noticed: only to be read, so put right by deleting it
lab.ctl("retention", "run")
left = retention("audit", "list")
row(left[0]["seq"] == 2, "DSK I.7-c part (alerts): the audit log's oldest row went", left[0])
verdict = lab.ctl("audit", "verify")
row("has not been altered" in verdict.stdout and "Rows before these whose time was up: 1" in verdict.stdout,
    "and what is left can be verified, from the number and hash of the last that went", verdict)

# --- presence: it has no period, since it is not kept ---

karla = lab.account("karla", "offen.example")  # a protected domain takes the words out
resource, status, show, last, named = canary(), canary(), "xa", canary(), canary()
stream = lab.stream(karla, resource).available()
stream.iq("set", f"<query xmlns='jabber:iq:roster'><item jid='{anna}' name='{named}'/></query>")
stream.send(f"<presence><show>{show}</show><status>{status}</status><priority>7</priority></presence>")
stream.wait(lambda e: e.tag.endswith("}presence") and e.findtext("{jabber:client}status") == status)
stream.send(f"<presence to='{anna}'><show>{show}</show><status>{status}</status></presence>")
stream.sync()


def everything():
    """Each value of each table, as text and as bytes."""
    tables = sql("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").split()
    columns = {table: sql(f"SELECT name FROM pragma_table_info('{table}')").split() for table in tables}
    values = [value for table in tables for column in columns[table] for value in sql(f"SELECT hex({column}) FROM {table}").split()]
    return tables, b"\n".join(bytes.fromhex(value) for value in values)


def stored(what):
    lab.stop()
    tables, values = everything()
    lab.start()
    return len(tables) > 3, what(values)


row(stored(lambda values: search.in_bytes(values, [named]) and not search.in_bytes(values, [resource, status]) and b"<show>" not in values)
    == (True, True), "DSK I.7-c part (alerts): of somebody who was there and whose connection broke no table has resource, show or status "
    "(control: what he calls his contact is there)")
stream = lab.stream(karla, resource).available()
stream.send(f"<presence type='unavailable'><status>{last}</status></presence></stream:stream>")
row(stored(lambda values: search.in_bytes(values, [named]) and not search.in_bytes(values, [resource, status, last]) and b"<show>" not in values)
    == (True, True), "DSK I.7-c part (alerts): nor of somebody who said good-bye (control: the same)")
row(lab.stop() == 0, "konsild ends in order")
done()
