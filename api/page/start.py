"""GET /: what this server is, for a person who opens its address, with links to everything else."""

from __future__ import annotations

import html

from fastapi import APIRouter, Request, Response

from api.page.policy import policy_with
from projections.definition.compiled import Definition
from schemas.definition.package import Mode

router = APIRouter(include_in_schema=False)

_STYLE = """
body { max-width: 44rem; margin: 0 auto; padding: 1rem; font: 1rem/1.6 system-ui, sans-serif; color: #222; background: #fff }
h1 { margin-bottom: 0 } dt { font-weight: 600; margin-top: .6rem } dd { margin: 0 }
.rehearsal { padding: .6rem 1rem; background: #ffe08a; color: #222; font-weight: 600 }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #111 } a { color: #8cf } }
"""
POLICY = policy_with(_STYLE)

LINKS: tuple[tuple[str, str, str], ...] = (
    ("/v1/election", "Election", "its levels, offices and the cut of each"),
    ("/v1/offices", "Offices", "and from there to contests and areas"),
    ("/v1/candidates", "Candidates", "as the public lists have them"),
    ("/v1/parties", "Parties", "with their number, colour and candidates"),
    ("/v1/files", "Files", "every result and the register as CSV, XLSX, XML, JSON, NDJSON and Parquet"),
    ("/v1/log", "Public log", "every signed form, with proofs that anybody can check"),
    ("/v1/package.zip", "Election package", "areas, stations, contests, rules and keys"),
    ("/v1/health", "Health", "whether the numbers are up to date, and what is wrong where they are not"),
    ("/docs", "API", "every address, its parameters and answers"),
    ("/openapi.json", "OpenAPI", "the same for programs"),
)
"""Address, name, and what is there."""


@router.get("/")
async def start(request: Request) -> Response:
    headers = {
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "public, max-age=60",
    }
    return Response(page(request.app.state.definition), headers=headers, media_type="text/html; charset=utf-8")


def page(definition: Definition) -> str:
    about = definition.election
    titles = list(about.title.root.items())
    language, title = titles[0]
    others = "".join(f'<p lang="{_escaped(tag)}">{_escaped(text)}</p>' for tag, text in titles[1:])
    rehearsal = (
        '<p class="rehearsal">Gladi, bukan hasil. This is a rehearsal: no number here is a result.</p>'
        if about.mode is Mode.REHEARSAL
        else ""
    )
    links = "".join(
        f'<dt><a href="{address}">{name}</a></dt><dd>{_escaped(what)}</dd>' for address, name, what in LINKS
    )
    source = f"<p>Source of the register: {_escaped(about.source)}</p>" if about.source else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_escaped(title)}</title><style>{_STYLE}</style></head><body>{rehearsal}"
        f'<h1 lang="{_escaped(language)}">{_escaped(title)}</h1>{others}'
        f"<p>{about.date.isoformat()}, {len(definition.stations.codes):,} polling stations. Every number carries the "
        "position in a public log that it is as of, and anybody can count it again from that log.</p>"
        f"<dl>{links}</dl><p>Licence of the numbers: {_escaped(about.licence)}</p>{source}</body></html>"
    )


def _escaped(text: str) -> str:
    return html.escape(text)
