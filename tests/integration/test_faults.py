"""A short run of bench/faults.py, and that its oracle finds what it is there to find. The long run: docs/faults.md."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import faults_oracle as oracle

ROOT = Path(__file__).parents[2]
FACTS = oracle.Facts(
    lineage={"v-1": ("v", "d", "N"), "v-2": ("v", "d", "N")},
    registered={"v-1": 100, "v-2": 100},
    office_of={"mayor": "mayor"},
    choices={"mayor": ("01", "02")},
    party_of={},
    stations_of={"mayor": ("v-1", "v-2")},
    above=frozenset(("d", "N")),
)


def _record(station: str, votes: tuple[int, int], *, version: int = 1, too_many: int = 0) -> bytes:
    valid = sum(votes) + too_many
    body = {
        "type": "result.reported",
        "station": station,
        "contest": "mayor",
        "version": version,
        "form": {"votes": {"01": votes[0], "02": votes[1]}, "VA": valid, "VB": 0, "VC": valid},
    }
    return json.dumps({"envelope": {"payload": base64.b64encode(json.dumps(body).encode()).decode()}}).encode()


LEDGER = oracle.read_ledger(
    {0: [_record("v-1", (5, 3)), _record("v-2", (1, 1)), _record("v-1", (5, 4), version=2), _record("v-2", (1, 1))]}
)


def _votes(*records: bytes) -> tuple[dict[str, int], dict[str, int]]:
    """(stations by tier, votes counted) of the nation, after these records."""
    ledger = oracle.read_ledger({0: records})
    recount = oracle.Recount(FACTS, ledger, "mayor")
    assert recount.advance({"0": len(records) - 1}) is None
    tally = recount.tally("mayor", "N")
    return {tier: tally["stations"][tier] for tier in oracle.TIERS}, tally["counted"]["votes"]


@pytest.mark.parametrize(
    ("records", "tiers", "votes"),
    [
        ([_record("v-1", (5, 3)), _record("v-1", (5, 3))], (1, 0, 0), (5, 3)),
        ([_record("v-1", (5, 4), version=2), _record("v-1", (5, 3))], (1, 0, 0), (5, 4)),
        ([_record("v-1", (5, 3), too_many=1)], (0, 0, 1), (0, 0)),
        ([_record("v-1", (5, 3)), _record("v-1", (6, 3), version=2, too_many=1)], (0, 1, 0), (5, 3)),
        ([_record("v-1", (5, 3)), _record("v-1", (6, 3))], (0, 1, 0), (5, 3)),
    ],
    ids=[
        "the same twice",
        "a late lower version",
        "a wrong sum",
        "a higher version with a wrong sum",
        "two say version 1",
    ],
)
def test_the_oracle_judges_as_the_rules_say(
    records: list[bytes], tiers: tuple[int, int, int], votes: tuple[int, int]
) -> None:
    expected = dict(zip(oracle.TIERS, tiers, strict=True)), dict(zip(("01", "02"), votes, strict=True))
    assert _votes(*records) == expected


def _message(kind: str, offset: int, position: int, **more: Any) -> dict[str, Any]:
    """What the feed tells of the nation after an offset of LEDGER, rightly unless `more` says otherwise."""
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
    heard = oracle.Heard("mayor", {}, [(0.0, message) for message in messages])
    said = list(oracle.check_heard(FACTS, LEDGER, heard))
    assert (not said) if found is None else any(found in sentence for sentence in said)


def test_the_oracle_finds_a_receipt_for_what_is_not_in_the_ledger_and_a_refusal_of_what_is() -> None:
    first, second = LEDGER[0][:2]
    receipt = {"partition": 0, "offset": 0, "leaf_hash": first.leaf}
    assert not list(oracle.check_answers(LEDGER, {first.event: [(201, receipt), (200, receipt)]}))
    assert list(oracle.check_answers(LEDGER, {first.event: [(201, receipt | {"offset": 9})]}))
    assert list(oracle.check_answers(LEDGER, {second.event: [(201, receipt)]}))
    assert list(oracle.check_answers(LEDGER, {second.event: [(422, {})]}))


async def test_after_a_dozen_faults_the_oracle_agrees() -> None:
    """One worker of each role, killed, frozen and cut off under load; Kafka and PostgreSQL too."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, ROOT / "bench" / "faults.py", "--faults", "12", "--minutes", "0.35"),
        *("--workers", "1", "--pause", "1", "--seed", "7"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, out.decode()
