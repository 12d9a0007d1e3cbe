# SPDX-License-Identifier: AGPL-3.0-or-later
"""What konsilctl tells: how the server is, and what is stored about people."""
import datetime
import json
import os
import socket
import subprocess
import sys
import threading
import unicodedata

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from lab import BUILD, Lab, done, row

lab = Lab()


def columns(line):
    return sum(0 if unicodedata.combining(c) else 1 for c in line)


# --- health ---

answer = lab.ctl("health")
row(answer.returncode == 0 and "All is well." in answer.stdout and "{" not in answer.stdout
    and all(word in answer.stdout for word in ("version", "certificates valid until", " GB", "days)")),
    "health: a list with units, and one sentence", answer)
answer = lab.ctl("--lang", "de", "health")
row("Alles ist in Ordnung." in answer.stdout and "Zertifikate gelten bis" in answer.stdout and "Tage)" in answer.stdout,
    "health: and in German", answer)
live = json.loads(lab.ctl("--json", "health").stdout)
row(live["healthy"] is True and live["problems"] == [] and live["store"]["failing"] is False, "health --json: healthy", live)


def served(answer, *words):
    """konsilctl health, asking a server that answers so."""
    path = os.path.join(lab.dir, "fake")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(1)

    def serve():
        connection, _ = listener.accept()
        if connection.makefile().readline():
            connection.sendall(answer.encode())
        connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    result = subprocess.run([os.path.join(BUILD, "cmd", "konsilctl"), "--socket", path, *words, "health"],
                            capture_output=True, text=True, timeout=120)
    thread.join()
    listener.close()
    os.unlink(path)
    return result


def sick(**changes):
    """The live answer with other figures."""
    health = {name: value for name, value in live.items() if name not in ("healthy", "problems")}
    for name, value in changes.items():
        part, _, figure = name.rpartition("__")
        (health[part] if part else health)[figure] = value
    answer = json.dumps({"ok": True, "result": health}) + "\n"
    for name in changes:  # the parts are shared with `live`
        part, _, figure = name.rpartition("__")
        if part:
            health[part][figure] = originals[part][figure]
    return answer


originals = json.loads(json.dumps(live))


def stamp(**after):
    return (datetime.datetime.utcnow() + datetime.timedelta(**after)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


row(served(sick(), "--lang", "en").returncode == 0, "control: the same figures again are healthy")
for name, changes, problem, english, german, todo in [
    ("a disk nearly full", {"store__disk_free_bytes": 1_500_000_000}, "health.disk-full", "The disk is nearly full.",
     "Die Platte ist fast voll.", "backup.directory"),
    ("a store that fails", {"store__failing": True}, "health.store-fails", "The last change could not be stored.",
     "Die letzte Änderung ließ sich nicht speichern.", "Make room"),
    ("a certificate with 13 days left", {"certificates_until": stamp(days=13, hours=1)}, "health.certificate-expires",
     "A certificate expires. Time left: 13 days", "Ein Zertifikat läuft ab. Frist: 13 Tage", "konsilctl reload"),
    ("a certificate with 5 hours left", {"certificates_until": stamp(hours=5, minutes=30)}, "health.certificate-expires",
     "Time left: 5 hours", "Frist: 5 Stunden", "konsilctl reload"),
    ("a certificate that has expired", {"certificates_until": stamp(days=-1)}, "health.certificate-expired",
     "A certificate has expired.", "Ein Zertifikat ist abgelaufen.", "konsilctl reload"),
    ("a certificate without its domain's name", {"certificates_named": False}, "health.certificate-name",
     "A certificate does not name its domain.", "Ein Zertifikat nennt seine Domäne nicht.", "konsild --check"),
    ("connections nearly used up", {"clients__connections": 910, "connections_max": 1000}, "health.connections",
     "The connections are nearly used up.", "Die Verbindungen sind fast aufgebraucht.", "LimitNOFILE"),
]:
    in_english, in_german = served(sick(**changes), "--lang", "en"), served(sick(**changes), "--lang", "de")
    as_json = json.loads(served(sick(**changes), "--json").stdout)
    row(in_english.returncode == in_german.returncode == 1 and english in in_english.stdout and todo in in_english.stdout
        and german in in_german.stdout and "All is well" not in in_english.stdout and as_json["healthy"] is False
        and as_json["problems"] == [problem], f"health: {name} is told with what to do, and by the exit status",
        in_english.stdout + in_german.stdout + str(as_json))
row(served(sick(certificates_until=stamp(days=15))).returncode == 0
    and served(sick(store__disk_free_bytes=2_500_000_000)).returncode == 0
    and served(sick(clients__connections=900, connections_max=1000)).returncode == 0, "health: what is enough is no reason for alarm")
for name, answer in [("an answer that is no JSON", "hello\n"), ("no answer", ""), ("half an answer", '{"ok":true'),
                     ("an answer that is no object", "[]\n")]:
    result = served(answer, "--lang", "en")
    row(result.returncode == 1 and "without an answer" in result.stderr, f"from a server that gives {name}: a sentence", result)
result = served('{"ok":false,"error":"control.of-a-newer-server"}\n', "--lang", "en")
row(result.returncode == 1 and "for a reason that this konsilctl does not know" in result.stderr,
    "a refusal of a newer server is one all the same", result)

# --- what is stored about people ---

anna, jonas = lab.account("anna", "offen.example"), lab.account("jonas", "offen.example")
stream = lab.stream(anna).available()
stream.iq("set", f"<query xmlns='jabber:iq:roster'><item jid='{jonas}' name='J'/></query>")
stream.iq("set", "<block xmlns='urn:xmpp:blocking'><item jid='laut@offen.example'/></block>")
stream.iq("set", "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:omemo:2:devices'><item id='current'>"
          "<devices xmlns='urn:xmpp:omemo:2'/></item></publish></pubsub>")
stream.iq("set", f"<pubsub xmlns='http://jabber.org/protocol/pubsub'><subscribe node='urn:xmpp:omemo:2:devices' jid='{anna}'/></pubsub>",
          to=anna)
stream.send(f"<message to='{jonas}' type='chat'><body>wartet</body></message>")
stream.sync()
german, english = (lab.ctl("--lang", language, "describe", "data").stdout for language in ("de", "en"))
stores = json.loads(lab.ctl("--lang", "en", "--json", "describe", "data").stdout)
in_german = json.loads(lab.ctl("--lang", "de", "--json", "describe", "data").stdout)
row(german.splitlines()[0].split() == ["Bestand", "Art", "bleibt", "Zweck"] and "mit dem Konto" in german and "auf Dauer" in german
    and english.splitlines()[0].split() == ["store", "kind", "is", "kept", "purpose"] and "with the account" in english,
    "describe data: a table in German and English, with lifetimes in words", german + english)
row(max(columns(line) for line in (german + english).splitlines()) <= 100, "no line of it has more than 100 columns")
row(all(store["purpose"] and store["holds"] and store["keep"] for store in stores)
    and not {store["purpose"] for store in stores} & {store["purpose"] for store in in_german},
    "every store has its purpose, in both languages", stores)
row({store["store"]: store["where"] for store in stores if store["store"] in ("log", "audit", "installation", "archive", "roster")}
    == {"log": "log", "audit": "audit", "installation": "settings", "archive": "archive", "roster": "values"},
    "and its place", stores)
fields = json.loads(lab.ctl("--json", "describe", "fields").stdout)
open_ended = {field["field"] for field in fields if field["store"] == "*"}
row(len(fields) > 60 and open_ended == {"meta.key", "meta.value", "kv.store", "kv.key", "kv.value"}
    and all(field["purpose"] and (field["store"] == "*" or (field["keep"] and field["readers"])) for field in fields)
    and {field["store"] for field in fields} - {"*"} <= {store["store"] for store in stores},
    "DSK II.3-a in full: each field has a purpose, a lifetime and readers; the columns that hold all stores have those of the row's", fields)
table = lab.ctl("--lang", "de", "describe", "fields").stdout
row(max(columns(line) for line in table.splitlines()) <= 100 and "Lesbar für" in table and "je nach Zeile" in table,
    "describe fields: a table with them, in words", table)
lab.stop()


def sql(statement, name="konsild"):
    return subprocess.run([os.environ["STORE_SQL"], f"{lab.data}/{name}.db", f"{lab.data}/{name}.key", statement],
                          check=True, capture_output=True, text=True).stdout.split()


stored, described = set(sql("SELECT DISTINCT store FROM kv")), {store["store"] for store in stores}
row({"roster", "blocklist", "pep-node", "pep-item", "credentials"} <= stored, "control: the account has used most of them", stored)
row(stored <= described, "DSK II.3-a: whatever the database has of an account is "
    "in the register", stored - described)
TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"
row(set(sql(TABLES)) == {"meta", "account", "kv", "archive", "archive_index", "audit", "record", "record_head"}
    and set(sql(TABLES, "shred")) == {"salt", "salt_head", "ring"}, "and neither file has other tables than the register knows")
done()
