"""Which status `/v1/health` gives, and why: a pure function of what was read.

stopped      the fold of a partition stopped at a record, or a stage stopped an office
degraded     otherwise, where one of these is so:
                 Kafka or PostgreSQL cannot be reached
                 `lagging`          a stage is more than LAGGING_RECORDS behind, or the live feed is beginning
                 `without_worker`   a stage has no worker
                 `alarms`           messages were set aside, a topic is not as it must be, a generation cannot be served
                 `refusing`         this process, or a peer, refuses clients because one of its bounds is reached
                 `peers`            a process of another role cannot be reached
ok           otherwise

A *peer* is a process of the API with other roles (api/roles.py), which this one asks for its health.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.roles import ApiRole
from runtime.kafka.set_aside import SetAsideMessages

LAGGING_RECORDS = 10_000
"""A stage further behind than this is lagging: about ten seconds of a busy night. At half, a worker that was restarted makes
health degraded; at double, readers wait twenty seconds before it is."""
CHECKPOINTS_MISSED = 6
"""Heartbeats after which a notary that has renewed no checkpoint of a log does not work: a minute, by default."""

Stage = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ends:
    """How many messages Kafka has: the last that was read, also where Kafka cannot be reached now."""

    ledger: int
    derived: int
    """Messages of `subtotals` and `results` together, also those that Kafka has deleted since."""


@dataclass(frozen=True, slots=True)
class KafkaReading:
    ledger_ends: Mapping[int, int]
    """The next offset, by partition."""
    subtotals_ends: Mapping[int, int]
    tabulated: Mapping[int, tuple[int, str]]
    """Offset that a tabulator committed and its note (why it stopped there, or nothing), by ledger partition."""
    rolled_up: Mapping[int, int]
    """Offset that a roll-up committed, by partition of `subtotals`."""
    tabulators: int
    rollups: int
    stopped_offices: Sequence[str]
    """Sentences about the offices that the roll-up has stopped."""


@dataclass(frozen=True, slots=True)
class DatabaseReading:
    recorded: int
    """Messages of `subtotals` and `results` that are in the read model."""
    has_recorder: bool
    stopped_offices: Sequence[tuple[str, str]]
    """Offices that the recorder has stopped, and why."""
    signed: int
    """Records of the ledger that checkpoints sign for."""
    newest_received_us: int | None
    """Time when the newest record of the read model was received, by its gateway's clock."""
    set_aside: Sequence[SetAsideMessages]
    """What the recorder set aside in the last hour."""


@dataclass(frozen=True, slots=True)
class PeerReading:
    address: str
    answer: Mapping[str, Any] | str
    """Answer of the peer's `/v1/health`, or the name of the error where it gave none."""


@dataclass(frozen=True, slots=True)
class Reading:
    """All that health depends on. A part that cannot be reached is the name of the error."""

    now: float
    """Seconds since 1970."""
    kafka: KafkaReading | str
    ends: Ends | None
    database: DatabaseReading | str
    checkpoint_ages_s: Sequence[float]
    """Ages of the logs' checkpoint files that are on this machine."""
    heartbeat_s: float
    """How often a notary renews its checkpoints."""
    roles: Collection[ApiRole]
    """Roles of this process."""
    live: Stage | None
    """Stage of the feed; None where this process does not have the feed's role."""
    peers: Sequence[PeerReading]
    set_aside: Sequence[SetAsideMessages]
    """What this process set aside."""
    topics: Sequence[str]
    """Sentences about topics that are not as they must be."""
    generations: Sequence[str]
    """Sentences about generations that cannot be served."""
    refusing: Sequence[str]
    """Sentences about the bounds at which this process refuses clients."""


def answer_of(reading: Reading, about: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of `/v1/health`. `about` names what is served: election, mode, definition, generation."""
    stages = stages_of(reading)
    lagging = [name for name, stage in stages.items() if is_lagging(stage)]
    stopped = [name for name, stage in stages.items() if stage.get("stopped")]
    without_worker = [name for name, stage in stages.items() if stage.get("workers") == 0]
    answers = _peers_reached(reading)
    own_alarms = [*reading.topics, *(each.sentence() for each in set_aside_of(reading)), *reading.generations]
    # In their order and once each: peers read the same topics.
    alarms = list(dict.fromkeys([*own_alarms, *(alarm for answer in answers for alarm in answer["alarms"])]))
    refusing = [
        *reading.refusing,
        *(f"{' and '.join(answer['roles'])}: {sentence}" for answer in answers for sentence in answer["refusing"]),
    ]
    kafka, database = _reached(reading.kafka), _reached(reading.database)
    is_ok = kafka == "ok" and database == "ok" and not (lagging or without_worker or alarms or refusing)
    is_ok = is_ok and len(answers) == len(reading.peers)
    return {
        "status": "stopped" if stopped else "ok" if is_ok else "degraded",
        "roles": sorted(reading.roles),
        **about,
        "kafka": kafka,
        "database": database,
        "newest_record_age_s": _newest_record_age_s(reading),
        "lagging": lagging,
        "without_worker": without_worker,
        "alarms": alarms,
        "refusing": refusing,
        "peers": {peer.address: _peer_status(peer) for peer in reading.peers},
        "stages": stages,
    }


NEEDED_BY: Mapping[str, frozenset[ApiRole]] = {
    "kafka": frozenset({ApiRole.GATEWAY, ApiRole.FEED}),
    "database": frozenset({ApiRole.READ}),
}
"""The roles that cannot take requests without a part. A gateway without PostgreSQL appends what it would have looked up, and a
feed that has begun needs PostgreSQL no more."""


def not_ready(answer: Mapping[str, Any]) -> list[str]:
    """What this process lacks to take requests; nothing where it is ready."""
    lacking = [
        f"{part} is {answer[part]}"
        for part, roles in NEEDED_BY.items()
        if answer[part] != "ok" and not roles.isdisjoint(answer["roles"])
    ]
    if ApiRole.FEED in answer["roles"] and answer["stages"]["live"]["state"] != "following":
        lacking.append("the live feed is beginning")
    return lacking


def is_lagging(stage: Stage) -> bool:
    return (stage["lag_records"] or 0) > LAGGING_RECORDS or stage.get("state") == "beginning"


def stages_of(reading: Reading) -> dict[str, Stage]:
    """Stages by name, each with what is known of it, in the order that the data flows."""
    stages: dict[str, Stage] = {}
    if isinstance(reading.kafka, KafkaReading):
        stages |= _kafka_stages(reading.kafka)
    if isinstance(reading.database, DatabaseReading) and reading.ends is not None:
        stages["recorder"] = _recorder_stage(reading.database, reading.ends)
        stages["notary"] = _notary_stage(reading, reading.database, reading.ends)
    _add_stages_of_peers(stages, reading)
    return stages


def _add_stages_of_peers(stages: dict[str, Stage], reading: Reading) -> None:
    """The stages that processes of the API are: of this one, and of its peers together."""
    answers = _peers_reached(reading)
    feeds = [answer["stages"]["live"] for answer in answers if ApiRole.FEED in answer["roles"]]
    if reading.live is not None:
        feeds.insert(0, reading.live)
    if feeds:
        stages["live"] = _together(feeds)
    if reading.peers:
        gateways = [
            roles for roles in (reading.roles, *(each["roles"] for each in answers)) if ApiRole.GATEWAY in roles
        ]
        stages.setdefault("gateway", {"lag_records": None})["workers"] = len(gateways)
        stages.setdefault("live", {"lag_records": None})["workers"] = len(feeds)


def _together(feeds: Sequence[Stage]) -> Stage:
    """Several feeds as one stage: as far behind as the last of them, with the clients of all."""
    if len(feeds) == 1:
        return dict(feeds[0])
    following = [feed for feed in feeds if feed["state"] == "following"]
    return {
        "state": "following" if len(following) == len(feeds) else "beginning",
        "lag_records": max((feed["lag_records"] for feed in following), default=None),
        "clients": sum(feed["clients"] for feed in feeds),
        "stopped": list(dict.fromkeys(sentence for feed in following for sentence in feed["stopped"])),
    }


def _peers_reached(reading: Reading) -> list[Mapping[str, Any]]:
    return [peer.answer for peer in reading.peers if not isinstance(peer.answer, str)]


def _peer_status(peer: PeerReading) -> str:
    return f"unreachable: {peer.answer}" if isinstance(peer.answer, str) else str(peer.answer["status"])


def _kafka_stages(kafka: KafkaReading) -> dict[str, Stage]:
    tabulated = {partition: offset for partition, (offset, _) in kafka.tabulated.items()}
    return {
        "gateway": {"ledger_records": sum(kafka.ledger_ends.values()), "lag_records": 0},
        "tabulator": {
            "lag_records": _lag(kafka.ledger_ends, tabulated),
            "workers": kafka.tabulators,
            "stopped": [
                f"partition {partition} {note}"
                for partition in kafka.ledger_ends
                if (note := kafka.tabulated.get(partition, (0, ""))[1])
            ],
        },
        "rollup": {
            "lag_records": _lag(kafka.subtotals_ends, kafka.rolled_up),
            "workers": kafka.rollups,
            "stopped": list(kafka.stopped_offices),
        },
    }


def _lag(ends: Mapping[int, int], committed: Mapping[int, int]) -> int:
    return sum(max(0, end - committed.get(partition, 0)) for partition, end in ends.items())


def _recorder_stage(database: DatabaseReading, ends: Ends) -> Stage:
    return {
        "lag_records": max(0, ends.derived - database.recorded),
        "workers": int(database.has_recorder),
        "stopped": [f"office {office}: {reason}" for office, reason in database.stopped_offices],
    }


def _notary_stage(reading: Reading, database: DatabaseReading, ends: Ends) -> Stage:
    """A notary joins no group. Its checkpoints show that it works, because it renews them also where no record comes."""
    stage: Stage = {"lag_records": max(0, ends.ledger - database.signed)}
    if reading.checkpoint_ages_s:
        oldest = max(reading.checkpoint_ages_s)
        stage["checkpoint_age_s"] = round(max(0.0, oldest), 1)
        stage["workers"] = int(oldest < CHECKPOINTS_MISSED * reading.heartbeat_s)
    return stage


def set_aside_of(reading: Reading) -> list[SetAsideMessages]:
    """What the recorder set aside, and what this process set aside of other messages: both read the same topics."""
    recorded = reading.database.set_aside if isinstance(reading.database, DatabaseReading) else ()
    known = {each[:3] for each in recorded}
    return [*recorded, *(each for each in reading.set_aside if each[:3] not in known)]


def _newest_record_age_s(reading: Reading) -> float | None:
    if not isinstance(reading.database, DatabaseReading) or reading.database.newest_received_us is None:
        return None
    return round(max(0.0, reading.now - reading.database.newest_received_us / 1_000_000), 1)


def _reached(part: object) -> str:
    return f"unreachable: {part}" if isinstance(part, str) else "ok"
