"""GET: what the election has, from its package alone: elections of this server, offices, contests."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.described import described
from api.read.snapshots import snapshots_of
from api.read.unkept import unkept_answer
from projections.shown.election_lists import contests_list, elections_list, offices_list
from schemas.codes import CODE_PATTERN
from schemas.served.election_lists import ContestList, ElectionList, OfficeList

CONTESTS_PAGE_MAX = 500
"""Contests of a page, 250 bytes each. Indonesia votes in 2,711 at once. At double, rendering a page takes others' time for
2 ms."""

router = APIRouter(prefix="/v1", tags=["snapshots"])


@router.get("/elections", responses=described(ElectionList), summary="The election that this server counts")
async def elections(request: Request) -> Response:
    return await unkept_answer(request, elections_list(snapshots_of(request).definition))


@router.get("/offices", responses=described(OfficeList), summary="Offices")
async def offices(request: Request) -> Response:
    return await unkept_answer(request, offices_list(snapshots_of(request).definition))


@router.get("/contests", responses=described(ContestList), summary="Contests")
async def contests(
    request: Request,
    office: Annotated[str | None, Query(pattern=CODE_PATTERN, description="only of this office")] = None,
    after: Annotated[str | None, Query(pattern=CODE_PATTERN, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=CONTESTS_PAGE_MAX, description="most rows of the page")] = 100,
) -> Response:
    """Contests in the order of the package. The numbers are in `GET /v1/contests/{contest}`."""
    snapshots = snapshots_of(request)
    wanted = None if office is None else snapshots.office(office).number
    following = None if after is None else snapshots.contest(after)
    return await unkept_answer(request, contests_list(snapshots.definition, wanted, following, limit))
