"""Shape of the catalogue of bulk files."""

from __future__ import annotations

from typing import Literal

from schemas.served.shape import PartitionOffsets, Shape, Texts


class BulkFile(Shape):
    """One table in one format."""

    name: str
    """Name of the file."""
    url: str
    """Path of this API."""
    table: str
    """Name of the table, whose columns are in the table `columns`; or `nist-report`, a report of NIST SP 1500-100."""
    office: str | None
    """Id of the office; null for tables of the register, `-finance` for those of campaign finance."""
    level: str | None
    """Level of the rows; null for tables of the register."""
    format: str
    """Format, such as `csv`."""
    media_type: str
    """Media type (RFC 6838)."""
    schema_version: str
    """Version of the table's columns (semver), or of the standard's schema."""
    rows: int
    """Rows of the table, or vote counts of the report."""
    bytes: int
    """Size in bytes."""
    sha256: str
    """SHA-256 of the bytes, hexadecimal."""


class BulkDocument(Shape):
    """The XML Schema of a table, or a map."""

    name: str
    """Name of the file."""
    url: str
    """Path of this API."""
    media_type: str
    """Media type (RFC 6838)."""
    bytes: int
    """Size in bytes."""
    sha256: str
    """SHA-256 of the bytes, hexadecimal."""


class LeftOut(Shape):
    """A table that a format cannot hold."""

    name: str
    """Name of the file that is not there."""
    reason: str
    """Why the format cannot hold the table."""


class CutLink(Shape):
    cut: str
    """Name of the cut."""
    manifest: str
    """Path of the manifest."""


class FileCatalogue(Shape):
    """The newest cut of the bulk files. All its files are of one moment."""

    election: str
    """Id of the election."""
    title: Texts
    """Title in the languages of the package."""
    date: str
    """Day of the vote."""
    mode: Literal["rehearsal", "live"]
    """`rehearsal`, of which no number is a result, or `live`."""
    is_test: bool
    """Whether the election is a rehearsal, so that no number is a result."""
    definition: str
    """Definition hash of the election package."""
    licence: str
    """Licence under which the numbers may be used."""
    publisher: str
    """Body that publishes the results."""
    source: str | None
    """Source of the register, as the package states it; null where it states none."""
    as_of: dict[str, PartitionOffsets]
    """Office → for each ledger partition the offset of the last event that is counted in."""
    taken_at: str
    """Time when the cut was copied (RFC 3339, UTC)."""
    maps: str | None
    """Digest of the maps among the documents; null where the package has none."""
    profiles: str
    """Digest of the profiles of candidates and parties in the package."""
    status: dict[str, str]
    """Office → its ResultsStatus of NIST SP 1500-100."""
    cut: str
    """Name of the cut."""
    manifest: str
    """Path of the manifest."""
    files: list[BulkFile]
    """The files of the cut."""
    documents: list[BulkDocument]
    """Files that describe others."""
    left_out: list[LeftOut]
    """Tables that a format cannot hold."""
    cuts: list[CutLink]
    """The cuts that are there, the newest first."""
