"""The tree of areas: lineage, shards, and partitions of the ledger."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from projections.definition.tree import AreaTree, partition_of
from tests.support.small_election import small_package


@pytest.fixture
def tree() -> AreaTree:
    """Made anew for each test, because a tree keeps what it has computed."""
    return AreaTree.of(small_package())


@pytest.mark.parametrize(("code", "partition"), [("123456789", 0xCBF43926 % 12), ("", 0)])
def test_a_partition_is_the_crc_32_of_the_shard_area(code: str, partition: int) -> None:
    """0xCBF43926 is the check value of CRC-32/ISO-HDLC in the catalogue of parametrised CRC algorithms."""
    assert partition_of(code, 12) == partition


def codes(tree: AreaTree, areas: Iterable[int]) -> list[str]:
    return [tree.codes[area] for area in areas]


def test_each_area_knows_those_above_it_and_those_directly_in_it(tree: AreaTree) -> None:
    number = tree.number
    assert codes(tree, tree.lineage[number["1.2.1"]]) == ["1.2.1", "1.2", "1", "N"]
    assert codes(tree, tree.children[number["N"]]) == ["1", "2"]
    assert codes(tree, tree.children[number["1"]]) == ["1.1", "1.2"]
    assert tree.children[number["1.2.1"]] == ()
    assert codes(tree, [tree.root]) == ["N"]
    assert tree.parent[tree.root] == -1


def test_an_area_has_one_area_at_the_shard_level_and_counts_in_those_up_to_it(tree: AreaTree) -> None:
    number = tree.number
    assert tree.shard_level == 2
    assert [tree.shard[number[code]] for code in ("N", "1")] == [-1, -1]
    assert codes(tree, (tree.shard[number[code]] for code in ("1.2", "1.2.1"))) == ["1.2", "1.2"]
    assert codes(tree, tree.counting[number["1.2.1"]]) == ["1.2.1", "1.2"]
    assert codes(tree, tree.counting[number["1.2"]]) == ["1.2"]
    assert tree.counting[number["1"]] == ()
    assert codes(tree, tree.partition_of_shard) == ["1.1", "1.2", "2.1", "2.2"]
