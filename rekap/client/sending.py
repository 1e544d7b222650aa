"""Send signed envelopes to a gateway in batches, again if it is away.

AwayError       no answer of a gateway was received (runtime/http_client.py)
TooLargeError   the gateway, or a proxy before it, takes no batch of this size
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

import httpx
import orjson

from runtime.http_client import AwayError, Reply, ask, what_came

BATCH_LINES = 500
BATCH_BYTES = 1_000_000
"""Limit for a request. nginx takes 1 MiB by default; at half, a batch has 80 of a legislature's forms of 6 kB."""
ANSWER_SECONDS_MAX = 60.0
"""Limit for sending a batch and receiving its answer. On a slower line the next batch is half as large. A single form of 60 kB
needs 8 kbit/s."""
ANSWER_BYTES_OF_LINE = 16 * 1024
"""A receipt has 1 kB; a problem with twenty mistakes 4 kB."""
ATTEMPTS_MAX = 60
WAIT_SECONDS_MAX = 5.0
TEMPORARY_STATUSES = frozenset({429, 500, 502, 503, 504})
"""Statuses of one line of a batch that may succeed later."""


class TooLargeError(Exception):
    """The batch is over the limit of the gateway or of a proxy before it."""


class Answer(NamedTuple):
    """The answer to one envelope. Whether a pinned key signed it is decided later (rekap/client/belief.py)."""

    status: int
    receipt: dict[str, Any] | None
    problem: dict[str, Any] | None


async def post_batch(client: httpx.AsyncClient, url: str, envelopes: Sequence[bytes]) -> list[Answer]:
    """Send envelopes once. Returns an answer for each, in order. Raises AwayError, TooLargeError."""
    reply = await ask(
        client,
        "POST",
        f"{url}/v1/submissions:batch",
        content=b"\n".join(envelopes),
        media_type="application/x-ndjson",
        bytes_max=(len(envelopes) + 1) * ANSWER_BYTES_OF_LINE,
        seconds_max=ANSWER_SECONDS_MAX,
    )
    if reply.status == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
        raise TooLargeError
    answers = _answers(reply) if reply.status == httpx.codes.OK else None
    if answers is None or len(answers) != len(envelopes):
        raise AwayError(what_came(reply), was_odd=True)
    return answers


def _answers(reply: Reply) -> list[Answer] | None:
    """The answers in the body; None if the body is not that of a gateway."""
    answers = []
    for number, line in enumerate(reply.body.split(b"\n"), start=1):
        if not line and number > 1:
            continue
        try:
            answer = orjson.loads(line)
        except ValueError:
            return None
        if not isinstance(answer, dict) or answer.get("line") != number or type(answer.get("status")) is not int:
            return None
        receipt, problem = answer.get("receipt"), answer.get("problem")
        given = [each for each in (receipt, problem) if each is not None]
        if len(given) != 1 or not isinstance(given[0], dict):
            return None
        answers.append(Answer(answer["status"], receipt, problem))
    return answers


async def send_batch(
    client: httpx.AsyncClient, url: str, envelopes: Sequence[bytes], *, attempts: int = ATTEMPTS_MAX
) -> list[Answer]:
    """Send envelopes until none of their statuses is temporary. The demo and the imports use this function, because the gateway
    is their own and they need no pinned key. An envelope that is sent again is the same event. Raises AwayError."""
    answers: dict[int, Answer] = {}
    lines, wait, why = BATCH_LINES, 0.1, ""
    for _ in range(attempts):
        left = [index for index in range(len(envelopes)) if index not in answers]
        if not left:
            break
        try:
            for batch in (left[begin : begin + lines] for begin in range(0, len(left), lines)):
                came = await post_batch(client, url, [envelopes[index] for index in batch])
                later = {index for index, each in zip(batch, came, strict=True) if each.status in TEMPORARY_STATUSES}
                answers |= {index: each for index, each in zip(batch, came, strict=True) if index not in later}
                wait = 0.1 if len(later) < len(batch) else wait
            why = "its ledger does not take them"
        except TooLargeError:
            lines, why = max(1, min(lines, len(left)) // 2), "it takes no batch of this size"
            continue
        except AwayError as away:
            why = str(away)
        if len(answers) < len(envelopes):
            await asyncio.sleep(wait)
            wait = min(wait * 2, WAIT_SECONDS_MAX)
    if len(answers) < len(envelopes):
        raise AwayError(f"{url} did not accept {len(envelopes) - len(answers)} submissions: {why}")
    return [answers[index] for index in range(len(envelopes))]
