"""Shapes of the API's answers about the public logs, and of the proofs that it makes from their files."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.served.shape import Shape


class LogAbout(Shape):
    partition: int
    """Ledger partition."""
    origin: str
    """Name of the log in its checkpoints."""
    keys: list[str]
    """Verifier keys (C2SP signed-note), first the log's own, then that of its clock."""
    size: int | None
    """Number of records under the newest checkpoint; null before the first checkpoint."""
    url: str
    """Address of the log's files."""


class Logs(Shape):
    logs: list[LogAbout]
    """One log for each ledger partition."""
    witnesses: list[str]
    """Verifier keys of the witnesses that are asked to cosign."""


_Hashes = list[Annotated[str, Field(description="base64")]]


class InclusionProof(Shape):
    partition: int
    """Ledger partition."""
    offset: int
    """Offset of the record, which is the index of its leaf."""
    size: int
    """Size of the tree that the proof leads to."""
    leaf_hash: str
    """RFC 6962 leaf hash of the record, hexadecimal."""
    proof: _Hashes
    """Hashes of the proof (RFC 6962, 2.1)."""
    checkpoint: str
    """The signed note with the root."""


class ConsistencyProof(Shape):
    partition: int
    """Ledger partition."""
    old: int
    """Size of the smaller tree."""
    new: int
    """Size of the larger tree."""
    proof: _Hashes
    """Hashes of the proof (RFC 6962, 2.1)."""
