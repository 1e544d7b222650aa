"""Finance reports of the demo: all are admitted, few break a rule, and each rule's kind of mistake is shown."""

from __future__ import annotations

from collections import Counter

import orjson

from projections.checks.package_checks import problems
from projections.definition.compiled import Definition
from projections.finance.accounts import FinanceAccounts
from projections.finance.rules import FinanceJudge
from projections.fold.authority import check_scope
from rekap.elections.demo import demo_package, key_slots
from rekap.elections.demo_finance import finance_reports
from schemas.definition.package import Role
from schemas.ledger.events import LEDGER_EVENT, FinanceReported
from tests.support.ledger import CREATED_AT, private_key


def test_reports_of_the_demo_are_admitted_and_show_what_is_late_and_what_was_corrected() -> None:
    public = {
        slot: private_key(f"key {number}").public_key().public_bytes_raw() for number, slot in enumerate(key_slots())
    }
    package = demo_package(stations=1_000, seed=1, public_keys=public)
    assert problems(package) == []
    definition = Definition.of(package)
    key = next(key for key in definition.keys.values() if key.role is Role.FINANCE)
    judge, accounts = FinanceJudge(definition), FinanceAccounts()
    states: dict[int, tuple[str, tuple[str, ...]]] = {}
    before = ""
    for seq, body in enumerate(finance_reports(package, seed=1)):
        frame = {"election": package.election.id, "mode": "rehearsal", "definition": definition.hash, "seq": seq}
        supersedes = before if body["version"] > 1 else None
        payload = orjson.dumps({**frame, "created_at": CREATED_AT, "supersedes": supersedes, **body})
        event = LEDGER_EVENT.validate_json(payload)
        assert isinstance(event, FinanceReported)
        assert check_scope(event, key, definition) is None
        event_id = seq.to_bytes(32)
        before = event_id.hex()
        for verdict in accounts.add(seq, event_id, payload, event, judge.judge(event)):
            states[verdict.offset] = verdict.state.value, tuple(finding.rule for finding in verdict.findings)
    found = Counter(states.values())
    assert found["superseded", ("D1",)] == 1
    assert found["counted", ()] > found["flagged", ("D4",)] > 50
    assert found.keys() == {("counted", ()), ("flagged", ("D4",)), ("superseded", ("D1",))}
