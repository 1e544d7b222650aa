"""Files of a log: never half, never changed, and no older checkpoint over a newer one."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.files.tile_store import RewriteError, TileStore, TileStoreError


@pytest.fixture
def store(tmp_path: Path) -> TileStore:
    return TileStore(tmp_path / "log")


def test_a_file_that_is_there_stays_as_it_is(store: TileStore) -> None:
    store.keep({"tile/0/000": b"one"})
    store.keep({"tile/0/000": b"one", "tile/0/001": b"two"})
    with pytest.raises(RewriteError, match="another history"):
        store.keep({"tile/0/000": b"other"})
    assert (store.read("tile/0/000"), store.read("tile/0/001"), store.read("tile/0/002")) == (b"one", b"two", None)


def test_a_full_tile_replaces_its_partial_ones(store: TileStore, tmp_path: Path) -> None:
    store.keep({"tile/0/000.p/1": b"a", "tile/0/000.p/2": b"ab", "tile/0/000": b"abc"})
    store.drop_partial("tile/0/000")
    assert [file.name for file in (tmp_path / "log/tile/0").iterdir()] == ["000"]


def test_a_newer_file_is_not_replaced_by_an_older(store: TileStore) -> None:
    def is_later_than(size: int) -> Callable[[bytes | None], bool]:
        return lambda known: known is None or int(known) <= size

    for size, expected in ((5, b"5"), (7, b"7"), (6, b"7"), (7, b"7"), (8, b"8")):
        assert store.replace_where("checkpoint", str(size).encode(), is_later_than(size))
        assert store.read("checkpoint") == expected


def test_a_file_that_another_process_is_at_is_left_to_it(store: TileStore, tmp_path: Path) -> None:
    store.replace("checkpoint", b"1")
    with (tmp_path / "log" / ".checkpoint.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert not store.replace_where("checkpoint", b"2", lambda _: True)
        assert store.read("checkpoint") == b"1"
    assert store.replace_where("checkpoint", b"2", lambda _: True)
    assert store.read("checkpoint") == b"2"
    assert sorted(file.name for file in (tmp_path / "log").iterdir()) == [".checkpoint.lock", "checkpoint"]


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a file where a directory should be")
    with pytest.raises(TileStoreError, match="cannot be"):
        TileStore(tmp_path / "log").keep({"tile/0/000": b"one"})
