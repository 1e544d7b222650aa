"""The words of docstrings, comments, messages and documents: one for each thing, and a machine's own verb for what it does."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.support.repository import ROOT, tracked

CURES = {
    r"\b(told|tells|heard|hears|speaks?|spoke|spoken)\b": "use the verb of the field: publishes, sends, receives, states",
    r"\b(said|says|saying)\b": "write `states`, `answers`, or what it is",
    r"\b(goes|go|going|gone|went) on\b": "write `continues`",
    r"\b(stands?|stood)\b(?!-)": "write `is`, `counts` or `names`",
    r"\bwhoever\b": "name the process or the person",
    r"(?<!there )\b(is|are|was|were) no (?!longer|more|less|fewer|other)": "write `is not a`",
    r"\bso (much|many)\b": "name the number",
    r"\d (µs|ms|s|kB|MB|GB) for \d[\d.]* (µs|ms|s|kB|MB|GB)\b": "give figures from old to new: `from 18 µs to 8 µs`",
}
"""What no text has, and what to write instead. Words in code font or in quotation marks are free."""
PLACE = r"\b(?<!in )places?\b(?! of)"
MAY_HAVE_PLACES = ("api/http/", "tests/unit/api/http/")
"""Rooms in which a `place` is that of a request at work (api/http/fair_turns.py). Elsewhere the word had a dozen meanings."""
FREE = re.compile(r"`[^`]*`|\"[^\"]*\"|“[^”]*”")


class Words(NamedTuple):
    kind: str
    """`docstring`, `comment`, `message` or `document`."""
    file: str
    line: int
    text: str


def _of_code(file: str, text: str) -> Iterator[Words]:
    """Docstrings, also those of attributes; comments; and texts of several words, such as the parts of a message."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(words))):
                yield Words("docstring", file, node.lineno, words)
            case ast.Constant(value=str(words)) if words.count(" ") > 1 and not file.startswith(("tests/", "bench/")):
                yield Words("message", file, node.lineno, words)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield Words("comment", file, token.start[0], token.string)


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
    found = _found(r"\AOf\b", [each for each in texts if each.kind == "docstring"])
    assert not found, f"begin with a noun or a verb:\n{found}"


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
