"""House rules that no linter has."""

from __future__ import annotations

import ast
import fnmatch
import importlib.metadata
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.repository import docstrings_and_comments, tracked
from tests.support.unit_coverage import PURE as PURE_MODULES

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


def test_a_pure_module_with_functions_has_its_tests_at_its_own_path() -> None:
    """A newcomer who changes a module finds its tests by its path."""
    files = [str(file.relative_to(ROOT)) for file in tracked("*.py")]
    pure = {name for patterns in PURE_MODULES.values() for each in patterns for name in fnmatch.filter(files, each)}
    lost = {
        name
        for name in pure
        if _has_functions(ROOT / name)
        and not (ROOT / "tests/unit" / name).with_name(f"test_{Path(name).name}").exists()
    }
    assert not lost, "write tests/unit/<package>/<room>/test_<module>.py"


def _has_functions(file: Path) -> bool:
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    return any(isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) for node in nodes)


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


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────────

CURES = {
    r"\b(told|tells|heard|hears|speaks?|spoke|spoken)\b": "use the verb of the field: publishes, sends, receives, states",
    r"\b(said|says|saying)\b": "write `states`, `answers`, or what it is",
    r"\b(goes|go|going|gone|went) on\b": "write `continues`",
    r"\b(stands?|stood)\b(?!-)": "write `is`, `counts` or `names`",
    r"\bwhoever\b": "name the process or the person",
    r"(?<!there )\b(is|are|was|were) no (?!longer|more|less|fewer|other)": "write `is not a`",
    r"\d (µs|ms|s|kB|MB|GB) for \d[\d.]* (µs|ms|s|kB|MB|GB)\b": "give figures from old to new: `from 18 µs to 8 µs`",
}
"""What no text has, and what to write instead. Words in code font or in quotation marks are free."""
PLACE = r"\b(?<!in )places?\b(?! of)"
MAY_HAVE_PLACES = ("api/http/", "tests/unit/api/http/")
"""Rooms in which a `place` is that of a request at work (api/http/fair_turns.py). Elsewhere the word had a dozen meanings."""
HANGING = (
    r"\A(the same|up to|"
    r"(after|and|as|at|but|by|for|from|if|in|it|its|not|on|so|their|they|those|to|until|where|with)\b(?!  ))"
)
"""The beginning of a docstring that nobody understands without the name above it. `In     …` begins the table of a package."""
FREE = re.compile(r"`[^`]*`|\"[^\"]*\"|“[^”]*”")


class Words(NamedTuple):
    kind: str
    """`docstring`, `comment`, `message` or `document`."""
    file: str
    line: int
    text: str


def _of_code(file: str, text: str) -> Iterator[Words]:
    """Docstrings, also those of attributes; comments; and texts of several words, such as the parts of a message."""
    docstrings = set()
    for kind, line, words in docstrings_and_comments(text):
        docstrings.add((line, words))
        yield Words(kind, file, line, words)
    if file.startswith(("tests/", "bench/")):
        return
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Constant(value=str(words)) if words.count(" ") > 1 and (node.lineno, words) not in docstrings:
                yield Words("message", file, node.lineno, words)


def _of_document(file: str, text: str) -> Iterator[Words]:
    """Lines that are not of an example."""
    prose = re.sub(r"```.*?```", lambda code: "\n" * code.group().count("\n"), text, flags=re.DOTALL)
    for number, line in enumerate(prose.split("\n"), 1):
        yield Words("document", file, number, line)


@pytest.fixture(scope="module")
def texts() -> list[Words]:
    files = {
        str(file.relative_to(ROOT)): file.read_text(encoding="utf-8")
        for file in tracked("*.py", "*.md")
        if "reference" not in file.parts
    }
    return [
        words
        for file, text in files.items()
        for words in (_of_code if file.endswith(".py") else _of_document)(file, text)
    ]


@pytest.mark.parametrize("pattern", CURES)
def test_a_text_has_the_words_of_the_field(texts: list[Words], pattern: str) -> None:
    found = _found(pattern, texts)
    assert not found, f"{CURES[pattern]}:\n{found}"


def test_a_place_is_named_by_what_it_is(texts: list[Words]) -> None:
    of_code = [each for each in texts if each.kind in ("docstring", "comment")]
    found = _found(PLACE, [each for each in of_code if not each.file.startswith(MAY_HAVE_PLACES)])
    assert not found, f"name what it is: topic partition, index, path, area, key:\n{found}"


def test_a_docstring_begins_with_a_noun_or_a_verb(texts: list[Words]) -> None:
    docstrings = [each for each in texts if each.kind == "docstring"]
    found = _found(r"\AOf\b", docstrings)
    found += _found(HANGING, [each for each in docstrings if not each.file.startswith(("tests/", "bench/"))])
    assert not found, f"begin with a noun or a verb:\n{found}"


NOT_IN_NAMES = re.compile("(^|_)(told|tells?|heard|hears?|speaks?|spoke|said|says?|stands|stood|whoever)(_|$)")
"""Words that no function, class, argument or variable has in its name, for the reasons of CURES."""


def test_a_name_has_the_words_of_the_field() -> None:
    found = {
        f"{file.relative_to(ROOT)}:{line}: {name}"
        for file in tracked("*.py")
        for name, line in _names_given(file.read_text(encoding="utf-8"))
        if NOT_IN_NAMES.search(re.sub("([A-Z])", r"_\1", name).lower())
    }
    assert not found, "use the verb of the field:\n" + "\n".join(sorted(found))


def _names_given(code: str) -> Iterator[tuple[str, int]]:
    """Names that the code gives to something, and where."""
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, node.lineno
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name, node.lineno


def _found(pattern: str, texts: list[Words]) -> str:
    """A line for each text that has the pattern."""
    matcher = re.compile(pattern, re.IGNORECASE)
    free = [(each, FREE.sub("", each.text)) for each in texts]
    found = {
        f"{each.file}:{each.line + text[: match.start()].count(chr(10))}: {match.group()!r}"
        for each, text in free
        for match in matcher.finditer(text)
    }
    return "\n".join(sorted(found))
