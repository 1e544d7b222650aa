"""Delivery from the outbox to a gateway, in batches that fit the line. An answer counts only if a pinned key signed it."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import httpx
import orjson

from proofs.notes import NoteError
from rekap.client.belief import ElectionName, NotBelievedError, believed, gateway_key
from rekap.client.sending import BATCH_BYTES, BATCH_LINES, TEMPORARY_STATUSES, Answer, TooLargeError, post_batch
from rekap.station.outbox import DELIVERED, REFUSED, Outbox, Waiting, named
from runtime.http_client import AwayError, ask, what_came
from schemas.texts import shown

ATTEMPTS = 3
"""Attempts without --keep-trying, so that a lost packet does not leave a form until the next start."""
WAIT_SECONDS_MAX = 60.0
"""Limit for the wait between two attempts. At double, a line that works for two minutes might not be used."""
KEY_BYTES_MAX = 64 * 1024
"""Limit for an answer of /v1/gateway, which has 150 bytes. A login page that comes instead has some kB, and is quoted."""
KEY_SECONDS_MAX = 15.0
ALONE_MAX = 3
"""Single forms in a row for which no answer was believed, or that were too large. After them, the cause is not the forms, and
the others are not tried."""

Report = Callable[[str], None]
Cause = Literal["away", "busy", "not believed"]
"""Why forms wait: nothing answers that is a gateway; the gateway answers that it cannot take them now; or what answers has not
signed with a key that is believed."""


@dataclass(slots=True)
class Outcome:
    delivered: int = 0
    refused: int = 0
    why: str = ""
    """Why forms still wait."""
    cause: Cause = "away"
    """What kind of reason `why` is."""


class Delivery:
    """One run of `rekap submit`. `report` is called with each line that the user should read, `advance` with the number of
    forms that were delivered or refused."""

    def __init__(
        self, outbox: Outbox, client: httpx.AsyncClient, url: str, *, report: Report, advance: Callable[[int], None]
    ) -> None:
        self._outbox = outbox
        self._client = client
        self._url = url
        self._report = report
        self._advance = advance
        self._bytes_max = BATCH_BYTES
        self._bytes_ceiling = BATCH_BYTES
        self._reported: set[str] = set()
        self.outcome = Outcome()
        self.delivered: list[str] = []
        """Ids of the events that were delivered."""

    async def run(self, *, keep_trying: bool) -> Outcome:
        """Deliver the forms that wait, oldest first, until none waits or the gateway stays away."""
        failures = 0
        while self._outbox.count():
            ended = self.outcome.delivered + self.outcome.refused
            wait: float | None = None
            try:
                comes_later = await self._send_all()
            except AwayError as away:
                self._wait_because(str(away), _cause(away))
                wait, comes_later = away.retry_after_s, True
            if not self._outbox.count():
                break
            failures = 0 if self.outcome.delivered + self.outcome.refused > ended else failures + 1
            if not keep_trying and (failures >= ATTEMPTS or not comes_later):
                break
            if keep_trying:
                self._report_once(f"{self._outbox.count():,} wait: {self.outcome.why}; trying again")
            await asyncio.sleep(wait if wait is not None else min(0.5 * 2 ** min(failures, 10), WAIT_SECONDS_MAX))
        return self.outcome

    async def _send_all(self) -> bool:
        """Send each form that waits once. Returns whether some of the forms that are left may be taken in a moment. Raises
        AwayError."""
        comes_later = False
        away: AwayError | None = None
        for election in self._outbox.elections_waiting():
            try:
                await self._pin_at_first_use(election)
                comes_later |= await self._deliver_for(election)
            except AwayError as error:  # the forms of other elections are still sent
                away = error
        if away is not None:
            raise away
        return comes_later

    async def _deliver_for(self, election: ElectionName) -> bool:
        last = alone = 0
        comes_later = False
        while batch := self._outbox.waiting(election, after=last, lines_max=BATCH_LINES, bytes_max=self._bytes_max):
            size = sum(len(each.envelope) + 1 for each in batch)
            self._outbox.attempted(each.number for each in batch)
            try:
                answers = await post_batch(self._client, self._url, [each.envelope for each in batch])
                comes_later |= await self._keep_answers(election, batch, answers)
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
                continue  # with half the batch, because a proxy may block a single form of it
            self._outbox.end({}, {batch[0].number: str(why)})
            self._wait_because(str(why), _cause(why))
            self._report_once(f"{named(batch[0])} waits: {why}")
            last = batch[0].number
            alone += 1
            if alone == ALONE_MAX:
                raise why
        return comes_later

    async def _keep_answers(self, election: ElectionName, batch: list[Waiting], answers: list[Answer]) -> bool:
        """Keep the answers that are believed. Returns whether some of the other forms may be taken in a moment. Raises
        AwayError if no answer of the batch is believed."""
        pinned = self._outbox.pinned_keys.of(election)
        ended: dict[int, tuple[str, dict[str, Any]]] = {}
        left: dict[int, str] = {}
        by_another_key = comes_later = False
        for each, answer in zip(batch, answers, strict=True):
            try:
                receipt_or_problem = believed(answer, each.envelope, each.event, election, pinned)
            except NotBelievedError as error:
                left[each.number] = str(error)
                by_another_key |= error.by_another_key
                comes_later |= answer.status in TEMPORARY_STATUSES
            else:
                ended[each.number] = (DELIVERED if answer.receipt is not None else REFUSED, receipt_or_problem)
        self._outbox.end(ended, left)
        for each in batch:
            if each.number in ended:
                self._count(each, *ended[each.number])
        self._advance(len(ended))
        if left:
            self._wait_because(next(iter(left.values())), "busy" if comes_later else "not believed")
            if by_another_key:
                self._wait_because(await self._sentence_on_another_key(election), "not believed")
            if not ended:
                raise AwayError(self.outcome.why, was_odd=not comes_later, was_busy=comes_later and not by_another_key)
            self._report_once(f"{len(left):,} wait: {self.outcome.why}")
        return comes_later

    def _count(self, form: Waiting, state: str, receipt_or_problem: dict[str, Any]) -> None:
        if state == DELIVERED:
            self.outcome.delivered += 1
            self.delivered.append(form.event)
            for warning in receipt_or_problem.get("warnings") or ():
                self._report(f"{named(form)} delivered, with a warning: {shown(warning.get('detail', warning))}")
            return
        self.outcome.refused += 1
        self._report(f"{named(form)} refused ({receipt_or_problem['status']}) {reason(receipt_or_problem)}")

    def _wait_because(self, why: str, cause: Cause) -> None:
        self.outcome.why, self.outcome.cause = why, cause

    def _report_once(self, sentence: str) -> None:
        if sentence not in self._reported:
            self._reported.add(sentence)
            self._report(sentence)

    # ── pinned keys ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _pin_at_first_use(self, election: ElectionName) -> None:
        """Pin the key that the gateway shows if no key is pinned for this election. Raises AwayError if none is pinned and the
        server is not a gateway of the election."""
        if self._outbox.pinned_keys.of(election):
            return
        text = await self._gateway_key()
        found, public_key = _parsed(text)
        if found != election:
            raise AwayError(
                f"{self._url} is a gateway of {shown(found.id)} ({found.mode}), and forms of {shown(election.id)} "
                f"({shown(election.mode)}) wait",
                was_odd=True,
            )
        self._outbox.pinned_keys.pin(election, public_key, f"at first use, from {self._url}")
        self._report(
            f"{self._url} signs with the key {text}; only this key is believed from now on. Compare it with what the "
            "election authority publishes"
        )

    async def _sentence_on_another_key(self, election: ElectionName) -> str:
        """A sentence on how to accept a changed key, once the election authority has confirmed the key."""
        try:
            text = await self._gateway_key()
            found, _ = _parsed(text)
        except AwayError:
            text, found = "", election
        change = (
            f": rekap submit --gateway-key {shlex.quote(text)}" if text and found == election else " with --gateway-key"
        )
        return (
            f"the server at {self._url} signs with another key than this outbox believes (`rekap outbox gateways` shows that "
            f"key). It may be another server. If the election authority confirms the new key, accept it{change}"
        )

    async def _gateway_key(self) -> str:
        reply = await ask(
            self._client, "GET", f"{self._url}/v1/gateway", bytes_max=KEY_BYTES_MAX, seconds_max=KEY_SECONDS_MAX
        )
        try:
            body = orjson.loads(reply.body) if reply.status == httpx.codes.OK else None
        except ValueError:
            body = None
        key = body.get("gateway_key") if isinstance(body, dict) else None
        if not isinstance(key, str):
            raise AwayError(what_came(reply), was_odd=True)
        return shown(key)


def _cause(away: AwayError) -> Cause:
    return "busy" if away.was_busy else "not believed" if away.was_odd else "away"


def _parsed(text: str) -> tuple[ElectionName, bytes]:
    try:
        return gateway_key(text)
    except NoteError as error:
        raise AwayError(f"the server is not a gateway: {shown(error)}", was_odd=True) from None


def reason(problem: dict[str, Any]) -> str:
    """The reason of a refusal in one line."""
    field = problem.get("field")
    return shown(f"{field}: {problem['detail']}" if field else problem["detail"])
