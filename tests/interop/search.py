# SPDX-License-Identifier: AGPL-3.0-or-later
"""Looks for words in bytes and directories, in the disguises that storing and sending give them: as they are, as UTF-16,
in hexadecimal, in base64 at each of its three alignments, and inside zlib and gzip streams.

A search that finds nothing proves something only if it would have found: planted() is its positive control."""
import base64
import gzip
import os
import tempfile
import zlib


def disguises(word):
    """(name, bytes) of each form; word is text or bytes."""
    raw = word.encode() if isinstance(word, str) else word
    yield "raw", raw
    if isinstance(word, str):
        yield "UTF-16LE", word.encode("utf-16-le")
        yield "UTF-16BE", word.encode("utf-16-be")
    yield "hexadecimal", raw.hex().encode()
    yield "HEXADECIMAL", raw.hex().upper().encode()
    for shift in range(3):
        # Whole groups of three bytes only: the letters at both ends depend on the neighbours.
        begin = (3 - shift) % 3
        inner = raw[begin:begin + (len(raw) - begin) // 3 * 3]
        yield f"base64+{shift}", base64.b64encode(inner)
        yield f"base64url+{shift}", base64.urlsafe_b64encode(inner)


def _inflated(data):
    """What zlib and gzip streams in data hold."""
    for magic, bits in ((b"\x1f\x8b\x08", 31), (b"\x78\x9c", 15), (b"\x78\x01", 15), (b"\x78\xda", 15)):
        at = data.find(magic)
        while at >= 0:
            try:
                yield zlib.decompressobj(bits).decompress(data[at:], 64 * 1024 * 1024)
            except zlib.error:
                pass
            at = data.find(magic, at + 1)


def in_bytes(data, words):
    """Hits as "word as form"."""
    hits = []
    for text in (data, *_inflated(data)):
        for word in words:
            hits += [f"{word} as {name}" for name, form in disguises(word) if form in text]
    return hits


def in_directory(directory, words):
    """Hits as "file: word as form"; names of files count as well. Sockets and pipes hold nothing."""
    hits = []
    for path, directories, files in os.walk(directory):
        for name in directories + files:
            full = os.path.join(path, name)
            hits += [f"the name {name}: {hit}" for hit in in_bytes(os.fsencode(name), words)]
            if os.path.isfile(full):
                with open(full, "rb") as file:
                    hits += [f"{name}: {hit}" for hit in in_bytes(file.read(), words)]
    return hits


def planted(word):
    """The forms of a planted word that the search does not find in a directory: none, if it is any good."""
    missed = []
    raw = b"so much " * 10 + (word.encode() if isinstance(word, str) else word) + b" so far"
    forms = [*disguises(word), ("zlib", zlib.compress(raw)), ("gzip", gzip.compress(raw))]
    for name, form in forms:
        with tempfile.TemporaryDirectory() as directory:
            with open(os.path.join(directory, "planted"), "wb") as file:
                file.write(b"\0" * 4097 + form + b"\xff" * 100)
            if not in_directory(directory, [word]):
                missed.append(name)
    return missed

