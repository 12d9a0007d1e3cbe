# SPDX-License-Identifier: AGPL-3.0-or-later
"""Ed25519 (RFC 8032 §5.1) for tests, without a library: affine, in milliseconds, and in no constant time."""
import hashlib

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def _add(a, b):
    t = D * a[0] * b[0] * a[1] * b[1] % P
    return ((a[0] * b[1] + a[1] * b[0]) * pow(1 + t, -1, P) % P, (a[1] * b[1] + a[0] * b[0]) * pow(1 - t, -1, P) % P)


def _times(number, point):
    result = (0, 1)
    for bit in bin(number)[2:]:
        result = _add(result, result)
        if bit == "1":
            result = _add(result, point)
    return result


def _base():
    y = 4 * pow(5, -1, P) % P
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    return (P - x if x & 1 else x), y


def _number(data):
    return int.from_bytes(data, "little")


def _encoded(point):
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


BASE = _base()


class Key:
    def __init__(self, seed):
        digest = hashlib.sha512(seed).digest()
        self.scalar, self.prefix = _number(digest[:32]) & (2**254 - 8) | 2**254, digest[32:]
        self.public = _encoded(_times(self.scalar, BASE))

    def sign(self, data):
        r = _number(hashlib.sha512(self.prefix + data).digest()) % L
        first = _encoded(_times(r, BASE))
        k = _number(hashlib.sha512(first + self.public + data).digest()) % L
        return first + ((r + k * self.scalar) % L).to_bytes(32, "little")


# §7.1 TEST 1
assert Key(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")).sign(b"").hex().startswith("e5564300c360ac72")
