"""Attacks of an officer whose key is good: one station gets more forms, and larger, than any night has."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from attack.http import BATCH, GET
from attack.target import Attack, Target, Wire
from rekap.station.signing import Signer

FORMS_OF_BATCH = 200
"""A batch that is refused whole counts as 2,000 submissions of the address: at ten times, one is all that is let in."""
READERS = 4
VERSION_MAX = 999


async def many_forms_of_one_station(target: Target) -> str:
    """Version upon version of one form, every other with two columns swapped, as fast as they are let in; meanwhile the
    station's history is read, page after page."""
    envelope = orjson.loads(target.envelopes[0])
    form = orjson.loads(base64.b64decode(envelope["payload"]))
    forms = _forms(target, form)
    answers: Counter[int] = Counter()
    pages: Counter[int] = Counter()

    async def flood(wire: Wire) -> None:
        while True:
            body = b"\n".join(next(forms) for _ in range(FORMS_OF_BATCH))
            await wire.send(BATCH % len(body) + body)
            status, lines = await wire.whole()
            if status != 200:
                answers[status] += FORMS_OF_BATCH
                await asyncio.sleep(0.2)
            for line in lines.splitlines() if status == 200 else ():
                answers[orjson.loads(line)["status"]] += 1

    async def read(wire: Wire) -> None:
        after = ""
        while True:
            await wire.send(GET % f"/v1/stations/{form['station']}?limit=500{after}".encode())
            status, body = await wire.whole()
            pages[status] += 1
            following = orjson.loads(body).get("next") if status == 200 else None
            after = "" if following is None else f"&after={following}"

    await asyncio.gather(target.over_and_over(2, flood), target.over_and_over(READERS, read))
    return f"forms answered {dict(answers)}, pages {dict(pages)}"


def _forms(target: Target, form: dict[str, Any]) -> Iterator[bytes]:
    """Signed by the key of the first envelope, with numbers that continue far ahead of it."""
    frame = {name: str(form[name]) for name in ("election", "mode", "definition")}
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(target.officer))
    signer = Signer(key, **frame, next_seq=1_000_000)
    body = {name: value for name, value in form.items() if name not in (*frame, "seq", "prev")}
    numbers = dict(body["form"])
    swapped = {**numbers, "VA": numbers["VB"], "VB": numbers["VA"]}
    event = None
    number = 0
    while True:
        number += 1
        version = min(number, VERSION_MAX)
        signed = signer.sign(
            {**body, "version": version, "form": swapped if number % 2 else numbers, "supersedes": event}
            | ({} if event is None else {"reason": "TYPING"})
        )
        event = signed.event_id
        yield signed.envelope


SIZE_ATTACKS: dict[str, Attack] = {attack.__name__: attack for attack in (many_forms_of_one_station,)}
