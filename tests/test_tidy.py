"""House rules that no linter has."""

from __future__ import annotations

import ast
import importlib.metadata
import re
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
        if file.relative_to(ROOT).parts[0] not in FOLDERS_WITHOUT_PACKAGES
        and not any(part.startswith(".venv") for part in file.parts)
    }
    assert found == set(PACKAGES), "name each package in pyproject.toml, tool.setuptools.packages"
    roots = {package.split(".")[0] for package in PACKAGES}
    typed = {*roots, "tests", "bench"}
    assert typed == set(PROJECT["tool"]["mypy"]["files"]), "name each folder with code in tool.mypy"
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


MAY_READ_MESSAGES = {
    "runtime/package/shape_sentences.py": "it has the words",
    "schemas/ledger/envelope.py": "shapes import no sentences, and the reason of an unreadable record is part of the fold",
}


def test_only_one_file_turns_an_error_of_pydantic_into_words() -> None:
    """pydantic's own sentence names Python's types. `sentence` names the field, what was expected and what came."""
    found = {
        str(file.relative_to(ROOT))
        for package in PACKAGES
        for file in (ROOT / package.replace(".", "/")).glob("*.py")
        if re.search(r"""\[["']msg["']\]""", file.read_text(encoding="utf-8"))
    }
    assert found <= MAY_READ_MESSAGES.keys(), "use sentence() of runtime/package/shape_sentences.py"


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_file_has_hashes_and_no_addresses(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text
    assert not [line for line in text.splitlines() if line.startswith("-")]
    pinned = text.split("\n")
    assert sum("==" in line for line in pinned) <= sum("--hash=sha256:" in line for line in pinned)


def test_what_runs_a_count_is_pinned_without_what_tests_it() -> None:
    """The image is made from the first lock file. What only the tests need is not in it, whatever its licence."""
    running, testing = (_pinned(name) for name in ("requirements.lock", "requirements-dev.lock"))
    assert running.items() <= testing.items(), "`make lock` pins both together"
    tools = {re.split(r"[^a-z0-9-]", each)[0] for each in PROJECT["project"]["optional-dependencies"]["dev"]}
    assert tools <= testing.keys()
    assert not tools & running.keys()
    assert "COPY requirements.lock" in (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_nothing_that_runs_a_count_is_under_the_gpl() -> None:
    """Rekap is Apache-2.0; the GPL would bind anyone who hands the image on."""
    for name in _pinned("requirements.lock"):
        about = importlib.metadata.metadata(name)
        stated = [about[field][:200] for field in ("License-Expression", "License") if field in about]
        licence = " ".join([*(about.get_all("Classifier") or []), *stated])
        words = re.sub(r"LGPL\S*|Lesser General Public", "", licence)
        assert not re.search(r"\bA?GPL|General Public License", words), f"{name}: {licence}"


def _pinned(name: str) -> dict[str, str]:
    """Version of each distribution of a lock file."""
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))


def _election_ids(file: Path) -> set[str]:
    """Ids that a file of tests gives to its elections: in `stack_of`, in `small_stack` and in `update={"id": …}`."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("stack_of", "small_stack")
        ):
            found |= {each.value for each in node.args if isinstance(each, ast.Constant)}
        if isinstance(node, ast.keyword) and node.arg == "update" and isinstance(node.value, ast.Dict):
            found |= {
                value.value
                for key, value in zip(node.value.keys, node.value.values, strict=True)
                if isinstance(key, ast.Constant) and key.value == "id" and isinstance(value, ast.Constant)
            }
    return {each for each in found if isinstance(each, str)}


def test_no_two_files_of_integration_tests_have_an_election_of_one_id() -> None:
    """One Kafka and one database serve all files that a process of pytest runs, and an election's topics and tables are named
    by its id: two files with one id fail where both come to the same process, which depends on the order of that run."""
    owner: dict[str, str] = {}
    for folder in ("integration", "docs"):
        for file in sorted((ROOT / "tests" / folder).rglob("test_*.py")):
            for election in sorted(_election_ids(file)):
                other = owner.setdefault(election, file.name)
                assert other == file.name, f"{file.name} and {other} both have an election {election!r}"
    assert len(owner) > 40
