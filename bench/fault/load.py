"""What clients of bench/faults.py send and receive: submissions, records written past the gateway, live feed, GET."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from fault import oracle
from fault.election import OFFICERS, PARTITIONS, private_key
from rekap.client.live_feed import follow
from rekap.client.sending import send_batch
from rekap.operate.stack import Stack
from rekap.station.signing import Signer
from runtime.kafka.security import client_options
from runtime.kafka.topics import topics_of
from runtime.settings import read_settings
from schemas.ledger.envelope import ledger_record

BATCH_MAX = 6
CREATED_AT = "2029-02-14T13:00:00Z"
STRAY_SECONDS = 2.0
"""From one record past the gateway to the next, on average."""
FORMS = {"ordinary": 56, "out of order": 8, "wrong sum": 10, "conflict": 6}
SUBMISSIONS = {**FORMS, "repeat": 12, "refused": 4, "review": 8, "annulment": 1}
"""Kinds of submissions, each with its weight."""
STRAYS = ("a repeat", "garbage", "a forged signature", "another's signature", "another partition")
GARBAGE = (None, b"", b"{}", b'{"envelope":{}}', b"[" * 3000, b"\x00\xff\xfe", b'{"envelope":{"payload":"AAAA"}}')


@dataclass
class Sent:
    """One event, and the final answers to it."""

    event: str
    envelope: bytes
    kind: str
    station: str
    contest: str
    at: float = float("inf")
    """When it was sent first, in seconds of the loop's clock."""
    answers: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    @property
    def is_acknowledged(self) -> bool:
        return any(status in (200, 201) for status, _ in self.answers)


class Load:
    """Events of stations, reviewers and the supervisor, one after the other, from the seed."""

    def __init__(self, facts: oracle.Facts, stack: Stack, chance: random.Random) -> None:
        self._facts = facts
        self._chance = chance
        election = stack.definition.election
        self._signers = {
            name: Signer(
                private_key(name), election=election.id, mode=election.mode.value, definition=stack.definition.hash
            )
            for name in (*OFFICERS, "reviewer", "supervisor", "stranger")
        }
        self._slots = [(station, contest) for contest, there in facts.stations_of.items() for station in there]
        self._versions: Counter[tuple[str, str]] = Counter()
        self._newest: dict[tuple[str, str], str] = {}
        """Event of the form that was made last, which the next one names as the one that it corrects."""
        self._late: list[tuple[tuple[str, str], int]] = []
        """Versions that were left out, to come after higher ones."""
        self._doubtful: list[Sent] = []
        """Forms about which a review can decide."""
        self.sent: list[Sent] = []
        self.kinds: Counter[str] = Counter()
        self.strays: Counter[str] = Counter()
        self.stop = False

    # -- through the gateway ---------------------------------------------------------------------------------------

    def next(self) -> Sent:
        kind = self._chance.choices(list(SUBMISSIONS), list(SUBMISSIONS.values()))[0]
        if kind in ("repeat", "review") and not self.sent:
            kind = "ordinary"
        if kind == "repeat":
            sent = self._chance.choice(self.sent[-500:])
        else:
            sent = self._new(kind)
            self.sent.append(sent)
        self.kinds[kind] += 1
        return sent

    def _new(self, kind: str) -> Sent:
        if kind == "review":
            return self._review()
        if kind == "annulment":
            slot = self._chance.choice([slot for slot in self._slots if self._versions[slot]] or self._slots)
            through = self._chance.randint(1, max(1, self._versions[slot]))
            return self._signed("supervisor", kind, slot, type="result.annulled", through_version=through, reason="PSU")
        if kind == "refused" and self._chance.random() < 0.5:
            slot = self._chance.choice(self._slots)
            return self._signed(_officer(slot), kind, slot, type="result.annulled", through_version=1, reason="PSU")
        return self._form(kind)

    def _review(self) -> Sent:
        """A review, most often of a form in doubt; sometimes of one where there is nothing to decide, or before it comes."""
        chance = self._chance
        of = chance.choice(self._doubtful[-60:] if self._doubtful and chance.random() < 0.8 else self.sent[-100:])
        return self._signed(
            "reviewer",
            "review",
            (of.station, of.contest),
            type="result.reviewed",
            event=of.event,
            decision=chance.choice(("accepted", "rejected")),
            reason="RECOUNT",
        )

    def _form(self, kind: str) -> Sent:
        chance = self._chance
        if kind == "out of order" and self._late and chance.random() < 0.5:
            slot, version = self._late.pop(chance.randrange(len(self._late)))
        else:
            slot = chance.choice(self._slots)
            if kind == "out of order":
                self._versions[slot] += 1
                self._late.append((slot, self._versions[slot]))
            if kind != "conflict" or not self._versions[slot]:
                self._versions[slot] += 1
            version = self._versions[slot]
        votes = {choice: chance.randrange(60) for choice in self._facts.choices[slot[1]]}
        valid = sum(votes.values()) + (kind == "wrong sum")
        invalid = chance.randrange(5)
        if kind == "refused":
            votes["nobody"] = 1
        form = {"votes": votes, "VA": valid, "VB": invalid, "VC": valid + invalid}
        corrects = None if version == 1 else self._newest.get(slot)
        sent = self._signed(
            _officer(slot), kind, slot, type="result.reported", version=version, form=form, supersedes=corrects
        )
        if kind != "refused":
            self._newest[slot] = sent.event
        if kind in ("wrong sum", "conflict"):
            self._doubtful.append(sent)
        return sent

    def _signed(self, signer: str, kind: str, slot: tuple[str, str], **body: Any) -> Sent:
        station, contest = slot
        signed = self._signers[signer].sign({"created_at": CREATED_AT, "station": station, "contest": contest, **body})
        return Sent(signed.event_id, signed.envelope, kind, station, contest)

    async def client(self, url: str, rate: float) -> None:
        """Submit on and on, at most `rate` forms a second, as `rekap submit --keep-trying` does."""
        async with httpx.AsyncClient(timeout=15) as client:
            while not self.stop:
                batch = [self.next() for _ in range(self._chance.randint(1, BATCH_MAX))]
                now = asyncio.get_running_loop().time()
                for each in batch:
                    each.at = min(each.at, now)
                answers = await send_batch(client, url, [each.envelope for each in batch])
                for each, answer in zip(batch, answers, strict=True):
                    each.answers.append((answer.status, answer.receipt or answer.problem or {}))
                await asyncio.sleep(max(0.0, now + len(batch) / rate - asyncio.get_running_loop().time()))

    # -- past the gateway ------------------------------------------------------------------------------------------

    def stray(self) -> tuple[str, int, bytes | None]:
        """(kind, partition, value) of a record that no gateway let in."""
        kind = self._chance.choice(STRAYS)
        known = [sent for sent in self.sent[-500:] if sent.kind != "refused"]
        if kind == "garbage" or not known:
            return "garbage", self._chance.randrange(PARTITIONS), self._chance.choice(GARBAGE)
        of = self._chance.choice(known)
        envelope, home = of.envelope, self._facts.partition_of[of.station]
        if kind == "another partition":
            home = (home + 1) % PARTITIONS
        elif kind == "a forged signature":
            opened = json.loads(envelope)
            signature = base64.b64decode(opened["signatures"][0]["sig"])
            opened["signatures"][0]["sig"] = base64.b64encode(signature[32:] + signature[:32]).decode()
            envelope = json.dumps(opened).encode()
        elif kind == "another's signature":
            slot = (of.station, of.contest)
            signer = self._chance.choice(("stranger", "reviewer"))
            envelope = self._signed(
                signer, "", slot, type="result.annulled", through_version=10_000, reason="PSU"
            ).envelope
        return kind, home, ledger_record(envelope, "nobody", CREATED_AT)

    async def write_past_the_gateway(self, stack: Stack) -> None:
        """Anybody who can reach Kafka can write into the ledger: such a record must be shown, and not counted."""
        topic = topics_of(stack.definition.election).ledger
        async with AIOKafkaProducer(**client_options(read_settings(stack.environment)), acks="all") as producer:
            while not self.stop:
                await asyncio.sleep(self._chance.expovariate(1 / STRAY_SECONDS))
                kind, partition, value = self.stray()
                with suppress(KafkaError):  # then it may be there or not: the ledger will show it
                    await producer.send_and_wait(topic, value, key=b"stray", partition=partition)
                    self.strays[kind] += 1


def _officer(slot: tuple[str, str]) -> str:
    province = slot[0][0]
    return next(name for name in OFFICERS if name.endswith(province))


async def listen(url: str, subscription: oracle.Subscription) -> None:
    async for message in follow(url, office=subscription.office, **subscription.wish):
        subscription.messages.append((asyncio.get_running_loop().time(), message))


async def read_answers(url: str, polled: oracle.Polled) -> None:
    """Ask for the nation's totals and the heads of the logs, twice a second, from whichever replica answers."""
    async with httpx.AsyncClient(base_url=url, timeout=15) as client:
        while True:
            await asyncio.sleep(0.5)
            with suppress(httpx.HTTPError):
                answer = (await client.get("/v1/areas/N")).raise_for_status()
                polled.areas.append((answer.json(), "age" in answer.headers))
                for partition in range(PARTITIONS):
                    note = (await client.get(f"/log/{partition}/checkpoint")).raise_for_status().text.split("\n")
                    polled.checkpoints[partition].append((int(note[1]), base64.b64decode(note[2])))
