"""The rows of an area in a contest: what is expected of the area, what has counted, and the votes of each choice."""

from __future__ import annotations

import pytest

from projections.definition.compiled import Definition
from projections.tables.area_rows import counts_row, votes_rows
from schemas.tables.results import AREA_COUNTS, AREA_VOTES
from tests.support.small_election import small_package

DEFINITION = Definition.of(small_package())
PRESIDENT = DEFINITION.ballots.contest("president")
DISTRICT = DEFINITION.tree.number["1.1"]
EXPECTED = DEFINITION.electorates.denominators[PRESIDENT.number, DISTRICT]
CLEAN = [1, 201, 0, 6, 6, 1, 0, 7, 0, 1, 0, 0, 0, 0, 1, 2, 3]
FLAGGED = [1, 202, 9, 8, 8, 0, 0, 8, 0, 0, 0, 1, 0, 0, 8, 0, 0]
HEAD = {"office": "president", "contest": "president", "level": "district", "area": "1.1"}


def test_clean_and_flagged_results_count_and_those_held_and_annulled_are_only_numbered() -> None:
    held = [1, *[90] * 7, *[0] * 6, 30, 30, 30]
    row = counts_row(DEFINITION, PRESIDENT, DISTRICT, [*CLEAN, *FLAGGED, *held, 1], EXPECTED)
    shown = dict(zip(AREA_COUNTS.column_names, row, strict=True))
    assert HEAD.items() <= shown.items()
    assert {name: value for name, value in shown.items() if name.startswith("stations_")} == {
        "stations_expected": 4,
        "stations_reported": 3,
        "stations_waiting": 0,
        "stations_counted": 2,
        "stations_clean": 1,
        "stations_flagged": 1,
        "stations_held": 1,
        "stations_annulled": 1,
    }
    assert (shown["registered_voters_expected"], shown["registered_voters"], shown["valid"]) == (806, 403, 14)
    assert (shown["voters"], shown["voters_not_stated"], shown["invalid_not_stated"]) == (9, 1, 1)


def test_each_choice_has_a_row_with_the_votes_that_count() -> None:
    rows = votes_rows(DEFINITION, PRESIDENT, DISTRICT, [*CLEAN, *FLAGGED, *[9] * 17, 0])
    head = (*HEAD.values(), "District 1.1")
    assert rows == [
        (*head, "01", "Pair 1", None, 9),
        (*head, "02", "Pair 2", None, 2),
        (*head, "03", "Pair 3", None, 3),
    ]
    assert len(rows[0]) == len(AREA_VOTES.columns)


@pytest.mark.parametrize("choices", [2, 4])
def test_a_tally_of_another_ballot_has_no_rows(choices: int) -> None:
    with pytest.raises(ValueError, match="zip"):
        votes_rows(DEFINITION, PRESIDENT, DISTRICT, [0] * (3 * (14 + choices) + 1))
