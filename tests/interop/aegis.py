# SPDX-License-Identifier: AGPL-3.0-or-later
"""AEGIS-256 (draft-irtf-cfrg-aegis-aead), to open a few pages without SQLite3 Multiple Ciphers: plain and slow."""


def _tables():
    """AES's SubBytes and MixColumns as one table for each row (FIPS 197 §5.1)."""
    power, log, value = [0] * 255, [0] * 256, 1
    for i in range(255):
        power[i], log[value] = value, i
        value ^= (value << 1) ^ (0x11b if value & 0x80 else 0)
    rows = [[], [], [], []]
    for byte in range(256):
        inverse = power[-log[byte] % 255] if byte else 0
        sub = 0x63
        for shift in range(5):
            sub ^= (inverse << shift | inverse >> (8 - shift)) & 0xff
        double = (sub << 1) ^ (0x11b if sub & 0x80 else 0)
        column = (double, sub, sub, sub ^ double)
        for row in range(4):
            rows[row].append(int.from_bytes(bytes(column[(i - row) % 4] for i in range(4)), "big"))
    return rows


ROWS = _tables()


def aes_round(block, key):
    """One round of AES; numbers of 128 bits."""
    text, out = block.to_bytes(16, "big"), 0
    for column in range(4):
        word = 0
        for row in range(4):
            word ^= ROWS[row][text[(4 * column + 5 * row) % 16]]
        out = out << 32 | word
    return out ^ key


class Aegis256:
    """key and nonce: 32 bytes each."""

    def __init__(self, key, nonce):
        k0, k1, n0, n1 = (int.from_bytes(half, "big") for whole in (key, nonce) for half in (whole[:16], whole[16:]))
        c0, c1 = 0x000101020305080d1522375990e97962, 0xdb3d18556dc22ff12011314273b528dd
        self.s = [k0 ^ n0, k1 ^ n1, c1, c0, k0 ^ c0, k1 ^ c1]
        for block in (k0, k1, k0 ^ n0, k1 ^ n1) * 4:
            self._update(block)

    def _update(self, block):
        s = self.s
        self.s = [aes_round(s[i - 1], s[i] ^ (block if i == 0 else 0)) for i in range(6)]

    def _crypt(self, text, seal):
        out, s = b"", None
        for at in range(0, len(text), 16):
            part, s = text[at:at + 16], self.s
            stream = (s[1] ^ s[4] ^ s[5] ^ (s[2] & s[3])).to_bytes(16, "big")
            other = bytes(a ^ b for a, b in zip(part, stream))
            out += other
            self._update(int.from_bytes((part if seal else other).ljust(16, b"\0"), "big"))
        return out

    def seal(self, text):
        return self._crypt(text, True), self._tag(len(text))

    def open(self, sealed, tag):
        """None: it does not verify."""
        text = self._crypt(sealed, False)
        return text if self._tag(len(sealed)) == tag else None

    def _tag(self, length):
        last = self.s[3] ^ int.from_bytes(bytes(8) + (8 * length).to_bytes(8, "little"), "big")
        for _ in range(7):
            self._update(last)
        s = self.s
        return (s[0] ^ s[1] ^ s[2]).to_bytes(16, "big") + (s[3] ^ s[4] ^ s[5]).to_bytes(16, "big")
