#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""embed.py OUTPUT FILE...: transcripts as C (transcripts.h)."""
import pathlib
import sys

files = [pathlib.Path(name) for name in sys.argv[2:]]
out = ["/* Made by embed.py. */", '#include "transcripts.h"']
for file in files:
    numbers = ",".join(map(str, file.read_bytes()))
    out.append(f"static const uint8_t {file.stem}[] = {{{numbers}}};")
out.append("const struct transcript transcripts[] = {")
out += [f'    {{ "{file.stem}", {file.stem}, sizeof({file.stem}) }},' for file in files]
out.append("};")
out.append("const size_t transcripts_count = sizeof(transcripts) / sizeof(transcripts[0]);")
pathlib.Path(sys.argv[1]).write_text("\n".join(out) + "\n", encoding="ascii")
