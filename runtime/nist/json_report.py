"""Objects of NIST SP 1500-100 as JSON, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from schemas.nist.objects import TOTAL, TYPE_PREFIX, Object, Stream, VoteCounts

_BEFORE_ID = f'{{"@type":"{TYPE_PREFIX}VoteCounts","GpUnitId":"'
_BEFORE_COUNT = f'","Type":"{TOTAL}","Count":'


def json_pieces(report: Object) -> Iterator[bytes]:
    """The report. A count is written as a whole number with all its digits: JSON's numbers have no limit, whatever the float of
    a reader holds."""
    yield from _pieces(report)
    yield b"\n"


def _pieces(value: Any) -> Iterator[bytes]:
    if isinstance(value, VoteCounts):
        yield from _vote_counts(value)
    elif isinstance(value, Stream):
        separator = b"[\n"
        for each in value.objects:
            yield separator
            yield from _pieces(each)
            separator = b",\n"
        yield b"[]" if separator == b"[\n" else b"]"
    elif isinstance(value, dict) and any(isinstance(each, (Stream, VoteCounts)) for each in value.values()):
        separator = b"{"
        for name, each in value.items():
            yield separator + orjson.dumps(name) + b":"
            yield from _pieces(each)
            separator = b","
        yield b"}"
    else:
        yield orjson.dumps(value)


def _vote_counts(counts: VoteCounts) -> Iterator[bytes]:
    separator = "["
    for ids, numbers in counts.batches:
        if ids:
            yield (
                separator
                + ",".join(
                    [f"{_BEFORE_ID}{id}{_BEFORE_COUNT}{number}}}" for id, number in zip(ids, numbers, strict=True)]
                )
            ).encode()
            separator = ","
    yield b"[]" if separator == "[" else b"]"
