"""How complete profiles are, for candidates area by area and for parties as a whole."""

from __future__ import annotations

from projections.shown.profile_completeness import lacking_columns
from schemas.definition.profiles import Candidate
from schemas.served.profiles import Completeness
from tests.support.small_profiles import DEFINITION, FULL, INDEX


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


def test_a_column_is_complete_for_a_candidate_whose_persons_all_have_it() -> None:
    found = INDEX.completeness(DEFINITION.tree.number["2"])["candidates"]
    assert (found["area"], found["expected"], found["described"]) == ("2", 2, 0)
    assert found["columns"] == dict.fromkeys(("sex", "residence", "photo", "web"), 0)
    assert lacking_columns([]) == ["persons"]
    full, bare = (
        Candidate.model_validate({"contest": "president", "choice": "01", "name": "A"} | known) for known in (FULL, {})
    )
    for column in FULL:
        lacks_one = full.model_copy(update={column: None})
        assert lacking_columns([full, lacks_one]) == lacking_columns([lacks_one]) == [column]
    assert lacking_columns([full, full]) == []
    assert lacking_columns([bare]) == ["sex", "residence", "photo", "web"]
