"""GET: results of stations and counts of areas by filters, as JSON, or as a table with the columns of the bulk files."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api.answers.kept_answers import Kind
from api.answers.read_cut import AtCut
from api.answers.rendering import Renderings
from api.problems import Problem
from api.read.area_list import AreaCursor, areas_by_number, areas_in_order
from api.read.events import Time, microseconds
from api.read.list_formats import (
    AsFormat,
    Fields,
    about_list,
    described_list,
    next_page,
    no_such_cursor,
    selection_of,
    sent_as,
)
from api.read.snapshots import Snapshots, not_in_election, snapshots_of
from api.readmodel.station_list import After, Order, StationQuestion, stations
from projections.definition.ballots import ContestEntry
from projections.definition.compiled import Definition
from projections.shown.published import Moment, as_of, shard_as_of
from projections.station.submissions import ResultState
from projections.tables.area_rows import Row
from projections.tables.list_rows import InOrder, Selection, UnknownColumnError, column_to_sort
from runtime.tables.table_files import Format
from schemas.codes import CODE_PATTERN
from schemas.served.cursors import cursor_text, cursor_values
from schemas.served.questions import AreaList, StationList
from schemas.tables.lists import AREA_LIST, STATION_LIST
from schemas.tables.results import RESULTS_STATUS

router = APIRouter(prefix="/v1", tags=["questions"])

PAGE_MAX = 1_000
"""Rows of a page, of 600 bytes each. At double, a page takes 40 ms of the process."""
SORTED_AREAS_MAX = 1_000
"""Areas that are sorted by a number. All of them are read for a page, because no index has a sum in order; at double, the page
costs the database 40 ms."""


class ResultsStatus(StrEnum):
    PRE_ELECTION, PARTIAL, COMPLETE = (each.code for each in RESULTS_STATUS)


Area = Annotated[str | None, Query(pattern=CODE_PATTERN, description="in this area, at any depth (default: all)")]
Contest = Annotated[
    str | None,
    Query(pattern=CODE_PATTERN, description="the contest; may be left out where `office` has one in the area"),
]
Office = Annotated[
    str | None, Query(pattern=CODE_PATTERN, description="the office, in place of its contest (default: the first)")
]
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX, description="most rows of the page")]
Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the page before")]


@router.get("/stations", responses=described_list(StationList), summary="Stations by filters")
async def station_list(
    request: Request,
    area: Area = None,
    contest: Contest = None,
    office: Office = None,
    state: Annotated[ResultState | None, Query(description="only in this state")] = None,
    rule: Annotated[
        str | None, Query(pattern=r"^[A-Z][0-9]{1,2}[A-Z]?$", description="only where the form breaks this rule")
    ] = None,
    changed_since: Annotated[
        Time | None, Query(description="only where an event received at this time or later last changed the result")
    ] = None,
    sort: Annotated[
        Order, Query(description="`area`: area by area and in each by code; `changed` and `-changed`: by that time")
    ] = "area",
    fields: Fields = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    format: AsFormat = Format.JSON,
) -> Response:
    """The columns of `station-counts`, the rules that the form breaks, and when the result last changed. Sorted by area, the
    list has also stations without a record, as waiting. A page with a rare filter may have few rows, or none, though more
    follow; then `next` is not null. To ask for what has changed since the last answer, take a time some seconds before that
    answer, because the clocks of gateways differ."""
    snapshots = snapshots_of(request)
    number = _area(snapshots, area)
    entry = _contest(snapshots, number, contest, office)
    selection = selection_of(STATION_LIST, fields)
    since_us = microseconds(changed_since)
    after = None if cursor is None else _station_cursor(cursor, sort)
    asked = StationQuestion(entry, number, None if state is None else state.value, rule, since_us, sort, after, limit)
    in_order = await _in_order(request)

    async def work() -> AtCut:
        found = await stations(snapshots.read, in_order, asked)
        following = None if found.after is None else cursor_text([sort, *found.after])
        cut = {"shard_as_of": shard_as_of(in_order.definition, found.moment, _office_of(in_order.definition, entry))}
        return await _page(request, asked.contest, number, selection, found.rows, following, cut, found.moment, format)

    key = (Kind.PAGE if format is Format.JSON else Kind.FILE, "station list", number, entry.id, asked.state, rule)
    return await snapshots.kept(
        request,
        (*key, since_us, sort, fields, limit, cursor, format.value),
        (entry.contest.office,),
        work,
        sent_as(request, format, STATION_LIST),
    )


@router.get("/areas", responses=described_list(AreaList), summary="Areas by filters")
async def area_list(
    request: Request,
    area: Area = None,
    contest: Contest = None,
    office: Office = None,
    level: Annotated[
        str | None, Query(pattern=CODE_PATTERN, description="areas of this level (default: directly in `area`)")
    ] = None,
    status: Annotated[ResultsStatus | None, Query(description="only where the count is so far")] = None,
    sort: Annotated[
        str,
        Query(
            pattern=r"^-?[a-z_]{1,60}$",
            description="`area`, or a column that counts, such as `stations_waiting`; with `-` the largest first",
        ),
    ] = "area",
    fields: Fields = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    format: AsFormat = Format.JSON,
) -> Response:
    """The columns of `area-counts`. Up to 1,000 areas can be sorted by a number. Each page is at the newest cut, so while the
    count moves, an area may be on two pages of such a list, or on none. A page with a rare status may have few rows, or none,
    though more follow; then `next` is not null."""
    snapshots = snapshots_of(request)
    definition = snapshots.definition
    number = _area(snapshots, area)
    entry = _contest(snapshots, number, contest, office)
    selection = selection_of(AREA_LIST, fields)
    in_order = await _in_order(request)
    areas = in_order.areas(number, _level(definition, number, level), entry)
    column = None if sort == "area" else _sorted_by(sort.removeprefix("-"))
    if column is not None and len(areas) > SORTED_AREAS_MAX:
        raise Problem(
            422,
            "Too many areas",
            f"query.sort: {len(areas):,} areas would be sorted by a number, and at most {SORTED_AREAS_MAX:,} can be. "
            "Name a smaller area or a higher level, or take the bulk file.",
            field="query.sort",
        )
    after = None if cursor is None else _area_cursor(definition, cursor, sort)

    async def work() -> AtCut:
        if column is None:
            begin = 0 if after is None else in_order.index_after(areas, definition.tree.number[after[1]])
            rows, following, moment = await areas_in_order(snapshots, entry, areas, status, begin, limit)
        else:
            rows, following, moment = await areas_by_number(
                snapshots, entry, areas, status, after, limit, column, is_largest_first=sort.startswith("-")
            )
        next_cursor = None if following is None else cursor_text([sort, *following])
        of = _office_of(definition, entry)
        cut = {"as_of": as_of(moment, of), "shard_as_of": shard_as_of(definition, moment, of)}
        return await _page(request, entry, number, selection, rows, next_cursor, cut, moment, format)

    key = (Kind.PAGE if format is Format.JSON else Kind.FILE, "area list", number, entry.id, level)
    wanted = None if status is None else status.value
    return await snapshots.kept(
        request,
        (*key, wanted, sort, fields, limit, cursor, format.value),
        (entry.contest.office,),
        work,
        sent_as(request, format, AREA_LIST),
    )


# ── pages ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _page(
    request: Request,
    contest: ContestEntry,
    area: int,
    selection: Selection,
    rows: Sequence[Row],
    following: str | None,
    cut: Mapping[str, Any],
    moment: Moment,
    format: Format,
) -> AtCut:
    if format is Format.JSON:
        codes = snapshots_of(request).definition.tree.codes
        shown = [selection.named(row) for row in rows]
        answer = {"contest": contest.id, "area": codes[area], "rows": shown, "next": following, **cut}
        return AtCut(answer, moment)
    renderings: Renderings = request.app.state.renderings
    chosen = [selection.row(row) for row in rows]
    about = about_list(request, selection.table, contest=contest.id, **cut)
    body = await renderings.table(selection.table, lambda: [chosen], about, format)
    return AtCut({}, moment, body, next_page(request, following))


# ── what is asked ────────────────────────────────────────────────────────────────────────────────────────────────────


async def _in_order(request: Request) -> InOrder:
    in_order: InOrder = request.app.state.in_order
    await asyncio.to_thread(lambda: in_order.by_rank)
    return in_order


def _area(snapshots: Snapshots, area: str | None) -> int:
    return snapshots.definition.tree.root if area is None else snapshots.area(area)


def _office_of(definition: Definition, contest: ContestEntry) -> Any:
    return definition.ballots.offices[contest.office_number]


def _contest(snapshots: Snapshots, area: int, contest: str | None, office: str | None) -> ContestEntry:
    """The contest that is asked for, by its own id or by its office; else that of the first office. Raises Problem."""
    if contest is not None:
        entry = snapshots.contest(contest)
        if office is not None and entry.contest.office != snapshots.office(office).id:
            raise Problem(
                422, "Not of this office", f"query.office: contest {contest!r} is of another.", field="query.office"
            )
        return entry
    definition = snapshots.definition
    of = definition.ballots.offices[0] if office is None else snapshots.office(office)
    found = definition.contests_of(of, area)
    if len(found) == 1:
        return found[0]
    ids = [each.id for each in found]
    if not ids:
        raise not_in_election("query.office", f"Office {of.id!r} is not voted on in this area.")
    shown = ", ".join(ids[:_SHOWN_CONTESTS]) + (", …" if len(ids) > _SHOWN_CONTESTS else "")
    raise Problem(
        422,
        "Which contest?",
        f"query.contest: office {of.id!r} has {len(ids)} contests in this area; name one: {shown}.",
        field="query.contest",
    )


_SHOWN_CONTESTS = 20


def _sorted_by(name: str) -> int:
    try:
        return column_to_sort(name)
    except UnknownColumnError as error:
        raise Problem(422, "No such order", f"query.sort: {error}", field="query.sort") from None


def _level(definition: Definition, area: int, level: str | None) -> int:
    *levels, _ = definition.tree.level_ids
    own = definition.tree.level[area]
    if level is None:
        return min(own + 1, len(levels) - 1)
    if level not in levels:
        raise not_in_election("query.level", f"There is no level {level!r} of areas; there are: {', '.join(levels)}.")
    if levels.index(level) < own:
        raise Problem(
            422, "Above the area", f"query.level: areas of {level!r} do not lie in the area.", field="query.level"
        )
    return levels.index(level)


def _station_cursor(cursor: str, sort: str) -> After:
    match cursor_values(cursor):
        case ["area", int(rank)] if sort == "area" and 0 <= rank < 2**31:
            return (rank,)
        case [str(other), int(received_us), int(partition), int(offset)] if (
            other == sort and abs(received_us) < 2**62 and 0 <= partition < 2**31 and 0 <= offset < 2**62
        ):
            return received_us, partition, offset
    raise no_such_cursor(sort)


def _area_cursor(definition: Definition, cursor: str, sort: str) -> AreaCursor:
    match cursor_values(cursor):
        case [str(other), int(number), str(code)] if other == sort and code in definition.tree.number:
            return number, code
    raise no_such_cursor(sort)
