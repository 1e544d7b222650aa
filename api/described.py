"""What routes answer, as OpenAPI describes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from api.problems import PROBLEM_RESPONSES
from schemas.served.examples import EXAMPLES

Responses = dict[int | str, dict[str, Any]]

UNCHANGED = {"description": "Unchanged since the ETag given in If-None-Match."}
READ_PROBLEMS = (404, 406, 422, 503)
BYTES = {"schema": {"type": "string", "format": "binary"}}
TEXT = {"schema": {"type": "string"}}
OBJECT = {"schema": {"type": "object"}}


def described(model: type[BaseModel], *text_types: str) -> Responses:
    """JSON of the read model, and the same as text of these media types."""
    return {
        200: {
            "model": model,
            "description": "The answer with a strong ETag, and with an `Age` while the database is away.",
            "content": {"application/json": {"example": EXAMPLES[model]}, **dict.fromkeys(text_types, TEXT)},
        },
        304: UNCHANGED,
        **problem_answers(*READ_PROBLEMS),
    }


def described_as(description: str, content: Mapping[str, Any], statuses: tuple[int, ...] = READ_PROBLEMS) -> Responses:
    """Contents by their media type, and the statuses of problems."""
    return {200: {"description": description, "content": dict(content)}, **problem_answers(*statuses)}


def problem_answers(*statuses: int) -> Responses:
    return {status: PROBLEM_RESPONSES[status] for status in statuses}
