"""The names of an election, to be searched: areas, candidates and parties, in a full-text table of SQLite."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from projections.definition.compiled import Definition
from projections.shown.folded_text import folded
from runtime.package.profiles import read_profiles
from schemas.definition.package import ChoiceKind

AREA, CANDIDATE, PARTY = "area", "candidate", "party"
WORDS_MAX = 8
"""Words of a search. Each is one look-up in the index."""
_TABLES = """
CREATE TABLE name (number INTEGER PRIMARY KEY, kind TEXT, id TEXT, name TEXT, within TEXT);
CREATE TABLE name_kind (kind TEXT PRIMARY KEY, first INTEGER, last INTEGER);
CREATE VIRTUAL TABLE name_words USING fts5(words, content='', prefix='2 3 4', tokenize='ascii');
"""
_WORD = re.compile(r"[^\W_]+")
_FOUND = """
SELECT number, kind, id, name, within FROM name_words JOIN name ON name.number = name_words.rowid
WHERE name_words MATCH ? AND name_words.rowid >= ? AND name_words.rowid <= ?
ORDER BY name_words.rowid LIMIT ?
"""
NUMBER_MAX = 2**62


class Found(NamedTuple):
    """One name that matches."""

    number: int
    """Names of an election are numbered in the order in which they are found."""
    kind: str
    id: str
    """Code of the area, id of the party, or contest/choice."""
    name: str
    within: str | None
    """The level of an area, the contest of a candidate, the short name of a party."""


def write_names(connection: sqlite3.Connection, definition: Definition, package: Path) -> None:
    """Add the names to a file that is being built: parties first, then candidates in the order of contests and ballots, then
    areas from the root down. Raises PackageError, OSError, sqlite3.Error."""
    for statement in _TABLES.strip().split("\n"):
        connection.execute(statement)
    for number, (kind, id, name, within, searched) in enumerate(_names(definition, package), 1):
        connection.execute("INSERT INTO name VALUES (?, ?, ?, ?, ?)", (number, kind, id, name, within))
        connection.execute(
            "INSERT INTO name_words (rowid, words) VALUES (?, ?)", (number, " ".join(words_of(searched)))
        )
    connection.execute("INSERT INTO name_kind SELECT kind, min(number), max(number) FROM name GROUP BY kind")


def find_names(
    connection: sqlite3.Connection, words: list[str], kind: str | None, after: int, limit: int
) -> list[Found]:
    """The names after a number of which each word is the beginning of some word. `words` has one at least. Raises
    sqlite3.Error."""
    first, last = 1, NUMBER_MAX
    if kind is not None:
        found = connection.execute("SELECT first, last FROM name_kind WHERE kind = ?", (kind,)).fetchone()
        if found is None:
            return []
        first, last = found["first"], found["last"]
    query = " ".join(f'"{word}"*' for word in words)
    rows = connection.execute(_FOUND, (query, max(first, after + 1), last, limit))
    return [Found(**row) for row in rows]


def words_of(text: str) -> list[str]:
    """The words of a text as they are compared: without case and accents, letters of other scripts as their code points."""
    return [_ascii(word) for word in _WORD.findall(folded(text))]


def _ascii(word: str) -> str:
    return "".join(each if each.isascii() else f"u{ord(each):x}" for each in word)


def _names(definition: Definition, package: Path) -> Iterator[tuple[str, str, str, str | None, str]]:
    found = read_profiles(package, lambda _parties, _profiles: ())
    for party in found.parties:
        yield PARTY, party.id, party.name, party.short_name, f"{party.name} {party.short_name or ''}"
    persons: dict[tuple[str, str], list[str]] = {}
    for candidate in found.profiles.candidates:
        persons.setdefault((candidate.contest, candidate.choice), []).append(candidate.name)
    for contest in definition.ballots.contests:
        for choice in contest.ballot:
            if choice.kind is ChoiceKind.CANDIDATE:
                names = [choice.name, *persons.get((contest.id, choice.id), [])]
                yield CANDIDATE, f"{contest.id}/{choice.id}", choice.name, contest.id, " ".join(names)
    tree = definition.tree
    for area in sorted(range(len(tree.codes)), key=lambda each: tree.level[each]):
        level = tree.level_ids[tree.level[area]]
        yield AREA, tree.codes[area], tree.names[area], level, f"{tree.names[area]} {tree.codes[area]}"
