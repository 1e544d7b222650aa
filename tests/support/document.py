"""The parts of a Markdown document that a test runs: its sections, and the blocks of code in them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from tests.support.repository import ROOT

_BLOCK = re.compile(
    r"(?:^`(?P<file>[\w./-]+)`\n\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


class Block(NamedTuple):
    """A fenced block of code."""

    section: str
    file: str | None
    """The name in code font on a line of its own directly above the block."""
    language: str
    text: str


def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def blocks(document: str) -> list[Block]:
    """All fenced blocks of a document, in its order, each with the heading that it is under."""
    found = []
    for part in re.split(r"^##+ ", text_of(document), flags=re.MULTILINE):
        section = part.partition("\n")[0]
        found += [Block(section, each["file"], each["language"], each["text"]) for each in _BLOCK.finditer(part)]
    return found


def write(block: Block, directory: Path) -> None:
    """Write the block to the file that it names."""
    assert block.file is not None
    (directory / block.file).write_text(block.text, encoding="utf-8")


def table(document: str, section: str) -> list[tuple[str, ...]]:
    """The rows of the first table under a heading, without its head."""
    text = re.split(rf"^#+ {re.escape(section)}$", text_of(document), maxsplit=1, flags=re.MULTILINE)[1]
    lines = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert lines is not None, f"{document}: {section} has no table"
    rows = [tuple(cell.strip() for cell in line[1:-1].split("|")) for line in lines[0].splitlines()]
    assert all(len(row) == len(rows[0]) for row in rows), (
        f"{document}: {section} has a row with another number of cells"
    )
    return rows[2:]
