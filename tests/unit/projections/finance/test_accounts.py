"""Which finance report of an account counts, whatever the order in which its versions come."""

from __future__ import annotations

import itertools
from typing import Any

import orjson
import pytest

from projections.finance.accounts import REPORTS_PER_ACCOUNT_MAX, FinanceAccounts, account_of
from schemas.definition.package import Severity
from schemas.findings import Finding
from schemas.ledger.events import LEDGER_EVENT, FinanceReported
from tests.support.ledger import CREATED_AT
from tests.support.small_finance import finance_report

HARD = (Finding("D1", Severity.HARD, "salah", "wrong"),)
SOFT = (Finding("D2", Severity.SOFT, "salah", "wrong"),)
INFO = (Finding("D4", Severity.INFO, "salah", "wrong"),)


class Account:
    """Reports added one after the other, and what became of each in the end."""

    def __init__(self) -> None:
        self.accounts = FinanceAccounts()
        self.ids: list[bytes] = []
        self.verdicts: dict[int, tuple[str, list[str]]] = {}
        self.changed: list[int] = []
        """Offsets of the reports whose verdicts the last one has changed, its own first."""

    def add(self, findings: tuple[Finding, ...] = (), *, corrects: int | None = None, **body: Any) -> int:
        offset = len(self.ids)
        supersedes = None if corrects is None else self.ids[corrects].hex()
        self.add_again(offset, orjson.dumps(_event(finance_report(**body), offset, supersedes)), findings)
        return offset

    def add_again(self, offset: int, payload: bytes, findings: tuple[Finding, ...] = ()) -> None:
        event = LEDGER_EVENT.validate_json(payload)
        assert isinstance(event, FinanceReported)
        self.ids.append(event_id := bytes([event.seq]) * 32)
        self.changed = []
        for verdict in self.accounts.add(offset, event_id, payload, event, findings):
            self.changed.append(verdict.offset)
            self.verdicts[verdict.offset] = verdict.state.value, [finding.rule for finding in verdict.findings]


def _event(body: dict[str, Any], seq: int, supersedes: str | None) -> dict[str, Any]:
    frame = {"election": "small", "mode": "rehearsal", "definition": "0" * 64, "created_at": CREATED_AT}
    return {**frame, "seq": seq, "supersedes": supersedes, **body}


def test_an_account_is_a_party_in_an_area_or_a_candidate() -> None:
    assert account_of("1", "P1", None, None) == "parties/P1/1"
    assert account_of("N", None, "president", "01") == "candidates/president/01"


def test_a_report_counts_flagged_or_not_or_is_held() -> None:
    account = Account()
    for area, findings in (("1", ()), ("2", INFO), ("1.1", SOFT), ("1.2", HARD)):
        account.add(findings, area=area)
    assert list(account.verdicts.values()) == [
        ("counted", []),
        ("counted", ["D4"]),
        ("flagged", ["D2"]),
        ("held", ["D1"]),
    ]


def test_a_correction_supersedes_the_report_that_it_names() -> None:
    account = Account()
    first = account.add()
    account.add(version=2, closing=12_001, corrects=first)
    assert account.verdicts == {0: ("superseded", []), 1: ("counted", [])}


def test_a_late_lower_version_changes_nothing_that_counts() -> None:
    account = Account()
    account.add(version=2, closing=12_001)
    assert account.verdicts == {0: ("flagged", ["D11"])}
    account.add()
    assert account.verdicts == {0: ("flagged", ["D11"]), 1: ("superseded", [])}


def test_a_first_version_corrects_nothing() -> None:
    account = Account()
    other = account.add(area="2")
    account.add(corrects=other)
    assert account.verdicts[1] == ("flagged", ["D11"])


def test_a_held_higher_version_flags_the_one_that_counts_until_it_is_corrected() -> None:
    account = Account()
    first = account.add()
    second = account.add(HARD, version=2, closing=1, corrects=first)
    assert account.verdicts == {0: ("flagged", ["D9"]), 1: ("held", ["D1"])}
    account.add(version=3, closing=12_003, corrects=second)
    assert account.verdicts == {0: ("superseded", []), 1: ("superseded", ["D1"]), 2: ("counted", [])}


def test_of_two_different_reports_of_one_version_the_first_counts_flagged() -> None:
    account = Account()
    account.add()
    account.add(closing=12_001)
    account.add(closing=12_002)
    assert account.verdicts == {0: ("flagged", ["D8"]), 1: ("held", ["D8"]), 2: ("held", ["D8"])}


def test_of_two_different_reports_of_one_version_the_first_without_a_hard_finding_counts() -> None:
    account = Account()
    account.add(HARD, closing=1)
    account.add(closing=12_001)
    assert account.verdicts == {0: ("held", ["D1", "D8"]), 1: ("flagged", ["D8"])}


def test_of_two_held_reports_of_one_version_the_later_one_disagrees() -> None:
    account = Account()
    account.add(HARD, closing=1)
    account.add(HARD, closing=2)
    assert account.verdicts == {0: ("held", ["D1"]), 1: ("held", ["D1", "D8"])}


def test_a_report_that_states_the_same_again_is_no_conflict() -> None:
    account = Account()
    account.add()
    account.add(opinion=None)
    assert account.verdicts == {0: ("counted", []), 1: ("superseded", [])}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seq", 9),
        ("prev", "ab" * 32),
        ("created_at", "2029-02-14T13:00:01Z"),
        ("definition", "1" * 64),
        ("election", "other"),
        ("mode", "live"),
        ("supersedes", "cd" * 32),
        ("reason", "TYPING-ERROR"),
    ],
)
def test_what_belongs_to_the_signing_makes_no_other_report(field: str, value: Any) -> None:
    """A report that was signed again states the same, by another key or after a lost outbox."""
    account = Account()
    account.add()
    account.add(**{field: value})
    assert account.verdicts == {0: ("counted", []), 1: ("superseded", [])}


def test_the_same_event_again_is_a_duplicate() -> None:
    account = Account()
    payload = orjson.dumps(_event(finance_report(), 0, None))
    account.add_again(0, payload)
    account.add_again(1, payload)
    assert account.verdicts == {0: ("counted", []), 1: ("duplicate", [])}


def test_a_version_far_above_is_held_until_those_between_have_come() -> None:
    account = Account()
    account.add()
    far = account.add(version=21, closing=12_021)
    assert account.verdicts == {0: ("flagged", ["D9"]), 1: ("held", ["D10"])}
    account.add(version=11, closing=12_011)
    assert account.verdicts[far] == ("flagged", ["D11"])
    assert [account.verdicts[offset][0] for offset in (0, 2)] == ["superseded", "superseded"]


def test_kinds_of_reports_and_accounts_do_not_meet() -> None:
    account = Account()
    others: list[dict[str, Any]] = [{}, {"report": "LPPDK"}, {"party": "P2"}, {"area": "2"}]
    for body in others:
        account.add(closing=len(account.ids), **body)
    assert {state for state, _ in account.verdicts.values()} == {"counted"}


def test_one_report_has_a_bound_of_events(monkeypatch: Any) -> None:
    monkeypatch.setattr("projections.finance.accounts.REPORTS_PER_ACCOUNT_MAX", 2)
    account = Account()
    account.add()
    account.add(version=2, closing=2, corrects=0)
    account.add(version=3, closing=3, corrects=1)
    account.add(area="2")
    assert account.verdicts[2] == ("refused", ["L2"])
    assert [account.verdicts[offset][0] for offset in (0, 1, 3)] == ["superseded", "counted", "counted"]
    assert REPORTS_PER_ACCOUNT_MAX == 100


def test_any_order_of_the_versions_ends_with_the_same_one() -> None:
    versions = [((), 1, 12_000), (HARD, 2, 5), ((), 3, 12_003), (HARD, 4, 7)]
    for order in itertools.permutations(versions):
        account = Account()
        offsets = {
            version: account.add(findings, version=version, closing=closing) for findings, version, closing in order
        }
        states = {version: account.verdicts[offset][0] for version, offset in offsets.items()}
        assert states == {1: "superseded", 2: "superseded", 3: "flagged", 4: "held"}, order


def test_accounts_that_were_packed_continue_as_before() -> None:
    account = Account()
    account.add(SOFT)
    account.add(HARD, version=2, closing=1, corrects=0)
    packed = account.accounts.pack()
    account.accounts = FinanceAccounts.unpack(packed)
    assert account.accounts.pack() == packed
    account.add(version=3, closing=12_003, corrects=1)
    assert account.verdicts == {0: ("superseded", ["D2"]), 1: ("superseded", ["D1"]), 2: ("counted", [])}


def test_only_verdicts_that_change_are_given() -> None:
    account = Account()
    account.add()
    account.add(version=2, closing=12_001, corrects=0)
    assert account.changed == [1, 0]
    account.add(HARD, version=3, closing=1, corrects=1)
    assert account.changed == [2, 1]
    account.accounts = FinanceAccounts.unpack(account.accounts.pack())
    account.add(HARD, version=4, closing=2, corrects=2)
    assert account.changed == [3]


def test_a_packed_correction_still_names_what_it_corrects() -> None:
    account = Account()
    account.add()
    account.add(version=2, closing=12_001, corrects=0)
    account.accounts = FinanceAccounts.unpack(account.accounts.pack())
    account.add(HARD, version=3, closing=1, corrects=1)
    assert account.verdicts[1] == ("flagged", ["D9"])


def test_the_first_version_may_be_a_step_above_none() -> None:
    near, far = Account(), Account()
    near.add(version=10)
    far.add(version=11)
    assert (near.verdicts, far.verdicts) == ({0: ("flagged", ["D11"])}, {0: ("held", ["D10"])})


def test_versions_are_reached_in_their_order() -> None:
    account = Account()
    account.add(version=8)
    account.add(closing=12_001)
    assert account.verdicts == {0: ("flagged", ["D11"]), 1: ("superseded", [])}


def test_a_version_corrects_a_lower_one() -> None:
    higher, same = Account(), Account()
    higher.add(HARD, version=3)
    higher.add(version=2, closing=12_001, corrects=0)
    assert higher.verdicts[1] == ("flagged", ["D9", "D11"])
    same.add(HARD, version=2)
    same.add(version=2, closing=12_001, corrects=0)
    assert same.verdicts[1] == ("flagged", ["D8", "D11"])


def test_a_kept_report_is_compared_by_sixteen_bytes() -> None:
    account = Account()
    account.add()
    ((_, _, ((_, _, _, _, digest, _),)),) = orjson.loads(account.accounts.pack())
    assert len(bytes.fromhex(digest)) == 16
