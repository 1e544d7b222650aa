"""Checking the records of logs: what an interrupted audit has checked is not checked again, and is not believed of another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from audit.findings import TamperedError
from audit.logs import records
from audit.logs.heads import Head
from audit.logs.records import check_logs
from audit.sources.archive import Archive
from audit.sources.package import Package, read_package
from proofs.growing_log import GrowingLog
from proofs.tiles import TILE_WIDTH, entries_path
from runtime.package.writing import write_package
from tests.support.small_election import small_package

SIZE = 3 * TILE_WIDTH + 5


@pytest.fixture
def package(tmp_path: Path) -> Package:
    write_package(small_package(), tmp_path / "package")
    return read_package(tmp_path / "package")


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive", None)


def _head(archive: Archive, size: int = SIZE) -> Head:
    """A log of `size` records, none of which is an event."""
    log = GrowingLog()
    for number in range(size):
        log.append(b"record %d" % number)
    for path, data in (log.take_full() | log.partial()).items():
        archive.keep(f"log/0/{path}", data)
    return Head(0, "rekap/rehearsal/small/0", size, log.root(), {})


def _interrupt(archive: Archive, work: Path, package: Package, head: Head, monkeypatch: pytest.MonkeyPatch) -> None:
    """An audit that is stopped when the first bundle is checked."""
    monkeypatch.setattr(records, "BUNDLES_OF_CHUNK", 1)

    def stop(checked: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_logs(archive, work, package, [head], stop)
    assert list(work.glob("checked/0/*.mark"))


def test_an_audit_that_was_interrupted_continues_with_its_checks(
    archive: Archive, tmp_path: Path, package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = _head(archive)
    _interrupt(archive, tmp_path, package, head, monkeypatch)
    marked = sorted(int(file.name[:12]) for file in tmp_path.glob("checked/0/*.mark"))
    for first in marked:  # a bundle that was read again would now be wrong
        (archive.directory / "log/0" / entries_path(first // TILE_WIDTH)).write_bytes(b"")
    seen: list[int] = []
    rows = check_logs(archive, tmp_path, package, [head], seen.append)
    assert rows is not None
    assert (len(rows), sum(seen)) == (4, SIZE)
    assert not list(tmp_path.glob("checked/0/*.mark"))


def test_a_mark_of_another_definition_is_not_believed(
    archive: Archive, tmp_path: Path, package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = _head(archive)
    _interrupt(archive, tmp_path, package, head, monkeypatch)
    (archive.directory / "log/0" / entries_path(0)).write_bytes(b"")
    with pytest.raises(TamperedError, match="the tile has 256 hashes for 0 records"):
        check_logs(archive, tmp_path, replace(package, definition="0" * 64), [head], lambda checked: None)


def test_hashes_of_a_mark_must_give_the_root(
    archive: Archive, tmp_path: Path, package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = _head(archive)
    _interrupt(archive, tmp_path, package, head, monkeypatch)
    with pytest.raises(TamperedError, match="but the checkpoint signs"):
        check_logs(archive, tmp_path, package, [replace(head, root=bytes(32))], lambda checked: None)


def test_a_log_that_has_grown_is_checked_from_where_the_last_audit_ended(
    archive: Archive, tmp_path: Path, package: Package
) -> None:
    check_logs(archive, tmp_path, package, [_head(archive, TILE_WIDTH + 7)], lambda checked: None)
    seen: list[int] = []
    rows = check_logs(archive, tmp_path, package, [_head(archive)], seen.append)
    assert rows is not None
    assert (len(rows), sum(seen)) == (2, SIZE - TILE_WIDTH - 7)
