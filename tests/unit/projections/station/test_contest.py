"""The life of one station in one contest, case by case. That order does not matter: tests/properties/test_folds.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from itertools import product
from typing import Any

import pytest

from projections.station.contest import StationContest, settled
from projections.station.submissions import VERSION_STEP_MAX, Annulment, ResultState, Review, Submission
from projections.station.verdicts import Facts
from schemas.definition.package import Severity
from schemas.findings import Finding

HARD = (Finding("F3", Severity.HARD, "salah", "wrong"),)
SOFT = (Finding("G4", Severity.SOFT, "besar", "large"),)


def form(
    offset: int,
    version: int = 1,
    numbers: str = "a",
    findings: tuple[Finding, ...] = (),
    corrects: int | None = None,
) -> Submission:
    return Submission(
        offset,
        b"event %d" % offset,
        "ab" * 8,
        version,
        numbers.encode(),
        findings,
        (1, 0, 0, 0, 0, 0),
        None,
        None if corrects is None else b"event %d" % corrects,
    )


def _settled(
    *forms: Submission, reviews: dict[int, bool] | None = None, annulled_through: int = 0
) -> tuple[ResultState, int | None, dict[int, tuple[ResultState, list[str]]]]:
    """(state of the station, offset that counts, offset → (state, rules of its judgement))"""
    life = settled(
        list(forms),
        reviews={b"event %d" % of: Review(100 + of, accepted, "SEEN") for of, accepted in (reviews or {}).items()},
        annulments={b"order": Annulment(200, "court", annulled_through, None, "PSU")} if annulled_through else {},
    )
    states = {s.offset: (s.state, [finding.rule for finding in s.judgement]) for s in life.submissions}
    return life.state, life.standing_form.offset if life.standing_form else None, states


def test_the_highest_version_counts_and_supersedes_those_below() -> None:
    state, counts, states = _settled(form(1, 1), form(2, 3, "c", corrects=3), form(3, 2, "b", corrects=1))
    assert (state, counts) == (ResultState.COUNTED, 2)
    assert states[1] == states[3] == (ResultState.SUPERSEDED, ["V4"])


def test_of_two_forms_with_one_version_the_first_counts_flagged_and_the_other_is_held() -> None:
    state, counts, states = _settled(form(1, numbers="a"), form(2, numbers="b"))
    assert (state, counts) == (ResultState.FLAGGED, 1)
    assert states == {1: (ResultState.FLAGGED, ["V1"]), 2: (ResultState.HELD, ["V1"])}


def test_a_second_form_with_the_same_numbers_is_not_a_conflict() -> None:
    state, counts, states = _settled(form(1), form(2))
    assert (state, counts) == (ResultState.COUNTED, 1)
    assert states[2] == (ResultState.SUPERSEDED, ["V3"])


def test_of_two_held_forms_with_one_version_the_first_waits_for_review() -> None:
    assert _settled(form(1, numbers="a", findings=HARD), form(2, numbers="b", findings=HARD))[:2] == (
        ResultState.HELD,
        1,
    )


def test_a_form_that_breaks_a_hard_rule_is_held_and_one_that_breaks_a_soft_rule_is_flagged() -> None:
    assert _settled(form(1, findings=HARD))[0] is ResultState.HELD
    assert _settled(form(1, findings=SOFT))[0] is ResultState.FLAGGED


def test_a_held_higher_version_flags_what_counts_and_does_not_blank_it() -> None:
    state, counts, states = _settled(form(1, 1), form(2, 2, "b", HARD, corrects=1))
    assert (state, counts) == (ResultState.FLAGGED, 1)
    assert states == {1: (ResultState.FLAGGED, ["V2"]), 2: (ResultState.HELD, [])}


def test_a_reviewer_lets_a_held_form_count_flagged() -> None:
    state, counts, states = _settled(form(1, findings=HARD), reviews={1: True})
    assert (state, counts) == (ResultState.FLAGGED, 1)
    assert states[1] == (ResultState.FLAGGED, ["R2"])


def test_a_reviewer_rejects_a_held_form() -> None:
    state, counts, states = _settled(form(1, 1), form(2, 2, "b", HARD), reviews={2: False})
    assert (state, counts) == (ResultState.COUNTED, 1)
    assert states[2] == (ResultState.REFUSED, ["R1"])


def test_a_reviewer_decides_a_conflict_for_the_later_form() -> None:
    state, counts, states = _settled(form(1, numbers="a"), form(2, numbers="b"), reviews={2: True})
    assert (state, counts) == (ResultState.FLAGGED, 2)
    assert states == {1: (ResultState.SUPERSEDED, ["V4"]), 2: (ResultState.FLAGGED, ["R2"])}


def test_a_review_of_a_form_that_is_in_order_changes_nothing() -> None:
    assert _settled(form(1), reviews={1: False}) == _settled(form(1))


def test_an_annulled_station_waits_for_a_later_version() -> None:
    state, counts, states = _settled(form(1, 1), form(2, 2, "b"), annulled_through=2)
    assert (state, counts) == (ResultState.ANNULLED, None)
    assert states[1] == states[2] == (ResultState.ANNULLED, ["N1"])
    state, counts, _ = _settled(form(1, 1), form(2, 2), form(3, 3, "c", corrects=2), annulled_through=2)
    assert (state, counts) == (ResultState.COUNTED, 3)


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
    state, counts, states = _settled(*forms)
    assert (state, counts) == (ResultState.FLAGGED, 2)
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


def test_a_good_form_after_two_wrong_ones_of_its_version_counts() -> None:
    life = StationContest()
    for each in (form(1, numbers="a", findings=HARD), form(2, numbers="b", findings=HARD), form(3, numbers="c")):
        life.add(each)
    assert (life.state, life.effective) == (ResultState.FLAGGED, life.submissions[2])


def test_a_review_that_had_nothing_to_decide_decides_when_another_form_disagrees() -> None:
    life = settled([form(1, numbers="a")], reviews={b"event 1": Review(2, False, "SEEN")})
    life.add(form(3, numbers="b"))
    assert [each.state for each in life.submissions] == [ResultState.REFUSED, ResultState.COUNTED]


def test_versions_far_above_are_within_reach_when_those_between_have_come() -> None:
    assert _settled(form(1, 1), form(2, 21, "z"))[:2] == (ResultState.FLAGGED, 1)
    assert _settled(form(1, 1), form(2, 21, "z"), form(3, 11, "y"))[:2] == (ResultState.FLAGGED, 2)
    assert _settled(form(1, 1), form(2, 31, "z"), form(3, 21, "y"), form(4, 11, "x"))[:2] == (ResultState.FLAGGED, 2)


def test_versions_far_above_stay_so_where_those_between_are_still_too_few() -> None:
    _, counts, states = _settled(form(1, 1), form(2, 31, "z"), form(3, 2, "b", corrects=1))
    assert (counts, states[2]) == (3, (ResultState.HELD, ["V7", "V5", "V6"]))


def test_a_version_that_was_once_far_above_is_reached_for_good() -> None:
    _, counts, states = _settled(form(1, 1), form(2, 21, "z"), form(3, 11, "y"), form(4, 22, "x", corrects=2))
    assert (counts, states[4]) == (4, (ResultState.COUNTED, []))


def test_a_form_waits_only_while_it_is_held() -> None:
    assert settled([form(1)]).waiting is None
    held = form(1, 1, findings=HARD)
    assert settled([held]).waiting is held
    life = settled([held])
    life.add(form(2, 2, "b", corrects=1))
    assert life.waiting is None
    assert life.effective is life.submissions[1]


def test_an_annulled_form_stays_so_when_the_form_comes_that_it_corrects() -> None:
    life = settled([form(1, 2, corrects=9), form(2, 1, "b")])
    life.annulments[b"order"] = Annulment(3, "court", 0, b"event 1", "PSU")
    life.settle()
    assert [each.offset for each in life.add(form(9, 1, "c"))] == [2, 9]
    assert [(each.offset, each.state) for each in life.submissions] == [
        (1, ResultState.ANNULLED),
        (2, ResultState.FLAGGED),
        (9, ResultState.HELD),
    ]


def test_an_annulment_of_one_form_lets_the_one_below_stand_again() -> None:
    life = settled([form(1, 1), form(2, 2, "b", corrects=1)])
    life.annulments[b"order"] = Annulment(3, "court", 0, b"event 2", "PSU")
    changed = {each.offset: each.state for each in life.settle()}
    assert changed == {1: ResultState.COUNTED, 2: ResultState.ANNULLED}
    del life.annulments[b"order"]
    assert {each.offset: each.state for each in life.settle()} == {1: ResultState.SUPERSEDED, 2: ResultState.COUNTED}


def test_of_two_accepted_forms_the_first_in_the_ledger_counts() -> None:
    forms = form(1, numbers="a"), form(2, numbers="b"), form(3, numbers="c")
    state, counts, states = _settled(*forms, reviews={3: True, 2: True})
    assert (state, counts) == (ResultState.FLAGGED, 2)
    assert states == {
        1: (ResultState.SUPERSEDED, ["V4"]),
        2: (ResultState.FLAGGED, ["R2"]),
        3: (ResultState.SUPERSEDED, ["V4"]),
    }


@pytest.mark.parametrize(
    ("rejected", "expected"),
    [
        ([1], {1: "refused R1", 2: "flagged V1", 3: "held V1"}),
        ([2], {1: "flagged V1", 2: "refused R1", 3: "held V1"}),
        ([1, 2], {1: "refused R1", 2: "refused R1", 3: "counted"}),
        ([1, 3], {1: "refused R1", 2: "counted", 3: "refused R1"}),
        ([1, 2, 3], {1: "refused R1", 2: "refused R1", 3: "refused R1"}),
    ],
)
def test_a_rejected_form_is_in_conflict_with_none(rejected: list[int], expected: dict[int, str]) -> None:
    forms = form(1, numbers="a"), form(2, numbers="b"), form(3, numbers="c")
    state, counts, states = _settled(*forms, reviews=dict.fromkeys(rejected, False))
    assert {of: " ".join([each, *rules]) for of, (each, rules) in states.items()} == expected
    counted = [of for of, each in expected.items() if each.startswith(("counted", "flagged"))]
    assert counts == (counted[0] if counted else None)
    assert state == (expected[counted[0]].split()[0] if counted else ResultState.WAITING)


def test_a_held_form_is_in_conflict_only_while_another_is_open() -> None:
    forms = form(1, numbers="a", findings=HARD), form(2, numbers="b", findings=HARD)
    assert _settled(*forms)[2] == {1: (ResultState.HELD, ["V1"]), 2: (ResultState.HELD, ["V1"])}
    assert _settled(*forms, reviews={1: False})[2] == {1: (ResultState.REFUSED, ["R1"]), 2: (ResultState.HELD, [])}


def test_a_clean_form_counts_before_an_earlier_held_one_and_an_accepted_one_before_both() -> None:
    forms = form(1, numbers="a", findings=HARD), form(2, numbers="b")
    assert _settled(*forms) == (
        ResultState.FLAGGED,
        2,
        {1: (ResultState.HELD, ["V1"]), 2: (ResultState.FLAGGED, ["V1"])},
    )
    assert _settled(*forms, reviews={1: True}) == (
        ResultState.FLAGGED,
        1,
        {1: (ResultState.FLAGGED, ["R2"]), 2: (ResultState.SUPERSEDED, ["V4"])},
    )


def test_a_rejecting_review_that_had_nothing_to_decide_gives_way_to_the_version_below() -> None:
    """The second form of version 2 breaks a hard rule: the first is rejected now, and nothing of version 2 can count."""
    life = StationContest()
    life.add(form(1, 1))
    life.add(form(2, 2, "b", corrects=1))
    life.reviews[b"event 2"] = Review(3, False, "SEEN")
    assert life.settle() == []
    assert life.effective is life.submissions[1]
    life.add(form(4, 2, "c", HARD, corrects=1))
    assert (life.state, life.effective) == (ResultState.FLAGGED, life.submissions[0])
    assert {each.offset: (each.state, [finding.rule for finding in each.judgement]) for each in life.submissions} == {
        1: (ResultState.FLAGGED, ["V2"]),
        2: (ResultState.REFUSED, ["R1"]),
        4: (ResultState.HELD, []),
    }


def test_two_forms_far_above_wait_for_both_reasons() -> None:
    assert _settled(form(1, 1), form(2, 12, "b", corrects=1), form(3, 12, "c", corrects=1))[2] == {
        1: (ResultState.FLAGGED, ["V2"]),
        2: (ResultState.HELD, ["V7", "V1", "V5"]),
        3: (ResultState.HELD, ["V7", "V1", "V5"]),
    }


def test_a_form_of_the_first_version_corrects_none() -> None:
    assert _settled(form(1, 1))[2][1] == (ResultState.COUNTED, [])
    assert _settled(form(1, 1, corrects=99))[2][1] == (ResultState.FLAGGED, ["V6"])
    assert _settled(form(1, 1), form(2, 1, "b", corrects=1))[2][2] == (ResultState.HELD, ["V1", "V6"])


def test_a_held_form_of_the_version_that_counts_or_of_a_higher_one_is_not_superseded() -> None:
    forms = form(1, 1), form(2, 3, "c", HARD, corrects=1), form(3, 2, "b", corrects=1), form(4, 2, "z", corrects=1)
    life = StationContest()
    for each in forms:
        life.add(each)
    assert {each.offset: (each.state, [finding.rule for finding in each.judgement]) for each in life.submissions} == {
        1: (ResultState.SUPERSEDED, ["V4"]),
        2: (ResultState.HELD, []),
        3: (ResultState.FLAGGED, ["V1", "V2"]),
        4: (ResultState.HELD, ["V1"]),
    }
    assert (life.standing_form, life.waiting) == (life.submissions[2], life.submissions[1])


def test_a_station_is_annulled_only_while_nothing_counts_or_waits() -> None:
    assert _settled(form(1), annulled_through=1)[0] is ResultState.ANNULLED
    assert _settled(form(1), form(2, 2, "b"), annulled_through=1)[0] is ResultState.FLAGGED
    assert _settled(form(1), form(2, 2, "b", HARD), annulled_through=1)[:2] == (ResultState.HELD, 2)
    assert StationContest().state is ResultState.WAITING


def test_a_key_may_have_a_hundred_events_and_a_version_may_be_ten_above_the_one_before() -> None:
    life = StationContest()
    assert all(life.has_room("ab", b"%d" % number) for number in range(100))
    assert not life.has_room("ab", b"100")
    assert life.has_room("ab", b"99")
    assert life.has_room("cd", b"100")
    assert life.events == 101
    assert "V7" not in _settled(form(1, 1), form(2, 11, "b"))[2][2][1]
    assert "V7" in _settled(form(1, 1), form(2, 12, "b"))[2][2][1]


def test_a_life_has_the_events_that_were_applied_and_the_forms() -> None:
    life = settled([form(1)], applied={b"review"}, events_of_key=[("cd", b"review"), ("ab" * 8, b"late")])
    assert [life.has(event) for event in (b"event 1", b"review", b"late")] == [True, True, False]
    assert [life.has_form(event) for event in (b"event 1", b"review")] == [True, False]
    assert life.events_of_key == {"ab" * 8: {b"event 1", b"late"}, "cd": {b"review"}}
    assert life.events == 3


V1, V2, V3 = form(1, 1), form(2, 2, "b", corrects=1), form(3, 3, "c", corrects=2)


@pytest.mark.parametrize(
    ("before", "new", "judged"),
    [
        pytest.param([V1, V2], V3, [3, 2, 3], id="a correction, and the form that it supersedes"),
        pytest.param([V1, V2], form(4, 1, "z"), [4], id="a late form of a version below"),
        pytest.param([V1, V2], form(4, 2, "z", corrects=1), [2, 4, 2], id="a second form of the version that counts"),
        pytest.param(
            [V1, V2, form(4, 2, "z", corrects=1)],
            form(5, 2, "y", corrects=1),
            [5, 2],
            id="a third",
        ),
        pytest.param(
            [form(1, findings=HARD), form(2, 1, "b", HARD)], form(3, 1, "c", HARD), [3], id="a third held form"
        ),
        pytest.param(
            [form(1, findings=HARD), form(2, 1, "b", HARD)], form(3, 1, "c"), [1, 2, 3, 3], id="the first that is right"
        ),
        pytest.param([V1, V2], form(4, 50, "z", corrects=2), [4, 2], id="a form far above"),
        pytest.param(
            [V1, form(4, 4, "d", HARD, corrects=1)], V2, [2, 1, 2], id="a correction below a version that is held"
        ),
        pytest.param([V1, form(3, 3, "c", corrects=1)], V2, [3, 2], id="a version that was missing"),
        pytest.param([V1, form(3, 2, "c", corrects=5)], form(5, 1, "d"), [3, 5], id="a form that was named"),
    ],
)
def test_a_new_form_is_judged_with_those_alone_that_it_may_change(
    monkeypatch: pytest.MonkeyPatch, before: list[Submission], new: Submission, judged: list[int]
) -> None:
    """So that a flood of forms costs the same for each. The form that counts is judged again at the end (V2)."""
    life = StationContest()
    for each in before:
        life.add(replace(each))
    seen: list[int] = []
    apply = StationContest._apply

    def noted(contest: StationContest, form: Submission, facts: Facts) -> None:
        seen.append(form.offset)
        apply(contest, form, facts)

    monkeypatch.setattr(StationContest, "_apply", noted)
    life.add(replace(new))
    assert seen == judged


def test_after_a_review_a_third_form_of_its_version_is_judged_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    reviews = {b"event 2": Review(8, True, "SEEN")}
    life = settled([V1, V2, form(4, 2, "z", corrects=1)], reviews=reviews)
    seen: list[int] = []
    monkeypatch.setattr(StationContest, "_apply", lambda _, form, facts: seen.append(form.offset))
    life.add(form(5, 2, "y", corrects=1))
    assert 1 not in seen


@pytest.mark.parametrize(
    "name", [each.name for each in fields(StationContest) if each.name not in StationContest.__match_args__]
)
def test_what_follows_from_the_events_cannot_be_given(name: str) -> None:
    given: dict[str, Any] = {name: None}
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        StationContest(**given)


def test_what_is_submitted_can_be_given() -> None:
    assert StationContest.__match_args__ == ("submissions", "reviews", "annulments", "applied", "events_of_key")


ACTS: dict[str, Callable[[int], Submission | Review]] = {
    "v1 a": lambda offset: form(offset, 1, "a"),
    "v1 b": lambda offset: form(offset, 1, "b"),
    "v1 wrong": lambda offset: form(offset, 1, f"{offset}", HARD),
    "v2": lambda offset: form(offset, 2, f"{offset}", corrects=offset - 1),
    "v2 wrong": lambda offset: form(offset, 2, "d", HARD, corrects=0),
    "v3": lambda offset: form(offset, 3, "e", corrects=offset + 1),
    "v12": lambda offset: form(offset, 12, "f", corrects=0),
    "accept the first": lambda offset: Review(offset, True, "SEEN"),
    "reject the first": lambda offset: Review(offset, False, "SEEN"),
}


@pytest.mark.parametrize("first", ACTS)
def test_every_short_history_is_judged_form_by_form_as_all_anew(first: str) -> None:
    """Every four of these acts, in every order. Longer and stranger ones: tests/properties/test_station_lives.py."""
    for rest in product(ACTS, repeat=3):
        life = StationContest()
        for offset, name in enumerate((first, *rest)):
            act = ACTS[name](offset)
            before = {each.offset: (each.state, each.judgement) for each in life.submissions}
            if isinstance(act, Submission):
                changed = life.add(act)
            else:
                life.reviews[b"event 0"] = act
                changed = life.settle()
            after = {each.offset: (each.state, each.judgement) for each in life.submissions}
            assert {each.offset for each in changed} == {of for of in after if after[of] != before.get(of)}
        anew = settled([replace(each) for each in life.submissions], reviews=dict(life.reviews))
        assert after == {each.offset: (each.state, each.judgement) for each in anew.submissions}, (first, *rest)
        assert life.state is anew.state, (first, *rest)
        assert (life.standing_form and life.standing_form.offset) == (
            anew.standing_form and anew.standing_form.offset
        ), (
            first,
            *rest,
        )
