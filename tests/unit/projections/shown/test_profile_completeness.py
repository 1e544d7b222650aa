"""How complete profiles are, for candidates area by area and for parties as a whole."""

from __future__ import annotations

from schemas.served.profiles import Completeness
from tests.support.small_profiles import DEFINITION, INDEX


def test_completeness_counts_the_candidates_of_contests_in_each_area() -> None:
    nation = INDEX.completeness(DEFINITION.tree.root)
    Completeness.model_validate({"election": "e", "mode": "rehearsal", "definition": "d", "licence": "l"} | nation)
    assert nation["candidates"] == {
        "area": "N",
        "expected": 9,
        "described": 2,
        "columns": {"sex": 1, "residence": 1, "photo": 1, "web": 1},
    }
    assert [(each["area"], each["expected"], each["described"]) for each in nation["children"]] == [
        ("1", 2, 0),
        ("2", 2, 0),
    ]
    assert nation["parties"] == {"expected": 2, "columns": {"web": 0, "logo": 0, "colour": 1}}


def test_an_area_without_a_contest_of_its_own_has_no_candidates() -> None:
    found = INDEX.completeness(DEFINITION.tree.number["1.1.1"])
    assert (found["candidates"]["expected"], found["children"]) == (0, [])
