"""Answers that are made for each request, because they are short and follow from the package and its profiles alone."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from fastapi import Request, Response

from api.read.content_codings import IDENTITY, compressed
from api.read.current_answers import COMPRESSED_AT_ONCE_BYTES
from api.read.kept_answers import Answer, Form
from api.read.responses import response_of
from api.read.snapshots import coding_of, snapshots_of
from projections.shown.published import answer_bytes


async def unkept_answer(request: Request, found: dict[str, Any]) -> Response:
    """The answer under the name of its election, in a coding that the client accepts. Raises Problem."""
    body = answer_bytes(snapshots_of(request).definition, found)
    return response_of(await coded_form(request, Answer(body, time.monotonic())))


async def coded_form(request: Request, answer: Answer) -> Form:
    """The answer in a coding that the client accepts, made where it is not there yet. Raises Problem."""
    coding = coding_of(request)(len(answer.body))
    if (form := answer.forms.get(coding)) is not None:
        return form
    if coding == IDENTITY:
        coded = answer.body
    elif len(answer.body) <= COMPRESSED_AT_ONCE_BYTES:
        coded = compressed(answer.body, coding)
    else:
        coded = await asyncio.to_thread(compressed, answer.body, coding)
    return answer.add_form(coding, coded)
