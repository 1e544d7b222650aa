"""The life of one station in one contest, case by case. That order does not matter: tests/properties/test_folds.py."""

from __future__ import annotations

import pytest

from projections.station.contest import (
    VERSION_STEP_MAX,
    Annulment,
    ResultState,
    Review,
    StationContest,
    Submission,
    life_of,
)
from schemas.definition.package import Severity
from schemas.findings import Finding

HARD = (Finding("F3", Severity.HARD, "salah", "wrong"),)
SOFT = (Finding("G4", Severity.SOFT, "besar", "large"),)


def form(
    offset: int,
    version: int = 1,
    says: str = "a",
    findings: tuple[Finding, ...] = (),
    corrects: int | None = None,
) -> Submission:
    return Submission(
        offset,
        b"event %d" % offset,
        "ab" * 8,
        version,
        says.encode(),
        findings,
        (1, 0, 0, 0, 0, 0),
        None,
        None if corrects is None else b"event %d" % corrects,
    )


def _settled(
    *forms: Submission, reviews: dict[int, bool] | None = None, annulled_through: int = 0
) -> tuple[ResultState, int | None, dict[int, tuple[ResultState, list[str]]]]:
    """(state of the station, offset that stands, offset → (state, rules of its judgement))"""
    life = life_of(
        list(forms),
        reviews={b"event %d" % of: Review(100 + of, accepted, "SEEN") for of, accepted in (reviews or {}).items()},
        annulments={b"order": Annulment(200, "court", annulled_through, None, "PSU")} if annulled_through else {},
    )
    states = {s.offset: (s.state, [finding.rule for finding in s.judgement]) for s in life.submissions}
    return life.state, life.standing.offset if life.standing else None, states


def test_the_highest_version_stands_and_supersedes_those_below() -> None:
    state, stands, states = _settled(form(1, 1), form(2, 3, "c", corrects=3), form(3, 2, "b", corrects=1))
    assert (state, stands) == (ResultState.COUNTED, 2)
    assert states[1] == states[3] == (ResultState.SUPERSEDED, ["V4"])


def test_of_two_forms_with_one_version_the_first_counts_flagged_and_the_other_is_held() -> None:
    state, stands, states = _settled(form(1, says="a"), form(2, says="b"))
    assert (state, stands) == (ResultState.FLAGGED, 1)
    assert states == {1: (ResultState.FLAGGED, ["V1"]), 2: (ResultState.HELD, ["V1"])}


def test_a_second_form_that_says_the_same_is_no_conflict() -> None:
    state, stands, states = _settled(form(1), form(2))
    assert (state, stands) == (ResultState.COUNTED, 1)
    assert states[2] == (ResultState.SUPERSEDED, ["V3"])


def test_of_two_held_forms_with_one_version_the_first_waits_for_review() -> None:
    assert _settled(form(1, says="a", findings=HARD), form(2, says="b", findings=HARD))[:2] == (ResultState.HELD, 1)


def test_a_form_that_breaks_a_hard_rule_is_held_and_one_that_breaks_a_soft_rule_is_flagged() -> None:
    assert _settled(form(1, findings=HARD))[0] is ResultState.HELD
    assert _settled(form(1, findings=SOFT))[0] is ResultState.FLAGGED


def test_a_held_higher_version_flags_what_counts_and_does_not_blank_it() -> None:
    state, stands, states = _settled(form(1, 1), form(2, 2, "b", HARD, corrects=1))
    assert (state, stands) == (ResultState.FLAGGED, 1)
    assert states == {1: (ResultState.FLAGGED, ["V2"]), 2: (ResultState.HELD, [])}


def test_a_reviewer_lets_a_held_form_count_flagged() -> None:
    state, stands, states = _settled(form(1, findings=HARD), reviews={1: True})
    assert (state, stands) == (ResultState.FLAGGED, 1)
    assert states[1] == (ResultState.FLAGGED, ["R2"])


def test_a_reviewer_rejects_a_held_form() -> None:
    state, stands, states = _settled(form(1, 1), form(2, 2, "b", HARD), reviews={2: False})
    assert (state, stands) == (ResultState.COUNTED, 1)
    assert states[2] == (ResultState.REFUSED, ["R1"])


def test_a_reviewer_decides_a_conflict_for_the_later_form() -> None:
    state, stands, states = _settled(form(1, says="a"), form(2, says="b"), reviews={2: True})
    assert (state, stands) == (ResultState.FLAGGED, 2)
    assert states == {1: (ResultState.SUPERSEDED, ["V4"]), 2: (ResultState.FLAGGED, ["R2"])}


def test_a_review_of_a_form_that_is_in_order_changes_nothing() -> None:
    assert _settled(form(1), reviews={1: False}) == _settled(form(1))


def test_an_annulled_station_waits_for_a_later_version() -> None:
    state, stands, states = _settled(form(1, 1), form(2, 2, "b"), annulled_through=2)
    assert (state, stands) == (ResultState.ANNULLED, None)
    assert states[1] == states[2] == (ResultState.ANNULLED, ["N1"])
    state, stands, _ = _settled(form(1, 1), form(2, 2), form(3, 3, "c", corrects=2), annulled_through=2)
    assert (state, stands) == (ResultState.COUNTED, 3)


def test_a_station_whose_only_form_was_rejected_waits() -> None:
    assert _settled(form(1, findings=HARD), reviews={1: False})[:2] == (ResultState.WAITING, None)


def test_a_version_without_the_one_before_it_is_flagged_until_that_comes() -> None:
    _, _, states = _settled(form(1, 1), form(2, 3, "c", corrects=1))
    assert states[2] == (ResultState.FLAGGED, ["V5"])
    _, _, states = _settled(form(1, 1), form(2, 3, "c", corrects=1), form(3, 2, "b", corrects=1))
    assert states[2] == (ResultState.COUNTED, [])


@pytest.mark.parametrize(
    ("correction", "is_flagged"),
    [
        (form(2, 2, "b", corrects=1), False),
        (form(2, 2, "b"), True),
        (form(2, 2, "b", corrects=99), True),
        (form(2, 2, "b", corrects=2), True),
        (form(2, 2, "b", corrects=3), True),
    ],
    ids=["the version below", "nothing", "what is not there", "itself", "a version that is not lower"],
)
def test_a_correction_names_a_lower_version(correction: Submission, is_flagged: bool) -> None:
    _, _, states = _settled(form(1, 1), correction, form(3, 2, "b", corrects=1))
    assert ("V6" in states[2][1]) is is_flagged


def test_a_form_typed_as_version_ten_thousand_is_held_until_a_reviewer_accepts_it() -> None:
    forms = form(1, 1), form(2, 2, "b", corrects=1), form(3, 10_000, "c", corrects=2)
    state, stands, states = _settled(*forms)
    assert (state, stands) == (ResultState.FLAGGED, 2)
    assert states == {
        1: (ResultState.SUPERSEDED, ["V4"]),
        2: (ResultState.FLAGGED, ["V2"]),
        3: (ResultState.HELD, ["V7", "V5"]),
    }
    assert _settled(*forms, reviews={3: True})[:2] == (ResultState.FLAGGED, 3)
    assert _settled(*forms, reviews={3: False})[:2] == (ResultState.COUNTED, 2)


def test_a_version_is_far_above_from_one_step_more_than_there_may_be() -> None:
    for first, last in ((1, 1 + VERSION_STEP_MAX), (VERSION_STEP_MAX, 2 * VERSION_STEP_MAX)):
        assert "V7" not in _settled(form(1, first), form(2, last, "z"))[2][2][1]
        assert "V7" in _settled(form(1, first), form(2, last + 1, "z"))[2][2][1]
    assert "V7" in _settled(form(1, VERSION_STEP_MAX + 1))[2][1][1]


def test_a_good_form_after_two_wrong_ones_of_its_version_stands() -> None:
    life = StationContest()
    for each in (form(1, says="a", findings=HARD), form(2, says="b", findings=HARD), form(3, says="c")):
        life.add(each)
    assert (life.state, life.effective) == (ResultState.FLAGGED, life.submissions[2])


def test_a_review_that_had_nothing_to_decide_decides_when_another_form_disagrees() -> None:
    life = life_of([form(1, says="a")], reviews={b"event 1": Review(2, False, "SEEN")})
    life.add(form(3, says="b"))
    assert [each.state for each in life.submissions] == [ResultState.REFUSED, ResultState.COUNTED]


def test_versions_far_above_are_within_reach_when_those_between_have_come() -> None:
    assert _settled(form(1, 1), form(2, 21, "z"))[:2] == (ResultState.FLAGGED, 1)
    assert _settled(form(1, 1), form(2, 21, "z"), form(3, 11, "y"))[:2] == (ResultState.FLAGGED, 2)
    assert _settled(form(1, 1), form(2, 31, "z"), form(3, 21, "y"), form(4, 11, "x"))[:2] == (ResultState.FLAGGED, 2)


def test_an_annulment_of_one_form_lets_the_one_below_stand_again() -> None:
    life = life_of([form(1, 1), form(2, 2, "b", corrects=1)])
    life.annulments[b"order"] = Annulment(3, "court", 0, b"event 2", "PSU")
    changed = {each.offset: each.state for each in life.settle()}
    assert changed == {1: ResultState.COUNTED, 2: ResultState.ANNULLED}
    del life.annulments[b"order"]
    assert {each.offset: each.state for each in life.settle()} == {1: ResultState.SUPERSEDED, 2: ResultState.COUNTED}
