"""What is remembered is only what was checked: of the same bytes, with the same keys and code."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs.checked_signatures import GROUP, CheckedSignatures

LEAVES = [hashlib.sha256(str(number).encode()).digest() for number in range(10 * GROUP)]
OF = "these keys and this code"


def _seen(count: int, holds: Sequence[bool] | None = None) -> CheckedSignatures:
    checked = CheckedSignatures(OF)
    checked.note(0, LEAVES[:count], [True] * count if holds is None else holds)
    return checked


@given(
    count=st.integers(0, len(LEAVES)),
    cuts=st.lists(st.integers(1, len(LEAVES) - 1)),
    first=st.integers(0, len(LEAVES)),
    size=st.integers(0, len(LEAVES)),
    broken=st.sets(st.integers(0, len(LEAVES) - 1), max_size=5),
)
def test_however_batches_are_cut_whole_groups_are_remembered(
    count: int, cuts: list[int], first: int, size: int, broken: set[int]
) -> None:
    checked = CheckedSignatures(OF)
    holds = [number not in broken for number in range(count)]
    edges = sorted({0, count, *(cut for cut in cuts if cut < count)})
    for start, end in pairwise(edges):
        checked.note(start, LEAVES[start:end], holds[start:end])
    again = CheckedSignatures.from_bytes(checked.to_bytes(), OF)
    leaves = LEAVES[first : first + size]
    expected = []
    for offset in range(first, first + len(leaves)):
        group = offset // GROUP * GROUP
        is_whole = first <= group and group + GROUP <= min(count, first + len(leaves))
        expected.append(is_whole and holds[offset])
    assert again.hold(first, leaves) == expected


def test_a_group_with_another_record_is_not_remembered() -> None:
    checked = _seen(2 * GROUP)
    other = [*LEAVES[: GROUP + 3], bytes(32), *LEAVES[GROUP + 4 : 2 * GROUP]]
    assert checked.hold(0, other) == [True] * GROUP + [False] * GROUP
    swapped = [LEAVES[1], LEAVES[0], *LEAVES[2:GROUP]]
    assert not any(checked.hold(0, swapped))
    assert not any(checked.hold(GROUP, LEAVES[:GROUP]))


def test_records_that_were_seen_elsewhere_fill_no_group() -> None:
    checked = CheckedSignatures(OF)
    checked.note(5, LEAVES[5:GROUP], [True] * (GROUP - 5))
    assert not any(checked.hold(0, LEAVES[:GROUP]))
    checked.note(0, LEAVES[:10], [True] * 10)
    checked.note(20, LEAVES[20:GROUP], [True] * (GROUP - 20))
    assert not any(checked.hold(0, LEAVES[:GROUP]))
    checked.note(10, LEAVES[10:GROUP], [True] * (GROUP - 10))
    assert all(checked.hold(0, LEAVES[:GROUP]))


@pytest.mark.parametrize(("first", "end"), [(0, GROUP - 1), (1, GROUP), (GROUP - 1, GROUP), (1, 2 * GROUP - 1)])
def test_a_group_that_was_not_seen_as_a_whole_leaves_no_trace(first: int, end: int) -> None:
    checked = CheckedSignatures(OF)
    checked.note(first, LEAVES[first:end], [True] * (end - first))
    assert checked.to_bytes() == CheckedSignatures(OF).to_bytes()


def test_the_groups_before_the_first_that_was_seen_are_zeros() -> None:
    checked = CheckedSignatures(OF)
    checked.note(2 * GROUP, LEAVES[2 * GROUP : 3 * GROUP], [True] * 31 + [False])
    digest = hashlib.sha256(b"\x7f\xff\xff\xff" + b"".join(LEAVES[2 * GROUP : 3 * GROUP])).digest()
    head = b'rekap checked signatures 1\n{"of":"these keys and this code"}\n'
    assert checked.to_bytes() == head + bytes(2 * 36) + b"\x7f\xff\xff\xff" + digest
    assert checked.hold(0, LEAVES[: 3 * GROUP]) == [False] * (2 * GROUP) + [True] * 31 + [False]


def test_other_keys_or_code_remember_nothing() -> None:
    content = _seen(GROUP).to_bytes()
    assert all(CheckedSignatures.from_bytes(content, OF).hold(0, LEAVES[:GROUP]))
    for other in ("other keys", OF.replace("this", "that")):
        assert not any(CheckedSignatures.from_bytes(content, other).hold(0, LEAVES[:GROUP]))
    assert not any(CheckedSignatures.from_bytes(b"", OF).hold(0, LEAVES[:GROUP]))


@given(where=st.integers(0), bit=st.integers(0, 7), cut=st.integers(0))
def test_a_damaged_file_never_has_a_signature_that_does_not_hold(where: int, bit: int, cut: int) -> None:
    holds = [number % 3 > 0 for number in range(3 * GROUP)]
    content = bytearray(_seen(3 * GROUP, holds).to_bytes())
    content[where % len(content)] ^= 1 << bit
    del content[len(content) - cut % 40 :]
    remembered = CheckedSignatures.from_bytes(bytes(content), OF).hold(0, LEAVES[: 3 * GROUP])
    assert all(held for held, known in zip(holds, remembered, strict=True) if known)


@pytest.mark.parametrize("group", range(3))
def test_a_group_that_is_seen_again_replaces_what_was_kept_of_it(group: int) -> None:
    checked, first, end = _seen(3 * GROUP), group * GROUP, (group + 1) * GROUP
    checked.note(first, LEAVES[first:end], [False] * GROUP)
    assert checked.hold(0, LEAVES[: 3 * GROUP]) == [not first <= offset < end for offset in range(3 * GROUP)]
    checked.note(first, LEAVES[first:end], [True] * GROUP)
    assert checked.to_bytes() == _seen(3 * GROUP).to_bytes()
