"""Each status of `/v1/health`, and each reason that it names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from api.health.decision import (
    CHECKPOINTS_MISSED,
    LAGGING_RECORDS,
    DatabaseReading,
    Ends,
    KafkaReading,
    PeerReading,
    Reading,
    answer_of,
    not_ready,
    set_aside_of,
)
from api.roles import ALL_ROLES, ApiRole
from runtime.kafka.set_aside import SetAsideMessages
from schemas.served.health import HealthAnswer

NOW = 1_000_000.0
ABOUT = {"election": "small", "mode": "rehearsal", "definition": "d" * 64, "generation": 1}
KAFKA = KafkaReading(
    ledger_ends={0: 100, 1: 50},
    subtotals_ends={0: 40, 1: 20},
    tabulated={0: (100, ""), 1: (50, "")},
    rolled_up={0: 40, 1: 20},
    tabulators=1,
    rollups=1,
    stopped_offices=(),
)
DATABASE = DatabaseReading(
    recorded=70,
    has_recorder=True,
    stopped_offices=(),
    signed=150,
    newest_received_us=int(NOW - 3) * 1_000_000,
    set_aside=(),
)
FOLLOWING = {"state": "following", "lag_records": 0, "clients": 2, "stopped": []}
BEGINNING = {"state": "beginning", "lag_records": None, "clients": 0}
WELL = Reading(
    now=NOW,
    kafka=KAFKA,
    ends=Ends(150, 70),
    database=DATABASE,
    checkpoint_ages_s=(2.0, 4.04),
    heartbeat_s=10,
    roles=ALL_ROLES,
    live=FOLLOWING,
    peers=(),
    set_aside=(),
    topics=(),
    generations=(),
    refusing=(),
)
HEAP = SetAsideMessages("results", 0, "not readable", 1, 7, 7)
SET_ASIDE = "results/0: 1 message was set aside at offset 7: not readable"
FAR = LAGGING_RECORDS + 1
MISSED = CHECKPOINTS_MISSED * WELL.heartbeat_s


def _kafka(**changes: Any) -> Reading:
    return replace(WELL, kafka=replace(KAFKA, **changes))


def _database(**changes: Any) -> Reading:
    return replace(WELL, database=replace(DATABASE, **changes))


def test_where_all_is_well_the_answer_has_every_stage_and_no_reason() -> None:
    assert answer_of(WELL, ABOUT) == {
        "status": "ok",
        "roles": ["feed", "gateway", "read"],
        **ABOUT,
        "kafka": "ok",
        "database": "ok",
        "newest_record_age_s": 3.0,
        "lagging": [],
        "without_worker": [],
        "alarms": [],
        "refusing": [],
        "peers": {},
        "stages": {
            "gateway": {"ledger_records": 150, "lag_records": 0},
            "tabulator": {"lag_records": 0, "workers": 1, "stopped": []},
            "rollup": {"lag_records": 0, "workers": 1, "stopped": []},
            "recorder": {"lag_records": 0, "workers": 1, "stopped": []},
            "notary": {"lag_records": 0, "checkpoint_age_s": 4.0, "workers": 1},
            "live": FOLLOWING,
        },
    }


# What was read, the status, and what the answer then names: a member and its value.
STATUSES: dict[str, tuple[Reading, str, str, Any]] = {
    "Kafka away": (replace(WELL, kafka="TimeoutError"), "degraded", "kafka", "unreachable: TimeoutError"),
    "PostgreSQL away": (replace(WELL, database="OSError"), "degraded", "database", "unreachable: OSError"),
    "tabulator at the bound": (_kafka(ledger_ends={0: 100 + LAGGING_RECORDS, 1: 50}), "ok", "lagging", []),
    "tabulator behind": (_kafka(ledger_ends={0: 100 + FAR, 1: 50}), "degraded", "lagging", ["tabulator"]),
    "tabulator never committed": (_kafka(tabulated={}), "ok", "lagging", []),
    "roll-up behind": (_kafka(subtotals_ends={0: 40, 1: 20 + FAR}), "degraded", "lagging", ["rollup"]),
    "recorder behind": (replace(WELL, ends=Ends(150, 70 + FAR)), "degraded", "lagging", ["recorder"]),
    "notary behind": (replace(WELL, ends=Ends(150 + FAR, 70)), "degraded", "lagging", ["notary"]),
    "feed behind": (replace(WELL, live=FOLLOWING | {"lag_records": FAR}), "degraded", "lagging", ["live"]),
    "feed beginning": (replace(WELL, live=BEGINNING), "degraded", "lagging", ["live"]),
    "no tabulator": (_kafka(tabulators=0), "degraded", "without_worker", ["tabulator"]),
    "no roll-up": (_kafka(rollups=0), "degraded", "without_worker", ["rollup"]),
    "no recorder": (_database(has_recorder=False), "degraded", "without_worker", ["recorder"]),
    "no notary": (replace(WELL, checkpoint_ages_s=(1.0, MISSED)), "degraded", "without_worker", ["notary"]),
    "notary on another machine": (replace(WELL, checkpoint_ages_s=()), "ok", "without_worker", []),
    "a topic": (replace(WELL, topics=("a topic is gone",)), "degraded", "alarms", ["a topic is gone"]),
    "a generation": (replace(WELL, generations=("2 is not there",)), "degraded", "alarms", ["2 is not there"]),
    "set aside by the recorder": (_database(set_aside=(HEAP,)), "degraded", "alarms", [SET_ASIDE]),
    "set aside here": (replace(WELL, set_aside=(HEAP,)), "degraded", "alarms", [SET_ASIDE]),
    "clients refused": (replace(WELL, refusing=("all are at work",)), "degraded", "refusing", ["all are at work"]),
    "a partition stopped": (_kafka(tabulated={0: (9, "stopped at 9"), 1: (50, "")}), "stopped", "lagging", []),
    "an office not added up": (_kafka(stopped_offices=("office mayor: a bug",)), "stopped", "lagging", []),
    "an office not stored": (_database(stopped_offices=(("mayor", "a bug"),)), "stopped", "lagging", []),
    "an office not sent": (replace(WELL, live=FOLLOWING | {"stopped": ["office mayor"]}), "stopped", "lagging", []),
    "stopped, and Kafka away": (
        replace(WELL, kafka="OSError", live=FOLLOWING | {"stopped": ["office mayor"]}),
        "stopped",
        "kafka",
        "unreachable: OSError",
    ),
}


def test_the_answer_has_the_shape_that_the_documentation_names() -> None:
    for reading in (WELL, replace(WELL, kafka="KafkaError", database="OSError", live=BEGINNING)):
        HealthAnswer.model_validate(answer_of(reading, ABOUT))


@pytest.mark.parametrize(("reading", "status", "member", "value"), STATUSES.values(), ids=STATUSES)
def test_the_status_follows_from_what_was_read(reading: Reading, status: str, member: str, value: Any) -> None:
    answer = answer_of(reading, ABOUT)
    assert answer["status"] == status
    assert answer[member] == value
    others = {"lagging", "without_worker", "alarms", "refusing"} - {member}
    assert not [name for name in others if answer[name]], "no other reason is named"


STOPPED: dict[str, tuple[Reading, str, list[str]]] = {
    "tabulator": (
        _kafka(tabulated={0: (9, "stopped at 9"), 1: (50, "")}),
        "tabulator",
        ["partition 0 stopped at 9"],
    ),
    "roll-up": (_kafka(stopped_offices=("office mayor: a bug",)), "rollup", ["office mayor: a bug"]),
    "recorder": (_database(stopped_offices=(("mayor", "a bug"),)), "recorder", ["office mayor: a bug"]),
}


@pytest.mark.parametrize(("reading", "stage", "sentences"), STOPPED.values(), ids=STOPPED)
def test_a_stage_that_stopped_something_names_it(reading: Reading, stage: str, sentences: list[str]) -> None:
    assert answer_of(reading, ABOUT)["stages"][stage]["stopped"] == sentences


STAGES: dict[str, tuple[Reading, list[str]]] = {
    "Kafka away since the start": (replace(WELL, kafka="OSError", ends=None), ["live"]),
    "Kafka away since it was read": (replace(WELL, kafka="OSError"), ["recorder", "notary", "live"]),
    "PostgreSQL away": (replace(WELL, database="OSError"), ["gateway", "tabulator", "rollup", "live"]),
}


@pytest.mark.parametrize(("reading", "names"), STAGES.values(), ids=STAGES)
def test_a_stage_is_there_where_what_it_is_measured_by_was_read(reading: Reading, names: list[str]) -> None:
    assert list(answer_of(reading, ABOUT)["stages"]) == names


AGES: dict[str, tuple[Reading, float | None]] = {
    "nothing recorded": (_database(newest_received_us=None), None),
    "PostgreSQL away": (replace(WELL, database="OSError"), None),
    "a gateway's clock is ahead": (_database(newest_received_us=int(NOW + 9) * 1_000_000), 0.0),
}


@pytest.mark.parametrize(("reading", "age_s"), AGES.values(), ids=AGES)
def test_the_newest_record_has_an_age_where_it_is_known(reading: Reading, age_s: float | None) -> None:
    assert answer_of(reading, ABOUT)["newest_record_age_s"] == age_s


def test_what_two_readers_set_aside_of_one_topic_for_one_reason_is_named_once() -> None:
    other = HEAP._replace(partition=1)
    reading = replace(_database(set_aside=(HEAP,)), set_aside=(HEAP._replace(messages=5), other))
    assert set_aside_of(reading) == [HEAP, other]


READY: list[tuple[Reading, list[str]]] = [
    (WELL, []),
    (replace(WELL, kafka="OSError"), ["kafka is unreachable: OSError"]),
    (replace(WELL, database="OSError"), ["database is unreachable: OSError"]),
    (replace(WELL, live=BEGINNING), ["the live feed is beginning"]),
    (_kafka(tabulators=0), []),
]


@pytest.mark.parametrize(("reading", "lacking"), READY)
def test_a_process_is_ready_where_it_can_answer(reading: Reading, lacking: list[str]) -> None:
    assert not_ready(answer_of(reading, ABOUT)) == lacking


def test_a_role_is_not_ready_without_the_parts_that_it_needs() -> None:
    away = replace(WELL, kafka="OSError", database="OSError", live=None)
    kafka, database = "kafka is unreachable: OSError", "database is unreachable: OSError"
    assert not_ready(answer_of(replace(away, roles={ApiRole.GATEWAY}), ABOUT)) == [kafka]
    assert not_ready(answer_of(replace(away, roles={ApiRole.READ}), ABOUT)) == [database]
    beginning = replace(away, roles={ApiRole.FEED}, live=BEGINNING)
    assert not_ready(answer_of(beginning, ABOUT)) == [kafka, "the live feed is beginning"]


def _answer_of_peer(role: ApiRole, **changes: Any) -> dict[str, Any]:
    return answer_of(replace(WELL, roles={role}, **({"live": None} | changes)), ABOUT)


READ = replace(WELL, roles={ApiRole.READ}, live=None)
GATEWAY = PeerReading("http://gateway", _answer_of_peer(ApiRole.GATEWAY))
FEED = PeerReading("http://feed", _answer_of_peer(ApiRole.FEED, live=FOLLOWING))
AWAY = PeerReading("http://feed", "ConnectError")


def test_a_process_without_a_feed_and_without_peers_has_no_stage_live() -> None:
    answer = answer_of(READ, ABOUT)
    assert (answer["status"], answer["roles"], answer["peers"]) == ("ok", ["read"], {})
    assert "live" not in answer["stages"]


def test_what_peers_answer_is_added() -> None:
    answer = answer_of(replace(READ, peers=(GATEWAY, FEED)), ABOUT)
    assert (answer["status"], answer["peers"]) == ("ok", {"http://gateway": "ok", "http://feed": "ok"})
    assert answer["stages"]["live"] == FOLLOWING | {"workers": 1}
    assert answer["stages"]["gateway"] == {"ledger_records": 150, "lag_records": 0, "workers": 1}


def test_a_role_that_no_peer_has_is_without_worker() -> None:
    answer = answer_of(replace(READ, peers=(GATEWAY, AWAY)), ABOUT)
    assert (answer["status"], answer["without_worker"]) == ("degraded", ["live"])
    assert answer["peers"]["http://feed"] == "unreachable: ConnectError"
    answer = answer_of(replace(READ, peers=(FEED,), kafka="OSError"), ABOUT)
    assert answer["without_worker"] == ["gateway"]


def test_one_of_two_feeds_that_is_away_is_named_and_the_other_is_enough() -> None:
    answer = answer_of(replace(READ, peers=(GATEWAY, FEED, PeerReading("http://feed-2", "ConnectError"))), ABOUT)
    assert (answer["status"], answer["without_worker"]) == ("degraded", [])
    assert answer["peers"]["http://feed-2"] == "unreachable: ConnectError"


def test_several_feeds_are_as_far_behind_as_the_last_of_them() -> None:
    behind = FOLLOWING | {"lag_records": FAR, "stopped": ["office mayor"]}
    second = PeerReading("http://feed-2", _answer_of_peer(ApiRole.FEED, live=behind))
    third = PeerReading("http://feed-3", _answer_of_peer(ApiRole.FEED, live=BEGINNING))
    answer = answer_of(replace(READ, peers=(GATEWAY, FEED, second, third)), ABOUT)
    assert answer["stages"]["live"] == {
        "state": "beginning",
        "lag_records": FAR,
        "clients": 4,
        "stopped": ["office mayor"],
        "workers": 3,
    }
    assert (answer["status"], answer["lagging"]) == ("stopped", ["live"])


def test_alarms_of_peers_are_named_once_and_refusals_with_their_role() -> None:
    refusing = _answer_of_peer(ApiRole.FEED, live=FOLLOWING, refusing=("all are at work",), topics=("a topic is gone",))
    reading = replace(READ, topics=("a topic is gone",), peers=(GATEWAY, PeerReading("http://feed", refusing)))
    answer = answer_of(reading, ABOUT)
    assert answer["alarms"] == ["a topic is gone"]
    assert answer["refusing"] == ["feed: all are at work"]
