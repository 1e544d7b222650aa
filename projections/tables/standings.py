"""The results of the stations of a contest, as COPY writes the rows of export_queries.STANDINGS_OF_CONTEST."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import orjson

_NULL = b"\\N"


class StationStanding(NamedTuple):
    """The result of a station in a contest. What belongs to the form is None where there is none."""

    contest: str
    rank: int
    """The station's rank (StationOrder)."""
    state: str
    contribution: list[int] | None
    """See projections/area/tally.py."""
    partition: int
    offset: int | None
    version: int | None
    received_us: int | None
    """0 where the record has no valid time."""
    event: str | None
    has_history: bool
    """Whether another record of the station may have changed its result (histories.py)."""


def standing_of(row: Mapping[str, Any]) -> StationStanding:
    """The result in a row of the table `station_result` with its record. No history is known of it."""
    return StationStanding(
        row["contest"],
        row["rank"],
        row["state"],
        None if row["contribution"] is None else orjson.loads(row["contribution"]),
        row["partition"],
        row["offset"],
        row["version"],
        row["received_us"],
        row["event"],
        has_history=False,
    )


def standings(lines: Iterable[bytes]) -> Iterator[StationStanding]:
    """Read lines of COPY's text format. No value of these columns holds a character that COPY escapes."""
    for line in lines:
        contest, rank, state, contribution, partition, offset, version, received_us, event, history = line.rstrip(
            b"\n"
        ).split(b"\t")
        yield StationStanding(
            contest.decode(),
            int(rank),
            state.decode(),
            None if contribution == _NULL else orjson.loads(contribution),
            int(partition),
            None if offset == _NULL else int(offset),
            None if version == _NULL else int(version),
            None if received_us == _NULL else int(received_us),
            None if event == _NULL else event.decode(),
            history == b"t",
        )
