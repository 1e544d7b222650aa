"""GET: the newest numbers of the election, its offices, contests, areas and stations, each with the cut that they are as of."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Annotated, Any, TypeVar

import asyncpg
from fastapi import APIRouter, Path, Query, Request, Response

from api.described import described
from api.limits.limits import PARTY
from api.limits.turns import NoTurnError, Turns, no_turn_problem
from api.problems import Problem, database_away, lists_busy
from api.read.content_codings import CODINGS, IDENTITY, acceptable, chosen
from api.read.current_answers import CurrentAnswers, Turn, Work, no_turn
from api.read.from_memory import SnapshotsInMemory
from api.read.kept_answers import Answer, Key, Kind
from api.read.read_cut import Shown
from api.read.readmodel import AtCut, ListsBusyError, ReadModel
from api.read.responses import AS_JSON, Sent, response_of
from projections.definition.ballots import ContestEntry, OfficeEntry
from projections.definition.compiled import Definition
from projections.shown.answer_parts import (
    BEFORE_ALL,
    HISTORY_RECORDS,
    HISTORY_RECORDS_MAX,
    Part,
    RecordPosition,
    part_of_area,
    part_of_office,
)
from projections.shown.published import answer_bytes, election_answer
from projections.station.submissions import ResultState
from runtime.error_words import in_words
from runtime.logs import log_line
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

logger = logging.getLogger("rekap.snapshots")

DATABASE_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)

router = APIRouter(prefix="/v1", tags=["snapshots"])

AreaCode = Annotated[str, Path(pattern=CODE_PATTERN, description="code of an area, as in areas.csv")]
OfficeFilter = Annotated[str | None, Query(pattern=CODE_PATTERN, description="only this office")]

PartNumber = Annotated[int, Query(ge=1, le=100_000, description="which part of an answer that is too long for one")]

RECORD_PATTERN = r"^[0-9]{1,4}/[0-9]{1,18}$"
"""PostgreSQL's integer and bigint hold every such number."""


LONG_KINDS = (Kind.PAGE, Kind.FILE)
"""Kinds of answers that take the process 5 to 500 ms. They have turns (api/limits/turns.py)."""
LONG_AT_ONCE = 4
"""Two with the two connections for lists, and two with the threads that write files. At half, a page waits for a file; at
double, a third and a fourth page wait for a connection while they count as being made. One address has one of them."""
LONG_WANTED_MAX = 24
LONG_WANTED_OF_PARTY_MAX = 8
"""Bound for one address. The longest take half a second, and the address rests as long, so the last one waits for 7 s. At half,
a page that offers five files is refused some; at double, an address can make others wait behind 16 requests that have no
turn."""

Made = TypeVar("Made")


class Snapshots:
    """Answers from the read model as bytes. While the database is away, the last good answer is sent (invariant 10)."""

    def __init__(
        self, read: ReadModel, definition: Definition, from_memory: SnapshotsInMemory, *, parts: int = 1
    ) -> None:
        """`parts`: how many elections of this process share the memory for answers."""
        self.definition = definition
        self._parts = parts
        self._from_memory = from_memory
        self.read = read
        self._turns = Turns(LONG_AT_ONCE, LONG_WANTED_MAX, LONG_WANTED_OF_PARTY_MAX)
        self.current = self._answers_of(read)

    def serve(self, read: ReadModel) -> None:
        """Serve another generation of the read model from the next request on, and nothing more of the one before."""
        if read is not self.read:
            self.current.close()
            self.read, self.current = read, self._answers_of(read)

    def _answers_of(self, read: ReadModel) -> CurrentAnswers:
        current = CurrentAnswers(read.cut, partial(answer_bytes, self.definition), time.monotonic, self._parts)
        self._from_memory.serve(current)
        return current

    async def kept(self, request: Request, key: Key, shown: Shown, work: Work, sent: Sent = AS_JSON) -> Response:
        """The answer at the newest cut, from memory while the cut of the offices shown does not move; or without a database
        the last good one with its age. Raises Problem.

        `key` is what is asked, as parsed values, so that two spellings of one question have the same key."""
        current = self.current
        reading = partial(current.get, key, shown, work, self._turn(request, key))
        response = await self._answer(request, current, key, reading, sent)
        if sent is AS_JSON:
            self._from_memory.know(request.scope["raw_path"], request.scope["query_string"], key)
        return response

    async def answer(
        self, request: Request, key: Key, work: Callable[[], Coroutine[Any, Any, dict[str, Any]]]
    ) -> Response:
        """The same for an answer that is read for each request, because it depends on more than the cut."""
        current = self.current
        return await self._answer(request, current, key, partial(current.read, key, work, self._turn(request, key)))

    async def in_turn(self, request: Request, make: Callable[[], Coroutine[Any, Any, Made]]) -> Made:
        """What is made for this request alone, in the turn of its party, as a long answer is. Raises Problem."""
        return await self._turns.made(request.scope.get(PARTY, ""), make)

    def _turn(self, request: Request, key: Key) -> Turn:
        """The turn in which an answer is read: that of the party where the answer is a long one."""
        return partial(self._turns.turn, request.scope.get(PARTY, "")) if key[0] in LONG_KINDS else no_turn

    async def _answer(
        self,
        request: Request,
        current: CurrentAnswers,
        key: Key,
        reading: Callable[[], Coroutine[Any, Any, Answer]],
        sent: Sent = AS_JSON,
    ) -> Response:
        coding = coding_of(request)
        try:
            answer, age_s = await reading(), None
        except (*DATABASE_ERRORS, ListsBusyError, NoTurnError) as error:
            kept = current.last_good(key)
            if isinstance(error, NoTurnError):
                problem = no_turn_problem(error)
            else:
                logger.warning(log_line("database-unavailable", error=in_words(error), path=request.url.path))
                problem = lists_busy() if isinstance(error, ListsBusyError) else database_away()
            if kept is None:
                raise problem from None
            answer, age_s = kept
        wanted = IDENTITY if sent.is_compressed else coding(len(answer.body))
        own = sent._replace(headers={**sent.headers, **answer.headers})
        return response_of(await current.form(key, answer, wanted), age_s, own)

    # -- what a path names -----------------------------------------------------------------------------------------

    def office(self, office: str) -> OfficeEntry:
        number = self.definition.ballots.office_number.get(office)
        if number is None:
            names = ", ".join(entry.id for entry in self.definition.ballots.offices)
            raise not_in_election("office", f"There is no office {office!r} in this election; there are: {names}.")
        return self.definition.ballots.offices[number]

    def contest(self, contest: str) -> ContestEntry:
        number = self.definition.ballots.contest_number.get(contest)
        if number is None:
            raise not_in_election(
                "contest", f"There is no contest {contest!r} in this election; GET /v1/election lists them."
            )
        return self.definition.ballots.contests[number]

    def area(self, area: str) -> int:
        number = self.definition.tree.number.get(area)
        if number is None:
            hint = f" It is a station: GET /v1/stations/{area}." if area in self.definition.stations.number else ""
            raise not_in_election("area", f"There is no area {area!r} in this election.{hint}")
        return number

    def station(self, station: str, field: str = "station") -> int:
        number = self.definition.stations.number.get(station)
        if number is None:
            hint = f" It is an area: GET /v1/areas/{station}." if station in self.definition.tree.number else ""
            raise not_in_election(field, f"There is no station {station!r} in this election.{hint}")
        return number


def _record(text: str) -> RecordPosition:
    partition, _, offset = text.partition("/")
    return RecordPosition(int(offset), int(partition))


def part_or_problem(part: Callable[[], Part]) -> Part:
    try:
        return part()
    except LookupError as error:
        raise not_in_election("part", str(error)) from None


def not_in_election(field: str, detail: str) -> Problem:
    return Problem(404, "Not in this election", detail, field=field)


def coding_of(request: Request, among: tuple[str, ...] = CODINGS) -> Callable[[int], str]:
    """From the length of an answer to the content coding that it is sent in, one of these. Raises Problem."""
    # Several lines of the field are one list (RFC 9110, 5.3).
    lines = request.headers.getlist("accept-encoding")
    codings = tuple(each for each in acceptable(", ".join(lines) if lines else None) if each in among)
    if not codings:
        raise Problem(
            406,
            "No such coding",
            f"An answer can be sent in {', '.join(among)}; Accept-Encoding excludes all of them.",
            field="header.accept-encoding",
        )
    return partial(chosen, codings)


def snapshots_of(request: Request) -> Snapshots:
    snapshots: Snapshots = request.app.state.snapshots
    return snapshots


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
    """By the submission id of the receipt. 404 also in the moment between the receipt and the count."""
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
    """Where an outbox that was lost continues: at `seq` + 1, with `event` as `prev`. The count lags the ledger by a moment. An
    answer with an `Age` is an old one, from which an outbox must not continue."""
    snapshots = snapshots_of(request)
    entry = snapshots.definition.keys.get(KeyId(key))
    if entry is None:
        raise not_in_election("key", f"Key {key} is not registered in this election.")

    async def work() -> dict[str, Any]:
        newest = await snapshots.read.newest_of_key(key)
        return {"key": key, "role": entry.role.value, "scope": entry.scope, **newest}

    return await snapshots.answer(request, (Kind.STATION, "key", key), work)
