"""Files of one area, made when they are asked for: the same tables, columns and formats as the bulk files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Path, Query, Request, Response

from api.answers.kept_answers import Kind
from api.answers.read_cut import AtCut
from api.answers.rendering import ROWS_MAX, Renderings
from api.described import BYTES, described_as
from api.problems import Problem
from api.read.list_formats import as_file
from api.read.snapshots import AreaCode, snapshots_of
from api.readmodel.read_model import ReadModel
from projections.definition.ballots import ContestEntry, OfficeEntry
from projections.definition.compiled import Definition
from projections.shown.answer_parts import Line
from projections.shown.published import Moment
from projections.tables.area_rows import Row, counts_row, votes_rows
from projections.tables.file_plan import PlannedFile
from projections.tables.list_rows import InOrder
from projections.tables.manifest import about_file, head
from projections.tables.result_rows import TableOf, station_rows
from projections.tables.standings import StationStanding
from runtime.tables.table_files import Format
from schemas.codes import CODE_PATTERN
from schemas.tables.columns import Table
from schemas.tables.results import AREA_COUNTS, AREA_VOTES, STATION_COUNTS, STATION_VOTES

router = APIRouter(prefix="/v1/files", tags=["files"])

STATIONS_MAX = 5_000
"""Stations of a file, as of a page of `GET /v1/areas/{area}/stations`."""


class AreaTable(StrEnum):
    AREA_COUNTS = "area-counts"
    AREA_VOTES = "area-votes"
    STATION_COUNTS = "station-counts"
    STATION_VOTES = "station-votes"


_TABLES = {AreaTable(table.name): table for table in (AREA_COUNTS, AREA_VOTES, STATION_COUNTS, STATION_VOTES)}
_OF_STATIONS = (AreaTable.STATION_COUNTS, AreaTable.STATION_VOTES)
_OF_VOTES = (AreaTable.AREA_VOTES, AreaTable.STATION_VOTES)
_FILE = described_as(
    "The file, with a strong ETag. It has an `Age` while the database is away.", {"application/octet-stream": BYTES}
)


class _Wanted(NamedTuple):
    """The file that is asked for."""

    area: int
    office: OfficeEntry
    contests: Sequence[ContestEntry]
    table: AreaTable
    format: Format


class AreaFiles:
    """What the files of areas need besides the read model."""

    def __init__(self, in_order: InOrder, renderings: Renderings) -> None:
        self.definition = in_order.definition
        self.in_order = in_order
        self.renderings = renderings


@router.get("/areas/{area}/{table}.{format}", summary="A file of one area", response_class=Response, responses=_FILE)
async def area_file(
    request: Request,
    area: AreaCode,
    table: Annotated[AreaTable, Path(description="table of the bulk files")],
    format: Annotated[Format, Path(description="format of the bulk files")],
    office: Annotated[str, Query(pattern=CODE_PATTERN, description="the office whose results the file has")],
) -> Response:
    """`area-counts` and `area-votes` have the area and the areas directly in it; `station-counts` and `station-votes` all
    stations in it, at any depth. Columns and values are those of the bulk files, at the newest cut. A file that would be too
    long is refused, with the bulk file that has it."""
    snapshots = snapshots_of(request)
    files: AreaFiles = request.app.state.area_files
    number, entry = snapshots.area(area), snapshots.office(office)
    wanted = _Wanted(number, entry, snapshots.definition.contests_of(entry, number), table, format)
    _check_length(files.definition, wanted)
    work = _stations if table in _OF_STATIONS else _areas

    sent = as_file(f"{files.definition.election.id}-{entry.id}-{area}-{table}.{format}", format)
    key = Kind.FILE, "area", area, table.value, format.value, entry.id
    return await snapshots.kept(request, key, (entry.id,), lambda: work(files, snapshots.read, wanted), sent)


def _check_length(definition: Definition, wanted: _Wanted) -> None:
    """Raises Problem where the file would have too many rows."""
    area, office, contests, table, format = wanted
    order = definition.stations.order
    stations = order.end[area] - order.first[area]
    lines = stations if table in _OF_STATIONS else 1 + len(definition.tree.children[area])
    rows = sum(lines * (len(contest.choices) if table in _OF_VOTES else 1) for contest in contests)
    if rows <= ROWS_MAX and (table not in _OF_STATIONS or stations <= STATIONS_MAX):
        return
    *_, station_level = definition.tree.level_ids
    below = min(definition.tree.level[area] + 1, len(definition.tree.level_ids) - 2)
    level = station_level if table in _OF_STATIONS else definition.tree.level_ids[below]
    raise Problem(
        422,
        "Too many rows",
        f"The file would have up to {rows:,} rows, and {stations:,} stations lie in the area. A file of one area has at most "
        f"{ROWS_MAX:,} rows and {STATIONS_MAX:,} stations. GET /v1/files/latest/{office.id}.{level}.{table}.{format} has all.",
        field="path.area",
    )


async def _areas(files: AreaFiles, read: ReadModel, wanted: _Wanted) -> AtCut:
    area, office, contests, table, format = wanted
    definition = files.definition
    areas = (area, *definition.tree.children[area])
    lines = [
        Line(each, contest.number)
        for contest in contests
        for each in areas
        if (contest.number, each) in definition.electorates.denominators
    ]
    moment = await read.moment_of(lines, [])

    def rows() -> Iterator[list[Row]]:
        for line in lines:
            assert line.contest is not None
            yield _rows_of_area(definition, definition.ballots.contests[line.contest], line.area, moment, table)

    is_above = definition.tree.level[area] <= definition.tree.shard_level
    as_of = dict(enumerate(moment.results.get(office.id, ()))) if is_above else _blocks(moment, office)
    about = _about(definition, _TABLES[table], office, as_of)
    return AtCut({}, moment, await files.renderings.table(_TABLES[table], rows, about, format))


def _rows_of_area(
    definition: Definition, contest: ContestEntry, area: int, moment: Moment, table: AreaTable
) -> list[Row]:
    tally = moment.tally(contest, definition.tree.codes[area])
    if table is AreaTable.AREA_VOTES:
        return votes_rows(definition, contest, area, tally)
    return [counts_row(definition, contest, area, tally, definition.electorates.denominators[contest.number, area])]


async def _stations(files: AreaFiles, read: ReadModel, wanted: _Wanted) -> AtCut:
    area, office, contests, table, format = wanted
    definition = files.definition
    moment, found = await read.standings(area, contests)
    *_, level = definition.tree.level_ids
    of = TableOf(_TABLES[table], level)

    def rows() -> Iterator[list[Row]]:
        for contest, standings in found:
            yield from _rows_of_stations(files, contest, area, standings, of)

    about = _about(definition, of.table, office, _blocks(moment, office))
    return AtCut({}, moment, await files.renderings.table(of.table, rows, about, format))


def _rows_of_stations(
    files: AreaFiles, contest: ContestEntry, area: int, standings: Sequence[StationStanding], of: TableOf
) -> Iterator[list[Row]]:
    for batch in station_rows(files.definition, contest, area, iter(standings), files.in_order.by_rank):
        yield batch.get(of, [])


def _blocks(moment: Moment, office: OfficeEntry) -> dict[int, int]:
    """The cut of stations and of areas below the shard level."""
    return {partition: through for (of, partition), through in moment.blocks.items() if of == office.id}


def _about(definition: Definition, table: Table, office: OfficeEntry, as_of: Mapping[int, int]) -> dict[str, Any]:
    """What a bulk file of the table states of itself, at this cut."""
    blocks = {(str(office.id), partition): offset for partition, offset in as_of.items()}
    cut = head(definition, blocks, datetime.now(UTC), [office.id])
    return about_file(cut, PlannedFile(table.name, table, office.id, None))
