"""What is submitted about a station: its bounds, the words of its states, and what an annulment is of."""

from __future__ import annotations

from projections.station.submissions import EVENTS_PER_KEY_MAX, VERSION_STEP_MAX, Annulment, ResultState
from tests.unit.projections.station.test_contest import form


def test_a_key_may_have_100_events_and_a_version_may_be_10_above_the_one_before() -> None:
    assert (EVENTS_PER_KEY_MAX, VERSION_STEP_MAX) == (100, 10)


def test_states_are_published_under_these_words() -> None:
    words = "counted flagged held superseded annulled refused duplicate applied waiting"
    assert [state.value for state in ResultState] == words.split()
    assert [state.name.lower() for state in ResultState] == words.split()


def test_an_annulment_is_of_the_versions_up_to_one_or_of_one_form() -> None:
    through = Annulment(9, "court", 2, None, "PSU")
    assert [through.covers(form(version, version)) for version in (1, 2, 3)] == [True, True, False]
    single = Annulment(9, "court", 0, b"event 2", "PSU")
    assert [single.covers(form(offset, 1)) for offset in (1, 2, 3)] == [False, True, False]
