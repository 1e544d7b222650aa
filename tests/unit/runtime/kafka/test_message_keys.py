"""Kafka keeps the newest of what is published again every few seconds, and each of what is published once."""

from __future__ import annotations

from runtime.kafka.message_keys import MessageKeys
from schemas.codes import OfficeId
from schemas.derived.blocks import Block, keyframe
from schemas.derived.results import Result

PRESIDENT, COUNCIL = OfficeId("president"), OfficeId("council")


def _keys(keys: MessageKeys, message: Block | Result) -> tuple[bytes, ...]:
    return tuple(key for key, _ in keys.messages(message))


def test_no_two_blocks_or_changes_have_one_key_also_when_published_again() -> None:
    block = Block("block", PRESIDENT, 0, -1, 3, [], [], [], [])
    change = Result("change", PRESIDENT, (-1,), (3,), [], [], [])
    keys = [
        _keys(each, message) for each in (MessageKeys(), MessageKeys()) for message in (block, block, change, change)
    ]
    assert len(set(keys)) == len(keys)


def test_keyframes_of_one_kind_have_one_key_from_any_worker() -> None:
    mine, others = MessageKeys(), MessageKeys()
    assert _keys(mine, keyframe(PRESIDENT, 1, 3, [])) == _keys(others, keyframe(PRESIDENT, 1, 9, []))
    kinds: list[Block | Result] = [
        keyframe(PRESIDENT, 1, 3, []),
        keyframe(PRESIDENT, 2, 3, []),
        keyframe(COUNCIL, 1, 3, []),
        Result("keyframe", PRESIDENT, (-1,), (3,), [], [], []),
    ]
    assert len({_keys(mine, each) for each in kinds}) == len(kinds)


def test_the_parts_of_a_keyframe_have_keys_of_their_own_and_those_of_the_keyframe_before() -> None:
    rows = [("president", f"area-{number}", [number] * 1_000) for number in range(500)]
    mine, others = _keys(MessageKeys(), keyframe(PRESIDENT, 1, 3, rows)), MessageKeys()
    assert len(set(mine)) == len(mine) > 3
    assert _keys(others, keyframe(PRESIDENT, 1, 9, rows[:-200])) == mine[: len(mine) // 2 + 1]
