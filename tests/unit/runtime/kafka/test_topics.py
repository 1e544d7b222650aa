"""Names and partitions of topics stay as they are in elections that are open already."""

from __future__ import annotations

from aiokafka import TopicPartition

from runtime.kafka.topics import SUBTOTALS_PARTITIONS, Topics, generations_topic, group_of, topics_of
from tests.support.small_election import small_package

TOPICS = Topics("ledger", "subtotals", "results")
ELECTION = small_package().election


def test_all_blocks_of_an_office_are_in_the_partition_of_kafkas_default_partitioner() -> None:
    partitions = {office: TOPICS.subtotals_partition_of(office) for office in ("president", "dpr", "council", "-")}
    assert {office: each.partition for office, each in partitions.items()} == {
        "president": 3,
        "dpr": 0,
        "council": 0,
        "-": 2,
    }
    assert set(partitions.values()) <= set(TOPICS.subtotals_partitions())


def test_derived_partitions_are_those_of_subtotals_and_the_one_of_results() -> None:
    assert TOPICS.derived_partitions() == [
        *(TopicPartition("subtotals", number) for number in range(SUBTOTALS_PARTITIONS)),
        TopicPartition("results", 0),
    ]


def test_the_ledger_is_the_same_in_every_generation_and_derived_names_end_with_the_number() -> None:
    name = f"rekap.{ELECTION.mode.value}.{ELECTION.id}"
    assert topics_of(ELECTION) == (f"{name}.ledger", f"{name}.subtotals", f"{name}.results")
    assert topics_of(ELECTION, 2) == (f"{name}.ledger", f"{name}.subtotals.2", f"{name}.results.2")
    assert generations_topic(ELECTION) == f"{name}.generations"
    assert (group_of(ELECTION, "rollup"), group_of(ELECTION, "rollup", 2)) == (f"{name}.rollup", f"{name}.rollup.2")
