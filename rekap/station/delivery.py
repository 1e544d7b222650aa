"""From the outbox to a gateway: batches that fit the line, answers that are believed only when a pinned key signed them."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from proofs.notes import NoteError
from rekap.station.belief import NotBelievedError, Place, believed, gateway_key
from rekap.station.outbox import DELIVERED, REFUSED, Outbox, Waiting
from rekap.station.sending import BATCH_BYTES, BATCH_LINES, TEMPORARY_STATUSES, Answer, TooLargeError, post_batch
from runtime.http_client import AwayError, ask, what_came
from schemas.texts import shown

ATTEMPTS = 3
"""Without --keep-trying: a lost packet is no reason to leave a form until the next start."""
WAIT_SECONDS_MAX = 60.0
"""Between two attempts. At double, a line that is back for two minutes might pass unused."""
LOG_BYTES_MAX = 1024 * 1024
"""Limit for an answer of /v1/log: 256 partitions with two keys each are 150 kB."""
LOG_SECONDS_MAX = 15.0
ALONE_MAX = 3
"""Single forms in a row for which nothing came that is believed, or that are said to be too large: then it is not the
forms, and the rest need not be tried."""

Tell = Callable[[str], None]


@dataclass(slots=True)
class Outcome:
    delivered: int = 0
    refused: int = 0
    why: str = ""
    """Why something still waits."""


class Delivery:
    """One run of `rekap submit`. `tell` gets a line for each thing a person should know; `advance` counts what ended."""

    def __init__(
        self, outbox: Outbox, client: httpx.AsyncClient, url: str, *, tell: Tell, advance: Callable[[int], None]
    ) -> None:
        self._outbox = outbox
        self._client = client
        self._url = url
        self._tell = tell
        self._advance = advance
        self._bytes_max = BATCH_BYTES
        self._bytes_ceiling = BATCH_BYTES
        self._said: set[str] = set()
        self.outcome = Outcome()

    async def run(self, *, keep_trying: bool) -> Outcome:
        """Deliver all that waits, oldest first, until nothing does or the gateway stays away."""
        failures = 0
        while self._outbox.count():
            ended = self.outcome.delivered + self.outcome.refused
            wait: float | None = None
            try:
                comes_later = await self._pass()
            except AwayError as away:
                self.outcome.why, wait, comes_later = str(away), away.retry_after_s, True
            if not self._outbox.count():
                break
            failures = 0 if self.outcome.delivered + self.outcome.refused > ended else failures + 1
            if not keep_trying and (failures >= ATTEMPTS or not comes_later):
                break
            if keep_trying:
                self._tell_once(f"{self._outbox.count():,} wait: {self.outcome.why}; trying on")
            await asyncio.sleep(wait if wait is not None else min(0.5 * 2 ** min(failures, 10), WAIT_SECONDS_MAX))
        return self.outcome

    async def _pass(self) -> bool:
        """Send each form that waits once. Gives whether some of those left may go better in a moment. Raises AwayError."""
        comes_later = False
        away: AwayError | None = None
        for place in self._outbox.places_waiting():
            try:
                await self._pin_at_first_use(place)
                comes_later |= await self._pass_of(place)
            except AwayError as error:  # what waits for another election's gateway holds nobody up
                away = error
        if away is not None:
            raise away
        return comes_later

    async def _pass_of(self, place: Place) -> bool:
        last = alone = 0
        comes_later = False
        while batch := self._outbox.waiting(place, after=last, lines_max=BATCH_LINES, bytes_max=self._bytes_max):
            size = sum(len(each.envelope) + 1 for each in batch)
            self._outbox.attempted(each.number for each in batch)
            try:
                answers = await post_batch(self._client, self._url, [each.envelope for each in batch])
                comes_later |= await self._note(place, batch, answers)
            except AwayError as error:
                if not error.was_odd or len(batch) > 1:
                    self._bytes_max = max(1, size // 2) if error.was_slow or error.was_odd else self._bytes_max
                if not error.was_odd:
                    raise
                why = error
            except TooLargeError:
                self._bytes_max = self._bytes_ceiling = max(1, size // 2)
                why = AwayError(
                    f"{self._url}, or a proxy before it, takes no form of {size:,} bytes; its limit must be raised"
                )
            else:
                alone = 0
                self._bytes_max = min(self._bytes_max * 2, self._bytes_ceiling)
                last = batch[-1].number
                continue
            if len(batch) > 1:
                continue  # with half of it: perhaps it is one form that the way does not let through
            self._outbox.end({}, {batch[0].number: str(why)})
            self.outcome.why = str(why)
            self._tell_once(f"{batch[0].event[:16]} waits: {why}")
            last = batch[0].number
            alone += 1
            if alone == ALONE_MAX:
                raise why
        return comes_later

    async def _note(self, place: Place, batch: list[Waiting], answers: list[Answer]) -> bool:
        """Keep what is believed. Gives whether some of the others may go better in a moment. Raises AwayError where nothing of
        a batch is believed."""
        pinned = self._outbox.pinned(place)
        ended: dict[int, tuple[str, dict[str, Any]]] = {}
        left: dict[int, str] = {}
        by_another_key = comes_later = False
        for each, answer in zip(batch, answers, strict=True):
            try:
                said = believed(answer, each.envelope, each.event, place, pinned)
            except NotBelievedError as error:
                left[each.number] = str(error)
                by_another_key |= error.by_another_key
                comes_later |= answer.status in TEMPORARY_STATUSES
            else:
                ended[each.number] = (DELIVERED if answer.receipt is not None else REFUSED, said)
        self._outbox.end(ended, left)
        for each in batch:
            if each.number in ended:
                self._count(each, *ended[each.number])
        self._advance(len(ended))
        if left:
            self.outcome.why = next(iter(left.values()))
            if by_another_key:
                self.outcome.why = await self._another_key(place)
            if not ended:
                raise AwayError(self.outcome.why, was_odd=not comes_later)
            self._tell_once(f"{len(left):,} wait: {self.outcome.why}")
        return comes_later

    def _count(self, form: Waiting, state: str, said: dict[str, Any]) -> None:
        if state == DELIVERED:
            self.outcome.delivered += 1
            for warning in said.get("warnings") or ():
                self._tell(f"{form.event} delivered, with a warning: {shown(warning.get('detail', warning))}")
            return
        self.outcome.refused += 1
        self._tell(f"{form.event} refused ({said['status']}) {reason(said)}")

    def _tell_once(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            self._tell(sentence)

    # ── whose word is believed ───────────────────────────────────────────────────────────────────────────────────────

    async def _pin_at_first_use(self, place: Place) -> None:
        """Raises AwayError where nothing is pinned, and no gateway of this election is there."""
        if self._outbox.pinned(place):
            return
        text = await self._key_of_the_gateway()
        found, public_key = _parsed(text)
        if found != place:
            raise AwayError(
                f"{self._url} is a gateway of {shown(found.election)} ({found.mode}), and forms of {shown(place.election)} "
                f"({shown(place.mode)}) wait"
            )
        self._outbox.pin(place, public_key, f"at first use, from {self._url}")
        self._tell(
            f"{self._url} signs with the key {text}; only this key is believed from now on. Compare it with what the "
            "election authority publishes"
        )

    async def _another_key(self, place: Place) -> str:
        """A sentence that says how a changed key is accepted, once somebody who knows has confirmed it."""
        try:
            text = await self._key_of_the_gateway()
            found, _ = _parsed(text)
        except AwayError:
            text, found = "", place
        change = (
            f": rekap submit --gateway-key {shlex.quote(text)}" if text and found == place else " with --gateway-key"
        )
        return (
            f"what answers at {self._url} signs with another key than this outbox believes (`rekap outbox gateways` shows "
            f"it). It may be somebody else. If the election authority confirms the new key, accept it{change}"
        )

    async def _key_of_the_gateway(self) -> str:
        reply = await ask(
            self._client, "GET", f"{self._url}/v1/log", bytes_max=LOG_BYTES_MAX, seconds_max=LOG_SECONDS_MAX
        )
        try:
            said = orjson.loads(reply.body) if reply.status == httpx.codes.OK else None
        except ValueError:
            said = None
        key = said.get("gateway_key") if isinstance(said, dict) else None
        if not isinstance(key, str):
            raise AwayError(what_came(reply))
        return shown(key)


def _parsed(text: str) -> tuple[Place, bytes]:
    try:
        return gateway_key(text)
    except NoteError as error:
        raise AwayError(f"what is there is no gateway: {shown(error)}") from None


def reason(problem: dict[str, Any]) -> str:
    """The reason of a refusal in one line."""
    field = problem.get("field")
    return shown(f"{field}: {problem['detail']}" if field else problem["detail"])
