"""What a batch makes of blocks has a bound in bytes: for a night of honest forms, and for one of the worst there can be."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from msgspec import convert

from projections.definition.compiled import Definition
from projections.fold.changes import BLOCK_BYTES_MAX
from projections.fold.records import read_record
from projections.fold.tabulation import PartitionFold
from projections.form.rules import RULES, FormJudge
from runtime.kafka.topics import MESSAGE_BYTES_MAX
from schemas.codes import COUNT_MAX
from schemas.definition.package import Choice, ChoiceKind, ElectionPackage, Party, RuleSetting, Severity
from schemas.derived.blocks import Block
from schemas.findings import FINDINGS_OF_RULE_MAX, SENTENCE_CHARACTERS_MAX
from schemas.ledger.envelope import RECORD_BYTES_MAX
from schemas.ledger.reports import Form
from tests.support.ledger import MemoryLedger
from tests.support.small_election import reported, small_package

CONTEST, STATION = "council-a", "1.1.1-1"
PARTIES = tuple(Party(id=f"P{number:02}", name=f"Party {number}") for number in range(1, 19))
ROWS = [(party.id, f"{party.id}-{row}") for party in PARTIES for row in range(13)]
RECORDS = 300


def _legislature() -> ElectionPackage:
    """The small election with 18 parties of 12 candidates for its council, and every rule of a form turned on."""
    package = small_package(
        tuple(
            RuleSetting(id=rule, severity=Severity.HARD, parameters={"fields": ["votes"]} if rule == "M1" else {})
            for rule in RULES
        )
    )
    councils = [contest.id for contest in package.contests if contest.office == "council"]
    choices = [choice for choice in package.choices if choice.contest == "president"]
    for contest in councils:
        for order, (party, row) in enumerate(ROWS):
            kind = ChoiceKind.PARTY if row.endswith("-0") else ChoiceKind.CANDIDATE
            choices.append(Choice(contest=contest, id=row, name=row, kind=kind, party=party, order=order))
    return replace(package, parties=PARTIES, choices=tuple(choices))


LEGISLATURE = _legislature()
HONEST: dict[str, Any] = {"votes": {row: 3 for _, row in ROWS}, "VA": 702, "VB": 1, "VC": 703}
SWAPPED: dict[str, Any] = {"votes": {row: COUNT_MAX for _, row in ROWS}, "VA": 1, "VB": COUNT_MAX, "VC": 2}
SWAPPED["party_totals"] = {party.id: 7 for party in PARTIES}
SWAPPED["words"] = {row: 5 for _, row in ROWS}


def _blocks(form: dict[str, Any]) -> list[Block]:
    """Blocks of one batch of forms of one station and contest, each another version."""
    ledger = MemoryLedger(LEGISLATURE)
    station = [code for code, number in ledger.definition.stations.number.items() if number < 4]
    for number in range(RECORDS):
        body = reported(station[number % len(station)], contest=CONTEST, version=1 + number // len(station))
        ledger.append_as("officer", body | {"form": form})
    partition = ledger.definition.stations.partition(0)
    fold = PartitionFold(ledger.definition, partition)
    blocks = []
    keys = _keys(ledger)
    for offset, value in enumerate(ledger.partitions[partition]):
        record = read_record(offset, value)
        fold.apply(record, record.key_id in keys)
        blocks += fold.take_full_blocks()
    return blocks + fold.take_blocks()


def _keys(ledger: MemoryLedger) -> set[str]:
    return set(ledger.definition.keys)


@pytest.mark.parametrize("form", [HONEST, SWAPPED], ids=["honest", "swapped"])
def test_a_batch_of_legislative_forms_makes_blocks_below_what_a_message_holds(form: dict[str, Any]) -> None:
    blocks = _blocks(form)
    assert {block.office for block in blocks} >= {"council"}
    assert all(
        len(block.to_bytes()) <= 4 * BLOCK_BYTES_MAX + 2 * RECORD_BYTES_MAX < MESSAGE_BYTES_MAX for block in blocks
    )
    chain = [block for block in blocks if block.office == "council"]
    assert len(chain) > 1
    assert [block.from_ for block in chain[1:]] == [block.through for block in chain[:-1]]
    assert sum(len(block.records) for block in chain) == RECORDS


def test_a_form_lists_the_first_findings_of_a_rule_and_the_number_of_the_others() -> None:
    definition = Definition.of(LEGISLATURE)
    contest = definition.ballots.contest(CONTEST)
    findings = FormJudge(definition).judge(convert(SWAPPED, Form), contest, 201)
    of_g7 = [finding.sentence_en for finding in findings if finding.rule == "G7"]
    assert of_g7[:2] == ["V[P01-0] is 999999999, more than VA = 1.", "V[P01-1] is 999999999, more than VA = 1."]
    assert of_g7[-1] == f"This form breaks the rule {234 - FINDINGS_OF_RULE_MAX} more times."
    for rule in RULES:
        assert sum(finding.rule == rule for finding in findings) <= FINDINGS_OF_RULE_MAX + 1
    assert len(json.dumps([finding.as_json() for finding in findings])) < 16 * 1024


def test_texts_of_a_record_are_cut_in_findings() -> None:
    name = "x" * 50_000
    value = b'{"envelope":{"payload":"e30K","payloadType":"t","signatures":[],"%b":1}}' % name.encode()
    record = read_record(1, value)
    assert len(record.problem) <= SENTENCE_CHARACTERS_MAX
    ledger = MemoryLedger(LEGISLATURE)
    fold = PartitionFold(ledger.definition, 0)
    fold.apply(read_record(0, ledger.partitions[0][0]), True)
    fold.apply(record, False)
    [block] = fold.take_blocks()[-1:]
    assert len(block.to_bytes()) < 8 * 1024
