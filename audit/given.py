"""What the auditor was given: the package, checkpoints and receipts, read before anything is downloaded."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import orjson

from audit.count.recount import Recount
from audit.findings import AuditError, GivenError, TamperedError
from audit.sources.archive import Archive
from audit.sources.package import Package, read_package
from audit.sources.package_files import PackageError
from audit.wishes import Wishes
from proofs.notes import NoteError, parse_checkpoint, parse_note

PACKAGE = "package.zip"


def package_of(archive: Archive, given: Path | None) -> Package:
    """The package that was given, or the source's. Raises AuditError."""
    if given is None and not archive.is_live:
        folder = archive.directory / "package"
        given = folder if folder.is_dir() else archive.directory / PACKAGE
        if not given.exists():
            raise GivenError(
                f"{archive.directory} has no {PACKAGE}, so it is neither an archive of `rekap archive` nor one that an audit "
                "has kept; with --package its log files alone can be audited"
            )
    try:
        if given is not None:
            return read_package(given)
        data = archive.newest(f"v1/{PACKAGE}")
        if data is None:
            raise AuditError("the source has no election package; give one with --package")
        archive.keep(PACKAGE, data)
        return read_package(archive.directory / PACKAGE)
    except PackageError as error:
        raise (AuditError if given is None else GivenError)(f"package: {error}") from None


def read_given(wishes: Wishes, package: Package) -> None:
    """Whether checkpoints and receipts that were given can be read, and are of this election. Raises AuditError."""
    origins = {package.origin(partition) for partition in range(package.partitions)}
    for path in (*wishes.checkpoints, *wishes.since):
        try:
            origin = parse_checkpoint(parse_note(read_file(path)).text).origin
        except NoteError as error:
            raise GivenError(f"{path}: {error}") from None
        if origin not in origins:
            raise GivenError(f"{path} is a checkpoint of {origin!r}, which is not a log of this election")
    for path in wishes.receipts:
        _read_receipt(path, package)


def read_file(path: Path) -> bytes:
    """Raises GivenError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise GivenError(f"{path} cannot be read: {error.strerror}") from None


_RECEIPT = re.compile(
    r"rekap receipt v1\nelection (?P<election>.*)\nsubmission (?P<submission>.*)\npartition (?P<partition>\d+)\n"
    r"offset (?P<offset>\d+)\nleaf (?P<leaf>[0-9a-f]{64})\nreceived .*\n"
)


def _read_receipt(path: Path, package: Package) -> re.Match[str]:
    """A receipt as the gateway answered it (JSON), or its signed note alone. Raises AuditError."""
    text = read_file(path).decode(errors="replace")
    with suppress(ValueError, AttributeError):
        text = orjson.loads(text).get("signed", "")
    found = _RECEIPT.match(text)
    if found is None:
        raise GivenError(f"{path} is not a receipt of a Rekap gateway")
    if found["election"] != package.id:
        raise GivenError(f"{path} is a receipt of the election {found['election']!r}")
    return found


def check_receipt(recount: Recount, package: Package, path: Path) -> None:
    """What a gateway has signed is in the log, at its offset, with its leaf hash. Raises TamperedError, AuditError.

    Whose signature it is does not matter here: a leaf that is there needs no witness.
    """
    found = _read_receipt(path, package)
    partition, offset = int(found["partition"]), int(found["offset"])
    record = recount.leaf(partition, offset)
    if record is None or record != (found["submission"], found["leaf"]):
        what = "the log does not reach so far" if record is None else f"another record is there, with leaf {record[1]}"
        raise TamperedError(
            f"log {partition}, record {offset}", f"{path.name} promises leaf {found['leaf']}, but {what}"
        )
