"""Kafka keys of blocks and results."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator

from schemas.derived.blocks import Block
from schemas.derived.results import Result


class MessageKeys:
    """Keys for the compacted topics, where Kafka keeps the newest of all messages with one key. Every change has a key that no
    other message has, even where it repeats an earlier change, because readers need each change at its offset. The parts of a
    keyframe have the keys of the parts of the keyframe before. Where the older keyframe had more parts, those that remain
    belong to no message that can be put together (projections/fold/parts.py)."""

    def __init__(self) -> None:
        own = secrets.token_hex(8)
        self._numbers = (f"{own}-{number}" for number in itertools.count())

    def messages(self, message: Block | Result) -> Iterator[tuple[bytes, bytes]]:
        """Key and value of each Kafka record in which a message is published. Raises TooManyPartsError."""
        name = next(self._numbers)
        if message.kind == "keyframe":
            partition = f"/{message.partition}" if isinstance(message, Block) else ""
            key = f"{message.office}{partition}/keyframe"
        else:
            key = name
        for number, value in enumerate(message.to_parts(name)):
            yield (f"{key}/{number}" if number else key).encode(), value

    def of_change(self) -> bytes:
        """Key of a message of changes: blocks in a bundle, or one block alone."""
        return next(self._numbers).encode()
