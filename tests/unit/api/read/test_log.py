"""Files of a log that are not there, and files that this server cannot read, are two answers: an auditor takes the first for a
log that lacks a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import pytest

from api.problems import Problem
from api.read.log import PublicLogs
from projections.definition.compiled import Definition
from runtime.files.tile_store import TileStore
from tests.support.small_election import small_package

TILE = "tile/0/000"


class BrokenStore:
    def __init__(self, error: OSError) -> None:
        self._error = error

    def descriptor(self, path: str) -> int:
        raise self._error


def _logs(store: object) -> PublicLogs:
    return PublicLogs(Definition.of(small_package()), lambda _: cast(TileStore, store), [])


def test_a_tile_is_opened_or_is_not_in_the_log(tmp_path: Path) -> None:
    logs = _logs(TileStore(tmp_path))
    for path in (TILE, f"{TILE}/5"):
        with pytest.raises(Problem) as refused:
            logs.tile(0, path)
        assert refused.value.status == 404
    (tmp_path / "tile/0").mkdir(parents=True)
    (tmp_path / TILE).write_bytes(b"hashes")
    descriptor = logs.tile(0, TILE)
    assert os.read(descriptor, 100) == b"hashes"
    os.close(descriptor)
    with pytest.raises(Problem) as refused:
        logs.tile(0, f"{TILE}/5")
    assert refused.value.status == 404


@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), PermissionError(13, "Permission denied")])
def test_a_tile_that_cannot_be_read_is_not_answered_as_missing(
    error: OSError, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Problem) as refused:
        _logs(BrokenStore(error)).tile(0, TILE)
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (503, "10")
    assert str(error.strerror) in caplog.text
