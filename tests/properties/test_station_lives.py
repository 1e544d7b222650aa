"""A new form is judged alone, and a station's forms anew: both come to the same, after any night."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from projections.station.contest import StationContest, settled
from projections.station.submissions import EVENTS_PER_KEY_MAX, Annulment, ResultState, Review, Submission
from schemas.definition.package import Severity
from schemas.findings import Finding

FINDINGS = ((), (Finding("F3", Severity.HARD, "salah", "wrong"),), (Finding("G4", Severity.SOFT, "besar", "large"),))

versions = st.one_of(st.integers(1, 5), st.sampled_from((9, 13, 20, 31)))
corrected = st.one_of(st.none(), st.integers(0, 40))
forms = st.tuples(st.just("form"), versions, st.sampled_from("abcd"), st.sampled_from(FINDINGS), corrected)
reviews = st.tuples(st.just("review"), st.integers(0, 30), st.booleans())
annulments = st.one_of(
    st.tuples(st.just("annul"), st.integers(1, 4), st.none()),
    st.tuples(st.just("annul"), st.just(0), st.integers(0, 30)),
)
withdrawals = st.tuples(st.just("withdraw"), st.integers(0, 40))
nights = st.lists(st.one_of(forms, forms, forms, reviews, annulments, withdrawals), max_size=40)
disputed_forms = st.tuples(
    st.just("form"), st.sampled_from((1, 1, 2)), st.sampled_from("abcd"), st.sampled_from(FINDINGS), st.none()
)
disputes = st.lists(
    st.one_of(disputed_forms, disputed_forms, st.tuples(st.just("review"), st.integers(0, 5), st.booleans())),
    min_size=3,
    max_size=8,
)
"""Few versions and short, so that three forms of one version, good and wrong, before and after a review, come in any order."""
Seen = tuple[ResultState, tuple[Finding, ...]]


def _seen(life: StationContest) -> dict[int, Seen]:
    return {form.offset: (form.state, form.judgement) for form in life.submissions}


def _form(
    offset: int, version: int, numbers: str, findings: tuple[Finding, ...], supersedes: int | None = None
) -> Submission:
    corrects = None if supersedes is None else b"%d" % supersedes
    return Submission(offset, b"%d" % offset, "ab" * 8, version, numbers.encode(), findings, (), None, corrects)


def _do(life: StationContest, offset: int, act: tuple[Any, ...]) -> list[Submission]:
    match act:
        case ("form", version, numbers, findings, corrects):
            return life.add(_form(offset, version, numbers, findings, corrects))
        case ("review", number, accepted) if life.has_form(b"%d" % number):
            life.reviews[b"%d" % number] = Review(offset, accepted, "SEEN")
        case ("annul", through, form):
            named = None if form is None else b"%d" % form
            life.annulments[b"%d" % offset] = Annulment(offset, "court", through, named, "PSU")
        case ("withdraw", number):
            life.annulments.pop(b"%d" % number, None)
    return life.settle()


def _anew(life: StationContest) -> StationContest:
    copies = [replace(form, state=ResultState.WAITING, judgement=()) for form in life.submissions]
    return settled(copies, reviews=dict(life.reviews), annulments=dict(life.annulments))


@settings(max_examples=400, deadline=None)
@given(st.one_of(nights, disputes))
def test_each_form_is_judged_as_all_anew_and_only_changes_are_returned(night: list[tuple[Any, ...]]) -> None:
    life = StationContest()
    published: dict[int, Seen] = {}
    for offset, act in enumerate(night):
        before = _seen(life)
        changed = _do(life, offset, act)
        assert len({form.offset for form in changed}) == len(changed)
        for form in changed:
            assert (form.state, form.judgement) != before.get(form.offset)
            published[form.offset] = form.state, form.judgement
        anew = _anew(life)
        assert published == _seen(life) == _seen(anew)
        assert life.state is anew.state
        assert (life.standing_form and life.standing_form.offset) == (anew.standing_form and anew.standing_form.offset)


def _flood(version: int, findings: tuple[Finding, ...], count: int) -> list[Submission]:
    return [_form(offset, version or offset + 1, str(offset), findings) for offset in range(count)]


def test_a_flood_of_forms_changes_two_forms_each() -> None:
    for version, findings in ((0, ()), (0, FINDINGS[1]), (1, ()), (1, FINDINGS[1])):
        life = StationContest()
        changed = [len(life.add(form)) for form in _flood(version, findings, 500)]
        assert max(changed) <= 2, (version, findings)


def test_a_key_has_room_for_so_many_events_and_leaves_room_to_others() -> None:
    life = StationContest()
    assert all(life.has_room("flooder", b"%d" % number) for number in range(EVENTS_PER_KEY_MAX))
    assert not life.has_room("flooder", b"one more")
    assert life.has_room("flooder", b"7"), "a repetition takes no room"
    assert life.has_room("another", b"a correction")
    assert life.events == EVENTS_PER_KEY_MAX + 1
