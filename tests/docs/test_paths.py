"""Each path that a document, a docstring or a comment names is there."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from tests.support.repository import ROOT, docstrings_and_comments, tracked

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FOLDERS = [*PROJECT["tool"]["importlinter"]["root_packages"], "tests", "bench", "docs", "proxy"]
PATH = re.compile(rf"(?<![\w./-])(?:{'|'.join(FOLDERS)})/[\w./*-]*")
CODE_FONT = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(#([^)\s]*))?\)")
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
GLOSSARY = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
TERMS = re.findall(r"^\| ([^|]+?) \| ([^|]+?) \| `([^`]+)` \|$", GLOSSARY, re.MULTILINE)


def _is_there(path: str) -> bool:
    return any(ROOT.glob(path.rstrip("./"))) if path.strip("/") else False


def _lost(file: Path, texts: list[str]) -> list[str]:
    return [f"{file.relative_to(ROOT)}: {path}" for text in texts for path in PATH.findall(text) if not _is_there(path)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_path_in_code_font_in_a_document_is_there(document: Path) -> None:
    lost = _lost(document, CODE_FONT.findall(document.read_text(encoding="utf-8")))
    assert not lost, "\n".join(lost)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_link_of_a_document_leads_to_a_file_and_a_heading(document: Path) -> None:
    lost = []
    for file, _, heading in LINK.findall(document.read_text(encoding="utf-8")):
        target = document.parent / file if file else document
        if not target.exists() or (heading and target.suffix == ".md" and heading not in _anchors(target)):
            lost.append(f"{file}#{heading}")
    assert not lost, "\n".join(lost)


@pytest.mark.parametrize("page", [*sorted((ROOT / "docs").glob("for-*.md")), ROOT / "docs/live-feed.md"])
def test_each_address_on_a_page_for_users_is_one_of_the_api(page: Path) -> None:
    described = (ROOT / "docs/reference/openapi.json").read_text(encoding="utf-8")
    found = re.findall(r"`(?:GET )?(/v1/[\w/{}-]+)`", page.read_text(encoding="utf-8"))
    assert [path for path in found if f'"{path}"' not in described] == []


def _anchors(document: Path) -> set[str]:
    """The headings as GitHub links to them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_each_path_of_a_file_of_ours_that_code_names_is_there() -> None:
    lost = [
        each
        for file in tracked("*.py", "*.sql", "*.toml", "*.yml", "*.conf")
        if file != Path(__file__)
        for each in _lost(file, [file.read_text(encoding="utf-8")])
        if re.search(r"\.(py|sql|md)$", each)
    ]
    assert not lost, "\n".join(lost)


NAME = re.compile(r"(?<![\w./<*-])(?!(?:aiokafka|faust|mode)/)(?:[a-z_]\w*/)*[a-z_]\w*\.(?:py|sql)\b")
"""The name of a file, with folders or without. Files of other projects are named with their package."""


def test_a_file_that_a_docstring_or_comment_names_is_in_its_folder_or_one_above() -> None:
    """A name without its whole path is looked for beside the file that has it, and then in each folder above."""
    lost = [
        f"{file.relative_to(ROOT)}: {name}"
        for file in tracked("*.py")
        for _, _, text in docstrings_and_comments(file.read_text(encoding="utf-8"))
        for name in NAME.findall(text)
        if not any((folder / name).exists() for folder in file.parents if folder.is_relative_to(ROOT))
    ]
    assert not lost, "\n".join(lost)


def test_a_term_of_the_glossary_is_explained_once_in_a_sentence() -> None:
    rows = [line for line in GLOSSARY.splitlines() if line.startswith("| ") and not line.startswith("| term ")]
    assert len(rows) == len(TERMS), "a row is a term, a sentence and one path in code font"
    assert not [term for term, count in Counter(term.lower() for term, _, _ in TERMS).items() if count > 1]
    assert not [term for term, sentence, _ in TERMS if not sentence.endswith(".") or ". " in sentence]


@pytest.mark.parametrize(
    "section", re.split(r"^## ", GLOSSARY, flags=re.MULTILINE)[1:], ids=lambda text: text.split("\n")[0]
)
def test_terms_of_the_glossary_are_in_the_order_of_the_alphabet(section: str) -> None:
    terms = [term.lower() for term in re.findall(r"^\| (?!term )([^|]+?) \|", section, re.MULTILINE)]
    assert terms == sorted(terms)


@pytest.mark.parametrize("path", sorted({path for _, _, path in TERMS}))
def test_the_file_of_a_term_exists(path: str) -> None:
    assert (ROOT / path).is_file()
