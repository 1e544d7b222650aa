"""Answers that follow from the package and its profiles alone, so that no cut is kept with them.

They are made for each request, as JSON or as a table, in a coding that the client accepts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from fastapi import Request, Response

from api.answers.content_codings import IDENTITY, compressed
from api.answers.kept_answers import Answer, Form, coded_body
from api.answers.rendering import Renderings
from api.answers.responses import response_of
from api.errors import ListsBusyError
from api.problems import lists_busy
from api.read.list_formats import about_list, next_page, sent_as
from api.read.snapshots import coding_of, snapshots_of
from projections.shown.published import answer_bytes
from projections.tables.area_rows import Row
from runtime.tables.table_files import Format
from schemas.tables.columns import Table


async def unkept_answer(request: Request, found: dict[str, Any]) -> Response:
    """The answer under the name of its election, in a coding that the client accepts. Raises Problem."""
    body = answer_bytes(snapshots_of(request).definition, found)
    return response_of(await coded_form(request, Answer(body, time.monotonic())))


async def unkept_table(
    request: Request,
    table: Table,
    rows: Sequence[Row],
    format: Format,
    *,
    cursor: str | None = None,
    **about: Any,
) -> Response:
    """The rows as a table in a format other than JSON, made in the turn of the client address; `cursor` is that of the next
    page, `about` what it states besides its election. Raises Problem."""
    renderings: Renderings = request.app.state.renderings
    render = partial(renderings.table, table, lambda: [rows], about_list(request, table, **about), format)
    try:
        body = await snapshots_of(request).in_turn(request, render)
    except ListsBusyError:
        raise lists_busy() from None
    sent = sent_as(request, format, table)
    answer = Answer(body, time.monotonic())
    form = answer.add_form(IDENTITY, body) if sent.is_compressed else await coded_form(request, answer)
    return response_of(form, sent=sent._replace(headers={**sent.headers, **next_page(request, cursor)}))


async def coded_form(request: Request, answer: Answer) -> Form:
    """The answer in a coding that the client accepts, made where it is not there yet. Raises Problem."""
    coding = coding_of(request)(len(answer.body))
    if (form := answer.forms.get(coding)) is not None:
        return form
    in_thread = partial(asyncio.to_thread, compressed, answer.body, coding)
    return answer.add_form(coding, await coded_body(answer, coding, in_thread))
