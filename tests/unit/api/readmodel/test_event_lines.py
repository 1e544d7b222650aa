"""Events as lists show them, and which records are about an area."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from api.readmodel.event_lines import event_line, filters_of_area, whole_event
from projections.definition.compiled import Definition
from projections.readmodel.event_queries import EventFilters
from schemas.definition.package import ElectionPackage, Role
from tests.support.ledger import key_row
from tests.support.small_election import small_package

PACKAGE: ElectionPackage = small_package()
DEFINITION = Definition.of(PACKAGE)
OFFICER = key_row("officer", Role.STATION_OFFICER, "N").key_id
EVENT = "ab" * 32


def row(**changed: Any) -> dict[str, Any]:
    """A row of the read model: a result that broke rule F4."""
    return {
        "partition": 2,
        "offset": 17,
        "event": EVENT,
        "leaf": bytes(range(32)),
        "type": "result.reported",
        "key": OFFICER,
        "station": "1.1.1-1",
        "area": "1.1.1",
        "contest": "president",
        "version": 1,
        "received_us": 1_865_769_600_123_000,
        "payload": '{"created_at":"2029-02-14T13:00:00Z"}',
        "state": "flagged",
        "findings": '[{"rule":"F4","severity":"soft"}]',
    } | changed


LINKS = {
    "event": "/v1/events/2/17",
    "entry": "/v1/events/2/17/entry",
    "proof": "/v1/proof/2/17",
    "station": "/v1/stations/1.1.1-1",
}
LINE = {
    "partition": 2,
    "offset": 17,
    "event": EVENT,
    "leaf_hash": "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    "type": "result.reported",
    "author": OFFICER,
    "role": "station_officer",
    "station": "1.1.1-1",
    "area": "1.1.1",
    "contest": "president",
    "version": 1,
    "created_at": "2029-02-14T13:00:00Z",
    "received_at": "2029-02-14T13:20:00.123Z",
    "state": "flagged",
    "rules": ["F4"],
    "links": LINKS,
}


def test_a_line_has_the_ids_of_the_rules_and_an_event_its_findings_and_payload() -> None:
    assert event_line(DEFINITION, row()) == LINE
    assert orjson.loads(orjson.dumps(whole_event(DEFINITION, row()))) == LINE | {
        "findings": [{"rule": "F4", "severity": "soft"}],
        "payload": {"created_at": "2029-02-14T13:00:00Z"},
    }


def test_a_record_that_could_not_be_read_is_shown_with_what_is_known_of_it() -> None:
    unread = dict.fromkeys(("leaf", "station", "area", "contest", "version", "payload"))
    refused = row(**unread, key="", received_us=0, type="", state="refused", findings='[{"rule":"S1"}]')
    unknown = ("leaf_hash", "author", "role", "station", "area", "contest", "version", "created_at", "received_at")
    expected = LINE | dict.fromkeys(unknown) | {"type": "", "state": "refused", "rules": ["S1"]}
    expected["links"] = {**LINKS, "station": None}
    assert event_line(DEFINITION, refused) == expected
    assert whole_event(DEFINITION, refused)["payload"] is None


def test_a_key_and_a_station_that_the_election_does_not_have_are_named_without_role_and_link() -> None:
    line = event_line(DEFINITION, row(key="cd" * 8, station="9-9"))
    assert (line["author"], line["role"]) == ("cd" * 8, None)
    assert (line["station"], line["links"]["station"]) == ("9-9", None)


def test_everything_is_about_the_root() -> None:
    filters = EventFilters(contest="president")
    assert filters_of_area(DEFINITION, filters, DEFINITION.tree.root) is filters


@pytest.mark.parametrize(
    ("area", "shards", "areas"),
    [
        ("1", ["1", "1.1", "1.2"], None),  # a province: records about itself too, which has no shard above it
        ("2.1", ["2.1"], None),  # the shard level
        ("2.1.2", ["2.1"], ["2.1.2"]),  # a village: of the records of its district only those about the village
    ],
)
def test_records_about_an_area_are_found_by_its_shards(area: str, shards: list[str], areas: list[str] | None) -> None:
    found = filters_of_area(DEFINITION, EventFilters(type="result.reported"), DEFINITION.tree.number[area])
    assert sorted(found.shards or ()) == shards
    assert found == EventFilters(type="result.reported", shards=found.shards, areas=areas)


def test_where_the_whole_nation_is_one_shard_all_records_are_of_that_shard() -> None:
    definition = Definition.of(replace(PACKAGE, election=PACKAGE.election.model_copy(update={"shard_level": "nation"})))
    found = filters_of_area(definition, EventFilters(), definition.tree.number["1.2.1"])
    assert (found.shards, found.areas) == (["N"], ["1.2.1"])


def test_below_the_shard_level_areas_within_an_area_count_at_any_depth() -> None:
    """With provinces as the shard level, a district has villages in it."""
    election = PACKAGE.election.model_copy(update={"shard_level": "province"})
    definition = Definition.of(replace(PACKAGE, election=election))
    found = filters_of_area(definition, EventFilters(), definition.tree.number["1.2"])
    assert (found.shards, sorted(found.areas or ())) == (["1"], ["1.2", "1.2.1", "1.2.2"])
