"""A page of the results of stations by filters, read by index and examined up to a bound
(projections/readmodel/station_queries.py).

A page with a rare filter may have few stations, or none, though more follow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from api.readmodel.read_model import ReadModel
from projections.definition.ballots import ContestEntry
from projections.definition.compiled import Definition
from projections.form.across_contests import CrossJudge
from projections.readmodel import queries, station_queries
from projections.readmodel.station_queries import EXAMINED_MAX
from projections.shown.published import Moment
from projections.station.submissions import ResultState
from projections.tables.area_rows import Row
from projections.tables.list_rows import InOrder, listed_station, rules_of
from schemas.definition.package import Severity

Order = Literal["area", "changed", "-changed"]
After = tuple[int, ...]
"""Position at which the page before ended: a rank, or the time, partition and offset of an event."""
STATES_WITH_FINDINGS = (ResultState.FLAGGED.value, ResultState.HELD.value)
_BEFORE_ALL, _AFTER_ALL = (-1, -1, -1), (2**62, 0, 0)


class StationQuestion(NamedTuple):
    contest: ContestEntry
    area: int
    state: str | None
    rule: str | None
    since_us: int | None
    """The earliest time of receipt of the event that last changed the result."""
    order: Order
    after: After | None
    limit: int


class StationsFound(NamedTuple):
    rows: list[Row]
    """Rows of the table `station-list`."""
    after: After | None
    """Position after which the next page begins; None on the last page."""
    moment: Moment


async def stations(read: ReadModel, in_order: InOrder, asked: StationQuestion) -> StationsFound:
    """Raises ListsBusyError."""
    async with read.list_moment() as (connection, moment):
        await connection.execute(queries.PLAN_FOR_THESE_VALUES)
        if asked.order == "area":
            found, after = await _in_area_order(connection, in_order, asked)
        else:
            found, after = await _by_change(connection, in_order, asked)
    return StationsFound(
        [listed_station(in_order.definition, asked.contest, station, row) for station, row in found], after, moment
    )


Found = tuple[int, Mapping[str, Any] | None]
"""A station, and its row; None where the station has no record."""


async def _in_area_order(
    connection: Any, in_order: InOrder, asked: StationQuestion
) -> tuple[list[Found], After | None]:
    order, number = in_order.definition.stations.order, asked.contest.id
    end = order.end[asked.area]
    first = order.first[asked.area] if asked.after is None else max(order.first[asked.area], asked.after[0] + 1)
    states = _states_by_index(in_order.definition, asked)
    if states is None:
        examined_end = min(end, first + EXAMINED_MAX)
        rows = await connection.fetch(station_queries.IN_RANKS, number, first, examined_end)
        by_rank = {row["rank"]: row for row in rows}
        examined = _voting(in_order, asked.contest, [(rank, by_rank.get(rank)) for rank in range(first, examined_end)])
        examined_through = examined_end - 1 if examined_end < end else None
    else:
        rows = await connection.fetch(station_queries.IN_STATES, number, first, end, states, EXAMINED_MAX)
        examined = _voting(in_order, asked.contest, [(row["rank"], row) for row in rows])
        examined_through = rows[-1]["rank"] if len(rows) == EXAMINED_MAX else None
    found: list[Found] = []
    for station, row in examined:
        if not _is_wanted(asked, row):
            continue
        if len(found) == asked.limit:
            return found, (order.rank[found[-1][0]],)
        found.append((station, row))
    return found, None if examined_through is None else (examined_through,)


def _states_by_index(definition: Definition, asked: StationQuestion) -> list[str] | None:
    """The states that the index of states is read for; None where all stations of the area are examined in their order."""
    if asked.state is not None:
        return None if asked.state == ResultState.WAITING.value else [asked.state]
    if asked.rule is None or _is_remark(definition, asked.rule):
        return None
    return list(STATES_WITH_FINDINGS)


def _is_remark(definition: Definition, rule: str) -> bool:
    """Whether a form that breaks the rule may count without being flagged."""
    return any(each.id == rule and each.severity is Severity.INFO for each in definition.election.rules)


def _voting(
    in_order: InOrder, contest: ContestEntry, rows: Sequence[tuple[int, Mapping[str, Any] | None]]
) -> Iterator[Found]:
    """The stations that vote in the contest, of these ranks."""
    electorates = in_order.definition.electorates
    for rank, row in rows:
        station = in_order.by_rank[rank]
        if row is not None or contest.number in electorates.contests_of_station(station):
            yield station, row


async def _by_change(connection: Any, in_order: InOrder, asked: StationQuestion) -> tuple[list[Found], After | None]:
    definition = in_order.definition
    newest_first = asked.order == "-changed"
    after = asked.after or (_AFTER_ALL if newest_first else _BEFORE_ALL)
    is_cross = CrossJudge(definition).is_on
    statement = station_queries.records_in_order(of_contest=not is_cross, newest_first=newest_first)
    events = await connection.fetch(statement, asked.since_us or 0, *after, EXAMINED_MAX, asked.contest.id)
    order, numbers = definition.stations.order, definition.stations.number
    examined = [
        (event, order.rank[numbers[event["station"]]])
        for event in events
        if event["station"] in numbers
        and order.first[asked.area] <= order.rank[numbers[event["station"]]] < order.end[asked.area]
    ]
    rows = await connection.fetch(
        station_queries.CHANGED_BY,
        asked.contest.id,
        [rank for _, rank in examined],
        [event["offset"] for event, _ in examined],
    )
    changed = {(row["rank"], row["through"]): row for row in rows}
    found: list[Found] = []
    last: After = after
    for event, rank in examined:
        row = changed.get((rank, event["offset"]))
        if row is None or not _is_wanted(asked, row):
            continue
        if len(found) == asked.limit:
            return found, last
        found.append((in_order.by_rank[rank], row))
        last = event["received_us"], event["partition"], event["offset"]
    if len(events) < EXAMINED_MAX:
        return found, None
    return found, (events[-1]["received_us"], events[-1]["partition"], events[-1]["offset"])


def _is_wanted(asked: StationQuestion, row: Mapping[str, Any] | None) -> bool:
    state = ResultState.WAITING.value if row is None else row["state"]
    if asked.state is not None and state != asked.state:
        return False
    if asked.rule is not None and (row is None or asked.rule not in rules_of(row)):
        return False
    return asked.since_us is None or (row is not None and (row["changed_us"] or 0) >= asked.since_us)
