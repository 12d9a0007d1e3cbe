# SPDX-License-Identifier: AGPL-3.0-or-later
"""konsilctl evidence: what is done of the data protection requirements, signed by konsild, as JSON and as a page."""
import html.parser
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from lab import BUILD, Lab, done, row

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")

lab = Lab(settings="retention: { log = \"14 d\"; };")
known = [line.split("\t") for line in open(os.path.join(ROOT, "doc", "dsk.tsv"), encoding="utf-8")][1:]
out = os.path.join(lab.dir, "evidence")
os.mkdir(out)

# --- results of a test run, as tools/dsk reads it ---

log = os.path.join(lab.dir, "log.json")
with open(log, "w", encoding="utf-8") as file:
    file.write(json.dumps({"name": "one", "result": "OK", "stdout":
                           "ok 1 - DSK I.7-c in full: goes\nok 2 - DSK I.7-f: one\nok 3 - DSK I.7-f in full: two\n"
                           "ok 4 - DSK II.1-g part (<b>pictures</b>): is refused\nnot ok 5 - DSK I.12-d: a <link>\n"}) + "\n")
results = os.path.join(lab.dir, "results.json")
run = subprocess.run([os.path.join(ROOT, "tools", "dsk"), "--json", results, log], capture_output=True, text=True, check=False)
read = {one["id"]: one for one in json.load(open(results, encoding="utf-8"))["requirements"]}
row(run.returncode == 0 and len(read) == 140 and read["I.7-f"]["state"] == "full" and len(read["I.7-f"]["tests"]) == 2
    and read["II.1-g"]["state"] == "part" and read["I.12-d"]["state"] == "failed" and read["P-a"]["state"] == "none",
    "tools/dsk --json: each requirement with its state and its tests", run)
deviations = os.path.join(lab.dir, "deviations.json")
with open(deviations, "w", encoding="utf-8") as file:
    json.dump([{"id": "II.1-g", "text": "Die Domäne offen.example dient Tests.", "reason": "Abnahme", "responsible": "IT-Leitung",
                "until": "2020-01-01"}], file)


def evidence(*words, check=True):
    return lab.ctl("evidence", "--results", results, "--to", out, *words, check=check)


answer = evidence("--hospital", "Klinikum <Musterstadt> & Söhne", "--deviations", deviations)
whole = json.load(open(os.path.join(out, "evidence.json"), encoding="utf-8"))
report = json.loads(whole["payload"])
items = {item["id"]: item for item in report["requirements"]}
row(answer.returncode == 0 and "Met: 2, partly: 1, open: 137." in answer.stdout, "evidence: counts what is met, partly met and open", answer)
row(set(items) == {line[0] for line in known} and len(items) == 140, "DSK I.11-a: every requirement is in the report", len(items))
row(items["I.7-c"]["state"] == "met" and items["II.1-g"]["missing"] == ["<b>pictures</b>"] and items["I.12-d"]["state"] == "open"
    and items["I.12-d"]["failed"], "DSK I.11-a: with its last test and result", items["II.1-g"])
row({(s["option"], s["domain"]): s["value"] for s in items["I.7-c"]["settings"]}[("retention.archive", "klinik.example")] == 15552000
    and {(s["option"], s["domain"]): s["value"] for s in items["II.1-g"]["settings"]} ==
    {("protected", "klinik.example"): True, ("protected", "offen.example"): False},
    "DSK I.11-a: with the settings in force on the running konsild", items["II.1-g"]["settings"])
found = [(d["id"], d["what"], d["declared"]) for d in report["deviations"]]
row(found == [("II.1-g", "unprotected", True), ("I.3-h", "unprotected", False), ("II.1-g", "declared", True)]
    and report["deviations"][2]["overdue"] is True and len(items["II.1-g"]["deviations"]) == 2,
    "DSK I.11-a: with what departs from it, found and declared, and what is overdue", report["deviations"])
row(report["hospital"] == "Klinikum <Musterstadt> & Söhne" and report["version"] and report["made"] and report["tested"],
    "who, when and what", {name: report[name] for name in ("hospital", "version", "made", "tested")})
row(report["options"]["retention.log"] == {"value": 14 * 86400, "unit": "s", "default": False}
    and report["options"]["retention.audit"]["default"] is True, "each setting, and whether it is as it comes")

# --- the page ---


class Page(html.parser.HTMLParser):
    void = {"meta", "br", "link", "img"}

    def __init__(self):
        super().__init__()
        self.open, self.wrong, self.fetched, self.tags = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.fetched += [value for name, value in attrs if name in ("src", "href", "action") or "url(" in (value or "")]
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


text = open(os.path.join(out, "evidence.html"), encoding="utf-8").read()
page = Page()
page.feed(text)
row(not page.open and not page.wrong and not page.fetched and "script" not in page.tags and "http" not in text.replace("http-equiv", ""),
    "the page is well formed, has no script and fetches nothing", (page.open, page.wrong, page.fetched))
row("Klinikum &lt;Musterstadt&gt; &amp; Söhne" in text and "&lt;b&gt;pictures&lt;/b&gt;" in text and "<b>pictures" not in text,
    "what others wrote is text, never markup")
row(all(f'<td class="id">{line[0]}</td>' in text for line in known) and "Report on data protection" in text and 'lang="en"' in text,
    "every requirement is on it, in English for who wants it")
evidence("--lang", "de")
german = open(os.path.join(out, "evidence.html"), encoding="utf-8").read()
row("Nachweis zum Datenschutz" in german and "Löschprotokoll ohne Inhalt" in german and "2 Tests bestanden." in german
    and not any(line[4].replace("&", "&amp;").replace('"', "&quot;").replace(">", "&gt;").replace("<", "&lt;") in german
                for line in known if len(line[4]) > 12),
    "in German every requirement is in German")
row(re.search(r"@page\{size:A4", german) and "display:table-header-group" in german and "counter(page)" in german,
    "it prints on A4, with page numbers and the tables' heads on each page")

# --- the signature ---

path = os.path.join(out, "evidence.json")


def verify(name=path, check=False):
    return lab.ctl("evidence", "verify", name, check=check)


answer = verify()
fingerprint = re.search(r"[0-9a-f]{64}", answer.stdout)
row(answer.returncode == 0 and "was not changed" in answer.stdout and "Nor was the page" in answer.stdout and fingerprint,
    "DSK I.11-a: evidence verify: signed by konsild, report and page unchanged", answer)
lab.stop()
row(verify().returncode == 0, "without konsild, too")
lab.start()
whole = json.load(open(path, encoding="utf-8"))
for name, field, change in (("a state in it", "payload", lambda p: p.replace('"state":"open"', '"state":"met"', 1)),
                            ("one blank", "payload", lambda p: p + " "),
                            ("the signature", "signature", lambda s: ("0" if s[0] != "0" else "1") + s[1:]),
                            ("the key", "public_key", lambda s: s[:-1] + ("0" if s[-1] != "0" else "1")),
                            ("no signature", "signature", lambda s: "")):
    changed = os.path.join(lab.dir, "changed.json")
    with open(changed, "w", encoding="utf-8") as file:
        json.dump({**whole, field: change(whole[field])}, file)
    answer = verify(changed)
    row(answer.returncode == 1 and "The report was changed, or is none." in answer.stderr, f"changed is noticed: {name}", answer)
with open(os.path.join(out, "evidence.html"), "a", encoding="utf-8") as file:
    file.write("<!-- -->")
answer = verify()
row(answer.returncode == 1 and "but the page beside it was" in answer.stderr, "so is a page that was changed", answer)
evidence()
row(json.load(open(path, encoding="utf-8"))["public_key"] == whole["public_key"], "the key stays the same")
rows = [r["action"] for r in json.loads(lab.ctl("--json", "audit", "list").stdout)]
row(rows.count("evidence.sign") == 3, "each signature is in the audit log", rows)

# --- what goes wrong ---

answer = lab.ctl("evidence", "--results", os.path.join(lab.dir, "nothing"), "--to", out, check=False)
row(answer.returncode == 1 and "missing or is not what is needed" in answer.stderr, "no results: it says so", answer)
answer = evidence("--deviations", results, check=False)
row(answer.returncode == 1 and results in answer.stderr, "deviations that are no list: it says so", answer)
answer = lab.ctl("evidence", "--results", results, "--to", os.path.join(lab.dir, "nowhere"), check=False)
row(answer.returncode == 1 and "cannot be written to" in answer.stderr, "a directory that is not there: it says so", answer)
row(os.path.getsize(os.path.join(BUILD, "doc", "dsk-results.json")) > 10000, "results come with the build")
if os.environ.get("KEEP_EVIDENCE"):
    lab.ctl("--lang", "de", "evidence", "--results", os.path.join(BUILD, "doc", "dsk-results.json"), "--to", os.environ["KEEP_EVIDENCE"],
            "--hospital", "Klinikum Musterstadt", "--deviations", deviations)
row(lab.stop() == 0, "konsild ends in order")
done()
