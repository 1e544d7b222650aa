"""The portal's own paths: the catalogue, the search, the start page, and the way to elections that it does not serve itself."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from html import escape
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from api.catalogue.published import address_of
from api.errors import ListsBusyError
from api.limits.limits import CLIENT_ADDRESS
from api.limits.turns import Turns
from api.problems import Problem, lists_busy
from projections.catalogue.sitemap import sitemap_index
from rekap.portal.election_state import PortalElection, State
from rekap.portal.names import WORDS_MAX, Found, words_of

router = APIRouter()
elections_router = APIRouter()
"""The way to elections, whose paths have parameters that the portal does not know."""

CACHE_CONTROL = "public, max-age=5, stale-while-revalidate=30"
"""A portal knows of a change after ten seconds, so a cache may keep the catalogue for half of that."""
REDIRECT_CACHE_CONTROL = "public, max-age=60"
"""The address of a live election changes when it becomes an archive."""
FOUND_PAGE_MAX = 100
SEARCHED_MAX = 20
"""Elections that are searched for a page. Each takes up to 25 ms of a thread, where all words are common; at half, a reader of
a portal with many elections asks for twice as many pages."""
SEARCHES_MAX, SEARCHES_OF_ADDRESS_MAX = 24, 8
"""Searches that are being answered or wait for their turn: of all, and of one address. The longest takes half a second."""
CURSOR_PATTERN = r"^[a-z0-9][a-z0-9\-]{0,47}/[0-9]{1,18}$"
ID_PATTERN = r"^[a-z0-9][a-z0-9\-]{0,47}$"
AWAY_RETRY_SECONDS = 30

Id = Annotated[str, Path(pattern=ID_PATTERN, description="id of an election in the catalogue")]
Words = Annotated[
    str, Query(min_length=2, max_length=100, description="beginnings of words, whatever their case and accents")
]
Kind = Annotated[Literal["area", "candidate", "party"] | None, Query(description="only names of this kind")]


def _elections(request: Request) -> dict[str, PortalElection]:
    elections: dict[str, PortalElection] = request.app.state.elections
    return elections


def election_of(elections: dict[str, PortalElection], id: str, field: str = "path.id") -> PortalElection:
    """Raises Problem."""
    found = elections.get(id)
    if found is None:
        raise Problem(
            404, "Not in this portal", f"There is no election {id!r} here; GET /v1/elections lists them.", field=field
        )
    return found


@router.get("/v1/elections", summary="All elections, and whether each can be served")
async def elections(request: Request) -> Response:
    """Elections in the order of the portal's configuration. `base` is the path before each path of the election's read API. An
    election that is away is listed with `since` and `problem`."""
    return _json({"elections": [election.shown() for election in _elections(request).values()]})


@router.get("/v1/elections/{id}", summary="One election of the catalogue")
async def election(request: Request, id: Id) -> Response:
    return _json(election_of(_elections(request), id).shown())


@router.get("/v1/search", summary="Areas, candidates and parties of all elections, by name")
async def search(
    request: Request,
    q: Words,
    kind: Kind = None,
    election: Annotated[str | None, Query(pattern=ID_PATTERN, description="only of this election")] = None,
    after: Annotated[str | None, Query(pattern=CURSOR_PATTERN, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=FOUND_PAGE_MAX, description="most names of the page")] = 20,
) -> Response:
    """Names of which each word of `q` begins some word, election by election; in each parties, candidates, then areas from the
    root down. A page of many elections may have fewer than `limit`, or none, though more follow; `next` is null on the last
    page. An election whose names are not known yet is named in `not_searched`."""
    return _json(await _search_in_turn(request, q, kind, election, after, limit))


async def _search_in_turn(
    request: Request, q: str, kind: str | None, only: str | None, after: str | None, limit: int
) -> dict[str, Any]:
    turns: Turns = request.app.state.searches
    search = partial(_search, _elections(request), q, kind, only, after, limit)
    return await turns.made(request.scope.get(CLIENT_ADDRESS, ""), search)


async def _search(
    elections: dict[str, PortalElection], q: str, kind: str | None, only: str | None, after: str | None, limit: int
) -> dict[str, Any]:
    words = list(dict.fromkeys(words_of(q)))
    if not 1 <= len(words) <= WORDS_MAX:
        raise Problem(422, "No words", f"Expected 1 to {WORDS_MAX} words, got {len(words)}.", field="query.q")
    wanted = list(elections.values()) if only is None else [election_of(elections, only, "query.election")]
    begin, number = 0, 0
    if after is not None:
        id, _, digits = after.partition("/")
        begin, number = (
            wanted.index(election_of({each.entry.id: each for each in wanted}, id, "query.after")),
            int(digits),
        )
    found: list[tuple[PortalElection, Found]] = []
    for election in wanted[begin : begin + SEARCHED_MAX]:
        if election.find_names is not None and len(found) <= limit:
            try:
                rows = await election.find_names(words, kind, number, limit + 1 - len(found))
            except ListsBusyError:
                raise lists_busy() from None
            found += ((election, row) for row in rows)
        number = 0
    page = found[:limit]
    following = None
    if len(found) > limit:
        following = f"{page[-1][0].entry.id}/{page[-1][1].number}"
    elif begin + SEARCHED_MAX < len(wanted):
        following = f"{wanted[begin + SEARCHED_MAX].entry.id}/0"
    return {
        "names": [_shown(election, row) for election, row in page],
        "next": following,
        "not_searched": [each.entry.id for each in wanted if each.find_names is None],
    }


def _shown(election: PortalElection, found: Found) -> dict[str, Any]:
    path = {"area": "areas", "candidate": "candidates", "party": "parties"}[found.kind]
    return {
        "election": election.entry.id,
        "kind": found.kind,
        "id": found.id,
        "name": found.name,
        "within": found.within,
        "links": {"self": f"{election.base}/v1/{path}/{found.id}"},
    }


@elections_router.get("/elections/{id}", include_in_schema=False)
async def entrance(request: Request, id: Id) -> Response:
    found = election_of(_elections(request), id)
    return RedirectResponse(f"{found.base}/v1/election", 307, {"Cache-Control": REDIRECT_CACHE_CONTROL})


@elections_router.get("/elections/{id}/{path:path}", summary="The read API of an election")
async def of_election(request: Request, id: Id, path: str) -> Response:
    """An archived election is answered here, byte for byte as its API answered. A live one is answered by its own API, to which
    this redirects. Links in an answer are paths below `base` of the catalogue."""
    found = election_of(_elections(request), id)
    raw = request.scope["raw_path"].decode("ascii", "replace")
    if not raw.startswith(f"{found.base}/"):
        raise written_otherwise(found)
    if found.entry.url is not None:
        query = request.scope["query_string"].decode("ascii", "replace")
        rest = raw.removeprefix(found.base)
        return Response(
            status_code=307,
            headers={
                "Location": f"{found.entry.url}{rest}{'?' if query else ''}{query}",
                "Cache-Control": REDIRECT_CACHE_CONTROL,
            },
        )
    what = "being prepared" if found.state is State.PREPARING else f"away: {found.problem}"
    raise Problem(503, "Not served now", f"The election {id} is {what}.", retry_after_s=AWAY_RETRY_SECONDS)


def written_otherwise(election: PortalElection) -> Problem:
    """The refusal of an address that names the election with %, such as `/elections/ID%2F@elsewhere.example`, from which a
    redirect would lead to elsewhere.example."""
    return Problem(404, "Not in this portal", f"An address of the election begins with {election.base}/, without %.")


@router.get("/sitemap.xml", include_in_schema=False)
async def sitemap_xml(request: Request) -> Response:
    """The sitemaps of the archived elections that are served. A live one has its own, at another address."""
    public_url: str = request.app.state.public_url
    base = address_of(request, public_url)
    served = [each for each in _elections(request).values() if each.state is State.SERVED and each.entry.url is None]
    content = sitemap_index([f"{base}{each.base}/sitemap.xml" for each in served])
    # An answer with the address of its request is for that client alone (api/catalogue/published.py).
    cached = CACHE_CONTROL if public_url else "private, no-cache"
    return Response(content, headers={"Cache-Control": cached}, media_type="application/xml")


# ── pages ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/", include_in_schema=False)
async def start_page(request: Request) -> Response:
    lines = ["<table><tr><th>election</th><th>date</th><th></th><th></th></tr>"]
    for election in _elections(request).values():
        shown = election.shown()
        title = next(iter((shown["title"] or {}).values()), election.entry.id)
        since = f" since {shown['since']}" if election.state is not State.SERVED else ""
        test = " (rehearsal)" if shown["is_test"] else ""
        lines.append(
            f"<tr><td>{_link(shown['links']['self'], f'{title}{test}')}</td><td>{escape(shown['date'] or '')}</td>"
            f"<td>{escape(shown['kind'])}: {escape(shown['state'])}{since}</td>"
            f"<td>{_link(shown['links']['files'], 'files')} {_link(shown['links']['package'], 'package')}</td></tr>"
        )
    lines.append("</table>")
    return _page(request, "", lines)


@router.get("/search", include_in_schema=False)
async def search_page(
    request: Request,
    q: Annotated[str, Query(max_length=100)] = "",
    after: Annotated[str | None, Query(pattern=CURSOR_PATTERN)] = None,
) -> Response:
    lines: list[str] = []
    if words_of(q):
        found = await _search_in_turn(request, q, None, None, after, FOUND_PAGE_MAX)
        lines = [f"<li>{_found_line(each)}</li>" for each in found["names"]]
        lines = ["<ul>", *lines, "</ul>"] if lines else ["<p>No name here begins with these words.</p>"]
        if found["next"] is not None:
            following = urlencode({"q": q, "after": found["next"]})
            lines.append(f"<p>{_link(f'/search?{following}', 'More')}</p>")
    return _page(request, q, lines)


def _found_line(found: dict[str, Any]) -> str:
    within = f", {escape(found['within'])}" if found["within"] else ""
    about = f"{escape(found['kind'])}{within}; {escape(found['election'])}"
    return f"{_link(found['links']['self'], found['name'])} ({about})"


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title></head>
<body>
<h1><a href="/">{title}</a></h1>
<form action="/search"><label>Area, candidate or party: <input name="q" value="{q}" minlength="2" maxlength="100"></label>
<button>Search</button></form>
{body}
<p><a href="/v1/elections">The catalogue as JSON</a></p>
</body></html>
"""


def _page(request: Request, q: str, lines: Iterable[str]) -> Response:
    title = escape(request.app.title)
    content = _PAGE.format(title=title, q=escape(q), body="\n".join(lines))
    return HTMLResponse(
        content, headers={"Cache-Control": CACHE_CONTROL, "Content-Security-Policy": "default-src 'none'"}
    )


def _link(path: str, text: str) -> str:
    return f'<a href="{escape(path)}">{escape(text)}</a>'


def _json(answer: dict[str, Any]) -> Response:
    return Response(orjson.dumps(answer), headers={"Cache-Control": CACHE_CONTROL}, media_type="application/json")
