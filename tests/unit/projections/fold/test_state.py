"""The file of a fold state: as it was written or not at all. Any night: tests/properties/test_fold_state.py."""

from __future__ import annotations

import hashlib
import sys
from typing import Any

import orjson
import pytest

from projections.fold.state import DamagedStateError, StateOf, UnfitStateError, decoded, encoded
from projections.fold.tabulation import FoldState, PartitionFold
from projections.station.lives import PackedLives
from schemas.codes import OfficeId
from schemas.derived.blocks import UNATTRIBUTED
from tests.support.ledger import MemoryLedger, fold
from tests.support.small_election import reported, small_package

OF = StateOf("ab" * 32, "cd" * 32, 2)
STATE = FoldState(
    next_offset=7,
    last_leaf=b"l" * 32,
    genesis=b"g" * 32,
    through={OfficeId("president"): 6, UNATTRIBUTED: 0},
    lives=PackedLives(b"positions", [b"chunk 1", b"", b"chunk 3"], 5),
    sequences=b"sequences",
    tally_keys=b"keys",
    tally_numbers=b"numbers",
    finance=b"finance",
)


def content() -> bytes:
    return b"".join(encoded(STATE, OF))


def signed(body: bytes) -> bytes:
    return body + hashlib.sha256(body).digest()


def test_a_state_is_written_and_read_again() -> None:
    assert decoded(content(), OF) == STATE
    empty = STATE._replace(lives=PackedLives(b"", [b""], 0), through={}, sequences=b"", tally_keys=b"")
    assert decoded(b"".join(encoded(empty, OF)), OF) == empty


def test_a_file_has_a_name_a_head_the_parts_and_their_hash() -> None:
    magic, head, rest = content().split(b"\n", 2)
    assert magic == b"rekap fold state 2"
    assert orjson.loads(head) == {
        "definition": "ab" * 32,
        "rules": "cd" * 32,
        "partition": 2,
        "byte_order": sys.byteorder,
        "next_offset": 7,
        "last_leaf": "6c" * 32,
        "genesis": "67" * 32,
        "through": {"president": 6, "-": 0},
        "left_over": 5,
        "parts": [9, 9, 4, 7, 7, 7, 0, 7],
    }
    assert rest[:-32] == b"positionssequenceskeysnumbersfinancechunk 1chunk 3"
    assert rest[-32:] == hashlib.sha256(content()[:-32]).digest()


def test_the_state_of_a_fold_is_the_state_of_the_fold_that_begins_with_it() -> None:
    ledger = MemoryLedger(small_package())
    partition, _ = ledger.append_as("officer", reported("1.1.1-1", VA=99))
    state = fold(ledger, partition)[0].state()
    of = StateOf(ledger.definition.hash, "rules", partition)
    again = decoded(b"".join(encoded(state, of)), of)
    assert again == state
    assert PartitionFold.from_state(ledger.definition, partition, again).state() == state


@pytest.mark.parametrize(
    "other",
    [b"", b"rekap fold state 3\n" + content()[19:], b"x" + content()],
)
def test_another_file_is_not_a_state(other: bytes) -> None:
    with pytest.raises(UnfitStateError, match="not the state of a fold, or of another version"):
        decoded(other, OF)


def test_damaged_bytes_are_refused_because_their_hash_differs() -> None:
    with pytest.raises(DamagedStateError, match="SHA-256 differs"):
        decoded(content().replace(b"chunk 1", b"chunk 2"), OF)


def test_a_state_of_another_byte_order_is_not_used() -> None:
    other = {"little": "big", "big": "little"}[sys.byteorder]
    body = content()[:-32].replace(f'"{sys.byteorder}"'.encode(), f'"{other}"'.encode())
    with pytest.raises(UnfitStateError, match=f"it is of byte_order {other}, not {sys.byteorder}"):
        decoded(signed(body), OF)


@pytest.fixture(scope="module", name="small_state")
def small_state() -> tuple[bytes, StateOf]:
    ledger = MemoryLedger(small_package())
    for station in ("1.1.1-1", "1.1.1-2", "1.1.2-1"):
        ledger.append_as("officer", reported(station))
    partition = ledger.definition.stations.partition(ledger.definition.stations.number["1.1.1-1"])
    of = StateOf(ledger.definition.hash, "rules of this test", partition)
    return b"".join(encoded(fold(ledger, partition)[0].state(), of)), of


def test_a_state_with_one_bit_changed_is_not_used(small_state: tuple[bytes, StateOf]) -> None:
    right, of = small_state
    decoded(right, of)
    for index in range(len(right)):
        damaged = bytearray(right)
        damaged[index] ^= 1
        with pytest.raises(UnfitStateError):
            decoded(bytes(damaged), of)


def test_a_state_that_was_cut_off_is_not_used(small_state: tuple[bytes, StateOf]) -> None:
    right, of = small_state
    for length in range(len(right)):
        with pytest.raises(UnfitStateError):
            decoded(right[:length], of)


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"definition": "0" * 64}, "it is of definition"),
        ({"rules": "the next version"}, "it is of rules"),
        ({"partition": 99}, "it is of partition"),
    ],
)
def test_a_state_of_something_else_is_not_used(
    small_state: tuple[bytes, StateOf], other: dict[str, Any], sentence: str
) -> None:
    right, of = small_state
    with pytest.raises(UnfitStateError, match=sentence):
        decoded(right, of._replace(**other))
