"""The stations of a simulated election night: which station reports when and what.

The night has late stations, a district that is silent until the end, repeated submissions, corrections, wrong sums, and reviews
of forms that were held.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import httpx
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from projections.definition.compiled import Definition
from rekap.client.sending import BATCH_LINES, send_batch
from rekap.elections.demo_finance import finance_reports
from rekap.operate.stack import Stack
from rekap.station.signing import Signer
from runtime.http_client import AwayError, ask, client_for, what_came
from schemas.definition.package import ElectionPackage, Role
from schemas.times import time_text

SHARE_LATE = 5
"""Stations of 100 that report in the last tenth of the night."""
SHARE_CORRECTED = 2
SHARE_REPEATED = 3
SHARE_WRONG = 3
TICK_SECONDS = 0.25
TALLY_BYTES_MAX = 1024 * 1024
"""Limit for a tally. That of three candidates has 3 kB."""
TALLY_SECONDS_MAX = 5.0
"""Limit for the answer. Submissions wait meanwhile, and the next line is shown 5 s later."""


class Planned(NamedTuple):
    """One submission of the night, at a moment between 0 and 1,000,000 of its length."""

    at: int
    number: int
    station: int
    contest: int
    version: int
    wrong: bool


def plan(definition: Definition, seed: int) -> Iterator[Planned]:
    """The submissions of the night in order of time. The same seed gives the same night."""
    chance = random.Random(seed)
    silent = definition.stations.area[chance.randrange(len(definition.stations.codes))]
    silent_shard = definition.tree.shard[silent]
    queue: list[Planned] = []
    number = 0
    for station, area in enumerate(definition.stations.area):
        for contest in sorted(definition.electorates.contests_of_station(station)):
            number += 1
            if definition.tree.shard[area] == silent_shard or chance.randrange(100) < SHARE_LATE:
                at = chance.randrange(900_000, 980_000)
            else:
                at = min(899_999, max(0, int(chance.triangular(0, 900_000, 250_000))))
            wrong = chance.randrange(100) < SHARE_WRONG
            queue.append(Planned(at, number, station, contest, 1, wrong))
            if chance.randrange(100) < (30 if wrong else SHARE_CORRECTED):
                number += 1
                queue.append(Planned(min(999_999, at + chance.randrange(100_000)), number, station, contest, 2, False))
    heapq.heapify(queue)
    while queue:
        yield heapq.heappop(queue)


def form_of(definition: Definition, package: ElectionPackage, planned: Planned, seed: int) -> dict[str, Any]:
    """A plausible C.HASIL of a station. If the submission is `wrong`, one of its numbers does not fit."""
    chance = random.Random(f"{seed}/{planned.station}/{planned.contest}/{planned.version}")
    registered = definition.stations.registered[planned.station]
    assert registered is not None, "every station of the demo has a register"
    contest = definition.ballots.contests[planned.contest]
    used = registered * chance.randrange(70, 90) // 100
    moved, added = chance.randrange(0, 4), chance.randrange(0, 6)
    total = used + moved + added
    invalid = min(total, chance.randrange(0, 12))
    valid = total - invalid
    weights = [1 + chance.randrange(10) * (7 if index % 4 == 1 else 1) for index in range(len(contest.choices))]
    votes = [valid * weight // sum(weights) for weight in weights]
    votes[chance.randrange(len(votes))] += valid - sum(votes)
    # One share for all rows, because otherwise more men could vote than are registered (G1).
    percent_men = chance.randrange(45, 55)
    ballots = registered + -(-registered * 2 // 100)
    form: dict[str, Any] = {
        "A": _row(registered, percent_men),
        "B1": _row(used, percent_men),
        "B2": _row(moved, percent_men),
        "B3": _row(added, percent_men),
        "S1": ballots,
        "S2": total,
        "S3": 0,
        "S4": ballots - total,
        "VA": valid,
        "VB": invalid,
        "VC": total,
        "votes": dict(zip(contest.choices, votes, strict=True)),
    }
    form["B4"] = {column: sum(form[row][column] for row in ("B1", "B2", "B3")) for column in ("L", "P", "J")}
    if contest.choices_of_party:
        form["party_totals"] = {
            party: sum(form["votes"][choice] for choice in choices)
            for party, choices in contest.choices_of_party.items()
        }
    if planned.wrong:
        form[chance.choice(["VA", "VC"])] += chance.choice([1, 9, 10, 90, 100])
    return form


def _row(all_voters: int, percent_men: int) -> dict[str, int]:
    men = all_voters * percent_men // 100
    return {"L": men, "P": all_voters - men, "J": all_voters}


@dataclass(slots=True)
class Night:
    """The stations of the demo: they sign, repeat and correct forms, and send the envelopes when their time has come."""

    stack: Stack
    package: ElectionPackage
    keys: dict[Any, Ed25519PrivateKey]
    seed: int
    seconds: int

    async def run(self) -> Counter[str]:
        definition = self.stack.definition
        chance = random.Random(self.seed + 1)
        signers = self._signers()
        reviewer = next(signer for (role, _), signer in signers.items() if role is Role.REVIEWER)
        done: Counter[str] = Counter()
        first_version: dict[tuple[int, int], str] = {}
        pending: list[tuple[str, bytes]] = []
        started = asyncio.get_running_loop().time()
        shown_at = started
        async with client_for(self.stack.url, seconds_max=60) as client:
            pending += self._finance(signers)
            for planned in plan(definition, self.seed):
                while (now := asyncio.get_running_loop().time()) - started < planned.at / 1_000_000 * self.seconds:
                    await self._flush(client, pending, done)
                    await asyncio.sleep(TICK_SECONDS)
                regency = next(
                    area
                    for area in definition.tree.lineage[definition.stations.area[planned.station]]
                    if definition.tree.level_ids[definition.tree.level[area]] == "regency"
                )
                signed = signers[Role.STATION_OFFICER, definition.tree.codes[regency]].sign(
                    self._event(planned, first_version)
                )
                if planned.version == 1:
                    first_version[planned.station, planned.contest] = signed.event_id
                pending.append(("wrong" if planned.wrong else "submitted", signed.envelope))
                if chance.randrange(100) < SHARE_REPEATED:
                    pending.append(("repeated", signed.envelope))
                if planned.wrong and chance.randrange(100) < 20:
                    pending.append(("reviewed", reviewer.sign(self._review(planned, signed.event_id)).envelope))
                if len(pending) >= BATCH_LINES:
                    await self._flush(client, pending, done)
                if now - shown_at >= 5:
                    shown_at = now
                    await self._show(client, done)
            await self._flush(client, pending, done)
            await asyncio.sleep(1)
            await self._show(client, done)
        return done

    def _finance(self, signers: dict[tuple[Role, str], Signer]) -> Iterator[tuple[str, bytes]]:
        """Campaign finance reports, which were handed in before the night."""
        signer = next(signer for (role, _), signer in signers.items() if role is Role.FINANCE)
        before: dict[tuple[Any, ...], str] = {}
        for body in finance_reports(self.package, self.seed):
            account = tuple(body.get(name) for name in ("area", "party", "contest", "choice", "report"))
            signed = signer.sign({**body, "supersedes": before.get(account), "created_at": _now()})
            before[account] = signed.event_id
            yield "finance reports", signed.envelope

    def _signers(self) -> dict[tuple[Role, str], Signer]:
        election = self.package.election
        return {
            (slot.role, slot.scope): Signer(
                key, election=election.id, mode=election.mode.value, definition=self.stack.definition.hash
            )
            for slot, key in self.keys.items()
        }

    def _event(self, planned: Planned, first_version: dict[tuple[int, int], str]) -> dict[str, Any]:
        definition = self.stack.definition
        body: dict[str, Any] = {
            "type": "result.reported",
            "station": definition.stations.codes[planned.station],
            "contest": definition.ballots.contests[planned.contest].id,
            "version": planned.version,
            "form": form_of(definition, self.package, planned, self.seed),
            "created_at": _now(),
        }
        if planned.version > 1:
            body |= {"supersedes": first_version[planned.station, planned.contest], "reason": "TYPING"}
        return body

    def _review(self, planned: Planned, event_id: str) -> dict[str, Any]:
        definition = self.stack.definition
        return {
            "type": "result.reviewed",
            "station": definition.stations.codes[planned.station],
            "contest": definition.ballots.contests[planned.contest].id,
            "event": event_id,
            "decision": "accepted",
            "reason": "FORM-SEEN",
            "created_at": _now(),
        }

    async def _flush(self, client: httpx.AsyncClient, pending: list[tuple[str, bytes]], done: Counter[str]) -> None:
        while pending:
            batch = pending[:BATCH_LINES]
            for (kind, _), answer in zip(
                batch, await send_batch(client, self.stack.url, [envelope for _, envelope in batch]), strict=True
            ):
                done[kind if answer.receipt is not None else "refused"] += 1
            del pending[: len(batch)]

    async def _show(self, client: httpx.AsyncClient, done: Counter[str]) -> None:
        line = " ".join(f"{name}={count:,}" for name, count in sorted(done.items()))
        self.stack.supervisor.write_line("demo", " | ".join([line, *await self._president(client)]))

    async def _president(self, client: httpx.AsyncClient) -> list[str]:
        """The published numbers of the president's contest, or why they cannot be shown. The night continues without them."""
        url = f"{self.stack.url}/v1/contests/president"
        try:
            reply = await ask(client, "GET", url, bytes_max=TALLY_BYTES_MAX, seconds_max=TALLY_SECONDS_MAX)
        except AwayError as error:
            return [f"president: {error}"]
        if reply.status == httpx.codes.NOT_FOUND:
            return []  # nothing is counted yet
        try:
            tally = orjson.loads(reply.body)["tally"]
            stations, counted = tally["stations"], tally["counted"]
            votes = " ".join(f"{choice}:{count:,}" for choice, count in counted["votes"].items())
            return [
                f"president {stations['counted']:,}/{stations['expected']:,} held {stations['held']:,} votes {votes}"
            ]
        except (ValueError, KeyError, TypeError, AttributeError):
            return [f"president: {what_came(reply)}"]


def _now() -> str:
    return time_text(datetime.now(UTC), "seconds")
