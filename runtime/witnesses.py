"""Asking witnesses for their cosignatures: the client's side of C2SP tlog-witness."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import httpx

from proofs.notes import NoteError, Signature, VerifierKey, check_signature, parse_key, parse_note
from proofs.witness import request_body
from runtime.logs import event

log = logging.getLogger("rekap.witnesses")

WAIT_SECONDS_MAX = 2.0
AWAY_SECONDS = 10.0
"""A witness that did not answer is not waited for again so soon: at half, a dead one holds up twice as many checkpoints;
at double, one that was restarted is missing twice as long."""
ANSWER_BYTES_MAX = 16 * 1024


class Witness(NamedTuple):
    url: str
    """The prefix below which `add-checkpoint` is."""
    key: VerifierKey


def parse_witnesses(text: str) -> list[Witness]:
    """Read `URL KEY` pairs, separated by commas. Raises NoteError."""
    witnesses = []
    for each in filter(None, (part.strip() for part in text.split(","))):
        url, _, key = each.partition(" ")
        witnesses.append(Witness(url.rstrip("/"), parse_key(key)))
    return witnesses


def _signature_of(key: VerifierKey, answer: bytes) -> Signature:
    """The line of the answer that is this key's; a witness may sign with several. Raises NoteError."""
    for signature in parse_note(b"-\n\n" + answer[:ANSWER_BYTES_MAX]).signatures:
        if (signature.name, signature.key_hash) == (key.name, key.key_hash):
            return signature
    raise NoteError(f"it has not signed with the key of {key.name!r}")


class WitnessClient:
    """Remembers for each witness and log how far it has seen, as tlog-witness asks of a client."""

    def __init__(self, witnesses: Sequence[Witness]) -> None:
        self._witnesses = witnesses
        self._seen: dict[tuple[str, str], int] = {}
        self._away_until: dict[str, float] = {}
        self._client = httpx.AsyncClient(timeout=WAIT_SECONDS_MAX)

    async def close(self) -> None:
        await self._client.aclose()

    async def cosign(
        self, origin: str, size: int, text: str, checkpoint: bytes, proof_from: Callable[[int], list[bytes]]
    ) -> list[Signature]:
        """The cosignatures that could be had in time. A witness that is away is only logged: the log goes on."""
        answers = await asyncio.gather(
            *(
                self._ask(witness, origin, size, text, checkpoint, proof_from)
                for witness in self._witnesses
                if time.monotonic() >= self._away_until.get(witness.url, 0.0)
            )
        )
        return [signature for signature in answers if signature is not None]

    async def _ask(
        self,
        witness: Witness,
        origin: str,
        size: int,
        text: str,
        checkpoint: bytes,
        proof_from: Callable[[int], list[bytes]],
    ) -> Signature | None:
        place = (witness.url, origin)
        try:
            for _ in range(2):
                old = min(self._seen.get(place, 0), size)
                answer = await self._client.post(
                    f"{witness.url}/add-checkpoint", content=request_body(old, proof_from(old), checkpoint)
                )
                if answer.status_code == 200:
                    signature = _signature_of(witness.key, answer.content)
                    check_signature(text, signature, witness.key)
                    self._seen[place] = size
                    return signature
                if answer.status_code == 409 and answer.text.strip().isdigit():
                    known = int(answer.text)
                    if known < size and known != old:
                        self._seen[place] = known
                        continue
                    # It has cosigned more than this log has, or another root for this size.
                    log.error(event("witness-contradicts", url=witness.url, origin=origin, size=size, known=known))
                    return None
                log.warning(
                    event("witness-refused", url=witness.url, status=answer.status_code, said=answer.text.strip()[:200])
                )
                return None
        except (httpx.HTTPError, NoteError) as error:
            self._away_until[witness.url] = time.monotonic() + AWAY_SECONDS
            log.warning(event("witness-failed", url=witness.url, error=f"{type(error).__name__}: {error}"))
        return None
