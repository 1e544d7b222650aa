"""What a subscription may ask for, and the sentence that answers what it may not."""

from __future__ import annotations

from typing import Any

import pytest

from api.feed.hub.commands import CommandError, Start, channel_name, selection_of, start_of
from projections.definition.compiled import Definition
from schemas.served.feed_cursors import Positions, cursor_of
from schemas.served.live import Subscribe
from tests.support.small_election import small_package

DEFINITION = Definition.of(small_package())
HERE = Positions(3, (5, 6))

NAMES: list[tuple[dict[str, Any], str]] = [
    ({}, "president/area/N"),
    ({"area": "1"}, "president/area/1"),
    ({"area": "1", "stations": True}, "president/area/1/stations"),
    ({"level": "district"}, "president/level/district"),
]


@pytest.mark.parametrize(("fields", "name"), NAMES)
def test_a_channel_is_an_office_with_an_area_or_a_level(fields: dict[str, Any], name: str) -> None:
    assert channel_name(selection_of(Subscribe(office="president", **fields), DEFINITION), DEFINITION) == name


REFUSED: list[tuple[dict[str, Any], int, str, str]] = [
    ({"office": "mayor"}, 404, "office", "there is no office 'mayor' in this election; there are: president, council"),
    ({"area": "9"}, 404, "area", "there is no area '9' in this election"),
    ({"level": "street"}, 404, "level", "there is no level of areas 'street'; there are: "),
    ({"area": "1", "level": "district"}, 400, "level", "an area or a level, not both"),
    ({"level": "district", "stations": True}, 400, "stations", "stations are sent by area, not by level"),
    ({"level": "district", "children": False}, 400, "children", "only an area has children to be left out"),
]


@pytest.mark.parametrize(("fields", "status", "field", "sentence"), REFUSED)
def test_what_is_not_in_the_election_is_refused_with_the_field(
    fields: dict[str, Any], status: int, field: str, sentence: str
) -> None:
    with pytest.raises(CommandError) as error:
        selection_of(Subscribe(**{"office": "president", **fields}), DEFINITION)
    assert (error.value.status, error.value.field) == (status, field)
    assert error.value.sentence.startswith(sentence)


@pytest.mark.parametrize("keeps_cursor", [False, True])
def test_a_subscription_begins_where_its_cursor_is(keeps_cursor: bool) -> None:
    def start(cursor: str | None) -> Start:
        return start_of(cursor, DEFINITION.hash, 1, 2, keeps_cursor=keeps_cursor)

    assert start(None) == Start(None, None)
    assert start(cursor_of(HERE, DEFINITION.hash)) == Start(HERE, None)
    assert start(cursor_of(HERE, DEFINITION.hash, 2)) == Start(None, "cursor-too-old")


@pytest.mark.parametrize("cursor", ["nonsense", cursor_of(Positions(3, (5,)), DEFINITION.hash)])
def test_a_cursor_of_other_topics_is_refused_unless_the_client_cannot_drop_it(cursor: str) -> None:
    with pytest.raises(CommandError, match="subscribe without it to begin with a snapshot"):
        start_of(cursor, DEFINITION.hash, 1, 2, keeps_cursor=False)
    assert start_of(cursor, DEFINITION.hash, 1, 2, keeps_cursor=True) == Start(None, "cursor-too-old")
