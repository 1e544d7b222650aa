"""GET: the results of an area as a report of NIST SP 1500-100, in JSON and XML."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.answers.kept_answers import Kind
from api.answers.read_cut import AtCut
from api.answers.responses import AS_JSON, Sent
from api.described import OBJECT, TEXT, described_as
from api.problems import Problem
from api.read.snapshots import AreaCode, PartNumber, part_or_problem, snapshots_of
from projections.definition.compiled import Definition
from projections.nist.of_area import has_stations, report_of_area
from projections.nist.report import PackageNames, report_object
from projections.shown.answer_parts import part_of_area
from projections.tables.result_rows import stations_by_rank
from runtime.nist.json_report import json_pieces
from runtime.nist.xml_report import xml_pieces
from runtime.package.errors import PackageError
from runtime.package.reading import table_rows
from schemas.codes import CODE_PATTERN
from schemas.nist.objects import Object

VOTE_COUNTS_MAX = 50_000
"""Most vote counts of the stations of an area. They are 5 MB of JSON, which a thread makes in 0.1 s. At double, an answer takes
as much memory as ten of the largest parts; at half, a village of 100 stations has no report of a legislature with 300 rows."""

router = APIRouter(prefix="/v1", tags=["snapshots"])

_WRITERS: dict[str, tuple[Callable[[Object], Iterable[bytes]], str]] = {
    "json": (json_pieces, "application/json"),
    "xml": (xml_pieces, "application/xml"),
}
Office = Annotated[str, Query(pattern=CODE_PATTERN, description="the office whose results are reported")]


_REPORT = "An `ElectionReport` of NIST SP 1500-100 version 2, valid by the standard's schemas."


class ReportNames:
    """What reports need of the package beside the definition, read at the first request."""

    def __init__(self, package: Path, definition: Definition) -> None:
        self._package = package
        self._definition = definition
        self._reading: asyncio.Task[tuple[PackageNames, array[int]]] | None = None

    async def get(self) -> tuple[PackageNames, array[int]]:
        """The names, and the stations by their ranks. Raises Problem where the package cannot be read any more."""
        if self._reading is None:
            self._reading = asyncio.create_task(asyncio.to_thread(self._read))
        try:
            return await asyncio.shield(self._reading)
        except (OSError, PackageError):
            self._reading = None  # the files may be put back
            raise Problem(
                503, "Package changed", "The election package on this server cannot be read just now.", retry_after_s=60
            ) from None

    def _read(self) -> tuple[PackageNames, array[int]]:
        names = PackageNames.of(self._definition.election, partial(table_rows, self._package))
        return names, stations_by_rank(self._definition)


@router.get(
    "/areas/{area}/results/nist.json",
    summary="An area as NIST SP 1500-100 in JSON",
    response_class=Response,
    responses=described_as(_REPORT, {"application/json": OBJECT}),
)
async def nist_json(request: Request, area: AreaCode, office: Office, part: PartNumber = 1) -> Response:
    """The area and the areas or stations directly in it. `SequenceEnd` is the number of the report's parts, as `parts` of `GET
    /v1/areas/{area}`. Reports of the whole nation are among the bulk files; docs/nist.md has what is mapped to what."""
    return await _report(request, area, office, part, "json")


@router.get(
    "/areas/{area}/results/nist.xml",
    summary="An area as NIST SP 1500-100 in XML",
    response_class=Response,
    responses=described_as(_REPORT, {"application/xml": TEXT}),
)
async def nist_xml(request: Request, area: AreaCode, office: Office, part: PartNumber = 1) -> Response:
    """The report of `/v1/areas/{area}/results/nist.json`, in XML."""
    return await _report(request, area, office, part, "xml")


async def _report(request: Request, code: str, office_id: str, number: int, format: str) -> Response:
    snapshots = snapshots_of(request)
    definition = snapshots.definition
    area, office = snapshots.area(code), snapshots.office(office_id)
    contests = definition.contests_of(office, area)
    if not contests:
        raise Problem(
            404, "Not in this area", f"The office {office_id} is not voted on in {code}.", field="query.office"
        )
    part = part_or_problem(lambda: part_of_area(definition, area, [office], number))
    of_stations = contests if has_stations(definition, area) else []
    order = definition.stations.order
    counts = (order.end[area] - order.first[area]) * sum(len(contest.choices) for contest in of_stations)
    if counts > VOTE_COUNTS_MAX:
        raise Problem(
            422,
            "Too large for an answer",
            f"The stations of {code} have {counts:,} vote counts in this office, and an answer has at most "
            f"{VOTE_COUNTS_MAX:,}; the bulk file {office_id}.{definition.tree.level_ids[-1]}.nist-report.{format} has them.",
            field="path.area",
        )
    reports: ReportNames = request.app.state.report_names
    names, by_rank = await reports.get()
    write, media_type = _WRITERS[format]

    async def work() -> AtCut:
        moment, standings = await snapshots.read.tallies_and_stations(part.lines, area, of_stations)
        report = report_of_area(definition, area, office, names, by_rank, moment, standings, part, datetime.now(UTC))
        body = await asyncio.to_thread(lambda: b"".join(write(report_object(report))))
        return AtCut({}, moment, body)

    key = (Kind.FILE, "nist", format, area, office_id, number)
    sent = AS_JSON if media_type == AS_JSON.media_type else Sent(media_type)
    return await snapshots.kept(request, key, (office_id,), work, sent)
