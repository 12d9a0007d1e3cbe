#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Prints src/xmpp/codepoint_ranges.h: the properties that RFC 5892 appendix A needs and utf8proc lacks.

Reads Debian's unicode-data. A range may run over code points that are not assigned: those are refused anyway, and
tests/unit/test_unicode_oracle.c compares each assigned one with ICU.
"""
import sys

ROOT = "/usr/share/unicode/"


def read(path):
    values = {}
    for line in open(ROOT + path, encoding="utf-8"):
        line = line.split("#")[0].strip()
        if line:
            points, value = (part.strip() for part in line.split(";")[:2])
            first, last = (points.split("..") * 2)[:2]
            for point in range(int(first, 16), int(last, 16) + 1):
                values[point] = value
    return values


categories = read("extracted/DerivedGeneralCategory.txt")
scripts = read("Scripts.txt")
joining = read("extracted/DerivedJoiningType.txt")


def ranges(values, wanted):
    found = []
    for point in sorted(p for p in values if values[p] in wanted):
        if found and all(categories.get(p, "Cn") == "Cn" for p in range(found[-1][1] + 1, point)):
            found[-1][1] = point
        else:
            found.append([point, point])
    return found


def table(name, comment, values, wanted):
    print(f"\n/* {comment} */\nstatic const struct range {name}[] = {{")
    line = "   "
    for first, last in ranges(values, wanted):
        cell = f" {{ 0x{first:x}, 0x{last:x} }},"
        if len(line + cell) > 120:
            print(line)
            line = "   "
        line += cell
    print(line + "\n};")


version = open(ROOT + "ReadMe.txt", encoding="utf-8").read().split("Version ")[1].split(" ")[0]
print("/* SPDX-License-Identifier: AGPL-3.0-or-later */")
print("/* codepoint_ranges.h -- properties that utf8proc lacks. Made by tools/make_unicode_ranges.py from Unicode "
      + version + ". */")
print("/* clang-format off */\n#ifndef KS_CODEPOINT_RANGES_H\n#define KS_CODEPOINT_RANGES_H\n\n#include <stdint.h>")
print("\nstruct range {\n    uint32_t first, last;\n};")
table("greek", "Script=Greek", scripts, {"Greek"})
table("hebrew", "Script=Hebrew", scripts, {"Hebrew"})
table("kana_or_han", "Script=Hiragana, Katakana, Han", scripts, {"Hiragana", "Katakana", "Han"})
table("joins_after", "Joining_Type=L or D: joins with what follows", joining, {"L", "D"})
table("joins_before", "Joining_Type=R or D: joins with what comes before", joining, {"R", "D"})
print("\n#endif")
