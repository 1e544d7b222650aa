"""GET: candidates, parties and electoral districts as the public lists describe them, and how complete these are."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api.described import described
from api.read.profile_files import ProfileFiles
from api.read.snapshots import not_in_election, snapshots_of
from api.read.unkept import unkept_answer
from projections.shown.profiles import CandidateFilters, ProfileIndex
from schemas.codes import CODE_PATTERN
from schemas.served.profiles import (
    CandidatePage,
    CandidateSnapshot,
    Completeness,
    DistrictPage,
    DistrictSnapshot,
    PartyPage,
    PartySnapshot,
)

PROFILES_PAGE_MAX = 200
"""Rows of a page, 500 bytes each. At double, rendering a page takes others' time for 1 ms."""
CANDIDATE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,63}/[A-Za-z0-9][A-Za-z0-9._\-]{0,63}$"

router = APIRouter(prefix="/v1", tags=["profiles"])

Limit = Annotated[int, Query(ge=1, le=PROFILES_PAGE_MAX, description="most rows of the page")]
AfterCode = Annotated[str | None, Query(pattern=CODE_PATTERN, description="`next` of the page before")]


@router.get("/candidates", responses=described(CandidatePage), summary="The candidates of each choice")
async def candidates(
    request: Request,
    contest: Annotated[str | None, Query(pattern=CODE_PATTERN, description="only of this contest")] = None,
    party: Annotated[str | None, Query(pattern=CODE_PATTERN, description="only of this party")] = None,
    name: Annotated[
        str | None,
        Query(min_length=2, max_length=100, description="words of the name, whatever their case and accents"),
    ] = None,
    after: Annotated[
        str | None, Query(pattern=CANDIDATE_PATTERN, description="`next` of the page before: contest/choice")
    ] = None,
    limit: Limit = 100,
) -> Response:
    """In the order of contests and ballots. A candidate that no profile describes is listed as on the ballot, and `lacking`
    names what the register lacks. A page may have fewer than `limit`, or none, though more follow, where few match; `next` is
    null on the last page. Their votes are in `GET /v1/contests/{contest}`, by `choice`."""
    index = await _index(request)
    snapshots = snapshots_of(request)
    wanted = None if contest is None else snapshots.contest(contest).number
    if party is not None and not index.has_party(party):
        raise not_in_election("query.party", f"There is no party {party!r} in this election.")
    following = None
    if after is not None:
        of, _, choice = after.partition("/")
        following = snapshots.contest(of), choice
    page = index.candidates(CandidateFilters(wanted, party, name), following, limit)
    if page is None:
        raise not_in_election("query.after", f"There is no candidate {after!r} in this election.")
    return await unkept_answer(request, page)


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


@router.get("/parties", responses=described(PartyPage), summary="Parties")
async def parties(request: Request, after: AfterCode = None, limit: Limit = 100) -> Response:
    index = await _index(request)
    if after is not None and not index.has_party(after):
        raise not_in_election("query.after", f"There is no party {after!r} in this election.")
    return await unkept_answer(request, index.parties(after, limit))


@router.get("/parties/{party}", responses=described(PartySnapshot), summary="A party")
async def party(request: Request, party: Annotated[str, Path(pattern=CODE_PATTERN)]) -> Response:
    index = await _index(request)
    found = index.party(party)
    if found is None:
        raise not_in_election("path.party", f"There is no party {party!r} in this election.")
    return await unkept_answer(request, {"profiles": index.digest} | found)


@router.get("/districts", responses=described(DistrictPage), summary="Electoral districts")
async def districts(request: Request, after: AfterCode = None, limit: Limit = 100) -> Response:
    index = await _index(request)
    if after is not None and not index.has_district(after):
        raise not_in_election("query.after", f"There is no electoral district {after!r} in this election.")
    return await unkept_answer(request, index.districts(after, limit))


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
    """For the candidates of the area's contests, and of each area directly in it, how many the register describes, column by
    column; for parties the same once."""
    index = await _index(request)
    snapshots = snapshots_of(request)
    number = snapshots.definition.tree.root if area is None else snapshots.area(area)
    return await unkept_answer(request, index.completeness(number))


async def _index(request: Request) -> ProfileIndex:
    files: ProfileFiles = request.app.state.profiles
    return await files.get()
