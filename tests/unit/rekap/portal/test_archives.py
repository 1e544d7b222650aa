"""An archive that cannot be served is away with a sentence, whatever is wrong with it, and the next one is looked at."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from rekap.portal import archives as module
from rekap.portal.archives import Archives
from rekap.portal.configuration import ElectionEntry
from rekap.portal.election_state import PortalElection, State

MANIFEST: dict[str, Any] = {"election": "small", "cut": "c", "files": {"sha256": "0" * 64}}


def _election(directory: Path, manifest: object, id: str = "small") -> PortalElection:
    directory.mkdir()
    (directory / "manifest.json").write_bytes(orjson.dumps(manifest))
    return PortalElection(ElectionEntry(id, directory, None))


async def _looked(state: Path, election: PortalElection) -> PortalElection:
    await Archives([election], state, asyncio.Lock()).look(election)
    return election


@pytest.mark.parametrize(
    ("manifest", "sentence"),
    [
        ([], "is not the manifest of an archive"),
        ({"election": "small"}, "is not the manifest of an archive"),
        ({**MANIFEST, "files": {"sha256": 1}}, "is not the manifest of an archive"),
        ({**MANIFEST, "election": "another"}, "is an archive of the election 'another'"),
        (MANIFEST, "package.zip"),
    ],
)
async def test_what_is_wrong_with_an_archive_is_stated(tmp_path: Path, manifest: object, sentence: str) -> None:
    election = await _looked(tmp_path / "state", _election(tmp_path / "a", manifest))
    assert election.state is State.AWAY
    assert sentence in str(election.problem)
    assert election.app is None


async def test_a_bug_with_one_archive_makes_it_away_and_is_not_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def build(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(module, "build", build)
    election = await _looked(tmp_path / "state", _election(tmp_path / "a", MANIFEST))
    assert election.state is State.AWAY
    assert "a bug: ZeroDivisionError" in str(election.problem)


async def test_a_builder_that_is_killed_leaves_no_file_and_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUILD_SECONDS_MAX", 0.0)
    election = await _looked(tmp_path / "state", _election(tmp_path / "a", MANIFEST))
    assert "was ended by signal 9" in str(election.problem)
    assert list((tmp_path / "state/small").glob("*.sqlite")) == []
