"""Requests for cosignatures of witnesses: the client's side of C2SP tlog-witness.

Another organization runs a witness. Whatever a witness answers, and however slowly, the log continues without it.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import httpx

from proofs.notes import (
    COSIGNATURE,
    NoteError,
    Signature,
    VerifierKey,
    check_signature,
    parse_key,
    parse_note,
    parse_size,
)
from runtime.error_words import in_words
from runtime.http_client import IDENTITY, NO_PROXY_HERE
from runtime.logs import log_line
from runtime.settings import SettingsError, variable

logger = logging.getLogger("rekap.witnesses")

WAIT_SECONDS_MAX = 2.0
"""Limit for all requests to one witness about one checkpoint. So readers wait at most this long for a checkpoint."""
REST_SECONDS = 5.0
"""Pause before a witness that did not answer is asked again. At half, it costs a busy log more time; at double, cosignatures
are missing for longer after the witness is back."""
ANSWER_BYTES_MAX = 16 * 1024
CONFLICT = 409


class Witness(NamedTuple):
    url: str
    """The prefix below which `add-checkpoint` is."""
    key: VerifierKey


def parse_witnesses(text: str) -> list[Witness]:
    """Read the setting `witnesses`: `URL KEY` pairs, separated by commas. Raises SettingsError."""
    witnesses: list[Witness] = []
    for each in filter(None, (part.strip() for part in text.split(","))):
        url, _, encoded = each.partition(" ")
        try:
            key = parse_key(encoded)
        except NoteError as error:
            raise SettingsError(f"{variable('witnesses')}: expected a URL, a space and a key: {error}") from None
        if not url.startswith(("http://", "https://")):
            raise SettingsError(f"{variable('witnesses')}: {url!r} is not an http address")
        if key.kind != COSIGNATURE:
            raise SettingsError(f"{variable('witnesses')}: {key.name!r} is the key of a log, not of a witness")
        if key.name in {known.key.name for known in witnesses}:
            raise SettingsError(f"{variable('witnesses')}: {key.name!r} is named twice")
        witnesses.append(Witness(url.rstrip("/"), key))
    return witnesses


async def _read_bounded(
    client: httpx.AsyncClient, method: str, url: str, bytes_max: int, content: bytes | None = None
) -> tuple[httpx.Response, bytes]:
    """An answer and its body. Raises httpx.HTTPError, also where the body is longer than `bytes_max`."""
    # No compression, because one small piece could become a gigabyte before it is counted.
    async with client.stream(method, url, content=content, headers={"Accept-Encoding": IDENTITY}) as answer:
        if answer.headers.get("content-encoding", IDENTITY).lower() != IDENTITY:
            raise httpx.DecodingError("the answer came packed, which was not asked for")
        body = b""
        async for part in answer.aiter_raw():
            body += part
            if len(body) > bytes_max:
                raise httpx.DecodingError(f"the answer has more than {bytes_max:,} bytes")
    return answer, body


class WitnessClient:
    """Remembers the newest size that each witness has seen of each log, as tlog-witness requires of a client."""

    def __init__(self, witnesses: Sequence[Witness], clock: Callable[[], float] = time.monotonic) -> None:
        self._witnesses = witnesses
        self._clock = clock
        self._seen: dict[tuple[str, str], int] = {}
        self._rests_until: dict[str, float] = {}
        self._client = httpx.AsyncClient(timeout=WAIT_SECONDS_MAX, mounts=NO_PROXY_HERE)

    async def close(self) -> None:
        await self._client.aclose()

    async def cosign(
        self, origin: str, size: int, text: str, checkpoint: bytes, proof_from: Callable[[int], list[bytes]]
    ) -> list[Signature]:
        """The cosignatures that came in time. For a witness that does not answer there is only a log line."""
        answers = await asyncio.gather(
            *(
                self._ask(witness, origin, size, text, checkpoint, proof_from)
                for witness in self._witnesses
                if self._clock() >= self._rests_until.get(witness.url, 0)
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
        try:
            async with asyncio.timeout(WAIT_SECONDS_MAX):
                return await self._submit(witness, origin, size, text, checkpoint, proof_from)
        except (httpx.HTTPError, NoteError, TimeoutError) as error:
            self._rests_until[witness.url] = self._clock() + REST_SECONDS
            logger.warning(log_line("witness-failed", url=witness.url, log=origin, size=size, error=in_words(error)))
        return None

    async def _submit(
        self,
        witness: Witness,
        origin: str,
        size: int,
        text: str,
        checkpoint: bytes,
        proof_from: Callable[[int], list[bytes]],
    ) -> Signature | None:
        """The cosignature; None where the witness refuses. Raises NoteError where its answer is not valid, TimeoutError, and
        what httpx raises."""
        log_at_witness = (witness.url, origin)
        for _ in range(2):  # the second time from the size in the witness's answer to the first
            old = min(self._seen.get(log_at_witness, 0), size)
            lines = [f"old {old}", *(base64.b64encode(each).decode() for each in proof_from(old)), "", ""]
            answer, body = await _read_bounded(
                self._client,
                "POST",
                f"{witness.url}/add-checkpoint",
                ANSWER_BYTES_MAX,
                "\n".join(lines).encode() + checkpoint,
            )
            if answer.status_code == 200:
                signature = _cosignature(body, text, witness.key)
                self._seen[log_at_witness] = size
                return signature
            known = _known_size(body) if answer.status_code == CONFLICT else None
            if known is None or known == old or known > size:
                break
            self._seen[log_at_witness] = known
        logger.warning(
            log_line(
                "witness-refused",
                url=witness.url,
                log=origin,
                size=size,
                status=answer.status_code,
                answer=body[:200].decode("utf-8", "replace").strip(),
            )
        )
        return None


def _cosignature(body: bytes, text: str, key: VerifierKey) -> Signature:
    """The witness's own signature among the lines of its answer. Raises NoteError where no valid one is there."""
    for signature in parse_note(b"-\n\n" + body).signatures:
        if (signature.name, signature.key_hash) == (key.name, key.key_hash):
            check_signature(text, signature, key)
            return signature
    raise NoteError(f"the answer has no cosignature of {key.name!r}")


def _known_size(body: bytes) -> int | None:
    try:
        return parse_size(body.decode("ascii", "replace").strip())
    except NoteError:
        return None
