"""GET: candidates, parties and electoral districts as the public lists describe them, and how complete these are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from api.described import described
from api.read.list_formats import AsFormat, RowFields, described_list, narrowed, no_such_cursor, selection_of
from api.read.profile_files import ProfileFiles
from api.read.search import SearchedNames
from api.read.snapshots import Snapshots, not_in_election, snapshots_of
from api.read.unkept import unkept_answer, unkept_table
from projections.shown.profiles import IN_ORDER, CandidateFilters, ProfileIndex, ProfilePage, page_answer
from projections.tables.profile_rows import Row, row_of_party_line, rows_of_lines
from runtime.tables.table_files import Format
from schemas.codes import CODE_PATTERN
from schemas.served.cursors import cursor_values
from schemas.served.profiles import (
    CandidateLine,
    CandidatePage,
    CandidateSnapshot,
    Completeness,
    DistrictPage,
    DistrictSnapshot,
    PartyLine,
    PartyPage,
    PartySnapshot,
    SparseCandidatePage,
    SparsePartyPage,
)
from schemas.served.shape import Shape
from schemas.tables.columns import Table
from schemas.tables.register import CANDIDATES, PARTIES

PROFILES_PAGE_MAX = 200
"""Rows of a page, 500 bytes each. At double, rendering a page takes others' time for 1 ms."""

router = APIRouter(prefix="/v1", tags=["profiles"])

Limit = Annotated[
    int, Query(ge=1, le=PROFILES_PAGE_MAX, description="most candidates, parties or districts of the page")
]
Cursor = Annotated[str | None, Query(max_length=400, description="`next` of the page before")]
Name = Annotated[
    str | None,
    Query(min_length=2, max_length=100, description="words of the name, whatever their case and accents"),
]
Order = Annotated[
    Literal["ballot", "name"], Query(description="`ballot`: as in the package and on the ballots; `name`: by name")
]
Lacking = Literal["persons", "sex", "residence", "photo", "web"]


@router.get(
    "/candidates",
    responses=described_list(CandidatePage, SparseCandidatePage),
    summary="The candidates of each choice",
)
async def candidates(
    request: Request,
    contest: Annotated[str | None, Query(pattern=CODE_PATTERN, description="only of this contest")] = None,
    office: Annotated[str | None, Query(pattern=CODE_PATTERN, description="only of contests of this office")] = None,
    area: Annotated[
        str | None, Query(pattern=CODE_PATTERN, description="only of contests that are voted on in this area")
    ] = None,
    party: Annotated[str | None, Query(pattern=CODE_PATTERN, description="only of this party")] = None,
    name: Name = None,
    lacking: Annotated[
        Lacking | None,
        Query(description="only those of which the register lacks this; `persons`: those that it does not describe"),
    ] = None,
    sort: Order = "ballot",
    fields: RowFields = None,
    cursor: Cursor = None,
    limit: Limit = 100,
    format: AsFormat = Format.JSON,
) -> Response:
    """A candidate that no profile describes is listed as on the ballot, and `lacking` names what the register lacks. A page may
    have fewer than `limit`, or none, though more follow, where few match; `next` is null on the last page. As a table the page
    has a row for each person, with the columns of the bulk file `candidates`. Their votes are in `GET /v1/contests/{contest}`,
    by `choice`."""
    index = await _index(request)
    snapshots = snapshots_of(request)
    if party is not None and not index.has_party(party):
        raise not_in_election("query.party", f"There is no party {party!r} in this election.")
    filters = CandidateFilters(_contests(snapshots, contest, office, area), party, name, lacking)
    after = None
    if cursor is not None:
        of, choice = _ids(cursor, sort, 2)
        if of not in snapshots.definition.ballots.contest_number:
            raise no_such_cursor(sort)
        after = snapshots.contest(of), choice
    look = partial(_page, sort, lambda: index.candidates(filters, after, limit, by_name=sort == "name"))
    names: SearchedNames = request.app.state.names
    is_short = party is None and name is None and lacking is None and sort != "name"
    page = look() if is_short else await names.in_turn(request, look)
    return await _listed(request, index, page, "candidates", sort, fields, format)


@router.get(
    "/candidates/{contest}/{choice}", responses=described(CandidateSnapshot), summary="One choice and its candidates"
)
async def candidate(
    request: Request,
    contest: Annotated[str, Path(pattern=CODE_PATTERN)],
    choice: Annotated[str, Path(pattern=CODE_PATTERN)],
) -> Response:
    index = await _index(request)
    found = index.candidate(snapshots_of(request).contest(contest), choice)
    if found is None:
        raise not_in_election("path.choice", f"Contest {contest} has no candidate {choice!r}.")
    return await unkept_answer(request, {"profiles": index.digest} | found)


@router.get("/parties", responses=described_list(PartyPage, SparsePartyPage), summary="Parties")
async def parties(
    request: Request,
    office: Annotated[
        str | None, Query(pattern=CODE_PATTERN, description="only those on a ballot of this office")
    ] = None,
    name: Name = None,
    sort: Order = "ballot",
    fields: RowFields = None,
    cursor: Cursor = None,
    limit: Limit = 100,
    format: AsFormat = Format.JSON,
) -> Response:
    """A page of parties. As a table it has the columns of the bulk file `parties`."""
    index = await _index(request)
    of = None if office is None else snapshots_of(request).office(office).id
    after = None if cursor is None else _ids(cursor, sort, 1)[0]
    page = _page(sort, lambda: index.parties(after, limit, name=name, office=of, by_name=sort == "name"))
    return await _listed(request, index, page, "parties", sort, fields, format)


@router.get("/parties/{party}", responses=described(PartySnapshot), summary="A party")
async def party(request: Request, party: Annotated[str, Path(pattern=CODE_PATTERN)]) -> Response:
    index = await _index(request)
    found = index.party(party)
    if found is None:
        raise not_in_election("path.party", f"There is no party {party!r} in this election.")
    return await unkept_answer(request, {"profiles": index.digest} | found)


@router.get("/districts", responses=described(DistrictPage), summary="Electoral districts")
async def districts(request: Request, cursor: Cursor = None, limit: Limit = 100) -> Response:
    """Districts in the order of the package."""
    index = await _index(request)
    after = None if cursor is None else _ids(cursor, IN_ORDER, 1)[0]
    page = _page(IN_ORDER, lambda: index.districts(after, limit))
    return await unkept_answer(request, page_answer(page, "districts", IN_ORDER))


@router.get("/districts/{district}", responses=described(DistrictSnapshot), summary="An electoral district")
async def district(request: Request, district: Annotated[str, Path(pattern=CODE_PATTERN)]) -> Response:
    """The areas that elect together, and the contests in which they do, with their seats."""
    found = (await _index(request)).district(district)
    if found is None:
        raise not_in_election("path.district", f"There is no electoral district {district!r} in this election.")
    return await unkept_answer(request, found)


@router.get("/completeness", responses=described(Completeness), summary="What the profiles lack")
async def completeness(
    request: Request,
    area: Annotated[
        str | None, Query(pattern=CODE_PATTERN, description="of this area (default: the whole election)")
    ] = None,
) -> Response:
    """How complete the profiles are: of the candidates of the area's contests, and of each area directly in it, how many have
    each column. For parties one such list."""
    index = await _index(request)
    snapshots = snapshots_of(request)
    number = snapshots.definition.tree.root if area is None else snapshots.area(area)
    return await unkept_answer(request, index.completeness(number))


async def _index(request: Request) -> ProfileIndex:
    files: ProfileFiles = request.app.state.profiles
    return await files.get()


async def _listed(
    request: Request,
    index: ProfileIndex,
    page: ProfilePage,
    name: Literal["candidates", "parties"],
    sort: str,
    fields: str | None,
    format: Format,
) -> Response:
    """A page as JSON or as a table. Raises Problem."""
    table, model, rows_of = _TABLES[name]
    answer = page_answer(page, name, sort)
    if format is not Format.JSON:
        selection = selection_of(table, fields)
        rows = [selection.row(row) for row in rows_of(page.lines)]
        return await unkept_table(request, selection.table, rows, format, cursor=answer["next"], profiles=index.digest)
    answer[name] = narrowed(page.lines, model, fields)
    return await unkept_answer(request, {"profiles": index.digest, **answer})


_TABLES: Mapping[str, tuple[Table, type[Shape], Callable[[list[dict[str, Any]]], list[Row]]]] = {
    "candidates": (CANDIDATES, CandidateLine, rows_of_lines),
    "parties": (PARTIES, PartyLine, lambda lines: list(map(row_of_party_line, lines))),
}


def _contests(snapshots: Snapshots, contest: str | None, office: str | None, area: str | None) -> frozenset[int] | None:
    """The contests that pass all of these filters; None for all. Raises Problem."""
    sets: list[frozenset[int]] = []
    if contest is not None:
        sets.append(frozenset([snapshots.contest(contest).number]))
    if office is not None:
        sets.append(frozenset(snapshots.office(office).contests))
    if area is not None:
        sets.append(frozenset(snapshots.definition.electorates.contests_in(snapshots.area(area))))
    return frozenset.intersection(*sets) if sets else None


def _ids(cursor: str, sort: str, count: int) -> list[str]:
    """The ids in a cursor of a list in this order. Raises Problem."""
    match cursor_values(cursor):
        case [str(other), *ids] if other == sort and len(ids) == count and all(isinstance(id, str) for id in ids):
            return ids
    raise no_such_cursor(sort)


def _page(sort: str, page: Callable[[], ProfilePage]) -> ProfilePage:
    """Raises Problem where the cursor names what is not in the list."""
    try:
        return page()
    except LookupError:
        raise no_such_cursor(sort) from None
