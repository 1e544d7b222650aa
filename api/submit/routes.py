"""POST: one submission, or a batch of up to a thousand. GET: the key that signs the answers."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from api.described import problem_answers
from api.limits.client_address import NOBODY
from api.limits.limits import CLIENT_ADDRESS
from api.parameters import check_parameters
from api.problems import Problem
from api.submit.answers import Answer, status_of
from api.submit.bodies import BATCH_BYTES_MAX, BATCH_LINES_MAX, Lines, held_body
from api.submit.gateway import Gateway
from api.submit.slices import Slices
from schemas.ledger.envelope import ENVELOPE, ENVELOPE_BYTES_MAX, Receipt
from schemas.served.gateways import GatewayAbout

router = APIRouter(prefix="/v1", tags=["submissions"])

_REFUSALS = problem_answers(401, 403, 409, 413, 415, 422, 503)
_ENVELOPE_SCHEMA = {"$ref": "#/components/schemas/Envelope", "$defs": {"Envelope": ENVELOPE.json_schema()}}
BATCH_LINE = {"$ref": "#/components/schemas/Envelope"}
BATCH_ANSWER = {
    "$ref": "#/components/schemas/BatchAnswer",
    "$defs": {
        "BatchAnswer": {
            "title": "BatchAnswer",
            "description": "The answer to one line of a batch.",
            "type": "object",
            "required": ["line", "status"],
            "properties": {
                "line": {"type": "integer", "minimum": 1, "description": "Number of the line, from 1."},
                "status": {"type": "integer", "description": "Status that the line would have by itself."},
                "receipt": {
                    "$ref": "#/components/schemas/Receipt",
                    "description": "Receipt where the ledger has the event.",
                },
                "problem": {
                    "$ref": "#/components/schemas/Problem",
                    "description": "Problem where the line was refused.",
                },
            },
        }
    },
}
"""Lines of NDJSON, for which OpenAPI 3.1 has no schema of its own; `x-line-schema` has it."""
_ENVELOPE_BODY = {"content": {"application/json": {"schema": _ENVELOPE_SCHEMA}}, "required": True}


@router.post(
    "/submissions",
    status_code=201,
    response_model=Receipt,
    responses={**_REFUSALS, 200: {"model": Receipt, "description": "The event was in the ledger already."}},
    openapi_extra={"requestBody": _ENVELOPE_BODY},
    summary="Submit one signed event",
)
async def submit(request: Request) -> Response:
    """A DSSE envelope with an Ed25519 signature around one event in canonical JSON. Answered once the ledger has it."""
    gateway: Gateway = request.app.state.gateway
    check_parameters(request.query_params.multi_items(), ())  # api/dispatcher.py calls this past the app's dependencies
    async with held_body(gateway.limits, request, ENVELOPE_BYTES_MAX) as body:
        answer = await gateway.submit(bytes(body), request.scope.get(CLIENT_ADDRESS, NOBODY))
    if isinstance(answer, Problem):
        return answer.response()
    return Response(answer.to_json(), status_of(answer), media_type="application/json")


@router.post(
    "/submissions:batch",
    response_class=Response,
    responses={
        200: {
            "description": "An answer a line, each as `BatchAnswer`.",
            "content": {"application/x-ndjson": {"schema": {"type": "string"}, "x-line-schema": BATCH_ANSWER}},
        },
        **problem_answers(413, 415, 422),
    },
    openapi_extra={
        "requestBody": {
            "content": {"application/x-ndjson": {"schema": {"type": "string"}, "x-line-schema": BATCH_LINE}},
            "required": True,
            "description": f"One envelope a line, up to {BATCH_LINES_MAX} lines.",
        }
    },
    summary="Submit up to 1,000 signed events, one a line",
)
async def submit_batch(request: Request) -> Response:
    """Each line is judged by itself. The answer has one line for each, in the same order: `{"line", "status", "receipt"}`
    or `{"line", "status", "problem"}`."""
    gateway: Gateway = request.app.state.gateway
    async with held_body(gateway.limits, request, BATCH_BYTES_MAX, is_batch=True) as body:
        lines = Lines(body)
        address = request.scope.get(CLIENT_ADDRESS, NOBODY)
        gateway.charge_batch(address, len(lines))
        answers = await gateway.submit_batch(lines, address)
    slices = Slices()
    answer_lines = []
    for number, answer in enumerate(answers, start=1):
        answer_lines.append(_answer_line(number, answer))
        await slices.pause()
    return Response(b"".join(answer_lines), media_type="application/x-ndjson")


@router.get("/gateway", summary="The key of this gateway's receipts")
async def gateway(request: Request) -> GatewayAbout:
    """Pin the key once. Where several gateways take submissions, each has a key of its own, and the election package may
    register all of them."""
    gateway: Gateway = request.app.state.gateway
    return GatewayAbout(gateway_key=str(gateway.verifier_key))


def _answer_line(number: int, answer: Answer) -> bytes:
    line: dict[str, Any] = {"line": number, "status": status_of(answer)}
    if isinstance(answer, Problem):
        line["problem"] = answer.body
    else:
        line["receipt"] = orjson.Fragment(answer.to_json())
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
