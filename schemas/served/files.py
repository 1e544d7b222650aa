"""Shape of the catalogue of bulk files."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from schemas.served.snapshots import PartitionOffsets, Texts


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BulkFile(_Shape):
    """One table in one format."""

    name: str
    url: str
    table: str
    """Name of the table; its columns are in the table `columns`."""
    office: str | None
    """Null for tables of the register."""
    level: str | None
    format: str
    media_type: str
    schema_version: str
    """Version of the table's columns (semver)."""
    rows: int
    bytes: int
    sha256: str


class BulkDocument(_Shape):
    """The XML Schema of a table."""

    name: str
    url: str
    media_type: str
    bytes: int
    sha256: str


class LeftOut(_Shape):
    """A table that a format cannot hold."""

    name: str
    reason: str


class CutLink(_Shape):
    cut: str
    manifest: str


class FileCatalogue(_Shape):
    """The newest cut of the bulk files. All its files are of one moment."""

    election: str
    title: Texts
    date: str
    mode: Literal["rehearsal", "live"]
    is_test: bool
    """Whether the election is a rehearsal, so that no number is a result."""
    definition: str
    licence: str
    source: str | None
    as_of: dict[str, PartitionOffsets]
    """Office → for each ledger partition the offset of the last event that is counted in."""
    taken_at: str
    status: dict[str, str]
    """Office → its ResultsStatus of NIST SP 1500-100."""
    cut: str
    manifest: str
    files: list[BulkFile]
    documents: list[BulkDocument]
    left_out: list[LeftOut]
    cuts: list[CutLink]
    """The cuts that are there, the newest first."""
