"""Pages of the list of areas: in their own order, or by a number."""

from __future__ import annotations

from collections.abc import Sequence

from api.read.snapshots import Snapshots
from projections.definition.ballots import ContestEntry
from projections.shown.answer_parts import Line
from projections.shown.published import Moment
from projections.tables.area_rows import Row, counts_row
from projections.tables.list_rows import sorted_areas
from schemas.tables.results import AREA_COUNTS

EXAMINED_AREAS_MAX = 1_000
"""Areas whose tallies are read for a page."""
_STATUS_COLUMN = AREA_COUNTS.column_names.index("results_status")
AreaCursor = tuple[int, str]
"""The number by which the last row of the page before was sorted (0 in the order of areas), and the code of its area."""
AreaRows = tuple[list[Row], AreaCursor | None, Moment]


async def areas_in_order(
    snapshots: Snapshots,
    contest: ContestEntry,
    areas: Sequence[int],
    status: str | None,
    begin: int,
    limit: int,
) -> AreaRows:
    """`begin` is the first area that is examined for the page."""
    codes = snapshots.definition.tree.codes
    examined = areas[begin : begin + (limit if status is None else EXAMINED_AREAS_MAX)]
    rows, moment = await _rows_of_areas(snapshots, contest, examined)
    found: list[Row] = []
    last: AreaCursor | None = None
    for area, row in zip(examined, rows, strict=True):
        if status is not None and row[_STATUS_COLUMN] != status:
            continue
        if len(found) == limit:
            return found, last, moment
        found.append(row)
        last = 0, codes[area]
    ends = begin + len(examined) == len(areas)
    return found, None if ends else (0, codes[examined[-1]]), moment


async def areas_by_number(
    snapshots: Snapshots,
    contest: ContestEntry,
    areas: Sequence[int],
    status: str | None,
    after: AreaCursor | None,
    limit: int,
    column: int,
    *,
    is_largest_first: bool,
) -> AreaRows:
    rows, moment = await _rows_of_areas(snapshots, contest, areas)
    wanted = [row for row in rows if status is None or row[_STATUS_COLUMN] == status]
    found = [
        each
        for each in sorted_areas(wanted, column, largest_first=is_largest_first)
        if after is None or each[0] > after
    ]
    page = found[:limit]
    return [row for _, row in page], page[-1][0] if len(found) > limit else None, moment


async def _rows_of_areas(snapshots: Snapshots, contest: ContestEntry, areas: Sequence[int]) -> tuple[list[Row], Moment]:
    definition = snapshots.definition
    moment = await snapshots.read.moment_of([Line(area, contest.number) for area in areas], [])
    return [
        counts_row(
            definition,
            contest,
            area,
            moment.tally(contest, definition.tree.codes[area]),
            definition.electorates.denominators[contest.number, area],
        )
        for area in areas
    ], moment
