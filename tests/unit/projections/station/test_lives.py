"""The lives of a partition's stations as bytes: what is put is what is got, and the bytes stay few."""

from __future__ import annotations

import hashlib
import sys
from array import array
from dataclasses import replace
from typing import Any

import orjson
import pytest

from projections.form.across_contests import CrossFields
from projections.station import lives
from projections.station.contest import StationContest, settled
from projections.station.lives import AT_HAND_EVENTS_MAX, Life, Lives, Standing
from projections.station.submissions import Annulment, ResultState, Review, Submission
from schemas.definition.package import Severity
from schemas.findings import Finding

HARD = (Finding("F3", Severity.HARD, "salah", "wrong"),)
INFO = (Finding("F5", Severity.INFO, "kecil", "small"),)
CROSS_FOUND = (Finding("X1", Severity.SOFT, "beda", "different"),)
CROSS = CrossFields(200, 199, None, 0, 199, 198)


def form(
    offset: int,
    version: int = 1,
    numbers: tuple[int, ...] = (1, 200, 3),
    findings: tuple[Finding, ...] = (),
    cross: CrossFields | None = None,
    supersedes: bytes | None = None,
) -> Submission:
    event, digest = b"%032d" % offset, b"%016d" % offset
    return Submission(offset, event, "ab" * 8, version, digest, findings, numbers, cross, supersedes)


def life_of(*forms: Submission, cross: tuple[Finding, ...] = ()) -> Life:
    submitted = settled(list(forms))
    return Life(submitted, Standing(submitted.state, submitted.standing_form, forms[-1].offset, cross))


def stored_bytes(kept: Lives) -> int:
    return sum(map(len, kept.pack().chunks))


def stored_kind(kept: Lives, slot: int) -> str:
    """How the life in this slot is written: as an ordinary one, or as JSON."""
    packed = kept.pack()
    position = int.from_bytes(packed.positions[8 * slot : 8 * slot + 8], sys.byteorder)
    return {1: "ordinary", 2: "JSON"}[packed.chunks[position >> 32][position & 0xFFFFFFFF]]


def got_back(kept: Lives, slot: int, *, with_cross: bool = False) -> Life:
    """The life in a slot, read from the bytes."""
    life = Lives.unpack(kept.pack(), with_cross=with_cross).get(slot)
    assert life is not None
    return life


def put_and_got_back(life: Life, *, with_cross: bool = False) -> Life:
    kept = Lives(2, with_cross=with_cross)
    kept.put(1, life)
    return got_back(kept, 1, with_cross=with_cross)


def assert_same(found: Life, expected: Life) -> None:
    of_found, of_expected = found.submitted, expected.submitted
    assert of_found.submissions == of_expected.submissions
    assert of_found.reviews == of_expected.reviews
    assert list(of_found.annulments.items()) == list(of_expected.annulments.items())
    assert of_found.applied == of_expected.applied
    assert of_found.events_of_key == of_expected.events_of_key
    assert found.standing == expected.standing
    if found.standing is not None:
        assert found.standing.submission is of_found.standing_form, "the standing's form is one of the submitted forms"


# ── ordinary lives ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("largest", "bytes_of_number"),
    [(0, 1), (255, 1), (256, 2), (65_535, 2), (65_536, 8), (10**9, 8)],
)
def test_a_first_form_takes_72_bytes_and_its_numbers_in_as_few_bytes_as_they_need(
    largest: int, bytes_of_number: int
) -> None:
    kept = Lives(3, with_cross=False)
    before = stored_bytes(kept)
    first = form(7, numbers=(1, largest, 3))
    kept.put_first(1, first)
    assert stored_bytes(kept) - before == 72 + 3 * bytes_of_number
    assert_same(got_back(kept, 1), life_of(form(7, numbers=(1, largest, 3))))
    assert kept.get(0) is kept.get(2) is None


@pytest.mark.parametrize("cross", [CROSS, CrossFields(*[None] * 6), CrossFields(255, 0, 0, 0, 0, 0)])
def test_a_first_form_is_kept_with_the_fields_that_rules_across_contests_compare(cross: CrossFields) -> None:
    kept = Lives(1, with_cross=True)
    kept.put_first(0, form(7, cross=cross))
    assert_same(got_back(kept, 0, with_cross=True), life_of(form(7, cross=cross)))


def test_a_field_across_contests_counts_towards_the_largest_number() -> None:
    kept = Lives(1, with_cross=True)
    kept.put_first(0, form(7, numbers=(1, 2, 3), cross=CrossFields(0, 0, 0, 0, 0, 65_535)))
    assert got_back(kept, 0, with_cross=True).submitted.submissions[0].cross == CrossFields(0, 0, 0, 0, 0, 65_535)


def test_a_life_that_has_come_to_be_ordinary_is_packed_as_one() -> None:
    kept = Lives(1, with_cross=False)
    kept.put(0, life_of(form(7)))
    assert stored_kind(kept, 0) == "ordinary"
    assert_same(got_back(kept, 0), life_of(form(7)))


def _not_judged() -> Life:
    return Life(StationContest())


def _compared() -> Life:
    life = life_of(form(7), cross=CROSS_FOUND)
    assert life.standing is not None
    life.standing = life.standing._replace(state=ResultState.FLAGGED)
    return life


def _info_across_contests() -> Life:
    return life_of(form(7), cross=INFO)


def _changed_later() -> Life:
    life = life_of(form(7))
    assert life.standing is not None
    life.standing = life.standing._replace(through=9)
    return life


def _reviewed() -> Life:
    reviewed = form(7, findings=HARD, cross=CROSS)
    submitted = settled(
        [reviewed],
        reviews={reviewed.event_id: Review(8, True, "FORM-SEEN")},
        applied={b"r" * 32},
        events_of_key=[("cd" * 8, b"r" * 32)],
    )
    return Life(submitted, Standing(submitted.state, reviewed, 8))


def _annulled() -> Life:
    forms = [form(7), form(8, 2, supersedes=form(7).event_id)]
    submitted = settled(
        forms,
        annulments={
            b"b" * 32: Annulment(9, "court", 1, None, "PSU"),
            b"a" * 32: Annulment(10, "supervisor", 0, forms[1].event_id, "DOUBLE"),
        },
        applied={b"a" * 32, b"b" * 32},
        events_of_key=[("ef" * 8, b"a" * 32), ("ef" * 8, b"b" * 32)],
    )
    return Life(submitted, Standing(submitted.state, None, 10))


def _not_judged_yet() -> Life:
    return Life(settled([form(7)]))


def _repeated_by_another_key() -> Life:
    submitted = settled([form(7)], events_of_key=[("cd" * 8, form(7).event_id)])
    return Life(submitted, Standing(submitted.state, submitted.standing_form, 7))


@pytest.mark.parametrize(
    "life",
    [
        _not_judged,
        _not_judged_yet,
        _compared,
        _info_across_contests,
        _changed_later,
        _reviewed,
        _annulled,
        _repeated_by_another_key,
        lambda: life_of(form(7, findings=HARD)),
        lambda: life_of(form(7, findings=INFO)),
        lambda: life_of(form(7, 2)),
        lambda: life_of(form(7), form(9)),
    ],
    ids=range(12),
)
def test_any_other_life_is_kept_with_all_that_was_submitted_and_found(life: object) -> None:
    assert callable(life)
    kept = Lives(1, with_cross=False)
    kept.put(0, life())
    assert stored_kind(kept, 0) == "JSON"
    assert_same(put_and_got_back(life()), life())


# ── lives at hand ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_life_that_was_put_is_the_same_object_until_others_replace_it() -> None:
    kept = Lives(3, with_cross=False)
    life = life_of(form(7))
    kept.put(0, life)
    assert kept.get(0) is life
    kept.pack()
    assert kept.get(0) is life


def test_the_life_that_was_not_used_longest_leaves_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lives, "AT_HAND_EVENTS_MAX", 3)
    kept = Lives(4, with_cross=False)
    put = [life_of(form(offset)) for offset in range(4)]
    for slot in (0, 1, 2):
        kept.put(slot, put[slot])
    assert [kept.get(slot) is put[slot] for slot in (1, 2, 0)] == [True] * 3, "three events are not too many"
    kept.put(1, put[1])  # counts once, and is the one used last
    kept.put(3, put[3])
    assert [kept.get(slot) is put[slot] for slot in range(4)] == [True, True, False, True]
    kept.pack()
    found = kept.get(2)
    assert found is not None
    assert_same(found, put[2])


def test_a_life_with_more_events_than_are_kept_at_hand_is_still_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lives, "AT_HAND_EVENTS_MAX", 2)
    kept = Lives(2, with_cross=False)
    small, large = life_of(form(0)), life_of(*(form(offset) for offset in range(1, 5)))
    kept.put(0, small)
    kept.put(1, large)
    assert kept.get(1) is large
    assert kept.get(0) is not small


def test_a_life_that_has_grown_counts_with_all_its_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lives, "AT_HAND_EVENTS_MAX", 3)
    kept = Lives(2, with_cross=False)
    first, second = life_of(form(0)), life_of(form(1))
    kept.put(0, first)
    kept.put(1, second)
    kept.put(1, life_of(*(form(offset) for offset in range(1, 4))))
    assert kept.get(0) is not first


def test_a_life_that_was_packed_leaves_without_being_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lives, "AT_HAND_EVENTS_MAX", 1)
    kept = Lives(2, with_cross=False)
    kept.put(0, life_of(form(0)))
    kept.pack()
    kept.put(1, life_of(form(1)))
    packed = kept.pack()
    assert packed.left_over == 0
    assert len(packed.chunks[0]) == 1 + 2 * 75


def test_about_ten_megabytes_of_lives_are_at_hand() -> None:
    assert AT_HAND_EVENTS_MAX == 4_096


# ── bytes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_chunks_are_begun_when_one_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lives, "CHUNK_BYTES", 150)
    kept = Lives(5, with_cross=False)
    for slot in range(5):
        kept.put_first(slot, form(slot))
    packed = kept.pack()
    assert [len(chunk) for chunk in packed.chunks] == [1 + 2 * 75, 2 * 75, 75]
    for slot in range(5):
        assert_same(got_back(kept, slot), life_of(form(slot)))
    again = Lives.unpack(packed, with_cross=False)
    again.put(0, life_of(form(0), form(9)))
    assert_same(got_back(again, 0), life_of(form(0), form(9)))
    assert_same(got_back(again, 4), life_of(form(4)))


def test_the_bytes_that_a_changed_life_leaves_over_are_counted_and_in_the_end_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lives, "CHUNK_BYTES", 100)
    monkeypatch.setattr(lives, "LEFT_OVER_BYTES", 225)
    kept = Lives(3, with_cross=False)
    kept.put_first(0, form(0))
    kept.put_first(2, form(2))
    for number in range(1, 4):
        kept.put(2, life_of(form(2, numbers=(number, 0, 0))))
        assert kept.pack().left_over == 75 * number
    before = kept.pack()
    kept.put(2, life_of(form(2, numbers=(4, 0, 0))))
    after = kept.pack()
    assert after.left_over == 0
    assert sum(map(len, after.chunks)) == 1 + 2 * 75 < sum(map(len, before.chunks))
    assert_same(got_back(kept, 0), life_of(form(0)))
    assert_same(got_back(kept, 2), life_of(form(2, numbers=(4, 0, 0))))
    assert kept.get(1) is None


def test_left_over_bytes_are_kept_while_they_are_the_smaller_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lives, "CHUNK_BYTES", 100)
    monkeypatch.setattr(lives, "LEFT_OVER_BYTES", 0)
    kept = Lives(8, with_cross=False)
    for slot in range(8):
        kept.put_first(slot, form(slot))
    chunks = len(kept.pack().chunks)
    assert chunks == 4
    left_over = []
    for number in range(1, 5):
        kept.put(0, life_of(form(0, numbers=(number, 0, 0))))
        left_over.append(kept.pack().left_over)
    # After the fourth change there are six chunks of 100 bytes, half of which are not less than what is left over.
    assert left_over == [75, 150, 225, 300]
    kept.put(0, life_of(form(0, numbers=(5, 0, 0))))
    assert kept.pack().left_over == 0


def test_what_is_left_over_is_known_again_after_a_restart() -> None:
    kept = Lives(1, with_cross=False)
    kept.put_first(0, form(0))
    kept.put(0, life_of(form(0), form(1)))
    packed = kept.pack()
    assert packed.left_over == 75
    assert Lives.unpack(packed, with_cross=False).pack() == packed


def test_a_copy_is_made_of_more_than_16_chunks_only() -> None:
    assert (lives.CHUNK_BYTES, lives.LEFT_OVER_BYTES) == (1_048_576, 16_777_216)


# ── the digest ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_digest_is_that_of_the_lives_whatever_their_order_and_their_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = Lives(5, with_cross=False), Lives(5, with_cross=False)
    for slot in (0, 3, 4):
        one.put_first(slot, form(slot))
    monkeypatch.setattr(lives, "CHUNK_BYTES", 80)
    for slot in (4, 0):
        other.put_first(slot, form(slot))
    other.put_first(3, form(9))
    other.put(3, life_of(form(3)))
    assert one.pack() != other.pack()
    assert one.pack().digest() == other.pack().digest()


@pytest.mark.parametrize(
    ("slot", "changed"), [(0, form(0, numbers=(1, 200, 4))), (1, form(0)), (0, replace(form(0), version=2))]
)
def test_the_digest_changes_with_a_life_and_with_its_slot(slot: int, changed: Submission) -> None:
    one, other = Lives(2, with_cross=False), Lives(2, with_cross=False)
    one.put_first(0, form(0))
    other.put_first(slot, changed)
    assert one.pack().digest() != other.pack().digest()


def test_the_digest_is_of_each_slot_in_eight_bytes_and_its_life() -> None:
    kept = Lives(3, with_cross=False)
    for slot in (0, 2):
        kept.put_first(slot, form(slot))
    packed = kept.pack()
    first, second = packed.chunks[0][1:76], packed.chunks[0][76:]
    slots = [slot.to_bytes(8, "big") for slot in (0, 2)]
    assert packed.digest() == hashlib.sha256(slots[0] + first + slots[1] + second).digest()


def test_lives_at_hand_are_packed_in_the_order_of_their_slots() -> None:
    """Slots 8 and 1 are in this order in a set of small numbers."""
    kept = Lives(9, with_cross=False)
    for slot in (8, 1):
        kept.put(slot, life_of(form(slot)))
    positions = array("Q", kept.pack().positions)
    assert 0 < positions[1] < positions[8]


def test_a_full_chunk_is_not_copied_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lives, "CHUNK_BYTES", 70)
    kept = Lives(2, with_cross=False)
    for slot in range(2):
        kept.put_first(slot, form(slot))
    packed = kept.pack()
    assert packed.chunks[0] is kept.pack().chunks[0]
    assert list(array("Q", packed.positions)) == [1, 1 << 32], "the chunk's number is in the upper 32 bits"


def _json_of(life: Life) -> dict[str, Any]:
    kept = Lives(1, with_cross=False)
    kept.put(0, life)
    value: dict[str, Any] = orjson.loads(kept.pack().chunks[0][1 + 5 :])
    return value


def test_events_are_written_in_one_order_and_those_of_forms_once() -> None:
    """Sets of bytes have another order in each process."""
    events = [b"%032d" % number for number in range(100, 120)]
    submitted = settled([form(7), form(9)], applied=set(events), events_of_key=[("cd" * 8, each) for each in events])
    value = _json_of(Life(submitted))
    assert value["applied"] == [each.hex() for each in events]
    assert value["other_events_of_key"] == [["cd" * 8, each.hex()] for each in events]
    assert _json_of(life_of(form(7), form(9)))["other_events_of_key"] == []


def test_what_is_written_as_json_is_json() -> None:
    kept = Lives(1, with_cross=False)
    kept.put(0, _reviewed())
    packed = kept.pack()
    value = orjson.loads(packed.chunks[0][1 + 5 :])
    assert value["forms"][0]["findings"] == [["F3", "hard", "salah", "wrong"]]
    assert value["forms"][0]["cross"] == list(CROSS)
    assert value["standing"] == {"state": "flagged", "through": 8, "cross": []}
