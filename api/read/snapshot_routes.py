"""GET: the newest numbers of the election, its offices, contests, areas and stations, each with the cut that they are as of."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from api.answers.kept_answers import Kind
from api.answers.read_cut import AtCut
from api.described import described
from api.read.snapshots import AreaCode, PartNumber, not_in_election, part_or_problem, snapshots_of
from projections.shown.answer_parts import (
    BEFORE_ALL,
    HISTORY_RECORDS,
    HISTORY_RECORDS_MAX,
    RecordPosition,
    part_of_area,
    part_of_office,
)
from projections.shown.published import election_answer
from projections.station.submissions import ResultState
from schemas.codes import CODE_PATTERN, KEY_ID_PATTERN, SHA256_PATTERN, KeyId
from schemas.served.event_answers import KeySnapshot, SubmissionSnapshot
from schemas.served.snapshots import (
    AreaSnapshot,
    ContestSnapshot,
    ElectionSnapshot,
    OfficeSnapshot,
    StationPage,
    StationSnapshot,
)

router = APIRouter(prefix="/v1", tags=["snapshots"])

OfficeFilter = Annotated[str | None, Query(pattern=CODE_PATTERN, description="only this office")]
RECORD_PATTERN = r"^[0-9]{1,4}/[0-9]{1,18}$"
"""PostgreSQL's integer and bigint hold every such number."""


@router.get("/election", responses=described(ElectionSnapshot), summary="The election, its levels and offices")
async def election(request: Request) -> Response:
    snapshots = snapshots_of(request)

    async def work() -> AtCut:
        moment = await snapshots.read.election()
        return AtCut(election_answer(snapshots.definition, moment), moment)

    return await snapshots.kept(request, (Kind.TOTAL, "election"), None, work)


@router.get("/offices/{office}", responses=described(OfficeSnapshot), summary="An office and all its contests")
async def office(
    request: Request, office: Annotated[str, Path(pattern=CODE_PATTERN)], part: PartNumber = 1
) -> Response:
    """`parts` is the number of parts that the contests are in; each has its own `as_of`."""
    snapshots = snapshots_of(request)
    entry = snapshots.office(office)
    wanted = part_or_problem(lambda: part_of_office(snapshots.definition, entry, part))

    return await snapshots.kept(
        request, (Kind.TOTAL, "office", entry.id, part), (entry.id,), lambda: snapshots.read.office(entry, wanted)
    )


@router.get("/contests/{contest}", responses=described(ContestSnapshot), summary="A contest as a whole")
async def contest(request: Request, contest: Annotated[str, Path(pattern=CODE_PATTERN)]) -> Response:
    snapshots = snapshots_of(request)
    entry = snapshots.contest(contest)

    shown = (entry.contest.office,)
    return await snapshots.kept(
        request, (Kind.TOTAL, "contest", entry.id), shown, lambda: snapshots.read.contest(entry)
    )


@router.get("/areas/{area}", responses=described(AreaSnapshot), summary="An area with its children")
async def area(request: Request, area: AreaCode, office: OfficeFilter = None, part: PartNumber = 1) -> Response:
    """The sums of an area and of each area directly in it, by office and contest. `parts` is the number of their parts;
    each has its own `as_of`. The names of the areas in it come first."""
    snapshots = snapshots_of(request)
    definition = snapshots.definition
    number = snapshots.area(area)
    offices = definition.ballots.offices if office is None else (snapshots.office(office),)
    wanted = part_or_problem(lambda: part_of_area(definition, number, offices, part))
    shown = tuple(entry.id for entry in offices)
    return await snapshots.kept(
        request, (Kind.AREA, area, office, part), shown, lambda: snapshots.read.area(number, offices, wanted)
    )


@router.get("/areas/{area}/stations", responses=described(StationPage), summary="The stations of an area")
async def stations(
    request: Request,
    area: AreaCode,
    contest: Annotated[str, Query(pattern=CODE_PATTERN, description="the contest whose results are listed")],
    state: Annotated[ResultState | None, Query(description="only stations in this state")] = None,
    after: Annotated[str, Query(max_length=64, description="`next` of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=5_000, description="most stations of the page")] = 500,
) -> Response:
    """Stations in the area, at any depth, about which the ledger has a record: area by area and in each by code, the areas of
    one area by code as well. A page may have fewer than `limit` where the ballot is long; `next` is null on the last page."""
    snapshots = snapshots_of(request)
    number, entry = snapshots.area(area), snapshots.contest(contest)
    wanted = None if state is None else state.value
    last = None if after == "" else snapshots.station(after, "after")

    return await snapshots.kept(
        request,
        (Kind.PAGE, "stations", area, contest, wanted, last, limit),
        (entry.contest.office,),
        lambda: snapshots.read.stations(number, entry, wanted, last, limit),
    )


@router.get("/stations/{station}", responses=described(StationSnapshot), summary="A station with its history")
async def station(
    request: Request,
    station: Annotated[str, Path(pattern=CODE_PATTERN)],
    after: Annotated[
        str | None, Query(pattern=RECORD_PATTERN, description="`next` of the page before: a record's partition/offset")
    ] = None,
    limit: Annotated[
        int, Query(ge=1, le=HISTORY_RECORDS_MAX, description="most records of the page")
    ] = HISTORY_RECORDS,
) -> Response:
    """The state of each contest, and the records about the station with what became of each and why. The oldest come first,
    so that a reader who goes from page to page misses none (`GET /v1/events?station=` lists the newest first). A page may
    have fewer than `limit` where the forms are long; `next` is null on the last page. Each page has its own `shard_as_of`."""
    snapshots = snapshots_of(request)
    number = snapshots.station(station)
    last = BEFORE_ALL if after is None else _record(after)
    kind = Kind.STATION if (last, limit) == (BEFORE_ALL, HISTORY_RECORDS) else Kind.PAGE
    return await snapshots.kept(
        request,
        (kind, "station", number, *last, limit),
        None,
        lambda: snapshots.read.station(number, last, limit),
    )


@router.get(
    "/submissions/{submission}",
    responses=described(SubmissionSnapshot),
    summary="What became of a submission",
    tags=["submissions"],
)
async def submission(request: Request, submission: Annotated[str, Path(pattern=SHA256_PATTERN)]) -> Response:
    """Records with the submission id of the receipt. 404 also in the moment between the receipt and the count."""
    snapshots = snapshots_of(request)

    async def work() -> dict[str, Any]:
        records = await snapshots.read.submission(submission)
        if not records:
            raise not_in_election(
                "submission", f"No counted record has the submission id {submission}; it may be on its way."
            )
        return {"submission": submission, "records": records}

    return await snapshots.answer(request, (Kind.STATION, "submission", submission), work)


@router.get(
    "/keys/{key}",
    responses=described(KeySnapshot),
    summary="The newest number of a key",
    tags=["submissions"],
)
async def key(request: Request, key: Annotated[str, Path(pattern=KEY_ID_PATTERN)]) -> Response:
    """Position at which an outbox that was lost continues: at `seq` + 1, with `event` as `prev`. The count lags the ledger by a
    moment. An answer with an `Age` is an old one, from which an outbox must not continue."""
    snapshots = snapshots_of(request)
    entry = snapshots.definition.keys.get(KeyId(key))
    if entry is None:
        raise not_in_election("key", f"Key {key} is not registered in this election.")

    async def work() -> dict[str, Any]:
        newest = await snapshots.read.newest_of_key(key)
        return {"key": key, "role": entry.role.value, "scope": entry.scope, **newest}

    return await snapshots.answer(request, (Kind.STATION, "key", key), work)


def _record(text: str) -> RecordPosition:
    partition, _, offset = text.partition("/")
    return RecordPosition(int(offset), int(partition))
