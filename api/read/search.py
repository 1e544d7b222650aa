"""GET: a search by name. Its index is made of the package at the first question, by a thread, and is the same for each cut."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.described import described
from api.problems import Problem
from api.read.profile_files import ProfileFiles
from api.read.unkept import unkept_answer
from projections.shown.name_search import NameIndex, NamesFound
from projections.tables.list_rows import InOrder
from schemas.served.questions import SearchAnswer

PartyNames = Mapping[str, Sequence[str]]
"""The names of each party, by its id."""

router = APIRouter(prefix="/v1", tags=["questions"])

FOUND_MAX = 100
"""Names that are listed."""
SEARCHES_MAX = 8
"""Questions that a thread answers or that wait for it. Each takes 60 ms at most, so the last one waits for half a second. At
half, a page that searches while somebody types is refused; at double, the thread takes half of the interpreter from
submissions for a second."""


class SearchedNames:
    """One event loop owns it."""

    def __init__(self, in_order: InOrder) -> None:
        self._in_order = in_order
        self._index: NameIndex | None = None
        self._parties: PartyNames = {}
        """Those in the index."""
        self._turn = asyncio.Lock()
        self._wanted = 0

    async def search(self, text: str, limit: int, parties: PartyNames) -> NamesFound:
        """Raises Problem where too many are being answered."""
        if self._wanted >= SEARCHES_MAX:
            raise Problem(503, "Try again", "Many searches are being answered just now.", retry_after_s=1)
        self._wanted += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(self._search, text, limit, parties)
        finally:
            self._wanted -= 1

    def _search(self, text: str, limit: int, parties: PartyNames) -> NamesFound:
        if self._index is None or parties != self._parties:
            self._index = NameIndex(self._in_order.definition, self._in_order.by_rank, parties)
            self._parties = parties
        return self._index.search(text, limit)


@router.get("/search", responses=described(SearchAnswer), summary="Areas, stations, parties and candidates by name")
async def search(
    request: Request,
    q: Annotated[
        str, Query(min_length=2, max_length=100, description="beginnings of words of the name, or a whole code")
    ],
    limit: Annotated[int, Query(ge=1, le=FOUND_MAX, description="most names that are listed")] = 20,
) -> Response:
    """Without regard to case and accents; a number is compared without its leading zeros. Words of the areas above count for a
    station, so `menteng tps 5` finds TPS 005 in Menteng. A code comes first, then areas from the largest, parties,
    candidates, and stations. `is_complete` is false where more names may fit."""
    names: SearchedNames = request.app.state.names
    found = await names.search(q, limit, await _party_names(request))
    answer = {"found": [each._asdict() for each in found.found], "is_complete": found.is_complete}
    return await unkept_answer(request, answer)


async def _party_names(request: Request) -> PartyNames:
    """None where the tables of parties and profiles cannot be read, which a search of the other names does not need."""
    files: ProfileFiles = request.app.state.profiles
    try:
        return (await files.get()).party_names
    except Problem:
        return {}
