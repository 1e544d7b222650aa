"""Answers that are made for each request, because they are short and follow from the package and its profiles alone."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from fastapi import Request, Response

from api.read.content_codings import IDENTITY, compressed
from api.read.current_answers import COMPRESSED_AT_ONCE_BYTES
from api.read.kept_answers import Answer
from api.read.responses import response_of
from api.read.snapshots import coding_of, snapshots_of
from projections.shown.published import answer_bytes


async def unkept_answer(request: Request, found: dict[str, Any]) -> Response:
    """The answer under the name of its election, in a coding that the client accepts. Raises Problem."""
    body = answer_bytes(snapshots_of(request).definition, found)
    coding = coding_of(request)(len(body))
    if coding == IDENTITY:
        coded = body
    elif len(body) <= COMPRESSED_AT_ONCE_BYTES:
        coded = compressed(body, coding)
    else:
        coded = await asyncio.to_thread(compressed, body, coding)
    return response_of(Answer(body, time.monotonic()).add_form(coding, coded))
