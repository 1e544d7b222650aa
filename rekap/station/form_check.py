"""What the count will find wrong with an event, by the rules of its package, before the event is signed and public."""

from __future__ import annotations

from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from projections.definition.compiled import Definition
from projections.fold.authority import check_election, check_key, check_scope
from projections.form.rules import FormJudge
from proofs.signatures import key_id
from schemas.definition.package import Severity
from schemas.ledger.events import AnyEvent, ResultReported
from schemas.ledger.reports import report_from


class Mistake(NamedTuple):
    rule: str
    sentence: str
    is_refused: bool
    """True if each gateway will refuse the event; False if the ledger will have it, held or flagged."""


class FormCheck:
    """The package's checks, for the key that will sign."""

    def __init__(self, definition: Definition, key: Ed25519PrivateKey) -> None:
        self._definition = definition
        self._judge = FormJudge(definition)
        self._key_id = key_id(key.public_key().public_bytes_raw())

    def mistakes(self, event: AnyEvent) -> list[Mistake]:
        """Why the event would be refused, held or flagged; an empty list if it would count."""
        definition = self._definition
        key = definition.keys.get(self._key_id)
        refusal = check_election(event, definition) or check_key(event, key, self._key_id, definition)
        if refusal is None:
            assert key is not None, "check_key refuses a key that is not registered"
            refusal = check_scope(event, key, definition)
        if refusal is not None:
            return [Mistake(refusal.rule, refusal.sentence_en, True)]
        if not isinstance(event, ResultReported):
            return []
        contest = definition.ballots.contest(event.contest)
        registered = definition.stations.registered[definition.stations.number[event.station]]
        findings = self._judge.judge(report_from(event).form, contest, registered)
        return [
            Mistake(finding.rule, finding.sentence_en, finding.rule == "C1")
            for finding in findings
            if finding.severity is not Severity.INFO
        ]
