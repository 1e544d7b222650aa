"""The cut of the read model: for each office how far its results and its blocks are stored. The read model is a function of its
cut, so an answer that shows some offices changes only where the cut of these offices moves."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from itertools import count
from typing import Any, NamedTuple

import orjson

from projections.shown.published import Moment
from schemas.derived.results import Cut

Shown = tuple[str, ...] | None
"""The offices that an answer shows; None for all of them, and records without an office."""

_serials = count(1)


class ReadCut:
    """One moment of the read model, without its numbers."""

    __slots__ = ("_blocks", "_digests", "_results", "height", "serial")

    def __init__(self, results: Mapping[str, Cut], blocks: Mapping[tuple[str, int], int]) -> None:
        self._results = results
        self._blocks = blocks
        self._digests: dict[Shown, bytes] = {}
        self.height = sum(map(sum, results.values())) + sum(blocks.values()) + len(blocks)
        """Grows with each transaction of the recorder, because no offset steps back and each transaction moves one."""
        self.serial = next(_serials)
        """A number that no other cut of this process has, so that an answer need not keep the cut to know whether it was
        compared."""

    def digest(self, shown: Shown) -> bytes:
        """A digest that two cuts share where they are the same for these offices."""
        found = self._digests.get(shown)
        if found is None:
            parts = [
                [each for each in sorted(self._results.items()) if shown is None or each[0] in shown],
                [each for each in sorted(self._blocks.items()) if shown is None or each[0][0] in shown],
            ]
            found = self._digests[shown] = hashlib.blake2b(orjson.dumps(parts), digest_size=16).digest()
        return found


class AtCut(NamedTuple):
    """An answer, and the moment of the read model that it is read from."""

    answer: dict[str, Any]
    moment: Moment
    body: bytes | None = None
    """The bytes that are sent, where the answer is not JSON."""
    headers: Mapping[str, str] = {}
    """Header fields that belong to these bytes."""
