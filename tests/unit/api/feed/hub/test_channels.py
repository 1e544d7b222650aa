"""Which channels show a change, and how large a channel may be."""

from __future__ import annotations

import pytest

from api.feed.hub import channels as module
from api.feed.hub.channels import Channels
from api.feed.hub.commands import CommandError
from api.feed.hub.rows import Rows
from api.feed.state import FeedState
from api.feed.subscribers import Selection
from api.feed.touched import OF_OFFICE, WHOLE, Touched
from projections.definition.compiled import Definition
from tests.support.small_election import small_package

DEFINITION = Definition.of(small_package())
PRESIDENT, COUNCIL = 0, 1
STATE = FeedState(DEFINITION, 1)
DISTRICTS = Selection(PRESIDENT, None, DEFINITION.tree.level_ids.index("district"), False)


@pytest.fixture
def channels() -> Channels:
    return Channels(DEFINITION, STATE, Rows(DEFINITION))


def _of_area(code: str, *, stations: bool = False, office: int = PRESIDENT) -> Selection:
    return Selection(office, DEFINITION.tree.number[code], None, stations)


def _shown(channels: Channels, touched: Touched, office: int = PRESIDENT) -> set[str]:
    return {channel.name for channel, _ in channels.split(STATE.offices[office], touched)}


def test_an_area_is_shown_by_its_own_channel_by_its_parents_and_by_its_levels(channels: Channels) -> None:
    for selection in (_of_area("N"), _of_area("1"), _of_area("2"), _of_area("1.1"), DISTRICTS):
        channels.add_subscription(channels.channel(selection))
    touched = Touched()
    touched.keys.add((0, DEFINITION.tree.number["1.1"]))
    assert _shown(channels, touched) == {"president/area/1", "president/area/1.1", "president/level/district"}


def test_a_channel_of_an_areas_own_line_shows_no_child(channels: Channels) -> None:
    for code in ("N", "1", "1.1"):
        channels.add_subscription(channels.channel(_of_area(code)._replace(children=False)))
    touched = Touched()
    touched.keys |= {(0, DEFINITION.tree.number["1"]), (OF_OFFICE, DEFINITION.tree.number["1"])}
    assert _shown(channels, touched) == {"president/area/1/own"}
    areas = {area for _, area in channels.channel(_of_area("1")._replace(children=False)).keys}
    assert areas == {DEFINITION.tree.number["1"], WHOLE}


def test_a_channel_of_few_fields_leaves_out_rows_that_repeat_numbers(channels: Channels) -> None:
    short = channels.add_subscription(channels.channel(_of_area("1")._replace(fields="totals")))
    of_many = channels.channel(_of_area("1", office=COUNCIL)._replace(fields="choices"))
    touched = Touched()
    touched.keys |= {(OF_OFFICE, DEFINITION.tree.number["1"]), (0, WHOLE)}
    assert _shown(channels, touched) == set()
    touched.keys.add((0, DEFINITION.tree.number["1"]))
    assert _shown(channels, touched) == {"president/area/1/totals"}
    assert {key[0] for key in short.keys} == {0}
    assert OF_OFFICE in {key[0] for key in of_many.keys}
    assert WHOLE not in {key[1] for key in of_many.keys}
    assert short.size < channels.channel(_of_area("1")).size / 4


def test_a_whole_contest_is_shown_where_it_has_stations(channels: Channels) -> None:
    for code in ("N", "1", "2"):
        channels.add_subscription(channels.channel(_of_area(code, office=COUNCIL)))
    touched = Touched()
    touched.keys.add((DEFINITION.ballots.contest_number["council-a"], WHOLE))
    areas = {f"council/area/{code}" for code in ("N", "1", "2") if _has_council_a(code)}
    assert _shown(channels, touched, COUNCIL) == areas
    assert areas != {"council/area/N", "council/area/1", "council/area/2"}


def _has_council_a(code: str) -> bool:
    return (
        DEFINITION.ballots.contest_number["council-a"],
        DEFINITION.tree.number[code],
    ) in DEFINITION.electorates.denominators


def test_a_station_is_shown_by_channels_of_areas_above_it_that_have_stations(channels: Channels) -> None:
    for selection in (_of_area("1"), _of_area("1", stations=True), _of_area("2", stations=True)):
        channels.add_subscription(channels.channel(selection))
    touched = Touched()
    touched.stations["1.1.1-1", "president"] = b"{}"
    assert _shown(channels, touched) == {"president/area/1/stations"}


def test_after_a_gap_every_channel_of_the_office_is_shown(channels: Channels) -> None:
    for selection in (_of_area("1"), _of_area("2"), _of_area("1", office=COUNCIL)):
        channels.add_subscription(channels.channel(selection))
    touched = Touched()
    touched.gap = "results-gap"
    assert _shown(channels, touched) == {"president/area/1", "president/area/2"}


def test_a_channel_without_subscriptions_is_in_no_index(channels: Channels) -> None:
    before = STATE.offices[PRESIDENT].has_station_channels
    one = channels.add_subscription(channels.channel(_of_area("1")))
    other = channels.add_subscription(channels.channel(_of_area("1", stations=True)))
    assert channels.channel(_of_area("1")) is one
    touched = Touched()
    touched.keys.add((0, DEFINITION.tree.number["1"]))
    channels.remove_subscription(one)
    assert _shown(channels, touched) == {other.name}
    channels.remove_subscription(other)
    assert _shown(channels, touched) == set()
    assert channels.of_office(PRESIDENT) == []
    assert STATE.offices[PRESIDENT].has_station_channels == before


def test_the_keys_of_a_level_are_found_once(channels: Channels) -> None:
    assert channels.channel(DISTRICTS) is channels.channel(DISTRICTS)
    assert channels.channel(_of_area("1")) is not channels.channel(_of_area("1"))


def test_a_channel_with_too_many_tallies_is_refused(channels: Channels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHANNEL_ROWS_MAX", 2)
    with pytest.raises(CommandError, match="this level has 4 tallies, a channel at most 2; subscribe to areas below"):
        channels.channel(DISTRICTS)
