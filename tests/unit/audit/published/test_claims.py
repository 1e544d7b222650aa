"""What a server answers an auditor may have any shape: each wrong one is a sentence, and none is taken for a claim."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from audit.findings import AuditError
from audit.published.claims import Snapshots
from audit.sources.package import read_package
from runtime.package.writing import write_package
from tests.support.small_election import small_package

TALLY = {"contest": "president", "area": "N"}
RIGHT = {"office": "president", "as_of": {"0": 1, "1": -1, "2": 7}, "tally": TALLY}


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> Snapshots:
    directory: Path = tmp_path_factory.mktemp("package")
    write_package(small_package(), directory)
    return Snapshots(read_package(directory))


def test_a_right_answer_is_a_claim(snapshots: Snapshots) -> None:
    (claim,) = snapshots.claims("x", snapshots.of_contest(RIGHT))
    assert claim.cut == ((0, 1), (1, -1), (2, 7))


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {**RIGHT, "office": "mayor"},
        {**RIGHT, "office": "council"},
        {**RIGHT, "office": ["president"]},
        {**RIGHT, "as_of": None},
        {**RIGHT, "as_of": {"0": "1"}},
        {**RIGHT, "as_of": {"0": 1.5}},
        {**RIGHT, "as_of": {"0": True}},
        {**RIGHT, "as_of": {"x": 1}},
        {**RIGHT, "as_of": {"-1": 1}},
        {**RIGHT, "as_of": {"99999999999999999999": -1}},
        {**RIGHT, "tally": None},
        {**RIGHT, "tally": {**TALLY, "area": "elsewhere"}},
        {**RIGHT, "tally": {**TALLY, "area": {}}},
        {**RIGHT, "tally": {**TALLY, "contest": "mayor"}},
    ],
)
def test_an_answer_of_another_shape_is_a_sentence(snapshots: Snapshots, wrong: dict[str, Any]) -> None:
    with pytest.raises(AuditError, match="x: the answer has not its shape"):
        snapshots.claims("x", snapshots.of_contest(wrong))


@pytest.mark.parametrize("lines", [None, [{}], [{"station": 1}], [{"station": "1.1.1-1"}] * 2, ["1.1.1-1"]])
def test_a_list_of_stations_of_another_shape_is_a_sentence(snapshots: Snapshots, lines: Any) -> None:
    page = {"next": None, "stations": lines, "shard_as_of": {"0": 1}}
    ((path, published),) = snapshots.stations(lambda path: page, "president")
    with pytest.raises(AuditError, match=r"stations.*: the answer has not its shape"):
        snapshots.claims(path, published)
