"""The tree against published roots and against a naive one, leaf by leaf as RFC 6962 defines it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs.merkle import (
    EMPTY_ROOT,
    ProofError,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_hash,
)

LEAVES = [
    bytes.fromhex(leaf)
    for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Roots of the first 0 … 8 leaves, from the reference tree of Certificate Transparency's test data."""


def naive_root(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word for word."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    power = 1
    while power * 2 < len(leaves):
        power *= 2
    return node_hash(naive_root(leaves[:power]), naive_root(leaves[power:]))


class Naive:
    def __init__(self, leaves: list[bytes]) -> None:
        self._leaves = leaves

    def __call__(self, level: int, index: int) -> bytes:
        part = self._leaves[index << level : (index + 1) << level]
        assert len(part) == 1 << level, "the reader asked for a subtree that is not whole"
        return naive_root(part)


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_the_published_ones(size: int) -> None:
    assert root_hash(size, Naive(LEAVES)).hex() == ROOTS[size] == naive_root(LEAVES[:size]).hex()


sizes = st.integers(1, 300)


@given(sizes, st.data())
def test_an_inclusion_proof_proves_its_leaf_and_nothing_else(size: int, data: st.DataObject) -> None:
    leaves = [b"%d" % number for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, Naive(leaves))
    root = naive_root(leaves)
    check_inclusion(leaf_hash(leaves[index]), index, size, proof, root)
    other = data.draw(st.integers(0, size))
    for leaf, at, of, path in (
        (leaf_hash(b"another"), index, size, proof),
        (leaf_hash(leaves[index]), other if other != index else size + 1, size, proof),
        (leaf_hash(leaves[index]), index, size, [*proof, root]),
        (leaf_hash(leaves[index]), index, size, [*proof[:-1], b"\0" * 32] if proof else [root]),
    ):
        with pytest.raises(ProofError):
            check_inclusion(leaf, at, of, path, root)


@given(sizes, st.data())
def test_a_consistency_proof_proves_that_the_old_tree_begins_the_new(new: int, data: st.DataObject) -> None:
    leaves = [b"%d" % number for number in range(new)]
    old = data.draw(st.integers(0, new))
    proof = consistency_proof(old, new, Naive(leaves))
    old_root, new_root = naive_root(leaves[:old]), naive_root(leaves)
    check_consistency(old, new, proof, old_root, new_root)
    rewritten = naive_root([*leaves[: max(0, old - 1)], b"changed"]) if old else b"\0" * 32
    for first, second, path in (
        (rewritten, new_root, proof),
        (old_root, b"\1" * 32, proof) if old else (b"\1" * 32, new_root, proof),
        (old_root, new_root, [*proof, new_root]),
    ):
        with pytest.raises(ProofError):
            check_consistency(old, new, path, first, second)


def test_a_proof_of_another_length_is_refused_before_its_hashes_are_compared() -> None:
    leaves = [b"%d" % number for number in range(7)]
    root, hash_of_2 = naive_root(leaves), leaf_hash(leaves[2])
    inclusion = inclusion_proof(2, 7, Naive(leaves))
    consistency = consistency_proof(3, 7, Naive(leaves))
    for proof, sentence in ((inclusion[:-1], "shorter than the tree"), ([*inclusion, root], "longer than the tree")):
        with pytest.raises(ProofError, match=sentence):
            check_inclusion(hash_of_2, 2, 7, proof, root)
    for proof, sentence in (
        (consistency[:-1], "shorter than the tree"),
        ([*consistency, root], "longer than the tree"),
        ([], "the proof is empty"),
    ):
        with pytest.raises(ProofError, match=sentence):
            check_consistency(3, 7, proof, naive_root(leaves[:3]), root)


def test_trees_that_cannot_continue_each_other_are_refused() -> None:
    root = naive_root([b"0"])
    for old, new, proof, old_root, sentence in (
        (2, 1, [], root, "is shorter than one of 2"),
        (1, 1, [root], root, "two trees of 1 leaves differ"),
        (1, 1, [], EMPTY_ROOT, "two trees of 1 leaves differ"),
        (0, 1, [root], EMPTY_ROOT, "an empty tree has the empty root and an empty proof"),
        (0, 1, [], root, "an empty tree has the empty root and an empty proof"),
    ):
        with pytest.raises(ProofError, match=sentence):
            check_consistency(old, new, proof, old_root, root)
    for index, size in ((-1, 1), (1, 1), (0, 0)):
        with pytest.raises(ProofError, match="is not in a tree of"):
            check_inclusion(root, index, size, [], root)
