"""Codes and numbers that name things, each a type of its own, so that mypy finds one passed for another.

Codes are strings even where they look like numbers: `34.02.01` and `3402010` are different areas.
"""

from __future__ import annotations

from typing import Annotated, NewType

from pydantic import Field

AreaCode = NewType("AreaCode", str)
StationCode = NewType("StationCode", str)
OfficeId = NewType("OfficeId", str)
ContestId = NewType("ContestId", str)
KeyId = NewType("KeyId", str)
EventId = NewType("EventId", str)
"""SHA-256 of an event's signed payload, 64 hexadecimal digits."""
Partition = NewType("Partition", int)
Offset = NewType("Offset", int)
"""Offset of a record in one ledger partition; also its leaf index in that partition's tree (DESIGN 5)."""

NOTHING_YET = Offset(-1)
"""The offset before the first one: `from` of a first block, and the `as_of` of a partition without events of the office."""

CODE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,63}$"
ELECTION_PATTERN = r"^[a-z0-9][a-z0-9\-]{0,47}$"
SHA256_PATTERN = r"^[0-9a-f]{64}$"
KEY_ID_PATTERN = r"^[0-9a-f]{16}$"

COUNT_MAX = 999_999_999
"""Largest number on a form. Far above any station, so that a typing error still fits and can be held and shown; and far
enough below 64 bits that the sum over all stations of a nation fits too (DOMAIN 2, Shiawassee)."""


def exactly(pattern: str) -> str:
    """The pattern for Python's `re`, where `$` would also match before a line end at the end of the text."""
    return pattern.removesuffix("$") + r"\Z"


AMOUNT_MAX = 10**14
"""Largest amount of money, in the currency's minor unit: a hundred trillion rupiah, or a trillion euros in cents. A typing
error still fits and can be held and shown, and fifty amounts add up to a number that every reader of JSON keeps exactly."""

Code = Annotated[str, Field(pattern=CODE_PATTERN)]
Sha256 = Annotated[str, Field(pattern=SHA256_PATTERN)]
Count = Annotated[int, Field(ge=0, le=COUNT_MAX, strict=True)]
Whole = Annotated[int, Field(ge=0)]
"""A number that Rekap publishes: people, ballots, votes, stations, or a position. None is ever negative or a fraction."""
PartitionNumber = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,2})$")]
"""The number of a ledger partition, where it is the name of a member."""
Amount = Annotated[int, Field(ge=0, le=AMOUNT_MAX, strict=True)]
"""Money as a whole number of the currency's minor unit, never a fraction."""
