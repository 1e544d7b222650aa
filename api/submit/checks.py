"""Steps 2 to 6 of the gateway (gateway.py): shape, election, key, signature and the event's station, contest and choices."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from api.problems import Problem
from api.submit.answers import too_large
from api.submit.shape import read_submission
from projections.definition.compiled import Definition
from projections.finance.rules import unknown_kinds
from projections.fold.authority import Refusal, check_election, check_key, check_scope
from proofs.signatures import load_public_key, verify
from schemas.ledger.envelope import ENVELOPE_BYTES_MAX
from schemas.ledger.events import FinanceReported
from schemas.ledger.reports import LedgerEvent, Report

_STATUS_OF_RULE = {"K1": 401, "K2": 401, "K3": 403, "K4": 403}
TITLE_OF_STATUS = {401: "Not signed by a registered key", 403: "Not allowed to this key", 422: "Submission refused"}


@dataclass(slots=True, frozen=True)
class CheckedSubmission:
    """A submission that has passed steps 2 to 6."""

    event: LedgerEvent
    submission: str
    """The event's id."""
    key_id: str
    body: bytes


class Checks:
    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._keys: dict[str, Ed25519PublicKey] = {
            key_id: load_public_key(key.public_key) for key_id, key in definition.keys.items()
        }

    def check(self, body: bytes) -> CheckedSubmission:
        """Raises Problem."""
        # 1. A line of a batch has the bound of a single submission.
        if len(body) > ENVELOPE_BYTES_MAX:
            raise too_large(len(body), ENVELOPE_BYTES_MAX)
        # 2. Shape: JSON, DSSE envelope, canonical payload, event.
        envelope, event = read_submission(body)
        # 3. and 4. Election, mode, definition and kind of event; a known key, in the role for this event.
        key_id, signature = envelope.signatures[0]
        key = self._definition.keys.get(key_id)
        _refuse(check_election(event, self._definition) or check_key(event, key, key_id, self._definition))
        # 5. The signature.
        if not verify(self._keys[key_id], signature, envelope.payload):
            raise Problem(
                401,
                TITLE_OF_STATUS[401],
                "The signature does not fit the payload: it must be Ed25519 over the DSSE pre-authentication encoding.",
                field="signatures.0.sig",
                rule="K2",
            )
        assert key is not None
        # 6. Station, contest and choices are known, and in the scope of the key.
        _refuse(check_scope(event, key, self._definition))
        if isinstance(event, Report):
            self._check_choices(event)
        elif isinstance(event, FinanceReported):
            self._check_kinds(event)
        return CheckedSubmission(event, envelope.event_id.hex(), key_id, body)

    def _check_choices(self, event: Report) -> None:
        contest = self._definition.ballots.contests[self._definition.ballots.contest_number[event.contest]]
        choices, on_ballot = event.form.votes.keys(), contest.choice_index.keys()
        if choices <= on_ballot:
            return
        unknown = min(choices - on_ballot)
        raise Problem(
            422,
            TITLE_OF_STATUS[422],
            f"Choice {unknown} is not on the ballot of contest {event.contest}.",
            field=f"form.votes.{unknown}",
            rule="C1",
        )

    def _check_kinds(self, event: FinanceReported) -> None:
        settings = self._definition.election.finance
        assert settings is not None, "check_scope refuses finance reports that the package does not describe (E8)"
        for field, ((sentence_id, sentence_en), *_) in unknown_kinds(event, settings).items():
            raise Problem(422, TITLE_OF_STATUS[422], sentence_en, field=field, rule="D5", detail_id=sentence_id)


def _refuse(refusal: Refusal | None) -> None:
    if refusal is not None:
        status = _STATUS_OF_RULE.get(refusal.rule, 422)
        raise Problem(
            status,
            TITLE_OF_STATUS[status],
            refusal.sentence_en,
            field=refusal.field,
            rule=refusal.rule,
            detail_id=refusal.sentence_id,
        )
