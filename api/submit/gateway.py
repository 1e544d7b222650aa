"""The gateway: signed submissions in, receipts out. A submission passes eight steps in this order:

    1. size      413      bounded before anything is read                                      bodies.py
    2. shape     422      JSON, DSSE envelope, canonical payload, event                        shape.py
    3. election  422      election, mode, definition, kind of event                            checks.py
    4. key       401/403  known key, role                                                      checks.py
    5. signature 401      made with this key over the payload                                  checks.py
    6. scope     422/403  station, contest and choices known; scope of the key                 checks.py
    7. known     200      the event is in the ledger: the same receipt again                   keeping.py
    8. ledger    201      Kafka has it (acks=all): after this step a crash loses nothing       keeping.py

No success is answered before step 8, and nothing is kept in memory only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from api.limits.limits import Limits
from api.problems import BUG, Problem
from api.submit.answers import Answer, AnswerSigner, count_answer, log_failed_submission, too_much_at_once
from api.submit.checks import CheckedSubmission, Checks
from api.submit.gathering import Gathering
from api.submit.keeping import Keeper, Soon, now
from api.submit.ledger_writer import SINGLE_SECONDS
from api.submit.look_ups import LookUps
from api.submit.slices import BatchTurns, Slices
from projections.definition.compiled import Definition
from proofs.notes import VerifierKey
from runtime.settings import Settings

MISTAKE_COST = 9
"""Tokens that a refused submission costs its address in addition. Checking a wrong signature takes as long as checking a right
one, and a sender with the keys makes few mistakes. With 500 tokens a second, an address may make 50 mistakes a second. At half,
wrong submissions of one address take a tenth of the loop; at double, one office with a wrong key shuts out the others at its
address."""


class Gateway:
    def __init__(self, settings: Settings, definition: Definition, pool: Any, limits: Limits) -> None:
        self.limits = limits
        self._turns = BatchTurns()
        self._checks = Checks(definition)
        self._signer = AnswerSigner(settings, definition.election)
        # A record waits for SINGLE_SECONDS besides.
        self._gathering = Gathering(max(0.0, settings.gather_ms - 1000 * SINGLE_SECONDS))
        self._keeper = Keeper(settings, definition, pool, self._signer, limits.refusals)

    @property
    def verifier_key(self) -> VerifierKey:
        """The key of this gateway's receipts."""
        return self._signer.verifier_key

    @property
    def look_ups(self) -> LookUps:
        return self._keeper.look_ups

    async def start(self) -> None:
        await self._keeper.start()

    async def stop(self) -> None:
        await self._keeper.stop()

    def charge_batch(self, address: str, lines: int) -> None:
        """Take what the lines of a batch cost before they are checked; its request has paid for the first. Raises Problem."""
        submissions = self.limits.submissions
        if lines > 1 and not submissions.take(address, lines - 1):
            raise submissions.refusal(address, "Your address", lines - 1)

    def submit_one(self, body: bytes, address: str, answered: Callable[[Answer], None], soon: Soon = now) -> None:
        """Steps 2 to 8 for a single submission, without a task. `answered` is called once, later. `soon` is given two pieces of
        work: the checks, after a few milliseconds (gathering.py), and the signing of the receipt, once the ledger has the
        record."""

        def ended(answer: Answer) -> None:
            answer = self._signer.with_signature(body, answer)
            count_answer(answer)
            answered(answer)

        def judge() -> None:
            try:
                checked = self._check(body, address)
                if isinstance(checked, Problem):
                    ended(checked)
                else:
                    self._keeper.keep_one(checked, ended, soon)
            except Exception as error:  # a bug, after which its client would wait for ever
                log_failed_submission(error)
                count_answer(BUG)
                answered(BUG)

        self._gathering.add(soon, judge)

    async def submit(self, body: bytes, address: str) -> Answer:
        """The answer to a single submission, once there is one (`submit_one`)."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.submit_one(body, address, lambda given: None if answer.done() else answer.set_result(given))
        return await answer

    async def submit_batch(self, bodies: Sequence[bytes], address: str) -> list[Answer]:
        """Steps 2 to 8 for each body by itself. Answers in the order of the bodies. Raises Problem where another batch of the
        address is under way."""
        try:
            async with self._turns.of_address(address):
                return await self._submit_batch(bodies, address)
        except TimeoutError:
            sentence = "A batch from your address is still under way: send one after the other."
            raise too_much_at_once(sentence) from None

    async def _submit_batch(self, bodies: Sequence[bytes], address: str) -> list[Answer]:
        answers: dict[int, Answer] = {}
        all_checked: dict[int, CheckedSubmission] = {}
        slices = Slices()
        async with self._turns.of_all():
            for number, body in enumerate(bodies):
                checked = self._check(body, address)
                if isinstance(checked, Problem):
                    answers[number] = checked
                else:
                    all_checked[number] = checked
                await slices.pause()
        answers |= await self._keeper.keep(all_checked)
        in_order = []
        for number, body in enumerate(bodies):
            answer = self._signer.with_signature(body, answers[number])
            count_answer(answer)
            in_order.append(answer)
            await slices.pause()
        return in_order

    def _check(self, body: bytes, address: str) -> CheckedSubmission | Problem:
        """Steps 2 to 6, and what they cost the address and the key."""
        submissions, of_key = self.limits.submissions, self.limits.submissions_of_key
        if submissions.owes(address):
            return submissions.refusal(address, "Your address")
        try:
            checked = self._checks.check(body)
        except Problem as problem:
            submissions.charge(address, MISTAKE_COST)
            return problem.bare()
        # After the checks, because otherwise any client could use up what another's key may send.
        if not of_key.take(checked.key_id):
            return of_key.refusal(checked.key_id, f"Key {checked.key_id}")
        return checked
