"""A short run of bench/faults.py, and that its oracle finds what it is there to find. The long run: docs/faults.md."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fault import oracle
from fault.injected import kinds_on

ROOT = Path(__file__).parents[2]
FAULTS = 48
WORKERS = tuple(f"{role}-1" for role in ("recorder", "tabulator", "rollup", "notary", "api"))
KEYS = {
    name: Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32))
    for name in ("officer", "reviewer", "supervisor", "elsewhere", "stranger")
}
KEY_IDS = {name: hashlib.sha256(key.public_key().public_bytes_raw()).hexdigest()[:16] for name, key in KEYS.items()}
SCOPES = {
    "officer": ("station_officer", "v"),
    "reviewer": ("reviewer", "N"),
    "supervisor": ("supervisor", "N"),
    "elsewhere": ("station_officer", "w"),
}
FACTS = oracle.Facts(
    lineage={"v-1": ("v", "d", "N"), "v-2": ("v", "d", "N")},
    registered={"v-1": 100, "v-2": 100},
    office_of={"mayor": "mayor"},
    choices={"mayor": ("01", "02")},
    party_of={},
    stations_of={"mayor": ("v-1", "v-2")},
    partition_of={"v-1": 0, "v-2": 0},
    submitters={
        KEY_IDS[name]: oracle.Submitter(KEYS[name].public_key().public_bytes_raw(), *scope)
        for name, scope in SCOPES.items()
    },
    above=frozenset(("d", "N")),
)


def _signed(by: str, body: dict[str, Any], signed_as: str = "") -> bytes:
    payload = json.dumps(body).encode()
    kind = "application/json"
    text = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
    signature = {"keyid": KEY_IDS[signed_as or by], "sig": base64.b64encode(KEYS[by].sign(text)).decode()}
    envelope = {"payload": base64.b64encode(payload).decode(), "payloadType": kind, "signatures": [signature]}
    return json.dumps({"envelope": envelope}).encode()


def _form(station: str, votes: tuple[int, int], version: int = 1, too_many: int = 0) -> dict[str, Any]:
    valid = sum(votes) + too_many
    return {
        "type": "result.reported",
        "station": station,
        "contest": "mayor",
        "version": version,
        "form": {"votes": {"01": votes[0], "02": votes[1]}, "VA": valid, "VB": 0, "VC": valid},
    }


def _record(
    station: str,
    votes: tuple[int, int],
    *,
    version: int = 1,
    too_many: int = 0,
    corrects: bool = False,
    **signed: str,
) -> bytes:
    """`corrects`: it names FIRST."""
    body = _form(station, votes, version, too_many)
    if corrects:
        body["supersedes"] = _event(_record("v-1", (5, 3)))
    return _signed(signed.pop("by", "officer"), body, **signed)


def _event(of: bytes) -> str:
    return hashlib.sha256(base64.b64decode(json.loads(of)["envelope"]["payload"])).hexdigest()


def _review(of: bytes, decision: str, *, number: int = 0) -> bytes:
    event = _event(of)
    body = {"type": "result.reviewed", "station": "v-1", "contest": "mayor", "event": event, "decision": decision}
    return _signed("reviewer", {**body, "seq": number})


def _annulment(through: int, by: str = "supervisor") -> bytes:
    body = {"type": "result.annulled", "station": "v-1", "contest": "mayor", "through_version": through}
    return _signed(by, body)


LEDGER = oracle.read_ledger(
    FACTS,
    {0: [_record("v-1", (5, 3)), _record("v-2", (1, 1)), _record("v-1", (5, 4), version=2), _record("v-2", (1, 1))]},
)
WITHDRAWN = _signed(
    "supervisor",
    {"type": "annulment.withdrawn", "station": "v-1", "contest": "mayor", "annulment": _event(_annulment(1))},
)
SECOND = _record("v-1", (5, 4), version=2, corrects=True)
FIRST, OTHER, WRONG = _record("v-1", (5, 3)), _record("v-1", (6, 3)), _record("v-1", (6, 3), version=2, too_many=1)


def _votes(*records: bytes) -> tuple[dict[str, int], dict[str, int]]:
    """(stations by tier, votes counted) of the nation, after these records."""
    ledger = oracle.read_ledger(FACTS, {0: records})
    recount = oracle.Recount(FACTS, ledger, "mayor")
    assert recount.advance({"0": len(records) - 1}) is None
    tally = recount.tally("mayor", "N")
    return {tier: tally["stations"][tier] for tier in (*oracle.TIERS, "annulled")}, tally["counted"]["votes"]


@pytest.mark.parametrize(
    ("records", "tiers", "votes"),
    [
        pytest.param([FIRST, FIRST], (1, 0, 0, 0), (5, 3), id="the same twice"),
        pytest.param([SECOND, FIRST], (1, 0, 0, 0), (5, 4), id="a late lower version"),
        pytest.param([FIRST, _record("v-1", (5, 4), version=2)], (0, 1, 0, 0), (5, 4), id="a correction of nothing"),
        pytest.param([FIRST, _record("v-1", (5, 4), version=99)], (0, 1, 0, 0), (5, 3), id="a version far above"),
        pytest.param([_record("v-1", (5, 3), too_many=1)], (0, 0, 1, 0), (0, 0), id="a wrong sum"),
        pytest.param([FIRST, WRONG], (0, 1, 0, 0), (5, 3), id="a higher version with a wrong sum"),
        pytest.param([FIRST, OTHER], (0, 1, 0, 0), (5, 3), id="two forms of version 1"),
        pytest.param([FIRST, WRONG, _review(WRONG, "accepted")], (0, 1, 0, 0), (6, 3), id="a wrong sum accepted"),
        pytest.param([_review(WRONG, "accepted"), WRONG], (0, 0, 1, 0), (0, 0), id="accepted before it came"),
        pytest.param([FIRST, WRONG, _review(WRONG, "rejected")], (1, 0, 0, 0), (5, 3), id="a wrong sum rejected"),
        pytest.param([FIRST, OTHER, _review(OTHER, "accepted")], (0, 1, 0, 0), (6, 3), id="the second of two accepted"),
        pytest.param([FIRST, OTHER, _review(FIRST, "rejected")], (1, 0, 0, 0), (6, 3), id="the first of two rejected"),
        pytest.param([FIRST, _review(FIRST, "rejected")], (1, 0, 0, 0), (5, 3), id="a review with nothing to decide"),
        pytest.param(
            [
                *(WRONG, _review(WRONG, "accepted"), _review(WRONG, "rejected", number=1)),
                _review(WRONG, "accepted"),
            ],
            (0, 0, 0, 0),
            (0, 0),
            id="an older review repeated after a newer one",
        ),
        pytest.param([FIRST, _annulment(1)], (0, 0, 0, 1), (0, 0), id="annulled"),
        pytest.param([FIRST, _annulment(1), SECOND], (1, 0, 0, 0), (5, 4), id="submitted again"),
        pytest.param([FIRST, _annulment(1), WITHDRAWN], (1, 0, 0, 0), (5, 3), id="an annulment withdrawn"),
        pytest.param([FIRST, WITHDRAWN, _annulment(1)], (0, 0, 0, 1), (0, 0), id="withdrawn before it was annulled"),
        pytest.param([_annulment(1), FIRST], (1, 0, 0, 0), (5, 3), id="annulled before it came"),
        pytest.param([FIRST, _annulment(9)], (1, 0, 0, 0), (5, 3), id="annulled beyond what there is"),
        pytest.param([FIRST, _annulment(1, by="officer")], (1, 0, 0, 0), (5, 3), id="annulled by a key that may not"),
        pytest.param([FIRST, b"", b"[", b"{}"], (1, 0, 0, 0), (5, 3), id="garbage"),
        pytest.param([_record("v-1", (5, 3), signed_as="reviewer")], (0, 0, 0, 0), (0, 0), id="a forged signature"),
        pytest.param([_record("v-1", (5, 3), by="stranger")], (0, 0, 0, 0), (0, 0), id="a stranger"),
        pytest.param([_record("v-1", (5, 3), by="elsewhere")], (0, 0, 0, 0), (0, 0), id="an officer of elsewhere"),
        pytest.param(
            [_record("v-1", (9, 9), by="stranger", signed_as="officer"), FIRST],
            (1, 0, 0, 0),
            (5, 3),
            id="after a forgery",
        ),
    ],
)
def test_the_oracle_judges_as_the_rules_do(
    records: list[bytes], tiers: tuple[int, int, int, int], votes: tuple[int, int]
) -> None:
    names = (*oracle.TIERS, "annulled")
    expected = dict(zip(names, tiers, strict=True)), dict(zip(("01", "02"), votes, strict=True))
    assert _votes(*records) == expected


def test_a_record_in_another_partition_than_its_station_s_does_not_count() -> None:
    assert [record.holds for record in oracle.read_ledger(FACTS, {0: [FIRST], 1: [FIRST]})[1]] == [False]


def _message(kind: str, offset: int, position: int, **more: Any) -> dict[str, Any]:
    """The feed's message about the nation after an offset of LEDGER, right unless `more` changes it."""
    recount = oracle.Recount(FACTS, LEDGER, "mayor")
    recount.advance({"0": offset})
    tally = {"contest": "mayor", "area": "N", **recount.tally("mayor", "N")}
    cursor = base64.urlsafe_b64encode(json.dumps([1, "hash", position, [position]]).encode()).rstrip(b"=").decode()
    cut = {"0": offset}
    cuts = {"as_of": cut, "shard_as_of": cut}
    return {"type": kind, **cuts, "cursor": cursor, "below_complete": True, "areas": [tally], "offices": [], **more}


LOST: dict[str, Any] = {"type": "lost"}
GAP = {"type": "gap", "reason": "results-gap"}
WELL = [_message("snapshot", 0, 1), _message("change", 1, 2), _message("change", 3, 3)]


@pytest.mark.parametrize(
    ("messages", "found"),
    [
        (WELL, None),
        ([WELL[0], LOST, GAP, *WELL[1:]], None),
        ([WELL[0], GAP, *WELL[1:]], "no connection was lost"),
        ([WELL[0], _message("change", 1, 0), WELL[2]], "the cursor steps back"),
        ([WELL[1], _message("snapshot", 0, 3), WELL[2]], "as_of has a step back"),
        ([WELL[0], _message("change", 4, 2)], "whose records end at 3"),
        ([WELL[0], _message("change", 1, 2, areas=[]), WELL[2]], "message 1 (change), mayor in N"),
        (WELL[:2], "in the end, mayor in N"),
    ],
    ids=["well", "named gap", "gap", "cursor back", "cut back", "not in the ledger", "change left out", "end left out"],
)
def test_the_oracle_finds_what_a_client_of_the_feed_must_not_see(
    messages: list[dict[str, Any]], found: str | None
) -> None:
    subscription = oracle.Subscription("mayor", {}, [(0.0, message) for message in messages])
    sentences = list(oracle.check_subscription(FACTS, LEDGER, subscription))
    assert (not sentences) if found is None else any(found in sentence for sentence in sentences)


def test_the_oracle_finds_a_receipt_for_what_is_not_in_the_ledger_and_a_refusal_of_what_is() -> None:
    first, second = LEDGER[0][:2]
    receipt = {"partition": 0, "offset": 0, "leaf_hash": first.leaf}
    assert not list(oracle.check_answers(LEDGER, {first.event: [(201, receipt), (200, receipt)]}))
    assert list(oracle.check_answers(LEDGER, {first.event: [(201, receipt | {"offset": 9})]}))
    assert list(oracle.check_answers(LEDGER, {second.event: [(201, receipt)]}))
    assert list(oracle.check_answers(LEDGER, {second.event: [(422, {})]}))


def test_the_oracle_finds_an_acknowledged_submission_that_was_lost() -> None:
    receipts = {
        record.event: [(201, {"partition": 0, "offset": offset, "leaf_hash": record.leaf})]
        for offset, record in list(enumerate(LEDGER[0]))[:3]
    }
    assert not list(oracle.check_answers(LEDGER, receipts))
    for lost in range(3):
        without = {0: [record for offset, record in enumerate(LEDGER[0]) if offset != lost]}
        assert list(oracle.check_answers(without, receipts))


def _changed_by_one(value: Any) -> list[Any]:
    """All copies of a tally in which one number is one more, or one that nobody stated is 0."""
    if value is None:
        return [0]
    if isinstance(value, int):
        return [value + 1]
    return [{**value, name: changed} for name, part in value.items() for changed in _changed_by_one(part)]


def test_the_oracle_finds_every_number_that_is_wrong_by_one_on_the_feed_and_by_get() -> None:
    recount = oracle.Recount(FACTS, LEDGER, "mayor")
    recount.advance({"0": 3})
    tally = recount.tally("mayor", "N")
    shown = {"office": "mayor", "as_of": {"0": 3}, "tally": recount.office_tally("N")}

    def found(wrong: dict[str, Any]) -> tuple[list[str], list[str]]:
        contest = {"contest": "mayor", **wrong}
        message = _message("change", 3, 3, areas=[{"area": "N", **contest}])
        polled = oracle.Polled(areas=[({"area": {"code": "N"}, "offices": [{**shown, "contests": [contest]}]}, False)])
        subscription = oracle.Subscription("mayor", {}, [(0.0, WELL[0]), (1.0, message)])
        return list(oracle.check_subscription(FACTS, LEDGER, subscription)), list(
            oracle.check_polled(FACTS, LEDGER, polled)
        )

    assert found(tally) == ([], [])
    wrong_ones = _changed_by_one(tally)
    assert len(wrong_ones) > 30
    assert all(on_the_feed and by_get for on_the_feed, by_get in map(found, wrong_ones))


def test_the_oracle_finds_a_log_that_steps_back_or_has_another_root() -> None:
    root = oracle.tree_root([bytes.fromhex(record.leaf) for record in LEDGER[0]])
    smaller = oracle.tree_root([bytes.fromhex(record.leaf) for record in LEDGER[0][:2]])

    def found(*heads: tuple[int, bytes]) -> list[str]:
        return list(oracle.check_polled(FACTS, LEDGER, oracle.Polled(checkpoints={0: list(heads)})))

    assert not found((2, smaller), (4, root))
    assert "steps back" in found((4, root), (2, smaller))[0]
    assert "another root" in found((2, root))[0]
    assert "another root" in found((5, root))[0]


async def _bench(*arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "bench" / "faults.py"), "--workers", "1", "--seed", "7", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            os.kill(process.pid, signal.SIGKILL)
    return process.returncode, out.decode()


@pytest.mark.timeout(
    900
)  # 48 faults are 130 s on a quiet machine; the bench itself gives up after six minutes and the recount
async def test_after_each_kind_of_fault_the_oracle_agrees(tmp_path: Path) -> None:
    """One worker of each role under load, each killed, frozen, cut off and set to a wrong time; Kafka and PostgreSQL too."""
    file = tmp_path / "report.json"
    code, out = await _bench("--faults", str(FAULTS), "--minutes", "6", "--pause", "1.5", "--report", str(file))
    assert code == 0, out
    report = json.loads(file.read_text())
    every_kind = {kind.name for kind in kinds_on(WORKERS, ("kafka",))}
    assert report["faults_by_kind"].keys() | report["not_possible"].keys() == every_kind
    assert [kind for kind, times in report["faults_by_kind"].items() if not times] == []
    assert all(report["not_possible"].values())
    assert report["findings"] == []
    assert report["faults"] == FAULTS
    assert report["acknowledged_after_the_last_fault"] > 0
    assert report["acknowledged"] + report["refused"] == report["events"] > 300
    assert {"review", "annulment", "repeat", "refused", "conflict"} <= report["submitted_by_kind"].keys()
    assert report["records_that_may_not_count"] > 0
    assert report["changes_recounted"] > 100
    assert report["answers_recounted"] > 20  # some 50 on a machine whose cores are kept busy by something else


async def test_a_run_that_is_cut_off_is_reported_so_and_does_not_count_as_done() -> None:
    code, out = await _bench("--faults", "5", "--minutes", "0")
    assert code == 3, out
    assert "the oracle agrees, but only 0 of 5 faults were injected in the time given" in out
