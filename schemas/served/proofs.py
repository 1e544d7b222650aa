"""The shapes of what the API says of the public logs, and of the proofs it makes from their files."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LogAbout(_Answer):
    partition: int
    origin: str
    """The name of the log in its checkpoints."""
    keys: list[str]
    """Verifier keys (C2SP signed-note): its own first, then that of its clock."""
    size: int | None
    """Records under the newest checkpoint; null before the first."""
    url: str
    """Where its files are."""


class Logs(_Answer):
    logs: list[LogAbout]
    witnesses: list[str]
    """Verifier keys of those that are asked to cosign."""
    gateway_key: str
    """Verifier key of this gateway's receipts."""


_Hashes = list[Annotated[str, Field(description="base64")]]


class InclusionProof(_Answer):
    partition: int
    offset: int
    size: int
    """Of the tree that the proof leads to."""
    leaf_hash: str
    proof: _Hashes
    checkpoint: str
    """The signed note that has the root."""


class ConsistencyProof(_Answer):
    partition: int
    old: int
    new: int
    proof: _Hashes
