"""What `rekap election check` prints about an election whose forms would not be spread evenly over its partitions."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from click.testing import CliRunner

from projections.definition.compiled import Definition
from rekap.commands.election import check
from rekap.operate.shard_levels import better_shard_level, fullest_partitions
from runtime.package.writing import write_package
from schemas.definition.package import ElectionPackage
from tests.support.small_election import small_package


def _sharded(level: str, partitions: int) -> ElectionPackage:
    package = small_package(partitions=partitions)
    return replace(package, election=package.election.model_copy(update={"shard_level": level}))


def test_the_fullest_partition_is_counted_in_forms_at_each_level() -> None:
    definition = Definition.of(_sharded("district", 3))
    fullest = fullest_partitions(definition)
    assert list(fullest) == ["nation", "province", "district", "village"]
    # 16 stations with two contests each.
    assert (fullest["nation"].forms, fullest["nation"].times_its_share) == (32, Fraction(3))
    forms = [0, 0, 0]
    for station in range(len(definition.stations.codes)):
        forms[definition.stations.partition(station)] += 2
    assert fullest["district"].forms == max(forms)
    assert fullest["district"].partition == forms.index(max(forms))


def test_an_even_spread_is_not_remarked_upon() -> None:
    assert better_shard_level(Definition.of(_sharded("province", 3))) is None
    assert better_shard_level(Definition.of(_sharded("nation", 2))) is None, "twice its share, and no more"


def test_where_one_partition_gets_over_twice_its_share_the_highest_level_that_does_better_is_named() -> None:
    sentence = better_shard_level(Definition.of(_sharded("nation", 3)))
    assert sentence is not None
    assert sentence.startswith("with 'nation', partition ")
    assert "gets 32 of 32 forms, 3.0 times its share of 3 partitions; with " in sentence
    assert "'province'" in sentence or "'district'" in sentence


def test_where_no_level_does_better_fewer_partitions_are() -> None:
    sentence = better_shard_level(Definition.of(_sharded("village", 200)))
    assert sentence is not None
    assert sentence.endswith("; no other level does better, fewer partitions would")


def test_the_check_notes_a_better_level_and_accepts_the_package(tmp_path: Path) -> None:
    write_package(_sharded("nation", 3), tmp_path)
    result = CliRunner().invoke(check, [str(tmp_path)])
    assert result.exit_code == 0
    assert "Note: election.json: shard_level: with 'nation', partition " in result.stderr
    write_package(_sharded("province", 3), tmp_path)
    assert "shard_level" not in CliRunner().invoke(check, [str(tmp_path)]).stderr
