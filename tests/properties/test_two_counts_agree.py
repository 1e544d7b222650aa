"""The server's fold and the auditor's SQL share no code; of any night, honest or not, they give the same count.

This is what the promise to an auditor rests on: where the two differ, one of them is wrong.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from audit.count import recount
from audit.count.recount import Recount
from audit.published.claims import Claim
from audit.published.claims import Published as Shown
from audit.published.compare import Comparison
from audit.sources.extract import Ballots, read_row, write_rows
from audit.sources.package import Package, read_package
from projections.area.tally import empty_tally
from projections.definition.compiled import Definition
from projections.fold import sequences
from projections.fold.records import read_record
from projections.fold.rollup import Rollup
from projections.fold.tabulation import PartitionFold
from projections.form.rules import RULES
from projections.shown.tallies import published_contribution, published_office, published_tally
from projections.station import contest as station
from proofs.merkle import leaf_hash
from proofs.signatures import load_public_key, verify
from runtime.package.writing import write_package
from schemas.definition.package import ElectionPackage
from schemas.derived.blocks import Block
from tests.support.ledger import MemoryLedger
from tests.support.nights import PACKAGES, acts, disputes, play


def _both(package: ElectionPackage) -> tuple[ElectionPackage, Package]:
    with tempfile.TemporaryDirectory() as directory:
        write_package(package, Path(directory))
        return package, read_package(Path(directory))


FORM_RULE_IDS = {*RULES, "C1", "C2"}
BOTH = [_both(package) for package in PACKAGES]


def _blocks(ledger: MemoryLedger, cut: tuple[int, ...]) -> list[Block]:
    """What the server's folds publish of exactly this cut: one block for each partition and office."""
    definition = ledger.definition
    blocks: list[Block] = []
    for partition, through in enumerate(cut):
        fold = PartitionFold(definition, partition)
        for offset, value in enumerate(ledger.partitions[partition][: through + 1]):
            record = read_record(offset, value)
            key = definition.keys.get(record.key_id)
            holds = key is not None and verify(load_public_key(key.public_key), record.signature, record.payload)
            fold.apply(record, holds)
        blocks += fold.take_blocks()
    return blocks


def _server(ledger: MemoryLedger, cut: tuple[int, ...], blocks: list[Block]) -> dict[Claim, Any]:
    """What the server publishes of this cut, office by office: each claim with its value."""
    definition = ledger.definition
    rollup = Rollup(definition)
    for block in blocks:
        rollup.apply(block)
    tallies = {(contest, area): tally for block in blocks for contest, area, tally in block.areas}
    claims: dict[Claim, Any] = {}

    def publish(shown: Shown) -> None:
        claims[shown.claim("", len(claims))] = shown.value

    for office in definition.ballots.offices:
        as_of = tuple(enumerate(cut))
        frame = rollup.offices[office.id].keyframe()
        assert frame is not None
        tallies |= {(contest, area): tally for contest, area, tally in frame.areas}
        wholes = dict(frame.offices)
        for contest, area in definition.electorates.denominators:
            entry, code = definition.ballots.contests[contest], definition.tree.codes[area]
            if entry.office_number == office.number:
                tally = tallies.get((entry.id, code)) or empty_tally(len(entry.choices))
                shown = published_tally(entry, area, tally, definition)
                publish(Shown(office.id, as_of, "contest", entry.id, code, shown))
        for area, code in enumerate(definition.tree.codes):
            if definition.tree.level[area] <= definition.tree.shard_level:
                whole = wholes.get(code) or empty_tally(len(office.lines))
                shown = published_office(office, area, whole, definition)
                publish(Shown(office.id, as_of, "office", "", code, shown))
        for contest in office.contests:
            rows = {
                row["station"]: row
                for block in blocks
                for row in block.stations
                if row["contest"] == definition.ballots.contests[contest].id
            }
            lines = [_line(definition, contest, row) for row in rows.values()]
            root = definition.tree.codes[definition.tree.root]
            publish(Shown(office.id, as_of, "stations", definition.ballots.contests[contest].id, root, lines))
    return claims


def _line(definition: Definition, contest: int, row: Mapping[str, Any]) -> dict[str, Any]:
    contribution = row["contribution"]
    numbers = (
        None if contribution is None else published_contribution(definition.ballots.contests[contest], contribution)
    )
    return {name: row[name] for name in ("station", "contest", "state", "offset", "event", "version")} | {
        "numbers": numbers
    }


def _auditor(ledger: MemoryLedger, package: Package, directory: Path) -> Recount:
    ballots = Ballots(package)
    rows = [
        read_row(ballots, partition, offset, value, leaf_hash(value))
        for partition, records in enumerate(ledger.partitions)
        for offset, value in enumerate(records)
    ]
    write_rows(rows, directory)
    return Recount(package, [directory])


def _assert_agreement(number: int, night: list[tuple[Any, ...]], ends: list[int]) -> None:
    package, public = BOTH[number]
    ledger = MemoryLedger(package)
    play(ledger, night)
    with tempfile.TemporaryDirectory() as directory:
        counted = _auditor(ledger, public, Path(directory) / "rows.parquet")
    comparison = Comparison(public, counted)
    whole = tuple(len(records) - 1 for records in ledger.partitions)
    part = tuple(min(end, most) for end, most in zip(ends, whole, strict=True))
    for cut in (whole, part):
        blocks = _blocks(ledger, cut)
        published = _server(ledger, cut, blocks)
        assert comparison.compare(published, published.__getitem__, lambda _: None) == []
        if cut == whole:
            _assert_same_verdicts(blocks, counted)
    assert comparison.compared >= 2 * len(ledger.definition.electorates.denominators)


VERDICTS = """
    SELECT
        judged.partition, judged."offset", judged.type, judged.refusal,
        row_number() OVER (
            PARTITION BY judged.partition, judged.station, judged.contest, judged.event, judged.refusal IS NULL
            ORDER BY judged."offset"
        ) > 1 AS is_repeated,
        out_of_sequence.event IS NOT NULL,
        list_transform(form.broken, lambda each: each.rule),
        EXISTS (
            SELECT 1 FROM annulment WHERE annulment.station = form.station AND annulment.contest = form.contest
                AND (form.version <= annulment.through_version OR form.event = annulment.form)
                AND NOT EXISTS (
                    SELECT 1 FROM withdrawal WHERE withdrawal.withdrawn = annulment.event
                        AND withdrawal.station = annulment.station AND withdrawal.contest = annulment.contest
                )
        ),
        (
            SELECT arg_max(decision, review."offset") FROM review
            WHERE review.station = form.station AND review.contest = form.contest AND review.reviewed = form.event
        )
    FROM judged
    LEFT JOIN out_of_sequence USING (partition, key, event)
    LEFT JOIN form ON form.partition = judged.partition AND form."offset" = judged."offset"
"""
"""The auditor about each record: why it is refused, which rules its form breaks, and what was ordered about it."""
REASONS = {"annulled": {"N1"}, "refused": {"R1"}, "superseded": {"V3", "V4"}}
"""State of a form that does not count → the rules, one of which gives the reason."""


def _assert_same_verdicts(blocks: list[Block], counted: Recount) -> None:
    """Compare the state and the rule ids of every record. Forms that count are compared by `Comparison` before."""
    published = {
        (block.partition, row["offset"]): (row["state"], {finding["rule"] for finding in row["findings"]})
        for block in blocks
        for row in block.states
    }
    results = {
        (block.partition, row["offset"]): row["state"]
        for block in blocks
        for row in block.stations
        if row["offset"] is not None
    }
    found = counted._db.execute(VERDICTS).fetchall()
    assert published.keys() == {(partition, offset) for partition, offset, *_ in found}
    for partition, offset, kind, refusal, is_repeated, is_out_of_sequence, broken, is_annulled, decision in found:
        state, rules = published[partition, offset]
        where = (partition, offset, kind, state, rules, refusal, broken)
        if refusal is not None and not (refusal == "E7" and state == "duplicate"):
            assert (state, rules) == ("held" if refusal == "S1" else "refused", {refusal}), where
        elif is_repeated or refusal == "E7":
            assert (state, rules) == ("duplicate", set()), where
        elif kind == "finance.reported":
            assert state in {"counted", "flagged", "held", "superseded"}, where
            assert bool(rules & {"Q1", "Q2"}) == is_out_of_sequence, where
        elif kind != "result.reported":
            assert state == "applied", where
            assert rules <= {"Q1", "Q2"}, where
            assert bool(rules) == is_out_of_sequence, where
        else:
            assert rules & FORM_RULE_IDS == set(broken), where
            assert bool(rules & {"Q1", "Q2"}) == is_out_of_sequence, where
            if is_annulled:
                assert state == "annulled", where
            elif (partition, offset) in results:
                assert state == results[partition, offset], where
            else:
                assert state in {"held", "superseded"} | ({"refused"} if decision == "rejected" else set()), where
            assert state not in REASONS or rules & REASONS[state], where


cuts = st.lists(st.integers(0, 40), min_size=3, max_size=3)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(range(len(BOTH))), st.lists(acts, min_size=1, max_size=30), cuts)
def test_fold_and_recount_agree_on_any_night_at_any_cut(
    number: int, night: list[tuple[Any, ...]], ends: list[int]
) -> None:
    _assert_agreement(number, night, ends)


@settings(max_examples=30, deadline=None)
@given(st.one_of(st.lists(acts, min_size=1, max_size=30), disputes), cuts, st.integers(1, 4))
def test_fold_and_recount_agree_where_keys_have_used_up_their_events_and_numbers(
    night: list[tuple[Any, ...]], ends: list[int], most: int
) -> None:
    with (
        patch.object(station, "EVENTS_PER_KEY_MAX", most),
        patch.object(recount, "EVENTS_PER_KEY_MAX", most),
        patch.object(sequences, "NUMBERS_KEPT", most),
        patch.object(recount, "NUMBERS_KEPT", most),
    ):
        _assert_agreement(0, night, ends)


@settings(max_examples=40, deadline=None)
@given(disputes, cuts)
def test_fold_and_recount_agree_on_a_station_that_everybody_disputes(
    night: list[tuple[Any, ...]], ends: list[int]
) -> None:
    _assert_agreement(0, night, ends)
