"""The job of bench/count.py in Quix Streams. Runs in an environment of its own; imports nothing of Rekap.

In     the ledger topic
Does   remembers each station's latest version in the state store; sends what changed to a repartition topic, once for
       each of the five areas above the station (`group_by`); adds up there, again in the state store
Out    one JSON line on standard output when the nation's total is right, or at SIGTERM with what was reached

It is let off three things that Rekap does: signatures and rules are not checked, a form is not read but for its votes,
and the sums go to no topic: they are looked at where they are made.
"""

from __future__ import annotations

import argparse
import base64
import time
from pathlib import Path
from typing import Any

import orjson
from quixstreams import Application, State  # type: ignore[import-not-found]  # not in the project's environment
from quixstreams.kafka import ConnectionConfig  # type: ignore[import-not-found]

NATION = "ID"
PRODUCER = {
    # Throughput before delay: librdkafka's own advice (INTRODUCTION.md, "High throughput"), wide enough that the queue
    # never fills between two polls. Small against the broker's largest message.
    "linger.ms": 100,
    "batch.size": 1_000_000,
    "queue.buffering.max.messages": 1_000_000,
}


class Watch:
    """When it began, and when the nation's total was right; seconds since the epoch, and CPU seconds of this process."""

    def __init__(self, application: Application, expected: list[int]) -> None:
        self._application = application
        self._expected = expected
        self._nation = [0] * len(expected)
        self.results = 0
        self.first = self.last = (0.0, 0.0)
        self.is_right = False

    def event_of(self, value: bytes) -> Any:
        if not self.first[0]:
            self.first = _now()
        return orjson.loads(base64.b64decode(orjson.loads(value)["envelope"]["payload"]))

    def look(self, total: dict[str, Any]) -> None:
        if total["area"] != NATION:
            return
        self.results += 1
        self._nation = total["sum"]
        if self._nation == self._expected and not self.is_right:
            self.is_right = True
            self.last = _now()
            self._application.stop()

    def report(self) -> bytes:
        if not self.is_right:
            self.last = _now()
        return orjson.dumps(
            {
                "first": self.first,
                "last": self.last,
                "results": self.results,
                "sum": self._nation,
                "right": self.is_right,
            }
        )


def deltas(event: dict[str, Any], state: State) -> list[dict[str, Any]]:
    """What a form changes in each area above its station: [stations, votes of choice 1, 2, 3]."""
    votes = event["form"]["votes"]
    stated = [1, *(votes[choice] for choice in sorted(votes))]
    version, before = state.get(event["station"], (0, [0] * len(stated)))
    if event["version"] <= version:
        return []
    state.set(event["station"], (event["version"], stated))
    change = [new - old for new, old in zip(stated, before, strict=True)]
    codes = event["station"].split(".")  # province.regency.district.village.station
    areas = [NATION, *(".".join(codes[:depth]) for depth in range(1, len(codes)))]
    return [{"area": area, "change": change} for area in areas]


def add(delta: dict[str, Any], state: State) -> dict[str, Any]:
    before = state.get("sum", [0] * len(delta["change"]))
    total = [old + change for old, change in zip(before, delta["change"], strict=True)]
    state.set("sum", total)
    return {"area": delta["area"], "sum": total}


def _now() -> tuple[float, float]:
    return time.time(), time.process_time()


def main() -> None:
    arguments = argparse.ArgumentParser()
    for name in ("--broker", "--user", "--password", "--topic", "--state", "--expected"):
        arguments.add_argument(name, required=True)
    given = arguments.parse_args()
    application = Application(
        broker_address=ConnectionConfig(
            bootstrap_servers=given.broker,
            security_protocol="sasl_plaintext",
            sasl_mechanism="PLAIN",
            sasl_username=given.user,
            sasl_password=Path(given.password).read_text().strip(),
        ),
        consumer_group=f"{given.topic}.quix",
        auto_offset_reset="earliest",
        state_dir=given.state,
        producer_extra_config=PRODUCER,
        loglevel="WARNING",
    )
    watch = Watch(application, orjson.loads(given.expected))
    ledger = application.topic(given.topic, key_deserializer="bytes", value_deserializer="bytes")
    frame = application.dataframe(ledger)
    frame = frame.apply(watch.event_of)
    frame = frame.filter(lambda event: event["type"] == "result.reported")
    frame = frame.apply(deltas, stateful=True, expand=True)
    frame = frame.group_by("area", key_serializer="str", key_deserializer="str")
    frame = frame.apply(add, stateful=True)
    frame.update(watch.look)
    application.run()
    print(watch.report().decode(), flush=True)


if __name__ == "__main__":
    main()
