"""What the count will find wrong with an event, by the rules of its package, before the event is signed and public."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from projections.definition.compiled import Definition, KeyEntry
from projections.finance.rules import FinanceJudge
from projections.fold.authority import check_election, check_key, check_scope
from projections.form.rules import FormJudge
from proofs.signatures import key_id
from schemas.codes import KeyId
from schemas.definition.package import Role, Severity
from schemas.findings import Finding
from schemas.ledger.events import LEDGER_EVENT, AnyEvent, FinanceReported, ResultReported
from schemas.ledger.reports import report_from

NO_KEY = KeyId("0" * 16)
NO_TIME = "1970-01-01T00:00:00Z"
"""Time of an event that is checked before anybody signs it."""


class Mistake(NamedTuple):
    rule: str
    sentence: str
    is_refused: bool
    """True if each gateway will refuse the event; False if the ledger will have it, held or flagged."""


class FormCheck:
    """The package's checks, for the key that will sign. Without a key, for a key of the whole election."""

    def __init__(self, definition: Definition, key: Ed25519PrivateKey | None) -> None:
        self._definition = definition
        self._judge = FormJudge(definition)
        self._key: KeyEntry | None
        if key is None:
            root = definition.tree.codes[definition.tree.root]
            self._key_id, self._key = NO_KEY, KeyEntry(NO_KEY, b"", Role.STATION_OFFICER, root)
            return
        self._key_id = KeyId(key_id(key.public_key().public_bytes_raw()))
        self._key = definition.keys.get(self._key_id)

    def mistakes_of_body(self, body: Mapping[str, Any]) -> list[Mistake]:
        """The mistakes of an event that is not signed yet. Raises ValidationError where the body does not have its shape."""
        election = self._definition.election
        frame = {"election": election.id, "mode": election.mode.value, "definition": self._definition.hash}
        return self.mistakes(LEDGER_EVENT.validate_python({**body, **frame, "seq": 0, "created_at": NO_TIME}))

    def mistakes(self, event: AnyEvent) -> list[Mistake]:
        """Why the event would be refused, held or flagged; an empty list if it would count."""
        definition = self._definition
        key = self._key
        refusal = check_election(event, definition) or check_key(event, key, self._key_id, definition)
        if refusal is None:
            assert key is not None, "check_key refuses a key that is not registered"
            refusal = check_scope(event, key, definition)
        if refusal is not None:
            return [Mistake(refusal.rule, refusal.sentence_en, True)]
        if isinstance(event, FinanceReported):
            return _mistakes(FinanceJudge(definition).judge(event), "D5")
        if not isinstance(event, ResultReported):
            return []
        contest = definition.ballots.contest(event.contest)
        registered = definition.stations.registered[definition.stations.number[event.station]]
        findings = self._judge.judge(report_from(event).form, contest, registered)
        return _mistakes(findings, "C1")


def _mistakes(findings: Iterable[Finding], refused_rule: str) -> list[Mistake]:
    """Findings that hold or flag an event. Gateways refuse an event that breaks `refused_rule`."""
    return [
        Mistake(finding.rule, finding.sentence_en, finding.rule == refused_rule)
        for finding in findings
        if finding.severity is not Severity.INFO
    ]
