"""GET: a search by name. Its index is made of the package at the first question, by a thread, and is the same for each cut."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter, Query, Request, Response

from api.limits.limits import CLIENT_ADDRESS
from api.limits.turns import Turns
from api.problems import Problem
from api.read.list_formats import AsFormat, RowFields, described_list, narrowed, selection_of
from api.read.profile_files import ProfileFiles
from api.read.unkept import unkept_answer, unkept_table
from projections.shown.name_search import NameIndex, NamesFound
from projections.tables.list_rows import InOrder
from runtime.tables.table_files import Format
from schemas.served.cursors import cursor_text, cursor_values
from schemas.served.questions import FoundName, SearchAnswer, SparseSearchAnswer
from schemas.tables.lists import FOUND_NAMES

PartyNames = Mapping[str, Sequence[str]]
"""The names of each party, by its id."""

router = APIRouter(prefix="/v1", tags=["questions"])

FOUND_MAX = 100
"""Names of a page."""
SKIPPED_MAX = 10_000
"""Names of the pages before. Of 5,000 entries and 5,000 stations that are compared no more can fit."""
SEARCHES_MAX = 24
SEARCHES_OF_ADDRESS_MAX = 8
"""Questions that a thread answers or that wait for it: of all, and of one address. Each takes 60 ms at most, and an
address rests as long, so its last one waits for 0.8 s. At half, a page that searches while somebody types is refused; at
double, the thread takes half of the interpreter from submissions for a second."""

Found = TypeVar("Found")


class SearchedNames:
    """One event loop owns it."""

    def __init__(self, in_order: InOrder) -> None:
        self._in_order = in_order
        self._index: NameIndex | None = None
        self._parties: PartyNames = {}
        """Parties in the index."""
        self._turns = Turns(1, SEARCHES_MAX, SEARCHES_OF_ADDRESS_MAX)

    async def in_turn(self, request: Request, look: Callable[[], Found]) -> Found:
        """What a thread finds when it is the turn of the client address. Raises Problem where too many are being answered."""
        return await self._turns.made(request.scope.get(CLIENT_ADDRESS, ""), partial(asyncio.to_thread, look))

    def search(
        self, text: str, limit: int, parties: PartyNames, *, kind: str | None = None, skip: int = 0
    ) -> NamesFound:
        """The names that a text finds. Call this by `in_turn`."""
        if self._index is None or parties != self._parties:
            self._index = NameIndex(self._in_order.definition, self._in_order.by_rank, parties)
            self._parties = parties
        return self._index.search(text, limit, kind=kind, skip=skip)


@router.get(
    "/search",
    responses=described_list(SearchAnswer, SparseSearchAnswer),
    summary="Areas, stations, parties and candidates by name",
)
async def search(
    request: Request,
    q: Annotated[
        str, Query(min_length=2, max_length=100, description="beginnings of words of the name, or a whole code")
    ],
    kind: Annotated[
        Literal["area", "station", "party", "candidate"] | None, Query(description="only names of this kind")
    ] = None,
    fields: RowFields = None,
    cursor: Annotated[str | None, Query(max_length=100, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=FOUND_MAX, description="most names of the page")] = 20,
    format: AsFormat = Format.JSON,
) -> Response:
    """Names that a text finds, without regard to case and accents; a number is compared without its leading zeros. Words of the
    areas above count for a station, so `menteng tps 5` finds TPS 005 in Menteng. A code comes first, then areas from the
    largest, parties, candidates, and stations. `next` is null on the last page, and `is_complete` is false where more names may
    fit."""
    names: SearchedNames = request.app.state.names
    skip = 0 if cursor is None else _skipped(cursor)
    parties = await _party_names(request)
    found = await names.in_turn(request, partial(names.search, q, limit, parties, kind=kind, skip=skip))
    following = cursor_text([_SEARCH, skip + limit]) if found.has_more else None
    if format is not Format.JSON:
        selection = selection_of(FOUND_NAMES, fields)
        rows = [selection.row((*each[:3], " / ".join(each.within) or None, each.link)) for each in found.found]
        return await unkept_table(request, selection.table, rows, format, cursor=following)
    lines = narrowed([each._asdict() for each in found.found], FoundName, fields)
    return await unkept_answer(request, {"found": lines, "next": following, "is_complete": found.is_complete})


_SEARCH = "search"


def _skipped(cursor: str) -> int:
    """Raises Problem."""
    match cursor_values(cursor):
        case [str(name), int(skip)] if name == _SEARCH and 0 < skip <= SKIPPED_MAX:
            return skip
    raise Problem(422, "No such cursor", "query.cursor: is not a cursor of a search.", field="query.cursor")


async def _party_names(request: Request) -> PartyNames:
    """Names of the parties, empty where the tables of parties and profiles cannot be read, which a search of the other names
    does not need."""
    files: ProfileFiles = request.app.state.profiles
    try:
        return (await files.get()).party_names
    except Problem:
        return {}
