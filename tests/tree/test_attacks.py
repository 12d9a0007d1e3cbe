#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""tests/tree/test_attacks.py ROOT: each attack of doc/attacks.tsv has a row in a test, named "attack N: ...", or a reason why not;
and no row has the number of an attack that the list gives a reason for. Speaks TAP."""
import glob
import os
import re
import sys

root = sys.argv[1]
rows = 0


def row(good, name, why=""):
    global rows
    rows += 1
    print(f"{'ok' if good else 'not ok'} {rows} - {name}")
    if not good:
        print(f"# {why}")


def numbers(text):
    """Those that stand in names of rows: "attack 8", "attacks 33 and 36", "attack 9, DSK I.5-b: ..."."""
    found = set()
    for literal in re.findall(r'"(?:[^"\\\n]|\\.)*"', text):
        for first, second in re.findall(r"\battacks? (\d+)(?: and (\d+))?\b", literal):
            found |= {int(n) for n in (first, second) if n}
    return found


with open(os.path.join(root, "doc", "attacks.tsv"), encoding="utf-8") as file:
    lines = [line.rstrip("\n").split("\t") for line in file][1:]
listed = {int(line[0]): line[2] for line in lines}
named = set()
for path in glob.glob(os.path.join(root, "tests", "**", "*"), recursive=True):
    if path.endswith((".c", ".py")) and os.path.basename(path) != "test_attacks.py":
        with open(path, encoding="utf-8") as file:
            named |= numbers(file.read())

row(numbers('check_row(x, "attack 8: so", "no"); /* attack 9 */') == {8} and numbers('"attacks 33 and 36: both"') == {33, 36}
    and numbers('"an attacker", "attack: none"') == set(), "control: names of rows are found, comments and other words are not")
row([int(line[0]) for line in lines] == list(range(1, len(lines) + 1)) and all(len(line) == 3 and all(line) for line in lines),
    "each attack is there once, in order", lines)
tested = {n for n, what in listed.items() if what == "test"}
row(tested <= named, "what is listed as tested has a row", sorted(tested - named))
row(named <= tested, "what has a row is listed as tested", sorted(named - tested))
row(all(what == "test" or (len(what) > 40 and what.endswith(".")) for what in listed.values()), "what has none has a sentence that says why")
print(f"1..{rows}")
print(f"# {len(tested)} of {len(listed)} attacks have rows")
