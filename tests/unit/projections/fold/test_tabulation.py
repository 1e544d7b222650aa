"""What the fold of one partition does with records that may not count: kept, shown with a rule, never counted."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import orjson
import pytest

from projections.fold import tabulation
from projections.fold.records import read_record
from projections.fold.sequences import Sequences
from projections.fold.standings import Standings
from projections.fold.tabulation import GenesisError, PartitionFold
from projections.station.submissions import EVENTS_PER_KEY_MAX
from proofs.signatures import sign_envelope
from rekap.station.signing import Signer
from schemas.definition.package import Role, RuleSetting, Severity
from schemas.derived.blocks import FINANCE, UNATTRIBUTED, Block
from schemas.findings import Finding
from schemas.ledger.envelope import ledger_record
from schemas.ledger.events import ACCEPTED_TYPES
from tests.support.ledger import CREATED_AT, MemoryLedger, fold, key_row, private_key
from tests.support.small_election import annulled, reported, reviewed, small_package, withdrawn

STATION = "1.1.1-1"


def _ledger() -> tuple[MemoryLedger, int]:
    ledger = MemoryLedger(small_package())
    return ledger, ledger.definition.stations.partition(ledger.definition.stations.number[STATION])


def _states(ledger: MemoryLedger, partition: int) -> dict[int, tuple[str, str, list[str]]]:
    """offset → (office, state, rules), of all but the genesis"""
    _, blocks = fold(ledger, partition)
    return {
        row["offset"]: (block.office, row["state"], [finding["rule"] for finding in row["findings"]])
        for block in blocks
        for row in block.states
        if row["offset"] > 0
    }


@pytest.mark.parametrize(
    ("key", "body", "rule"),
    [
        ("officer", reported(STATION) | {"election": "another"}, "E1"),
        ("officer", reported(STATION) | {"mode": "live"}, "E2"),
        ("officer", reported(STATION) | {"definition": "0" * 64}, "E3"),
        ("nobody", reported(STATION), "K1"),
        ("reviewer", reported(STATION), "K3"),
        ("officer", annulled(STATION, 1), "K3"),
        ("officer", reviewed(STATION, "0" * 64, "accepted"), "K3"),
        ("officer", reported(STATION, contest="mayor"), "S2"),
        ("officer", reported(STATION, contest="council-c"), "S2"),
    ],
)
def test_an_event_that_may_not_be_submitted_is_refused_with_its_rule(
    key: str, body: dict[str, object], rule: str
) -> None:
    ledger, partition = _ledger()
    frame = {name: body.pop(name) for name in ("election", "mode", "definition") if name in body}
    envelope = ledger.signed(key, body)
    if frame:
        election = ledger.definition.election
        whole: dict[str, Any] = {
            "election": election.id,
            "mode": election.mode.value,
            "definition": ledger.definition.hash,
        } | frame
        envelope = Signer(private_key(key), **whole).sign({"created_at": CREATED_AT, **body}).envelope
    ledger.append(partition, envelope)
    ((_, state, rules),) = _states(ledger, partition).values()
    assert (state, rules) == ("refused", [rule])
    _, blocks = fold(ledger, partition)
    assert not [tally for block in blocks for _, _, tally in block.areas if any(tally)]


def test_a_key_signs_for_its_scope_only() -> None:
    ledger, _ = _ledger()
    partition, offset = ledger.submit(ledger.signed("officer-1", reported("2.1.1-1")), "2.1.1-1")
    assert _states(ledger, partition)[offset] == ("president", "refused", ["K4"])


def test_a_key_whose_scope_is_one_station_reports_that_station() -> None:
    """The short way of plain reports knows scopes of areas only, and leaves this one to the checks."""
    package = small_package()
    ledger = MemoryLedger(
        replace(package, keys=(*package.keys, key_row("officer-of-one", Role.STATION_OFFICER, STATION)))
    )
    partition, offset = ledger.submit(ledger.signed("officer-of-one", reported(STATION)), STATION)
    assert _states(ledger, partition)[offset] == ("president", "counted", [])


def test_a_form_of_an_unknown_station_is_held() -> None:
    ledger, partition = _ledger()
    offset = ledger.append(partition, ledger.signed("officer", reported("9.9.9-9")))
    assert _states(ledger, partition)[offset] == ("president", "held", ["S1"])


def test_a_record_in_another_stations_partition_is_refused() -> None:
    ledger, home = _ledger()
    away = (home + 1) % ledger.definition.partitions
    offset = ledger.append(away, ledger.signed("officer", reported(STATION)))
    assert _states(ledger, away)[offset] == ("president", "refused", ["E6"])


@pytest.mark.parametrize(
    "value",
    [b"", b"\xff\xfe", b"[]", b"null", b"{}", b"[" * 100_000, b'{"envelope":{"payload":"AAAA"}}', b"9" * 5_000],
    ids=range(8),
)
def test_garbage_is_shown_unreadable_and_the_fold_continues(value: bytes) -> None:
    ledger, partition = _ledger()
    ledger.partitions[partition].append(value)
    good = ledger.append_as("officer", reported(STATION))[1]
    states = _states(ledger, partition)
    assert states[1] == (UNATTRIBUTED, "refused", ["M0"])
    assert states[good] == ("president", "counted", [])


def test_a_signature_of_another_payload_is_refused() -> None:
    ledger, partition = _ledger()
    envelope = orjson.loads(ledger.signed("officer", reported(STATION)))
    envelope["signatures"] = orjson.loads(ledger.signed("officer", reported(STATION)))["signatures"]
    offset = ledger.append(partition, orjson.dumps(envelope))
    assert _states(ledger, partition)[offset] == ("president", "refused", ["K2"])


def test_a_review_that_is_repeated_does_not_undo_another_that_came_between() -> None:
    ledger, partition = _ledger()
    held = ledger.append_as("officer", reported(STATION, VA=99))[1]
    event = read_record(held, ledger.partitions[partition][held]).event_id.hex()
    accepted = ledger.signed("reviewer", reviewed(STATION, event, "accepted"))
    ledger.append(partition, accepted)
    ledger.append_as("reviewer", reviewed(STATION, event, "rejected"))
    again = ledger.append(partition, accepted)
    assert _states(ledger, partition)[held][1] == "refused"
    assert _states(ledger, partition)[again] == ("president", "duplicate", [])


def test_a_second_genesis_is_a_duplicate_or_refused() -> None:
    ledger, partition = _ledger()
    same = ledger.partitions[partition][0]
    ledger.partitions[partition].append(same)
    other = ledger.signed("authority", {"type": "election.opened", "partitions": ledger.definition.partitions})
    ledger.append(partition, other)
    states = _states(ledger, partition)
    assert [state[1:] for state in states.values()] == [("duplicate", []), ("refused", ["E7"])]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (reported(STATION), "it is result.reported"),
        ({"type": "election.opened", "partitions": 7}, "The number of partitions is 7, expected 3"),
    ],
)
def test_a_partition_that_does_not_begin_with_the_genesis_is_another_election(
    body: dict[str, object], reason: str
) -> None:
    ledger, partition = _ledger()
    key = "authority" if body["type"] == "election.opened" else "officer"
    value = ledger_record(ledger.signed(key, body), "test", CREATED_AT)
    with pytest.raises(GenesisError, match=f"ledger partition {partition}, offset 0: expected the genesis .*{reason}"):
        PartitionFold(ledger.definition, partition).apply(read_record(0, value), signature_holds=True)


def test_kinds_of_events_for_later_have_a_shape_and_are_not_accepted_yet() -> None:
    assert "result.copied" not in ACCEPTED_TYPES
    ledger, partition = _ledger()
    copied = reported(STATION) | {"type": "result.copied"}
    offset = ledger.append(partition, ledger.signed("officer", copied))
    assert _states(ledger, partition)[offset][1:] == ("refused", ["E4"])


def _event_of(ledger: MemoryLedger, partition: int, offset: int) -> str:
    return read_record(offset, ledger.partitions[partition][offset]).event_id.hex()


def test_a_review_of_what_is_not_there_yet_is_refused_and_may_be_sent_again() -> None:
    ledger, partition = _ledger()
    form = ledger.signed("officer", reported(STATION, VA=99))
    event = read_record(0, ledger_record(form, "test", CREATED_AT)).event_id.hex()
    review = ledger.signed("reviewer", reviewed(STATION, event, "accepted"))
    early = ledger.append(partition, review)
    held = ledger.append(partition, form)
    assert _states(ledger, partition) == {
        early: ("president", "refused", ["R3"]),
        held: ("president", "held", ["F3", "F4"]),
    }
    late = ledger.append(partition, review)
    states = _states(ledger, partition)
    assert states[late] == ("president", "applied", [])
    assert states[held][1:] == ("flagged", ["F3", "F4", "R2"])


def test_an_annulment_names_what_is_there() -> None:
    ledger, partition = _ledger()
    early = ledger.append_as("supervisor", annulled(STATION, 1))[1]
    first = ledger.append_as("officer", reported(STATION))[1]
    far = ledger.append_as("officer", reported(STATION, (1, 2, 3), version=10_000))[1]
    beyond = ledger.append_as("supervisor", annulled(STATION, 10_000))[1]
    one = annulled(STATION, 1) | {"event": "0" * 64}
    del one["through_version"]
    nobodys = ledger.append_as("supervisor", one)[1]
    states = _states(ledger, partition)
    for offset in (early, beyond, nobodys):
        assert states[offset] == ("president", "refused", ["N2"])
    one["event"] = _event_of(ledger, partition, far)
    applied = ledger.append_as("supervisor", one)[1]
    states = _states(ledger, partition)
    assert states[applied][1] == "applied"
    assert states[far][1:] == ("annulled", ["N1"])
    assert states[first][1:] == ("counted", [])


def test_an_annulment_is_withdrawn_once_by_the_role_that_ordered_it() -> None:
    ledger, partition = _ledger()
    form = ledger.append_as("officer", reported(STATION))[1]
    order = ledger.append_as("supervisor", annulled(STATION, 1))[1]
    assert _states(ledger, partition)[form][1] == "annulled"
    body = withdrawn(STATION, _event_of(ledger, partition, order))
    courts, first, second = (ledger.append_as(key, body)[1] for key in ("court", "supervisor", "supervisor"))
    states = _states(ledger, partition)
    assert [states[offset][1:] for offset in (courts, first, second)] == [
        ("refused", ["N3"]),
        ("applied", []),
        ("refused", ["N3"]),
    ]
    assert states[form][1:] == ("counted", [])


@pytest.mark.parametrize("first", [{}, {"VA": 99}], ids=["a right form first", "a wrong form first"])
def test_a_flood_of_one_key_leaves_room_for_another_and_for_the_supervisor(first: dict[str, Any]) -> None:
    ledger, partition = _ledger()
    flood = [ledger.append_as("officer", reported(STATION, (0, 1, 1), **first))[1]]
    flood += [
        ledger.append_as("officer", reported(STATION, (n, 1, 1), version=1 + n))[1]
        for n in range(1, EVENTS_PER_KEY_MAX + 5)
    ]
    states = _states(ledger, partition)
    assert [states[offset][1:] for offset in flood[-5:]] == [("refused", ["L1"])] * 5
    right = ledger.append_as("officer-1", reported(STATION, (9, 9, 9), version=EVENTS_PER_KEY_MAX + 1))[1]
    assert _states(ledger, partition)[right][1] == "flagged", "it corrects a form that was refused"
    order = ledger.append_as("supervisor", annulled(STATION, EVENTS_PER_KEY_MAX))[1]
    states = _states(ledger, partition)
    assert states[order][1] == "applied"
    assert {states[offset][1] for offset in flood[:-5]} == {"annulled"}
    assert states[right][1] == "flagged"


def test_refused_events_are_among_those_of_their_key() -> None:
    ledger, partition = _ledger()
    ledger.append_as("officer", reported(STATION))
    reviews = [
        ledger.append_as("reviewer", reviewed(STATION, f"{number:064}", "accepted"))[1]
        for number in range(EVENTS_PER_KEY_MAX + 1)
    ]
    states = _states(ledger, partition)
    assert [states[offset][2] for offset in reviews] == [["R3"]] * EVENTS_PER_KEY_MAX + [["L1"]]


def test_a_form_that_another_key_signed_again_is_among_the_events_of_that_key() -> None:
    ledger, partition = _ledger()
    envelope = ledger.signed("officer", reported(STATION))
    ledger.append(partition, envelope)
    payload = base64.b64decode(orjson.loads(envelope)["payload"])
    again = ledger.append(partition, sign_envelope(private_key("officer-1"), payload))
    forms = [
        ledger.append_as("officer-1", reported(STATION, (n, 1, 1), version=2 + n))[1] for n in range(EVENTS_PER_KEY_MAX)
    ]
    states = _states(ledger, partition)
    assert states[again] == ("president", "duplicate", [])
    assert states[forms[-1]][1:] == ("refused", ["L1"])
    assert states[forms[-2]][1] != "refused"


def test_a_second_form_of_the_first_version_does_not_replace_the_first() -> None:
    ledger, partition = _ledger()
    first = ledger.append_as("officer", reported(STATION))[1]
    second = ledger.append_as("officer", reported(STATION, (1, 2, 3)))[1]
    assert _states(ledger, partition) == {
        first: ("president", "flagged", ["V1"]),
        second: ("president", "held", ["V1"]),
    }


# ── numbers of a key's events ────────────────────────────────────────────────────────────────────────────────────────


def _append_with_number(ledger: MemoryLedger, name: str, seq: int, body: dict[str, Any]) -> int:
    ledger.signed(name, body)  # makes the signer
    ledger.signers[name].continue_from(seq, None)
    return ledger.append_as(name, body)[1]


def test_a_number_that_is_used_twice_is_found_of_the_second_event_alone() -> None:
    ledger, partition = _ledger()
    form, again, other = (
        _append_with_number(ledger, "officer", seq, reported(station))
        for seq, station in ((5, STATION), (5, "1.1.1-2"), (9, "1.1.2-1"))
    )
    states = _states(ledger, partition)
    assert [states[offset][1:] for offset in (form, again, other)] == [
        ("counted", []),
        ("flagged", ["Q1"]),
        ("counted", []),
    ]


def test_a_number_that_is_used_twice_is_found_of_reviews_too() -> None:
    ledger, partition = _ledger()
    held = ledger.append_as("officer", reported(STATION, VA=99))[1]
    event = _event_of(ledger, partition, held)
    for decision, rules in (("accepted", []), ("rejected", ["Q1"])):
        offset = _append_with_number(ledger, "reviewer", 3, reviewed(STATION, event, decision))
        assert _states(ledger, partition)[offset] == ("president", "applied", rules)


def test_a_refused_event_has_used_its_number_where_its_key_signed_it() -> None:
    ledger, partition = _ledger()
    refused = _append_with_number(ledger, "officer", 5, reported(STATION, contest="mayor"))
    form = _append_with_number(ledger, "officer", 5, reported(STATION))
    states = _states(ledger, partition)
    assert (states[refused][2], states[form][2]) == (["S2"], ["Q1"])


def test_an_event_that_nobody_knows_who_signed_uses_no_number() -> None:
    """Otherwise anyone could flag the next form of an officer."""
    ledger, partition = _ledger()
    form = orjson.loads(ledger.signed("officer", reported(STATION)))
    forged = orjson.loads(ledger.signed("officer", reported(STATION, (1, 2, 3))))
    other = orjson.loads(ledger.signed("nobody", reported(STATION)))
    ledger.signers["officer"].continue_from(1, None)
    right = ledger.signed("officer", reported(STATION, (4, 5, 6)))
    forged["signatures"][0]["sig"] = form["signatures"][0]["sig"]
    first, second = (ledger.append(partition, orjson.dumps(each)) for each in (forged, other))
    third = ledger.append(partition, right)
    states = _states(ledger, partition)
    assert [states[offset][2] for offset in (first, second, third)] == [["K2"], ["K1"], []]


def test_the_number_of_a_genesis_is_not_noted_because_each_partition_has_the_genesis() -> None:
    ledger, partition = _ledger()
    assert fold(ledger, partition)[0].state().sequences == b""


class _NoNumbers(Sequences):
    def note(self, key: str, seq: int, event_id: bytes, prev: bytes | None) -> tuple[Finding, ...]:
        return ()


def test_a_caller_may_bring_what_finds_wrong_numbers() -> None:
    ledger, partition = _ledger()
    for station in (STATION, "1.1.1-2"):
        _append_with_number(ledger, "officer", 5, reported(station))
    state = _applied(PartitionFold(ledger.definition, partition, _NoNumbers()), ledger)
    assert [row["findings"] for block in state.take_blocks() for row in block.states if row["offset"]] == [[], []]


# ── repetitions, and contests beside each other ──────────────────────────────────────────────────────────────────────


def test_a_first_form_of_a_higher_version_or_that_corrects_another_is_judged_with_those_that_are_missing() -> None:
    ledger, partition = _ledger()
    second = ledger.append(partition, ledger.signed("officer", reported(STATION, version=2)))
    corrects = reported("1.1.1-2") | {"supersedes": "ab" * 32}
    nothing = ledger.append(partition, ledger.signed("officer", corrects))
    assert _states(ledger, partition) == {
        second: ("president", "flagged", ["V5", "V6"]),
        nothing: ("president", "flagged", ["V6"]),
    }
    again = ledger.append(partition, ledger.signed("officer", reported(STATION, version=2)))
    assert _states(ledger, partition)[again] == ("president", "superseded", ["V3"])


def test_each_kind_of_event_that_comes_again_is_a_duplicate() -> None:
    ledger, partition = _ledger()
    held = ledger.append_as("officer", reported(STATION, VA=99))[1]
    review = ledger.append_as("reviewer", reviewed(STATION, _event_of(ledger, partition, held), "accepted"))[1]
    order = ledger.append_as("supervisor", annulled(STATION, 1))[1]
    withdrawal = ledger.append_as("supervisor", withdrawn(STATION, _event_of(ledger, partition, order)))[1]
    before = _states(ledger, partition)
    ledger.partitions[partition] += [
        ledger.partitions[partition][offset] for offset in (held, review, order, withdrawal)
    ]
    after = _states(ledger, partition)
    assert {offset: state for offset, state in after.items() if offset > withdrawal} == {
        withdrawal + number: ("president", "duplicate", []) for number in range(1, 5)
    }
    assert {offset: state for offset, state in after.items() if offset <= withdrawal} == before


def test_a_held_form_that_was_superseded_is_not_compared_with_other_contests() -> None:
    rules = (RuleSetting(id="F3", severity=Severity.HARD), RuleSetting(id="X1", severity=Severity.SOFT))
    ledger = MemoryLedger(small_package(rules))
    wrong = {"votes": {"01": 1}, "VA": 9}
    ledger.append_as("officer", reported(STATION, contest="council-a") | {"form": {"votes": {}, "A": {"J": 5}}})
    partition, first = ledger.append_as("officer", reported(STATION) | {"form": wrong | {"A": {"J": 6}}})
    assert _states(ledger, partition)[first] == ("president", "held", ["F3", "X1"])
    _, second = ledger.append_as("officer", reported(STATION) | {"version": 2, "form": wrong | {"A": {"J": 5}}})
    states = _states(ledger, partition)
    assert states[first] == ("president", "held", ["F3"])
    assert states[second] == ("president", "held", ["F3"])


def test_an_annulled_form_is_not_compared_with_other_contests_any_more() -> None:
    ledger = MemoryLedger(small_package((RuleSetting(id="X1", severity=Severity.SOFT),)))
    council = reported(STATION, contest="council-a") | {"form": {"votes": {}, "A": {"J": 5}}}
    partition, other = ledger.append_as("officer", council)
    ledger.append_as("officer", reported(STATION) | {"form": {"votes": {}, "A": {"J": 6}}})
    assert _states(ledger, partition)[other] == ("council", "flagged", ["X1"])
    ledger.append_as("supervisor", annulled(STATION, 1))
    assert _states(ledger, partition)[other] == ("council", "counted", [])


def test_without_rules_across_contests_a_form_is_kept_without_what_they_compare() -> None:
    ledger, partition = _ledger()
    ledger.append_as("officer", reported(STATION, VA=99))
    assert b'"cross":null' in fold(ledger, partition)[0].state().lives.chunks[0]


# ── blocks, silence and states ───────────────────────────────────────────────────────────────────────────────────────


def _applied(state: PartitionFold, ledger: MemoryLedger, *, before: int | None = None) -> PartitionFold:
    """The fold after the records from its next offset, up to that before `before`."""
    for offset in range(state.next_offset, before or len(ledger.partitions[state.partition])):
        state.apply(read_record(offset, ledger.partitions[state.partition][offset]), signature_holds=True)
    return state


def _bytes(blocks: list[Block]) -> list[bytes]:
    return [block.to_bytes() for block in blocks]


def test_a_record_out_of_order_is_a_bug() -> None:
    ledger, partition = _ledger()
    record = read_record(1, ledger.partitions[partition][0])
    with pytest.raises(AssertionError, match=f"partition {partition}: expected offset 0, got 1"):
        PartitionFold(ledger.definition, partition).apply(record, signature_holds=True)


def test_a_genesis_touches_every_office_and_is_shown_with_those_of_none() -> None:
    ledger, partition = _ledger()
    _, blocks = fold(ledger, partition)
    assert [(block.office, block.from_, block.through) for block in blocks] == [
        ("president", -1, 0),
        ("council", -1, 0),
        (UNATTRIBUTED, -1, 0),
    ]
    assert [row["state"] for block in blocks for row in block.states] == ["applied"]


def test_a_fold_continues_from_its_state_as_if_it_had_never_stopped() -> None:
    ledger, partition = _ledger()
    ledger.append_as("officer", reported(STATION, VA=99))
    straight = _applied(PartitionFold(ledger.definition, partition), ledger)
    straight.take_blocks()
    state = straight.state()
    assert (state.next_offset, state.through) == (2, {"president": 1, "council": 0, UNATTRIBUTED: 0, FINANCE: -1})
    assert state.genesis == read_record(0, ledger.partitions[partition][0]).event_id
    assert state.last_leaf == read_record(1, ledger.partitions[partition][1]).leaf
    again = PartitionFold.from_state(ledger.definition, partition, state)
    assert again.state() == state
    ledger.append_as("officer", reported(STATION, version=2))
    ledger.append(partition, ledger.partitions[partition][0])
    for each in (straight, again):
        _applied(each, ledger)
    assert _bytes(again.take_blocks()) == _bytes(straight.take_blocks())
    assert again.keyframes() == straight.keyframes()
    assert again.state() == straight.state()


def test_a_state_before_the_genesis_or_amid_changes_is_a_bug() -> None:
    ledger, partition = _ledger()
    state = PartitionFold(ledger.definition, partition)
    with pytest.raises(AssertionError, match="before the genesis"):
        state.state()
    _applied(state, ledger)
    with pytest.raises(AssertionError, match="take the blocks before"):
        state.state()


def test_what_was_published_before_a_restart_is_folded_and_not_published_again() -> None:
    ledger, partition = _ledger()
    ledger.append_as("officer", reported(STATION))
    ledger.append_as("officer", reported(STATION, (1, 2, 3), version=2))
    loud, silent = (PartitionFold(ledger.definition, partition) for _ in range(2))
    silent.is_silent = True
    _applied(loud, ledger, before=2)
    loud.take_blocks()
    _applied(silent, ledger, before=2)
    silent.forget_changes()
    assert silent.is_silent
    silent.is_silent = False
    assert silent.take_blocks() == []
    for each in (loud, silent):
        _applied(each, ledger)
    assert _bytes(silent.take_blocks()) == _bytes(loud.take_blocks()) != []
    assert silent.state() == loud.state()


def test_a_silent_fold_makes_no_rows() -> None:
    ledger, partition = _ledger()
    ledger.append_as("officer", reported(STATION))
    ledger.append_as("officer", reported(STATION, VA=99, version=2))
    silent = PartitionFold(ledger.definition, partition)
    silent.is_silent = True
    blocks = _applied(silent, ledger).take_blocks()
    assert [block.office for block in blocks] == ["president", "council", UNATTRIBUTED]
    assert [row for block in blocks for rows in (block.records, block.states, block.stations) for row in rows] == []


def test_a_plain_report_is_folded_by_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither through the checks of admission one by one, nor through the verdicts on all forms of its station."""
    ledger, partition = _ledger()
    state = _applied(PartitionFold(ledger.definition, partition), ledger)
    ledger.append_as("officer", reported(STATION))

    def long_way(*_: object, **__: object) -> None:
        pytest.fail("the long way")

    monkeypatch.setattr(tabulation, "refusal_of", long_way)
    monkeypatch.setattr(Standings, "settled", long_way)
    blocks = _applied(state, ledger).take_blocks()
    assert [(row["offset"], row["state"]) for block in blocks for row in block.states][-1:] == [(0, "applied")]
    assert [(row["offset"], row["state"]) for block in blocks for row in block.stations] == [(1, "counted")]


def test_the_block_of_an_office_is_taken_when_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, partition = _ledger()
    state = _applied(PartitionFold(ledger.definition, partition), ledger)
    state.take_blocks()
    ledger.append_as("officer", reported(STATION))
    _applied(state, ledger)
    assert state.take_full_blocks() == []
    monkeypatch.setattr("projections.fold.outgoing.BLOCK_BYTES_MAX", 100)
    assert [(block.office, block.through) for block in state.take_full_blocks()] == [("president", 1)]
    assert state.take_blocks() == []


def test_each_office_has_a_keyframe() -> None:
    ledger, partition = _ledger()
    ledger.append_as("officer", reported(STATION))
    state, _ = fold(ledger, partition)
    assert [(frame.office, frame.through, len(frame.areas)) for frame in state.keyframes()] == [
        ("president", 1, 1),
        ("council", 0, 0),
    ]
    assert state.keyframe(state.definition.ballots.offices[0].id) == state.keyframes()[0]
