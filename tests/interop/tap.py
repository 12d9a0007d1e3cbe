# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reads what tls_tap.c recorded: every stanza that crossed a TLS connection of konsild, and the bytes themselves."""
import re
import struct
import xml.etree.ElementTree as ET

HEAD = struct.Struct("=QcI")


def read(path):
    """All bytes of each connection and direction, as {(connection, "<" heard or ">" said): bytes}."""
    with open(path, "rb") as file:
        data = file.read()
    flows, at = {}, 0
    while at < len(data):
        connection, direction, length = HEAD.unpack_from(data, at)
        at += HEAD.size + length
        flows.setdefault((connection, direction.decode()), bytearray()).extend(data[at - length:at])
    assert at == len(data)
    return flows


def stanzas(path):
    """(direction, element) of each stanza, in the order of each flow. What was cut off by the end of a connection is
    left out; a connection's memory may serve another one later, which begins with a new stream header."""
    found = []
    for (_, direction), flow in read(path).items():
        for stream in re.split(rb"(?=<\?xml)", bytes(flow)):
            parser, depth = ET.XMLPullParser(["start", "end"]), 0
            try:
                parser.feed(stream)
                for kind, element in parser.read_events():
                    depth += 1 if kind == "start" else -1
                    if kind == "end" and depth == 1:
                        found.append((direction, element))
            except ET.ParseError:
                pass  # read_events gave what was whole before it
    return found


def text(path):
    """Everything, as one run of bytes, for searches."""
    return b"\n".join(bytes(flow) for flow in read(path).values())
