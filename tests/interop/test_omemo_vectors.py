#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""DSK II.1-h: known answers of both versions of OMEMO (XEP-0384 0.3, and 0.8 and later).

usage: test_omemo_vectors.py OMEMO_ORACLE

XEP-0384 has no test vectors of its own. These are conversations with python3-twomemo and python3-oldmemo, in which each side
opened what the other said (test_omemo_oracle.py --record); they hold where these packages are missing, too. What the
other side sealed must give the texts, and what we seal must be the very bytes that it opened. Speaks TAP."""
import os
import re
import subprocess
import sys

rows = failed = 0


def row(ok, name, seen=""):
    global rows, failed
    rows += 1
    failed += not ok
    print(f"{'ok' if ok else 'not ok'} {rows} - DSK II.1-h: {name}", *([] if ok else [f"\n# {str(seen)[:2000]}"]), sep="", flush=True)


def conversations():
    """(version's name, [(command, answer)])."""
    found = []
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "omemo_vectors.txt")) as file:
        for line in file.read().splitlines():
            if line[0] == "=":
                found.append((line[2:].split(":")[0], []))
            elif line[0] == ">":
                command = line[2:]
            elif line[0] == "<":
                found[-1][1].append((command, line[2:]))
    return found


def answers(commands):
    """Of one new device, told these."""
    result = subprocess.run([sys.argv[1]], input="".join(command + "\n" for command in commands), capture_output=True, text=True)
    return result.stdout.splitlines()


def altered(command, part):
    """Another letter of base64 in an element, shortly before its end."""
    at = re.search(rf"</(\w+:)?{part}>", command).start() - 8
    return command[:at] + ("B" if command[at] == "A" else "A") + command[at + 1:]


WHAT = {"bundle": "our keys are the recorded ones", "devices": "our device list is", "begin": "their bundle is taken",
        "seal": "what we seal is what they opened", "open": "what they sealed opens"}
seen_versions = set()
for version, spoken in conversations():
    begun = "we begin" if any(command.startswith("begin") for command, _ in spoken) else "they begin"
    got = answers([command for command, _ in spoken])
    seen_versions.add(version)
    for kind, what in WHAT.items():
        some = [i for i, (command, _) in enumerate(spoken) if command.startswith(kind + " ")]
        wrong = [(spoken[i], got[i:i + 1]) for i in some if got[i:i + 1] != [spoken[i][1]]]
        if some:
            row(not wrong, f"{version}, {begun}: {what} ({len(some)} known answers)", wrong)
    for part in ("key", "payload"):
        first = next(i for i, (command, _) in enumerate(spoken) if command.startswith("open "))
        changed = [command for command, _ in spoken[:first]] + [altered(spoken[first][0], part)]
        row(answers(changed)[-1].startswith("error "), f"{version}, {begun}: control: with an altered {part} there is no answer", answers(changed)[-1])
row(seen_versions == {"XEP-0384 0.3", "XEP-0384 0.8"}, "both versions have known answers", seen_versions)
print(f"1..{rows}")
sys.exit(failed > 0)
