"""An archive that cannot be served is away with a sentence, whatever is wrong with it, and the next one is looked at."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from pathlib import Path
from typing import Any

import orjson
import pytest

from projections.definition.compiled import Definition
from rekap.portal import archives as module
from rekap.portal.archived_read_model import ArchivedReadModel
from rekap.portal.archives import Archives
from rekap.portal.configuration import ElectionEntry
from rekap.portal.election_state import PortalElection, State
from rekap.portal.read_model_file import new_read_model
from runtime.package.writing import pack, write_package
from tests.support.small_election import small_package

MANIFEST: dict[str, Any] = {"election": "small", "cut": "c", "files": {"sha256": "0" * 64}}


def _election(directory: Path, manifest: object, package: bytes | None = None) -> PortalElection:
    directory.mkdir()
    (directory / "manifest.json").write_bytes(orjson.dumps(manifest))
    if package is not None:
        (directory / "package.zip").write_bytes(package)
    return PortalElection(ElectionEntry("small", directory, None))


async def _looked(state: Path, election: PortalElection) -> PortalElection:
    await Archives([election], state, asyncio.Lock()).look(election)
    return election


@pytest.fixture
def package(tmp_path: Path) -> bytes:
    write_package(small_package(), tmp_path / "package")
    return pack(tmp_path / "package")


@pytest.mark.parametrize(
    ("manifest", "sentence"),
    [
        ([], "is not the manifest of an archive"),
        ({"election": "small"}, "is not the manifest of an archive"),
        ({**MANIFEST, "files": {"sha256": 1}}, "is not the manifest of an archive"),
        ({**MANIFEST, "election": "another"}, "is an archive of the election 'another'"),
        (MANIFEST, "package.zip cannot be read: No such file"),
    ],
)
async def test_what_is_wrong_with_an_archive_is_stated(tmp_path: Path, manifest: object, sentence: str) -> None:
    election = await _looked(tmp_path / "state", _election(tmp_path / "a", manifest))
    assert election.state is State.AWAY
    assert sentence in str(election.problem)
    assert election.app is None


async def test_a_bug_with_one_archive_makes_it_away_and_is_not_raised(
    tmp_path: Path, package: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def build(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(module, "build", build)
    election = await _looked(tmp_path / "state", _election(tmp_path / "a", MANIFEST, package))
    assert election.state is State.AWAY
    assert "a bug: ZeroDivisionError" in str(election.problem)


async def test_a_builder_that_is_killed_leaves_no_file_and_a_sentence(
    tmp_path: Path, package: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUILD_SECONDS_MAX", 0.0)
    election = await _looked(tmp_path / "state", _election(tmp_path / "a", MANIFEST, package))
    assert "was ended by signal 9" in str(election.problem)
    assert list((tmp_path / "state/small").glob("*.sqlite")) == []


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What is asked of the builder, which makes read models without an event."""
    asked: list[tuple[object, ...]] = []

    async def build(what: str, *paths: Path) -> None:
        asked.append((what, *paths))
        with new_read_model(paths[2]):
            pass

    monkeypatch.setattr(module, "build", build)
    return asked


async def test_the_package_of_an_archive_is_read_once_and_served_from_the_copy(
    tmp_path: Path, package: bytes, built: list[tuple[object, ...]]
) -> None:
    archive, state = tmp_path / "a", tmp_path / "state"
    election = _election(archive, MANIFEST, package)
    archives = Archives([election], state, asyncio.Lock())
    await archives.look(election)
    assert (election.state, election.problem) == (State.SERVED, None)
    (copy,) = (state / "small").glob("*.zip")
    assert copy.read_bytes() == package
    assert built == [("archive", archive, copy, next((state / "small").glob("*.sqlite")), state)]
    archives.close()


async def test_packages_that_are_served_no_more_are_deleted(
    tmp_path: Path, package: bytes, built: list[tuple[object, ...]]
) -> None:
    election = _election(tmp_path / "a", MANIFEST, package)
    (tmp_path / "state/small").mkdir(parents=True, mode=0o700)
    (tmp_path / "state/small/before.zip").write_bytes(b"")
    archives = Archives([election], tmp_path / "state", asyncio.Lock())
    await archives.look(election)
    assert [each.read_bytes() for each in (tmp_path / "state/small").glob("*.zip")] == [package]
    archives.close()


async def test_a_package_behind_a_link_or_a_pipe_is_not_read(
    tmp_path: Path, package: bytes, built: list[tuple[object, ...]]
) -> None:
    (tmp_path / "unpublished.zip").write_bytes(package)
    linked, piped = _election(tmp_path / "a", MANIFEST), _election(tmp_path / "b", MANIFEST)
    (tmp_path / "a/package.zip").symlink_to(tmp_path / "unpublished.zip")
    os.mkfifo(tmp_path / "b/package.zip")
    for election, sentence in ((linked, "is a link, or behind one"), (piped, "is not a regular file")):
        await _looked(tmp_path / "state", election)
        assert str(election.problem).endswith(f"package.zip {sentence}")
    assert built == []


async def test_a_package_that_is_too_large_is_not_copied(
    tmp_path: Path, package: bytes, built: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ZIP_BYTES_MAX", len(package) - 1)
    election = _election(tmp_path / "a", MANIFEST, package)
    assert "has more than" in str((await _looked(tmp_path / "state", election)).problem)
    assert list((tmp_path / "state").rglob("*.zip")) == []


def test_a_read_model_that_cannot_be_opened_leaves_no_connection_open(tmp_path: Path) -> None:
    """The suite fails where one is left (tests/support/unclosed_databases.py)."""
    (tmp_path / "read.sqlite").write_bytes(b"not a read model " * 100)
    with pytest.raises(sqlite3.DatabaseError):
        ArchivedReadModel(tmp_path / "read.sqlite", Definition.of(small_package()))
