"""An answer of the read model as a response, before its conditions are looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from starlette.responses import Response

from api.answers.content_codings import IDENTITY
from api.answers.kept_answers import Form

CACHE_CONTROL = "public, max-age=1, stale-while-revalidate=5, stale-if-error=3600"
"""A cache answers for a second by itself, and for five more while it asks again, so that no reader waits for the API. At half,
a path that is read every four seconds makes a reader wait; at double, a number may be eleven seconds old."""


class Sent(NamedTuple):
    """What an answer is sent as."""

    media_type: str = "application/json"
    headers: Mapping[str, str] = {}
    is_compressed: bool = False
    """Whether the bytes are compressed already, so that no coding would make them smaller."""


AS_JSON = Sent()


def response_of(form: Form, age_s: float | None = None, sent: Sent = AS_JSON) -> Response:
    """A form of an answer; with an age where the database is away."""
    if age_s is None:
        headers = {"Cache-Control": CACHE_CONTROL}
    else:
        headers = {"Age": str(int(age_s)), "Cache-Control": "no-cache"}
    headers |= {"ETag": form.etag, "Vary": "Accept-Encoding"}
    if form.coding != IDENTITY:
        headers["Content-Encoding"] = form.coding
    return Response(form.body, headers={**headers, **sent.headers}, media_type=sent.media_type)
