"""Names are found by the beginnings of their words, without regard to case and accents."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from projections.definition.compiled import Definition
from rekap.portal.names import Found, find_names, words_of, write_names
from rekap.portal.read_model_file import new_read_model, opened_read_model
from runtime.package.writing import write_package
from schemas.definition.profiles import Candidate, Profiles
from tests.support.small_election import small_package


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    package = small_package()
    areas = [each.model_copy(update={"name": "Désa Ünye"}) if each.code == "1.1.1" else each for each in package.areas]
    package = replace(package, areas=tuple(areas))
    definition = Definition.of(package)
    contest = definition.ballots.contest("president")
    person = Candidate(contest="president", choice=contest.choices[0], person=1, name="Ратна O'Brien")
    write_package(package, tmp_path / "package", Profiles((person,), ()))
    with new_read_model(tmp_path / "names.sqlite") as made:
        write_names(made, definition, tmp_path / "package")
    opened = opened_read_model(tmp_path / "names.sqlite")
    yield opened
    opened.close()


def _found(connection: sqlite3.Connection, text: str, kind: str | None = None) -> list[Found]:
    return find_names(connection, words_of(text), kind, 0, 100)


def test_case_accents_and_ends_of_words_do_not_matter(connection: sqlite3.Connection) -> None:
    for text in ("desa", "DÉSA unye", "uny des", "Ünye"):
        assert [each.id for each in _found(connection, text)] == ["1.1.1"]
    assert _found(connection, "nye") == []


def test_a_candidate_is_found_by_the_name_of_a_person_in_any_script(connection: sqlite3.Connection) -> None:
    for text in ("ратна", "РАТ", "o'bri"):
        (found,) = _found(connection, text)
        assert (found.kind, found.id.split("/")[0], found.within) == ("candidate", "president", "president")


def test_only_names_of_a_kind_are_found(connection: sqlite3.Connection) -> None:
    assert {each.kind for each in _found(connection, "1", "area")} == {"area"}
    assert _found(connection, "desa", "candidate") == []
    assert _found(connection, "desa", "party") == []


def test_areas_come_from_the_root_down_and_pages_go_on(connection: sqlite3.Connection) -> None:
    everything = _found(connection, "1", "area")
    assert [each.within for each in everything][:2] == ["province", "district"]
    seen: list[Found] = []
    while page := find_names(connection, ["1"], "area", seen[-1].number if seen else 0, 2):
        seen += page
    assert seen == everything


def test_words_are_compared_whatever_the_query_language_of_the_table_is(connection: sqlite3.Connection) -> None:
    for text in ('"desa"', "desa*", "desa NEAR unye", "(desa)", "desa OR nothing", "-desa", "NOT desa"):
        _found(connection, text)  # no error of syntax
    assert [each.id for each in _found(connection, '"desa')] == ["1.1.1"]
    assert _found(connection, "desa OR nothing") == []
