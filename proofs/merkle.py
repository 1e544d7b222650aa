"""The Merkle tree of a transparency log: its hashes, its proofs and their check (RFC 6962, section 2.1; RFC 9162, section 2.1).

Sizes and indices are counts of leaves. A proof is a list of 32-byte hashes, from the leaf upwards. Making a proof reads the
hashes of whole subtrees through `ReadHash`; checking one needs only the proof and the roots.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

LEAF_PREFIX = b"\x00"
NODE_PREFIX = b"\x01"
EMPTY_ROOT = hashlib.sha256(b"").digest()

ReadHash = Callable[[int, int], bytes]
"""(level, index) → hash of the whole subtree over the leaves from index × 2^level up to, not including, (index + 1) ×
2^level."""


class ProofError(ValueError):
    """A proof does not prove what it should; the message states why."""


def leaf_hash(record: bytes) -> bytes:
    """Hash of a leaf. With its prefix, a leaf cannot pass as an inner node (RFC 6962, 2.1)."""
    return hashlib.sha256(LEAF_PREFIX + record).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(NODE_PREFIX + left + right).digest()


def root_hash(size: int, read: ReadHash) -> bytes:
    """The root of the first `size` leaves."""
    return EMPTY_ROOT if size == 0 else _range_hash(0, size, read)


def inclusion_proof(index: int, size: int, read: ReadHash) -> list[bytes]:
    """The audit path of a leaf in the tree of the first `size` leaves (RFC 6962, 2.1.1)."""
    assert 0 <= index < size, f"leaf {index} is not in a tree of {size}"
    path: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + _largest_power_below(end - begin)
        if index < middle:
            path.append(_range_hash(middle, end, read))
            end = middle
        else:
            path.append(_range_hash(begin, middle, read))
            begin = middle
    return path[::-1]


def consistency_proof(old: int, new: int, read: ReadHash) -> list[bytes]:
    """Proof that the tree of `old` leaves is the beginning of the tree of `new` (RFC 6962, 2.1.2). Empty where `old` is 0 or
    `new`, because then there is nothing to prove."""
    assert 0 <= old <= new, f"a tree of {new} leaves cannot continue one of {old}"
    if old in (0, new):
        return []
    path: list[bytes] = []
    begin, end = 0, new
    whole = True
    """Whether the range still begins at the tree's left edge. At the end it is then the whole old tree, whose root the reader
    knows."""
    while old != end:
        middle = begin + _largest_power_below(end - begin)
        if old <= middle:
            path.append(_range_hash(middle, end, read))
            end = middle
        else:
            path.append(_range_hash(begin, middle, read))
            begin = middle
            whole = False
    if not whole:
        path.append(_range_hash(begin, end, read))
    return path[::-1]


def check_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check an audit path (RFC 9162, 2.1.3.2). Raises ProofError."""
    if not 0 <= index < size:
        raise ProofError(f"leaf {index} is not in a tree of {size}")
    position, last = index, size - 1
    current = leaf
    for each in proof:
        if last == 0:
            raise ProofError("the proof is longer than the tree is high")
        if position & 1 or position == last:
            current = node_hash(each, current)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            current = node_hash(current, each)
        position >>= 1
        last >>= 1
    if last != 0:
        raise ProofError("the proof is shorter than the tree is high")
    if current != root:
        raise ProofError(f"leaf {index} is not under this root")


def check_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Check that a tree continues an older one (RFC 9162, 2.1.4.2). Raises ProofError."""
    if old > new:
        raise ProofError(f"a tree of {new} leaves is shorter than one of {old}")
    if old == new:
        if proof or old_root != new_root:
            raise ProofError(f"two trees of {old} leaves differ")
        return
    if old == 0:
        if proof or old_root != EMPTY_ROOT:
            raise ProofError("an empty tree has the empty root and an empty proof")
        return
    if not proof:
        raise ProofError("the proof is empty")
    hashes = list(proof)
    if old & (old - 1) == 0:  # the old tree is a whole subtree, so its hash is the old root itself
        hashes.insert(0, old_root)
    position, last = old - 1, new - 1
    while position & 1:
        position >>= 1
        last >>= 1
    older = newer = hashes[0]
    for each in hashes[1:]:
        if last == 0:
            raise ProofError("the proof is longer than the tree is high")
        if position & 1 or position == last:
            older, newer = node_hash(each, older), node_hash(each, newer)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            newer = node_hash(newer, each)
        position >>= 1
        last >>= 1
    if last != 0:
        raise ProofError("the proof is shorter than the tree is high")
    if older != old_root:
        raise ProofError(
            f"the tree of {new} leaves does not continue that of {old}: the two trees have different histories"
        )
    if newer != new_root:
        raise ProofError(f"the proof does not lead to the root of {new} leaves")


def _range_hash(begin: int, end: int, read: ReadHash) -> bytes:
    """Hash over the leaves from `begin` up to, not including, `end`; `begin` is a multiple of the largest power of two that is
    not larger than the range."""
    size = end - begin
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return read(level, begin >> level)
    middle = begin + _largest_power_below(size)
    return node_hash(_range_hash(begin, middle, read), _range_hash(middle, end, read))


def _largest_power_below(size: int) -> int:
    """The largest power of two smaller than `size` (at least 2)."""
    return 1 << ((size - 1).bit_length() - 1)
