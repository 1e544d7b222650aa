"""A block as bytes: what is read is what was written, events to the byte, also of blocks as they were written before."""

from __future__ import annotations

import orjson
import pytest

from schemas.codes import OfficeId
from schemas.derived.blocks import Block, BlockRange, before, keyframe
from schemas.derived.results import Result, ResultRange
from tests.support.ledger import MemoryLedger, fold
from tests.support.small_election import reported, small_package


def _blocks() -> list[Block]:
    ledger = MemoryLedger(small_package())
    ledger.append_as("officer", reported("1.1.1-1"))
    ledger.append(0, b"no envelope")
    partition, _ = ledger.append_as("officer", reported("1.1.1-1", (1, 2, 3), version=2))
    return [block for number in {0, partition} for block in fold(ledger, number)[1]]


def _payloads(block: Block) -> list[bytes | None]:
    return [orjson.dumps(row["payload"]) if "payload" in row else None for row in block.records]


def test_what_is_read_is_what_was_written() -> None:
    for block in _blocks():
        value = block.to_bytes()
        read = Block.from_bytes(value, with_body=True)
        assert read.to_bytes() == value
        assert _payloads(read) == _payloads(block)
        assert [row["offset"] for row in read.records] == [row["offset"] for row in block.records]
        assert (read.states, read.stations) == (block.states, block.stations)
        assert Block.from_bytes(value, with_body=False) == read._replace(records=[], states=[], stations=[])


def test_a_record_that_could_not_be_read_has_no_event_and_gets_none_of_another() -> None:
    [block] = [block for block in _blocks() if block.office == "-" and len(block.records) > 1]
    genesis, unreadable = Block.from_bytes(block.to_bytes(), with_body=True).records
    assert "payload" in genesis
    assert "payload" not in unreadable


def test_a_block_of_an_older_version_has_its_events_in_its_records() -> None:
    for block in _blocks():
        head = block.to_bytes().split(b"\n")[0]
        body = orjson.dumps({"records": block.records, "states": block.states, "stations": block.stations})
        assert Block.from_bytes(head + b"\n" + body, with_body=True).to_bytes() == block.to_bytes()


def test_the_whole_body_is_json() -> None:
    for block in _blocks():
        body = orjson.loads(block.to_bytes().partition(b"\n")[2])
        assert body["stations"] == block.stations
        assert [orjson.dumps(event, option=orjson.OPT_SORT_KEYS) for event in body["events"]] == [
            payload for payload in _payloads(block) if payload is not None
        ]


def test_a_block_that_lost_an_event_is_none() -> None:
    value = _blocks()[0].to_bytes()
    for lines in (value.split(b"\n")[:-2], value.split(b"\n")[:2]):  # without its last event, and without any
        with pytest.raises(ValueError, match="shorter"):
            Block.from_bytes(b"\n".join([*lines, b"]}"]), with_body=True)


@pytest.mark.parametrize(
    ("value", "beginning"),
    [(b"head,body,body", b"head"), (b"head", b"head"), (b",body", b""), (b"h,body", b"h"), (b"", b"")],
)
def test_a_value_is_read_up_to_the_mark_or_whole_where_it_has_none(value: bytes, beginning: bytes) -> None:
    assert before(value, b",") == beginning


def test_what_decides_is_read_without_the_rest() -> None:
    for block in (*_blocks(), keyframe(OfficeId("president"), 2, 7, [("president", "1.1", [1, 2, 3])])):
        assert BlockRange.from_bytes(block.to_bytes()) == (*block[:5], None)
    result = Result("change", OfficeId("president"), (1, 2, -1), (1, 5, 6), [("president", "1", [1])], [("1", [1])], [])
    assert ResultRange.from_bytes(result.to_bytes()) == (*result[:4], None)
