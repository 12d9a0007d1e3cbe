#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""test_catalogue.py GEN_CATALOGUE ROOT: each thing that tools/gen-catalogue must refuse, in a tree of one file. Speaks TAP."""
import os
import re
import subprocess
import sys
import tempfile

generator, root = sys.argv[1], sys.argv[2]
rows = 0

GOOD = """# Errors

[disk.full]
de: Auf {disk} ist kein Platz.
en: There is no room on {disk}.
do.de: Platz auf {disk} schaffen.
do.en: Make room on {disk}.

# Words: labels

[column.name]
de: Name
en: name
"""
CODE = 'void f(void)\n{\n    ctl_fail(ctl, SAY("disk.full"), NULL);\n    table(SAY("column.name"));\n}\n'


def row(ok, name, seen=""):
    global rows
    rows += 1
    print(f"{'ok' if ok else 'not ok'} {rows} - {name}")
    if not ok:
        print("".join(f"# {line}\n" for line in str(seen).splitlines()[:20]), end="")


def said(catalogue, code, what="check"):
    """The exit status, and all that was printed."""
    with tempfile.TemporaryDirectory() as tree:
        for path, text in (("lang/catalogue.txt", catalogue), ("src/a.c", code)):
            os.makedirs(os.path.dirname(os.path.join(tree, path)))
            with open(os.path.join(tree, path), "w", encoding="utf-8") as file:
                file.write(text)
        os.mkdir(os.path.join(tree, "cmd"))
        run = subprocess.run([generator, what, tree], capture_output=True, text=True, check=False)
        return run.returncode, run.stdout + run.stderr


def refused(name, sentence, catalogue=GOOD, code=CODE):
    status, text = said(catalogue, code)
    row(status != 0 and sentence in text, f"refused: {name}", text)


status, text = said(GOOD, CODE)
row(status == 0 and not text, "control: a catalogue in which all is well passes", text)
refused("an id that the code says and the catalogue lacks", "src/a.c: disk.slow is not in lang/catalogue.txt",
        code=CODE.replace("table(", 'ctl_fail(ctl, SAY("disk.slow"), NULL);\n    table('))
WIRE = GOOD + "\n[wire.full]\nde: Voll.\nen: Full.\n"
status, text = said(WIRE, CODE + 'void g(void)\n{\n    ks_c2s_close(c, FULL, KS_WIRE("wire.full", "Full."));\n    h(KS_WIRE("wire.full", "Voll. / Full."));\n}\n')
row(status == 0 and not text, "control: a sentence inside a stanza, in English or in both languages", text)
refused("a sentence inside a stanza that is other than the catalogue's", "wire.full is other than what stanzas say: Fuller.", WIRE,
        CODE + 'void g(void)\n{\n    ks_c2s_close(c, FULL, KS_WIRE("wire.full", "Fuller."));\n}\n')
refused("one that the catalogue lacks", "src/a.c: wire.full is not in lang/catalogue.txt",
        code=CODE + 'void g(void)\n{\n    ks_c2s_close(c, FULL, KS_WIRE("wire.full", "Full."));\n}\n')
refused("one that is said past it", "src/a.c: says a sentence in a stanza without KS_WIRE",
        code=CODE + 'void g(void)\n{\n    ks_reply_error(&ctx, COND, "Full.");\n}\n')
refused("a code of the engine that the catalogue lacks", "src/a.c: login.refused is not in lang/catalogue.txt",
        code=CODE + '#define KS_CODE_REFUSED "login.refused"\n')
refused("a sentence that nobody says", "nobody says column.name", code=CODE.replace("table(SAY(", "table((").replace("column", "no"))
refused("a sentence without English", "column.name needs de and en", GOOD.replace("en: name\n", ""))
refused("a sentence without German", "column.name needs de and en", GOOD.replace("de: Name\n", ""))
refused("what to do in German only", "disk.full says what to do in one language only",
        GOOD.replace("do.en: Make room on {disk}.\n", ""))
refused("other places in German than in English", "disk.full has other places to fill in de than in en",
        GOOD.replace("on {disk}.\ndo", "on {file}.\ndo"))
refused("the same in what to do", "disk.full has other places to fill in do.de than in do.en",
        GOOD.replace("Make room on {disk}", "Make room"))
refused("an error that does not say what to do", "disk.full does not say what to do",
        re.sub("do\\..*\n", "", GOOD))
refused("a label that says what to do", "column.name says what to do", GOOD + "do.de: Lesen.\ndo.en: Read.\n")
refused("a label that is said of an error", "src/a.c: column.name is said of an error",
        code=CODE.replace("table(SAY", "ctl_fail(ctl, SAY"))
refused("an id twice", "disk.full stands there twice", GOOD + "\n[disk.full]\nde: x\nen: x\n")
refused("a line that is nothing of all that", "lang/catalogue.txt:14: neither [id] nor one of", GOOD + "fr: nom\n")
status, text = said(GOOD, CODE, "doc")
row("| `disk.full` | Auf {disk} ist kein Platz. | Platz auf {disk} schaffen. | There is no room on {disk}. | Make room on {disk}. |"
    in text and "| `column.name` | Name | name |" in text, "the reference has all of it, in both languages", text)
run = subprocess.run([generator, "check", root], capture_output=True, text=True, check=False)
row(run.returncode == 0, "lang/catalogue.txt itself passes", run.stderr)
print(f"1..{rows}")
