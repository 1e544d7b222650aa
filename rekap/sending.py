"""Send signed envelopes to a gateway in batches, and go on when it is away: what `rekap import` and the demo use."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
import orjson

BATCH_LINES = 500
ATTEMPTS_MAX = 60
WAIT_SECONDS_MAX = 5.0


class GatewayAwayError(Exception):
    """The gateway did not answer for so long that it makes no sense to wait on."""


async def send_batch(
    client: httpx.AsyncClient, url: str, envelopes: Sequence[bytes], *, attempts: int = ATTEMPTS_MAX
) -> list[dict[str, Any]]:
    """Submit up to BATCH_LINES envelopes; gives one answer a line (`status` and `receipt` or `problem`), in order.

    Retries what was answered with 503 and whole batches that met no answer: a repeat is the same event. Raises
    GatewayAwayError.
    """
    answers: list[dict[str, Any] | None] = [None] * len(envelopes)
    wait = 0.1
    for _ in range(attempts):
        open_places = [place for place, answer in enumerate(answers) if answer is None]
        if not open_places:
            return [answer for answer in answers if answer is not None]
        try:
            response = await client.post(
                f"{url}/v1/submissions:batch", content=b"\n".join(envelopes[place] for place in open_places)
            )
            response.raise_for_status()
            for place, line in zip(open_places, response.content.splitlines(), strict=True):
                answer = orjson.loads(line)
                if answer["status"] != 503:
                    answers[place] = answer
                    wait = 0.1
        except httpx.HTTPError:
            pass
        if None in answers:
            await asyncio.sleep(wait)
            wait = min(wait * 2, WAIT_SECONDS_MAX)
    if None in answers:
        raise GatewayAwayError(f"{url} did not accept {answers.count(None)} submissions after {attempts} attempts")
    return [answer for answer in answers if answer is not None]
