"""The names of things, each a type of its own so that one cannot be passed for another.

Codes are strings even where they look like numbers: `34.02.01` and `3402010` are different areas.
"""

from __future__ import annotations

from typing import Annotated, NewType

from pydantic import Field

AreaCode = NewType("AreaCode", str)
StationCode = NewType("StationCode", str)
OfficeId = NewType("OfficeId", str)
ContestId = NewType("ContestId", str)
DistrictId = NewType("DistrictId", str)
PartyId = NewType("PartyId", str)
ChoiceId = NewType("ChoiceId", str)
KeyId = NewType("KeyId", str)
EventId = NewType("EventId", str)
"""SHA-256 of an event's signed payload, 64 hexadecimal digits."""
Partition = NewType("Partition", int)
Offset = NewType("Offset", int)
"""Place of a record in one ledger partition; also its leaf index in that partition's tree (DESIGN 5)."""

NOTHING_YET = Offset(-1)
"""The offset before the first: `from` of a first block, and an `as_of` of a partition that has said nothing."""

CODE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,63}$"
ELECTION_PATTERN = r"^[a-z0-9][a-z0-9\-]{0,47}$"
SHA256_PATTERN = r"^[0-9a-f]{64}$"
KEY_ID_PATTERN = r"^[0-9a-f]{16}$"

COUNT_MAX = 999_999_999
"""Largest number a form may carry. Far above any station (a typing error must still be seen, held and shown),
far below 64 bits even when every station of a nation said it (DOMAIN 2, Shiawassee)."""


def exactly(pattern: str) -> str:
    """A pattern of the schemas for Python's `re`, whose `$` also stands before a last line end."""
    return pattern.removesuffix("$") + r"\Z"


Code = Annotated[str, Field(pattern=CODE_PATTERN)]
Sha256 = Annotated[str, Field(pattern=SHA256_PATTERN)]
Count = Annotated[int, Field(ge=0, le=COUNT_MAX, strict=True)]
