"""The package that is served is the one that the count is of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from api.problems import Problem
from api.read.package import PackageFile
from projections.checks.package_checks import problems
from runtime.package.reading import load_package
from runtime.package.writing import write_package
from runtime.settings import Settings
from tests.support.small_election import small_package


async def test_a_package_that_was_edited_after_the_start_is_not_served_until_it_is_put_back(tmp_path: Path) -> None:
    package = small_package()
    write_package(package, tmp_path)
    files = PackageFile(replace(Settings(), package=tmp_path))
    stations = tmp_path / "stations.csv"
    before = stations.read_bytes()
    stations.write_bytes(before.replace(b"TPS 1", b"TPS 9", 1))
    with pytest.raises(Problem) as refused:
        await files.get()
    assert refused.value.status == 503
    assert "is not the one that the count is of" in refused.value.body["detail"]
    stations.write_bytes(before)
    data, etag = await files.get()
    (tmp_path / "served.zip").write_bytes(data)
    assert load_package(tmp_path / "served.zip", problems).definition_hash() == package.definition_hash()
    stations.unlink()
    assert await files.get() == (data, etag), "what was packed is kept"
