"""Shape of a proof file: events of one station, or one event, with all that shows that the public logs have them.

docs/proofs.md describes the format, and has a script that checks a file without this code. Unknown fields are ignored, so that
a later version can add some; a version whose fields mean something else has another `format`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.codes import CODE_PATTERN, SHA256_PATTERN

FORMAT: Literal["rekap-proof/v1"] = "rekap-proof/v1"
RECORDS_MAX = 1_000
"""Limit for the records of a file. A station of five ballots has about ten; a key may have 100 events about one contest of a
station (rule L1), so only a station that several keys flood has more, and its events can be proved one by one."""
HASHES_MAX = 63
"""Limit for an audit path: a tree of 2^63 leaves is higher than any offset of Kafka."""
_ENTRY_CHARACTERS_MAX = 87_384
"""Length of the largest record (65,535 bytes) in base64, rounded up."""
_NOTE_CHARACTERS_MAX = 64 * 1024
_Hash = Annotated[str, Field(min_length=44, max_length=44, description="32 bytes in base64")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class ProvedRecord(_Part):
    log: Annotated[str, Field(min_length=1, max_length=256)]
    """Origin of the log, the first line of its checkpoints."""
    offset: Annotated[int, Field(ge=0, le=2**53, strict=True)]
    """Number of the record in the log, from 0."""
    event: Annotated[str, Field(pattern=SHA256_PATTERN)] | None
    """SHA-256 of the signed payload; null where the record holds no event."""
    entry: Annotated[str, Field(max_length=_ENTRY_CHARACTERS_MAX)]
    """The record's bytes, base64. Its leaf hash is the SHA-256 of a zero byte and these bytes (RFC 6962)."""
    proof: Annotated[list[_Hash], Field(max_length=HASHES_MAX)]
    """Audit path from the leaf to the root of the checkpoint (RFC 6962, 2.1.1)."""
    checkpoint: Annotated[str, Field(max_length=_NOTE_CHARACTERS_MAX)]
    """The signed note with size and root, and the cosignatures that it had (C2SP tlog-checkpoint)."""


class PackageReference(_Part):
    """Which election package gives the events their meaning."""

    definition: Annotated[str, Field(pattern=SHA256_PATTERN)]
    """Definition hash of the package. Each event of the file names it."""
    url: Annotated[str, Field(max_length=2_000)]
    """Address from which the package was served when the file was written."""


class ProofFile(_Part):
    format: Literal["rekap-proof/v1"]
    subject: Annotated[str, Field(pattern=CODE_PATTERN)]
    """What was asked for: a station or an event."""
    package: PackageReference
    log_keys: Annotated[list[Annotated[str, Field(max_length=1_000)]], Field(max_length=256)]
    """Verifier keys that the server showed, the own key of each log. A reader compares them with keys from another source."""
    records: Annotated[list[ProvedRecord], Field(min_length=1, max_length=RECORDS_MAX)]
