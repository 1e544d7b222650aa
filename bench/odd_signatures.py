"""Odd Ed25519 keys and signatures, and whether libsodium's yes implies OpenSSL's for each of them (proofs/libsodium.py).

    python bench/odd_signatures.py [--count 1000000] [--seed 1] [--wycheproof FILE]

A key is a multiple of the base point with any point of small order added, a key of small order in any encoding, or any bytes.
The first half of a signature is such a point too, or any bytes. The second half fits both, or is near that: a multiple of L
more, a bit turned, or one of the numbers at the borders. So of all signatures about a fifth hold, and those that do not are
those about which libraries disagree (Chalkias, Garillot, Nikolaenko: Taming the many EdDSAs, 2020, table 5).

`--wycheproof` reads a file of signatures as project Wycheproof publishes them (ed25519_test.json), and compares the verdict
with theirs. It prints how many signatures each library accepts, and what each takes for one; the processes' CPU time is
measured, on signatures that hold. Exit code 1 where libsodium accepts what OpenSSL refuses.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from proofs import libsodium

Point = tuple[int, int]

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
NEUTRAL: Point = (0, 1)
BORDERS = (0, 1, L - 1, L, L + 1, 2**252 - 1, 2**252, 2**253 - 1, 2**253, 2**255, 2**256 - 1)
POOL = 24
"""Keys and first halves. Each is combined with each, so that a scalar multiplication in Python is not needed for every one."""
FIXED_TIME_SIGNATURES = 5_000


class Signed(NamedTuple):
    public_key: bytes
    signature: bytes
    message: bytes


class _Half(NamedTuple):
    """A point as it is encoded, and the multiple of the base point that it is, but for a point of small order."""

    encoding: bytes
    multiple: int


def add(one: Point, other: Point) -> Point:
    """RFC 8032, 5.1.4, in affine coordinates."""
    (x1, y1), (x2, y2) = one, other
    product = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P
    return x, (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P


def times(number: int, point: Point) -> Point:
    total = NEUTRAL
    while number:
        if number & 1:
            total = add(total, point)
        point = add(point, point)
        number >>= 1
    return total


def decoded(encoding: bytes) -> Point:
    """RFC 8032, 5.1.3, for bytes that encode a point."""
    number = int.from_bytes(encoding, "little")
    y, sign = number & (1 << 255) - 1, number >> 255
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert (x * x - square) % P == 0, "not the encoding of a point"
    return (P - x if x & 1 != sign else x), y % P


def encoded(point: Point) -> bytes:
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE = decoded((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
ORDER_8 = decoded(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"))
SMALL_ORDER = [times(number, ORDER_8) for number in range(8)]


def odd_signatures(seed: int) -> Iterator[Signed]:
    """Without end, and the same for each seed."""
    chance = random.Random(seed)
    keys, firsts = _halves(chance), _halves(chance)
    while True:
        # Half of them are plain, which is where a list begins, so that not nearly all signatures fail.
        key, first = (chance.choice(halves[: chance.choice((POOL, len(halves)))]) for halves in (keys, firsts))
        message = chance.randbytes(chance.randrange(80))
        hashed = int.from_bytes(hashlib.sha512(first.encoding + key.encoding + message).digest(), "little")
        second = (first.multiple + hashed * key.multiple) % L
        match chance.randrange(8):
            case 0:
                second = (second + chance.randrange(1, 16) * L) % 2**256
            case 1:
                second = chance.choice(BORDERS)
        signature = bytearray(first.encoding + second.to_bytes(32, "little"))
        public_key = key.encoding
        match chance.randrange(12):
            case 0:
                signature[chance.randrange(64)] ^= 1 << chance.randrange(8)
            case 1:
                message += b"x"
            case 2:
                public_key = chance.choice(keys).encoding
            case 3:
                signature = signature[: chance.randrange(64)]
            case 4:
                signature += bytes(1)
        yield Signed(public_key, bytes(signature), message)


def _halves(chance: random.Random) -> list[_Half]:
    multiples = [chance.randrange(1, L) for _ in range(POOL)]
    points = [times(multiple, BASE) for multiple in multiples]
    mixed = [add(point, SMALL_ORDER[1 + number % 7]) for number, point in enumerate(points)]
    halves = [_Half(encoded(point), multiple) for point, multiple in zip(points + mixed, multiples * 2, strict=True)]
    for x, y in SMALL_ORDER:
        halves += [
            _Half(((y + over) | sign << 255).to_bytes(32, "little"), 0)
            for over in (0, P)
            for sign in (0, 1)
            if y + over < 2**255 and (over or sign == x & 1 or x == 0)
        ]
    # y of at most 18 has a second encoding; most bytes are not the encoding of a point at all.
    halves += [_Half((P + y).to_bytes(32, "little"), 0) for y in range(19)]
    halves += [_Half(chance.randbytes(32), 0) for _ in range(POOL // 2)]
    return halves


def openssl_accepts(signed: Signed) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(signed.public_key).verify(signed.signature, signed.message)
    except (InvalidSignature, ValueError):
        return False
    return True


def compare(signatures: Iterator[Signed], count: int) -> Counter[tuple[bool, bool]]:
    """How often libsodium and OpenSSL, in this order, accept."""
    verdicts: Counter[tuple[bool, bool]] = Counter()
    for _ in range(count):
        signed = next(signatures)
        verdicts[libsodium.accepts(*signed), openssl_accepts(signed)] += 1
    return verdicts


def disagreements_with_wycheproof(path: Path) -> list[str]:
    """What is accepted and is not to be, or the other way round, by OpenSSL; and by libsodium what OpenSSL refuses."""
    found = []
    for group in orjson.loads(path.read_bytes())["testGroups"]:
        key = bytes.fromhex((group.get("publicKey") or group["key"])["pk"])
        for test in group["tests"]:
            signed = Signed(key, bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"]))
            by_openssl, by_libsodium = openssl_accepts(signed), libsodium.accepts(*signed)
            if by_openssl != (test["result"] == "valid") or (by_libsodium and not by_openssl):
                found.append(f"{test['tcId']}: {test['comment']}: OpenSSL {by_openssl}, libsodium {by_libsodium}")
    return found


def microseconds(accepts: Callable[[Signed], bool], holding: list[Signed]) -> float:
    began = time.process_time()
    for signed in holding:
        assert accepts(signed)
    return (time.process_time() - began) / len(holding) * 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--wycheproof", type=Path)
    asked = parser.parse_args()
    print(f"libsodium is used: {libsodium.is_strict()}")
    wrong = disagreements_with_wycheproof(asked.wycheproof) if asked.wycheproof else []
    print("\n".join(wrong) or "Wycheproof agrees" if asked.wycheproof else "without Wycheproof")
    verdicts = compare(odd_signatures(asked.seed), asked.count)
    for (by_libsodium, by_openssl), count in sorted(verdicts.items()):
        print(f"{count:>12,} libsodium {'yes' if by_libsodium else 'no '}  OpenSSL {'yes' if by_openssl else 'no'}")
    signatures = odd_signatures(asked.seed)
    holding = [each for each in (next(signatures) for _ in range(FIXED_TIME_SIGNATURES)) if libsodium.accepts(*each)]
    sodium, openssl = (
        microseconds(lambda each: libsodium.accepts(*each), holding),
        microseconds(openssl_accepts, holding),
    )
    print(f"CPU of one that holds: libsodium {sodium:.1f} us, OpenSSL {openssl:.1f} us: {openssl / sodium:.2f} : 1")
    return 1 if wrong or verdicts[True, False] else 0


if __name__ == "__main__":
    sys.exit(main())
