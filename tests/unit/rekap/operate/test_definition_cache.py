"""A compiled election is read back only where it is that of the package, whole, and nobody else could have written it."""

from __future__ import annotations

from pathlib import Path

import pytest

from projections.definition.compiled import Definition
from rekap.operate import definition_cache
from rekap.operate.definition_cache import compiled
from runtime.package.reading import Check, load_package
from runtime.package.writing import write_package
from schemas.definition.package import ElectionPackage
from tests.support.small_election import small_package


@pytest.fixture(autouse=True)
def _any_is_worth_keeping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(definition_cache, "WORTH_SECONDS", 0.0)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    write_package(small_package(), tmp_path / "election")
    return tmp_path / "election"


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Packages that were read and checked."""
    read: list[Path] = []
    load = load_package

    def counting(path: Path, check: Check) -> ElectionPackage:
        read.append(path)
        return load(path, check)

    monkeypatch.setattr(definition_cache, "load_package", counting)
    return read


def _same(one: Definition, other: Definition) -> bool:
    tables = (
        (each.stations.codes, each.electorates.denominators, each.electorates.slots_of_partition)
        for each in (one, other)
    )
    return one.hash == other.hash and next(tables) == next(tables)


def test_the_second_worker_reads_what_the_first_compiled(package: Path, tmp_path: Path, loads: list[Path]) -> None:
    first, second = (compiled(package, tmp_path / "state") for _ in range(2))
    assert len(loads) == 1
    assert _same(first, second)


def test_another_package_is_compiled(package: Path, tmp_path: Path, loads: list[Path]) -> None:
    compiled(package, tmp_path / "state")
    stations = package / "stations.csv"
    stations.write_text(stations.read_text().replace("201", "299"))
    assert 299 in compiled(package, tmp_path / "state").stations.registered
    assert len(loads) == 2


def test_a_damaged_one_is_not_used(package: Path, tmp_path: Path, loads: list[Path]) -> None:
    first = compiled(package, tmp_path / "state")
    (kept,) = (tmp_path / "state").glob("*.pickle")
    content = bytearray(kept.read_bytes())
    content[-1] ^= 1
    kept.write_bytes(content)
    assert _same(first, compiled(package, tmp_path / "state"))
    assert len(loads) == 2


@pytest.mark.parametrize("writable", ["file", "directory"])
def test_one_that_others_may_write_is_not_used(package: Path, tmp_path: Path, loads: list[Path], writable: str) -> None:
    compiled(package, tmp_path / "state")
    (kept,) = (tmp_path / "state").glob("*.pickle")
    (kept if writable == "file" else kept.parent).chmod(0o777)
    compiled(package, tmp_path / "state")
    assert len(loads) == 2


def test_a_small_election_is_not_kept(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(definition_cache, "WORTH_SECONDS", 60.0)
    compiled(package, tmp_path / "state")
    assert not (tmp_path / "state").exists()
