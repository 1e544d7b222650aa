"""House rules that no linter has."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = PROJECT["tool"]["setuptools"]["packages"]
FOLDERS_WITHOUT_PACKAGES = {"tests", "bench", "docs", "build"}
PURE = [file for package in ("schemas", "projections", "proofs") for file in (ROOT / package).rglob("*.py")]


def test_every_folder_with_code_is_shipped_typed_and_linted() -> None:
    found = {
        ".".join(file.parent.relative_to(ROOT).parts)
        for file in ROOT.rglob("__init__.py")
        if file.relative_to(ROOT).parts[0] not in FOLDERS_WITHOUT_PACKAGES and ".venv" not in file.parts
    }
    assert found == set(PACKAGES), "name each package in pyproject.toml, tool.setuptools.packages"
    roots = {package.split(".")[0] for package in PACKAGES}
    assert roots == set(PROJECT["tool"]["mypy"]["packages"]), "name each root package in tool.mypy"
    assert roots == set(PROJECT["tool"]["importlinter"]["root_packages"]), "name each root package in tool.importlinter"


@pytest.mark.parametrize("file", PURE, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_floats_and_no_division_where_votes_are_counted(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        line = f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), (
            f"{line}: use integers or Fraction"
        )
        assert not isinstance(getattr(node, "op", None), ast.Div), f"{line}: use // or Fraction"


@pytest.mark.parametrize("package", sorted({package.split(".")[0] for package in PACKAGES}))
def test_a_chapter_heading_holds_words_only(package: str) -> None:
    body = ast.parse((ROOT / package / "__init__.py").read_text(encoding="utf-8")).body
    assert len(body) == 1, f"{package}/__init__.py: import names from the file they live in, not from here"
    assert ast.get_docstring(ast.parse((ROOT / package / "__init__.py").read_text(encoding="utf-8")))


def test_the_lock_file_has_hashes_and_no_addresses() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert not [line for line in text.splitlines() if line.startswith("-")]
    pinned = text.split("\n")
    assert sum("==" in line for line in pinned) <= sum("--hash=sha256:" in line for line in pinned)
