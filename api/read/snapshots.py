"""Answers of the read model: each is kept while its cut does not move, or read again in the turn of the client address that
asks."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Annotated, Any, TypeVar

import asyncpg
from fastapi import Path, Query, Request, Response

from api.answers.content_codings import CODINGS, IDENTITY, acceptable, chosen
from api.answers.current_answers import CurrentAnswers, Turn, Work, no_turn
from api.answers.kept_answers import Answer, Key, Kind
from api.answers.read_cut import Shown
from api.answers.responses import AS_JSON, Sent, response_of
from api.errors import ListsBusyError
from api.limits.limits import CLIENT_ADDRESS
from api.limits.turns import NoTurnError, Turns, no_turn_problem
from api.problems import Problem, database_away, lists_busy
from api.read.from_memory import SnapshotsInMemory
from api.readmodel.read_model import ReadModel
from projections.definition.ballots import ContestEntry, OfficeEntry
from projections.definition.compiled import Definition
from projections.shown.answer_parts import Part
from projections.shown.published import answer_bytes
from runtime.error_words import in_words
from runtime.logs import log_line
from schemas.codes import CODE_PATTERN

logger = logging.getLogger("rekap.snapshots")

DATABASE_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)

AreaCode = Annotated[str, Path(pattern=CODE_PATTERN, description="code of an area, as in areas.csv")]
PartNumber = Annotated[int, Query(ge=1, le=100_000, description="which part of an answer that is too long for one")]

LONG_KINDS = (Kind.PAGE, Kind.FILE)
"""Kinds of answers that take the process 5 to 500 ms. They have turns (api/limits/turns.py)."""
LONG_AT_ONCE = 4
"""Two with the two connections for lists, and two with the threads that write files. At half, a page waits for a file; at
double, a third and a fourth page wait for a connection while they count as being made. One address has one of them."""
LONG_WANTED_MAX = 24
LONG_WANTED_OF_ADDRESS_MAX = 8
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
        self._turns = Turns(LONG_AT_ONCE, LONG_WANTED_MAX, LONG_WANTED_OF_ADDRESS_MAX)
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
        """Answer a request with what is read for it alone, because the answer depends on more than the cut."""
        current = self.current
        return await self._answer(request, current, key, partial(current.read, key, work, self._turn(request, key)))

    async def in_turn(self, request: Request, make: Callable[[], Coroutine[Any, Any, Made]]) -> Made:
        """What is made for this request alone, in the turn of its client address, as a long answer is. Raises Problem."""
        return await self._turns.made(request.scope.get(CLIENT_ADDRESS, ""), make)

    def _turn(self, request: Request, key: Key) -> Turn:
        """The turn in which an answer is read: that of the client address where the answer is a long one."""
        return partial(self._turns.turn, request.scope.get(CLIENT_ADDRESS, "")) if key[0] in LONG_KINDS else no_turn

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


def part_or_problem(part: Callable[[], Part]) -> Part:
    try:
        return part()
    except LookupError as error:
        raise not_in_election("part", str(error)) from None


def not_in_election(field: str, detail: str) -> Problem:
    return Problem(404, "Not in this election", detail, field=field)


def coding_of(request: Request, among: tuple[str, ...] = CODINGS) -> Callable[[int], str]:
    """Function from the length of an answer to the content coding that it is sent in, one of `among`. Raises Problem."""
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
