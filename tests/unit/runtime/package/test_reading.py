"""runtime/package/reading.py: what is written is read back, and every mistake is shown in its file and line."""

from __future__ import annotations

import csv
import json
import os
import struct
import zipfile
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import runtime.package.texts
from projections.checks.package_checks import problems as check
from proofs.signatures import key_id
from rekap.elections.example import EXAMPLE_KEYS, example_package
from runtime.package.descriptor import FOREIGN_KEYS, PRIMARY_KEYS
from runtime.package.errors import PackageError, UnreadablePackageError
from runtime.package.reading import load_package, read_package
from runtime.package.tables import CELL_CHARACTERS_MAX
from runtime.package.writing import write_package
from schemas.definition.package import (
    TABLES,
    Area,
    Choice,
    ChoiceKind,
    Contest,
    DistrictPart,
    Election,
    ElectionPackage,
    Key,
    Level,
    Method,
    Mode,
    Office,
    Party,
    Role,
    RuleSetting,
    Severity,
    Station,
)
from schemas.definition.problems import PROBLEMS_MAX, PackageProblem, Problem
from schemas.definition.profiles import PROFILE_TABLES
from schemas.definition.rows import LocalText
from schemas.texts import HIDDEN

Edit = Callable[[str, Callable[[str], str]], None]


def no_check(package: ElectionPackage) -> Sequence[Problem]:
    return ()


def example() -> ElectionPackage:
    keys = []
    for number, each in enumerate(EXAMPLE_KEYS, start=1):
        public = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32).public_key().public_bytes_raw()
        keys.append(Key(key_id=key_id(public), public_key=b64encode(public).decode(), role=each.role, scope=each.scope))
    return example_package("example", keys)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The example, written."""
    write_package(example(), tmp_path / "package")
    return tmp_path / "package"


@pytest.fixture
def edit(directory: Path) -> Edit:
    """Change the text of one file of the package."""

    def change(name: str, how: Callable[[str], str]) -> None:
        path = directory / name
        text = path.read_text(encoding="utf-8")
        after = how(text)
        assert after != text, f"the edit changes nothing in {name}"
        path.write_text(after, encoding="utf-8")

    return change


def found(path: Path) -> list[str]:
    """The problems of the package, each as it is printed."""
    return [str(problem) for problem in read_package(path, check).problems]


def line(text: str, number: int) -> Callable[[str], str]:
    """An edit that replaces a line by `text`."""

    def put(whole: str) -> str:
        lines = whole.split("\n")
        lines[number - 1] = text
        return "\n".join(lines)

    return put


def swap(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new, 1)


# ── what is written is read back ─────────────────────────────────────────────────────────────────────────────────────


def test_a_package_that_was_written_is_read_back_whole(directory: Path) -> None:
    assert load_package(directory, check) == example()


def test_writing_twice_gives_the_same_bytes(directory: Path, tmp_path: Path) -> None:
    write_package(load_package(directory, check), tmp_path / "again")
    assert sorted(path.name for path in directory.iterdir()) == sorted(
        ["election.json", "datapackage.json", *(f"{table}.csv" for table in TABLES)]
    )
    for path in directory.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


def test_the_order_of_rows_and_columns_is_not_part_of_the_definition(directory: Path) -> None:
    with (directory / "areas.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    with (directory / "areas.csv").open("w", newline="") as file:
        csv.writer(file).writerows([cells[::-1] for cells in [rows[0], *rows[:0:-1]]])
    assert load_package(directory, check).definition_hash() == example().definition_hash()


def test_columns_that_may_be_empty_may_be_missing(directory: Path, edit: Edit) -> None:
    edit("parties.csv", lambda _: "id,name\nP01,Angin\nP02,Batu\nP03,Cahaya\n")
    assert load_package(directory, check).parties[0] == Party(id="P01", name="Angin")


def test_tables_an_election_may_do_without_may_be_missing(tmp_path: Path) -> None:
    package = example()
    small = replace(
        package,
        election=package.election.model_copy(update={"rules": ()}),
        offices=package.offices[:1],
        contests=package.contests[:1],
        districts=(),
        parties=(),
        choices=package.choices[:2],
    )
    write_package(small, tmp_path)
    (tmp_path / "districts.csv").unlink()
    (tmp_path / "parties.csv").unlink()
    assert load_package(tmp_path, check) == small


def test_blank_lines_and_other_line_ends_change_nothing(directory: Path, edit: Edit) -> None:
    edit("areas.csv", lambda text: text.replace("\n", "\r\n") + "\r\n\r\n")
    assert load_package(directory, check) == example()


texts = st.text(
    st.characters(exclude_categories=("Cs", "Cc")).filter(lambda each: not HIDDEN.match(each))
    | st.sampled_from(['"', ",", " "]),
    min_size=1,
    max_size=20,
)
codes = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,12}", fullmatch=True)
counts = st.integers(0, 999_999_999)
languages = st.sampled_from(["id", "en", "pt-BR", "zh-Hant", "es-419", "ca-valencia", "yue-Hant-HK", "de-x-einfach"])
local_texts = st.dictionaries(languages, texts, min_size=1, max_size=4).map(LocalText)
packages = st.builds(
    ElectionPackage,
    election=st.builds(
        Election,
        id=st.from_regex(r"[a-z0-9][a-z0-9\-]{0,47}", fullmatch=True),
        title=local_texts,
        date=st.dates(date(1000, 1, 1), date(2999, 12, 31)),
        time_zone=st.sampled_from(["Asia/Jakarta", "UTC", "Asia/Jayapura"]),
        mode=st.sampled_from(Mode),
        levels=st.lists(st.builds(Level, id=codes, name=local_texts), min_size=3, max_size=8).map(tuple),
        shard_level=codes,
        partitions=st.integers(1, 256),
        rules=st.lists(
            st.builds(
                RuleSetting,
                id=st.sampled_from(["F3", "G4", "M1"]),
                severity=st.sampled_from(Severity),
                tolerance=counts,
                offices=st.lists(codes, max_size=2).map(tuple),
                parameters=st.dictionaries(
                    st.text("abc_", min_size=1, max_size=5), counts | texts | st.lists(texts, max_size=2), max_size=2
                ),
            ),
            max_size=3,
        ).map(tuple),
        licence=texts,
        source=st.none() | texts,
    ),
    areas=st.lists(st.builds(Area, code=codes, name=texts, level=codes, parent=st.none() | codes), max_size=3).map(
        tuple
    ),
    stations=st.lists(
        st.builds(
            Station,
            code=codes,
            name=texts,
            area=codes,
            registered_men=st.none() | counts,
            registered_women=st.none() | counts,
            registered_voters=st.none() | counts,
        ),
        max_size=3,
    ).map(tuple),
    offices=st.lists(st.builds(Office, id=codes, name=local_texts), max_size=2).map(tuple),
    contests=st.lists(
        st.builds(
            Contest,
            id=codes,
            office=codes,
            electorate=codes,
            seats=st.integers(1, 10_000),
            method=st.sampled_from(Method),
            name=st.none() | local_texts,
            votes_per_ballot=st.integers(1, 2_000),
        ),
        max_size=3,
    ).map(tuple),
    districts=st.lists(st.builds(DistrictPart, district=codes, name=texts, area=codes), max_size=3).map(tuple),
    parties=st.lists(
        st.builds(Party, id=codes, name=texts, short_name=st.none() | texts, number=st.none() | counts), max_size=3
    ).map(tuple),
    choices=st.lists(
        st.builds(
            Choice,
            contest=codes,
            id=codes,
            name=texts,
            kind=st.sampled_from(ChoiceKind),
            party=st.none() | codes,
            order=counts,
        ),
        max_size=3,
    ).map(tuple),
    keys=st.lists(
        st.builds(
            Key,
            key_id=st.from_regex(r"[0-9a-f]{16}", fullmatch=True),
            public_key=st.binary(min_size=32, max_size=32).map(lambda raw: b64encode(raw).decode()),
            role=st.sampled_from(Role),
            scope=codes,
            holder=st.none() | texts,
        ),
        max_size=3,
    ).map(tuple),
)


@given(package=packages)
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_package_keeps_its_definition_through_its_files(package: ElectionPackage, tmp_path: Path) -> None:
    write_package(package, tmp_path)
    read = load_package(tmp_path, no_check)
    assert read == package
    assert read.definition_hash() == package.definition_hash()


# ── datapackage.json ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_descriptor_describes_the_files_column_by_column(directory: Path) -> None:
    described = json.loads((directory / "datapackage.json").read_text())
    assert [resource["name"] for resource in described["resources"]] == list(TABLES)
    for resource in described["resources"]:
        header = (directory / resource["path"]).read_text().split("\n")[0]
        assert [field["name"] for field in resource["schema"]["fields"]] == header.split(",")


def test_the_descriptor_has_types_constraints_and_keys(directory: Path) -> None:
    described = json.loads((directory / "datapackage.json").read_text())
    schemas = {resource["name"]: resource["schema"] for resource in described["resources"]}
    stations = {field["name"]: field for field in schemas["stations"]["fields"]}
    assert stations["registered_men"] == {
        "name": "registered_men",
        "type": "integer",
        "description": "Men in the register of the station.",
        "constraints": {"minimum": 0, "maximum": 999_999_999},
    }
    assert stations["registered_voters"]["constraints"] == {"minimum": 0, "maximum": 999_999_999}
    kind = next(field for field in schemas["choices"]["fields"] if field["name"] == "kind")
    assert (kind["type"], kind["constraints"]) == ("string", {"enum": ["candidate", "party", "option"]})
    assert all(field["description"] for schema in schemas.values() for field in schema["fields"])
    assert schemas["choices"]["primaryKey"] == ["contest", "id"]
    assert schemas["areas"]["foreignKeys"] == [
        {"fields": ["parent"], "reference": {"resource": "", "fields": ["code"]}}
    ]


def test_keys_of_the_descriptor_name_columns_that_exist() -> None:
    tables = TABLES | PROFILE_TABLES
    assert PRIMARY_KEYS.keys() == tables.keys()
    for table, columns in PRIMARY_KEYS.items():
        assert set(columns) <= tables[table].model_fields.keys()
    for table, keys in FOREIGN_KEYS.items():
        for column, there, column_there in keys:
            assert column in tables[table].model_fields
            assert (column_there,) == PRIMARY_KEYS[there or table]


# ── the bytes of a file ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["election.json", "areas.csv", "stations.csv", "keys.csv"])
def test_a_missing_file_is_found(directory: Path, name: str) -> None:
    (directory / name).unlink()
    assert found(directory) == [f"{name}: the file is missing"]


def test_text_that_is_not_utf_8_is_found_in_its_line(directory: Path) -> None:
    areas = directory / "areas.csv"
    areas.write_bytes(areas.read_bytes().replace(b"Provinsi Selatan", b"Provinsi Sel\xe9tan"))
    assert found(directory) == ["areas.csv:7: byte 0xe9 is not UTF-8; save the file as UTF-8"]


def test_a_control_character_is_found_in_its_line(directory: Path, edit: Edit) -> None:
    edit("areas.csv", swap("Provinsi Selatan", "Provinsi\x00Selatan"))
    assert found(directory) == ["areas.csv:7: holds the control character U+0000; remove it"]


def test_a_control_character_that_json_hides_is_found(directory: Path, edit: Edit) -> None:
    edit("election.json", swap("Contoh pemilu", "Contoh\\u0000pemilu"))
    assert found(directory) == ["election.json:4: title.id: holds a control character; remove it"]


def test_a_byte_order_mark_is_passed_over_with_a_note(directory: Path) -> None:
    areas = directory / "areas.csv"
    areas.write_bytes(b"\xef\xbb\xbf" + areas.read_bytes())
    reading = read_package(directory, check)
    assert reading.package == example()
    assert reading.warnings == (
        PackageProblem("areas.csv", 1, None, "begins with a byte order mark, which was ignored"),
    )


def test_an_unknown_file_is_passed_over_with_a_note_and_what_was_meant(directory: Path) -> None:
    (directory / "districts.csv").rename(directory / "district.csv")
    (directory / ".hidden").touch()
    (directory / "README.md").touch()
    (directory / "maps").mkdir()
    warnings = read_package(directory, no_check).warnings
    sentence = "does not belong to an election package and was ignored; did you mean 'districts.csv'?"
    assert warnings == (PackageProblem("district.csv", None, None, sentence),)


# ── election.json ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"mode"', "mode", "9: is not JSON: Expecting property name enclosed in double quotes (column 3)"),
        ('"rehearsal"', "NaN", "1: is not JSON: NaN is not a JSON number"),
        (
            '"id": "example"',
            '"id": "Example 1"',
            "2: id: 'Example 1' is not an election id: 1 to 48 lower-case letters, digits or hyphens, "
            "a letter or digit first",
        ),
        ('"en": "Example election"', '"EN": "x"', "5: title.EN: 'EN' is not a language tag as BCP 47 writes it"),
        ('"id": "Nasional",', '"zh_Hant": "x",', "14: levels.0.name.zh_Hant: 'zh_Hant' is not a language tag"),
        ('"Contoh pemilu"', "7", "4: title.id: expected a text, got 7"),
        ("2029-02-14", "14-02-2029", "7: date: expected a date such as 2029-02-14, got '14-02-2029'"),
        (
            "Asia/Jakarta",
            "Asia/Djakarta",
            "8: time_zone: 'Asia/Djakarta' is not a time zone of the IANA list, such as 'Asia/Jakarta'; "
            "did you mean 'Asia/Jakarta'?",
        ),
        ('"rehearsal"', '"live "', "9: mode: 'live ' is not one of rehearsal, live; did you mean 'live'?"),
        ('"partitions": 2', '"partitions": 257', "41: partitions: is 257, must be at most 256"),
        ('"partitions": 2', '"partitions": 0', "41: partitions: is 0, must be at least 1"),
        ('"partitions": 2', '"partitions": 2.5', "41: partitions: expected a whole number, got 2.5"),
        (
            '"partitions": 2',
            '"partition": 2',
            "41: partition: there is no field 'partition' here; did you mean 'partitions'?",
        ),
        ('"shard_level"', '"levels": [],\n  "shard_level"', "40: levels: is given twice"),
        ('"severity": "hard"', '"severity": "Hard"', "45: rules.0.severity: 'Hard' is not one of hard, soft, info"),
        ('"id": "F1"', '"id": "f1"', "44: rules.0.id: 'f1' is not a rule id, such as F3"),
        ('"id": "F1"', '"id": "F10"', "44: rules.0.id: there is no rule F10"),
        (
            '"max": 300',
            '"max": null',
            "137: rules.17.parameters.max: expected a whole number, a text or a list of texts",
        ),
        ('"max": 300', '"max": "many"', "137: rules.17.parameters.max: max of rule G4 must be a whole number"),
        ('"licence": "CC0-1.0"', '"licence": ""', "licence: is empty"),
    ],
)
def test_a_mistake_in_the_election_is_found_in_its_line(
    directory: Path, edit: Edit, old: str, new: str, expected: str
) -> None:
    edit("election.json", swap(old, new))
    problems = found(directory)
    assert any(problem.startswith("election.json:") and expected in problem for problem in problems), problems
    assert all(problem.startswith("election.json") for problem in problems), "one mistake makes no other"


def test_a_field_that_is_not_there_is_found(directory: Path, edit: Edit) -> None:
    edit("election.json", lambda text: text.replace('  "mode": "rehearsal",\n', ""))
    assert found(directory) == ["election.json:1: mode: is missing"]


def test_an_election_that_is_no_object_is_found(directory: Path) -> None:
    (directory / "election.json").write_text("[]")
    assert found(directory) == [
        "election.json:1: expected an object with the fields id, title, date, time_zone, mode, levels, shard_level, "
        "partitions, rules, licence, source, finance"
    ]


def test_a_tower_of_brackets_is_found(directory: Path) -> None:
    (directory / "election.json").write_text("[" * 200_000)
    assert found(directory)[0].startswith("election.json:1: is nested 200,000 deep")


def test_too_few_levels_are_found_and_end_the_comparison(directory: Path, edit: Edit) -> None:
    edit("election.json", lambda text: json.dumps(json.loads(text) | {"levels": json.loads(text)["levels"][:2]}))
    reading = read_package(directory, check)
    assert [str(problem) for problem in reading.problems] == [
        "election.json:1: levels: has 2 entries, at least 3 are needed"
    ]
    assert [warning.sentence for warning in reading.warnings] == [
        "tables were not compared with each other; they will be once the problems above are corrected"
    ]


# ── the header and the rows of a table ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("code;name;level;parent", ["areas.csv:1: columns are separated by semicolons; save the file with commas"]),
        ("code\tname\tlevel\tparent", ["areas.csv:1: columns are separated by tabs; save the file with commas"]),
        (
            "code,Name,level,parent",
            [
                "areas.csv:1: Name: there is no column 'Name' in this table; did you mean 'name'?",
                "areas.csv:1: name: column 'name' is missing",
            ],
        ),
        (
            "code,name,level,level",
            ["areas.csv:1: level: column 'level' is given twice"],
        ),
        ("", ["areas.csv:1: the first line must name the columns: code,name,level,parent"]),
    ],
)
def test_a_wrong_header_is_found(directory: Path, edit: Edit, header: str, expected: list[str]) -> None:
    edit("areas.csv", line(header, 1))
    assert found(directory) == expected


def test_an_empty_file_is_found(directory: Path) -> None:
    (directory / "areas.csv").write_text("")
    assert found(directory) == ["areas.csv:1: the first line must name the columns: code,name,level,parent"]


def test_a_column_too_many_is_found_and_the_others_are_read(directory: Path, edit: Edit) -> None:
    edit("offices.csv", lambda text: text.replace("\n", ",x\n"))
    assert found(directory) == ["offices.csv:1: x: there is no column 'x' in this table"]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("N.1.3.001,TPS,N.1.3,1,2", ["stations.csv:6: has 5 cells, but the first line names 6 columns"]),
        ("N.1.3.001,TPS,N.1.3,1,2,3,4", ["stations.csv:6: has 7 cells, but the first line names 6 columns"]),
        ("N.1.3.001,TPS,N.1.3,1,2,", ["stations.csv:6: registered_voters: is empty"]),
        (
            "N.1.3.001,TPS,N.1.3,1,2,1e3",
            ["stations.csv:6: registered_voters: expected a whole number in digits, got '1e3'"],
        ),
        (
            "N.1.3.001,TPS,N.1.3,1_0,2,12",
            ["stations.csv:6: registered_men: expected a whole number in digits, got '1_0'"],
        ),
        (
            "N.1.3.001,TPS,N.1.3,1, 2,3",
            ["stations.csv:6: registered_women: expected a whole number in digits, got ' 2'"],
        ),
        (
            "N.1.3.001,TPS,N.1.3,-1,2,1",
            ["stations.csv:6: registered_men: expected a whole number in digits, got '-1'"],
        ),
        (
            "N.1.3.001,TPS,N.1.3,1,2,1000000000",
            ["stations.csv:6: registered_voters: is 1000000000, must be at most 999,999,999"],
        ),
        (
            "N.1.3.001 ,TPS,N.1.3,1,2,3",
            [
                "stations.csv:6: code: 'N.1.3.001 ' is not a code: 1 to 64 letters (A-Z), digits, dots, underscores or "
                "hyphens, a letter or digit first (there is a space before or after it)"
            ],
        ),
        (",,N.1.3,1,2,3", ["stations.csv:6: code: is empty", "stations.csv:6: name: is empty"]),
        (f"N.1.3.001,{'x' * 301},N.1.3,1,2,3", ["stations.csv:6: name: has 301 characters, at most 300 are allowed"]),
        ("N.1.3.001,TPS,N.1.4,1,2,3", ["stations.csv:6: area: 'N.1.4' is not an area of areas.csv; did you mean"]),
        ('N.1.3.001,"TPS" 1,N.1.3,1,2,3', ["stations.csv:6: there is a quote inside a cell"]),
        ('N.1.3.001,"TPS,N.1.3,1,2,3', ["stations.csv:6: a quote is opened here and never closed"]),
        (
            f'N.1.3.001,"{("x" * 50_000 + chr(10)) * 3}",N.1.3,1,2,3',
            ["stations.csv:6: a cell has more than 131,072 characters; is a quote not closed?"],
        ),
    ],
)
def test_a_mistake_in_a_row_is_found_in_its_line_and_makes_no_other(
    directory: Path, edit: Edit, row: str, expected: list[str]
) -> None:
    edit("stations.csv", line(row, 6))
    problems = found(directory)
    assert len(problems) == len(expected), problems
    assert all(problem.startswith(start) for problem, start in zip(problems, expected, strict=True)), problems


def test_the_limit_of_the_whole_process_for_cells_is_left_as_it_is(directory: Path) -> None:
    assert found(directory) == []
    assert csv.field_size_limit() == CELL_CHARACTERS_MAX == 131_072


def test_an_unknown_word_of_a_list_is_found_with_the_one_that_was_meant(directory: Path, edit: Edit) -> None:
    edit("keys.csv", swap("reviewer", "Reviewr"))
    assert found(directory) == [
        "keys.csv:3: role: 'Reviewr' is not one of authority, station_officer, witness, observer, reviewer, supervisor, "
        "court, recapitulator, finance, gateway; did you mean 'reviewer'?"
    ]


def test_a_key_of_the_wrong_length_is_found(directory: Path, edit: Edit) -> None:
    public = example().keys[1].public_key
    edit("keys.csv", swap(public, public[4:]))
    sentence = f"{public[4:]!r} is not a public key: 32 bytes in base64, 44 characters"
    assert found(directory) == [f"keys.csv:3: public_key: {sentence}"]


def test_a_bad_code_does_not_make_what_refers_to_it_wrong_as_well(directory: Path, edit: Edit) -> None:
    edit("areas.csv", lambda text: text.replace("N.2", "N 2"))
    edit("stations.csv", lambda text: text.replace(",N.2", ",N 2"))
    problems = found(directory)
    assert all("is not a code" in problem for problem in problems if problem.startswith(("areas", "stations")))


def test_lines_are_counted_as_an_editor_does_also_after_a_name_with_a_line_end(directory: Path, edit: Edit) -> None:
    edit("areas.csv", swap("Provinsi Utara", '"Provinsi\nUtara"'))
    edit("areas.csv", swap("N.2.3,Kecamatan Hutan Selatan,district,N.2", "N.2.3,Hutan,district,N.3"))
    assert found(directory) == [
        "areas.csv:3: name: 'Provinsi\\nUtara' is not a text for people: it holds a line end, a control or a direction "
        "character",
        "areas.csv:11: parent: 'N.3' is not an area of areas.csv; did you mean 'N.2.3'?",
    ]


def test_problems_across_tables_have_their_line_and_are_listed_with_those_of_shape(directory: Path, edit: Edit) -> None:
    edit("stations.csv", swap(",125,", ",many,"))
    edit("contests.csv", swap(",president,N,", ",presiden,N,"))
    edit("election.json", swap('"shard_level": "district"', '"shard_level": "distric"'))
    assert found(directory) == [
        "election.json:40: shard_level: 'distric' is not a level of this election; did you mean 'district'?",
        "stations.csv:2: registered_men: expected a whole number in digits, got 'many'",
        "offices.csv:2: id: office 'president' has no contest",
        "contests.csv:2: office: 'presiden' is not an office of offices.csv; did you mean 'president'?",
    ]


def test_a_problem_of_a_whole_table_is_at_its_header(directory: Path, edit: Edit) -> None:
    edit("areas.csv", lambda text: text.replace("N,Negeri Contoh,nation,\n", ""))
    assert "areas.csv:1: there is no root: one area of level 'nation' that has no parent" in found(directory)


def test_the_list_of_problems_is_bounded_and_has_the_number_of_those_missing(directory: Path, edit: Edit) -> None:
    rows = "".join(f"S{number},TPS,N.1.1,,,x\n" for number in range(PROBLEMS_MAX + 5_500))
    edit("stations.csv", lambda text: text + rows)
    problems = found(directory)
    assert len(problems) == PROBLEMS_MAX + 1
    assert problems[-1] == "election.json: 5,500 more problems are not listed; correct these first"


def test_the_error_carries_all_problems(directory: Path, edit: Edit) -> None:
    edit("stations.csv", swap(",125,", ",many,"))
    edit("areas.csv", swap("nation", "nations"))
    with pytest.raises(PackageError) as raised:
        load_package(directory, check)
    assert {problem.file for problem in raised.value.problems} >= {"areas.csv", "stations.csv"}
    assert str(raised.value).split("\n") == [str(problem) for problem in raised.value.problems]


# ── nothing to read ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_private_key_beside_the_tables_is_named(directory: Path) -> None:
    (directory / "authority-0.pem").write_text("key")
    assert [str(each) for each in read_package(directory, no_check).warnings] == [
        "authority-0.pem: may be a private key; move it out of the package, which is copied to every machine"
    ]


def test_a_directory_of_something_else_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("")
    with pytest.raises(UnreadablePackageError, match=r"is not an election package: it has no election\.json"):
        read_package(tmp_path, no_check)


def test_a_path_where_nothing_is_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UnreadablePackageError, match="there is no such directory or zip file"):
        load_package(tmp_path / "nowhere", check)


def test_a_file_that_is_no_zip_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "package.zip").write_text("hello")
    with pytest.raises(UnreadablePackageError, match="neither a directory nor a zip file"):
        load_package(tmp_path / "package.zip", check)


def test_a_pipe_instead_of_a_table_is_refused_and_not_waited_for(directory: Path) -> None:
    (directory / "areas.csv").unlink()
    os.mkfifo(directory / "areas.csv")
    with pytest.raises(UnreadablePackageError, match=r"areas\.csv is not a regular file"):
        load_package(directory, check)


# ── zip ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def zipped(directory: Path, folder: str = "", *, extra: Mapping[str, bytes] | None = None) -> Path:
    path = directory.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(directory.iterdir()):
            archive.write(file, f"{folder}{file.name}")
        for name, content in (extra or {}).items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("folder", ["", "election/"])
def test_a_zip_is_read_like_the_directory_it_holds(directory: Path, folder: str) -> None:
    reading = read_package(zipped(directory, folder), check)
    assert reading.package == example()
    assert reading.warnings == ()


def test_problems_in_a_zip_have_the_same_lines_as_those_of_a_directory(directory: Path, edit: Edit) -> None:
    edit("stations.csv", swap(",125,", ",many,"))
    sentence = "stations.csv:2: registered_men: expected a whole number in digits, got 'many'"
    assert found(zipped(directory, "election/")) == [sentence]


@pytest.mark.parametrize("name", ["../areas.csv", "/areas.csv", "maps/../../x", "maps\\areas.csv", "C:areas.csv"])
def test_a_name_that_leads_out_of_the_zip_is_refused(directory: Path, name: str) -> None:
    with pytest.raises(UnreadablePackageError, match="leads out of the package"):
        load_package(zipped(directory, extra={name: b""}), check)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_with_a_file_twice_is_refused(directory: Path) -> None:
    with pytest.raises(UnreadablePackageError, match=r"holds 'areas\.csv' twice"):
        load_package(zipped(directory, extra={"areas.csv": b"code,name,level,parent\n"}), check)


def test_a_zip_that_would_fill_the_memory_is_refused(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime.package.texts, "PACKAGE_BYTES_MAX", 100_000)
    with (directory / "stations.csv").open("ab") as file:
        file.write(b"\n" * 200_000)
    with pytest.raises(UnreadablePackageError, match="bytes unpacked, more than 100,000"):
        load_package(zipped(directory), check)


def test_a_zip_that_lies_about_its_size_is_not_unpacked_further(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime.package.texts, "PACKAGE_BYTES_MAX", 100_000)
    with (directory / "stations.csv").open("ab") as file:
        file.write(b"\n" * 200_000)
    path = zipped(directory)
    stated = struct.pack("<I", (directory / "stations.csv").stat().st_size)
    path.write_bytes(path.read_bytes().replace(stated, struct.pack("<I", 1_000)))
    with pytest.raises((UnreadablePackageError, PackageError)):
        load_package(path, check)


def test_a_broken_zip_is_called_broken(directory: Path) -> None:
    path = zipped(directory)
    data = bytearray(path.read_bytes())
    data[60:90] = bytes(30)
    path.write_bytes(data)
    with pytest.raises(UnreadablePackageError, match="cannot be unpacked"):
        load_package(path, check)


def test_a_zip_packed_in_an_unusual_way_is_refused(directory: Path) -> None:
    path = directory.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.write(directory / "election.json", "election.json")
    with pytest.raises(UnreadablePackageError, match="in a way other than deflate"):
        load_package(path, check)


def test_a_check_sees_a_whole_package_even_where_rows_have_no_shape(directory: Path, edit: Edit) -> None:
    """The third pass gets every row, mended, so that its problems with others are right."""
    edit("choices.csv", swap("party,P01,1", "parti,P01,x"))
    seen: list[Any] = []

    def spy(package: ElectionPackage) -> Sequence[Problem]:
        seen.append(package)
        return ()

    assert len(read_package(directory, spy).problems) == 2
    assert len(seen[0].choices) == len(example().choices)


# ── texts in several languages ───────────────────────────────────────────────────────────────────────────────────────


def offices(header: str, *rows: str) -> Callable[[str], str]:
    return lambda _: "\n".join([header, *rows]) + "\n"


def test_titles_are_in_any_set_of_languages_each_office_in_its_own(directory: Path, edit: Edit) -> None:
    edit("election.json", swap('"id": "Contoh pemilu",\n    "en": "Example election"', '"pt-BR": "Eleição"'))
    edit("offices.csv", offices("id,name_pt-BR,name_gn", "president,Presidente,Mburuvicha", "dpr,Câmara,"))
    package = load_package(directory, check)
    assert package.election.title == LocalText({"pt-BR": "Eleição"})
    assert [office.name.root for office in package.offices] == [
        {"pt-BR": "Presidente", "gn": "Mburuvicha"},
        {"pt-BR": "Câmara"},
    ]


@pytest.mark.parametrize(
    ("change", "problems"),
    [
        (
            offices("id,name_EN", "president,President", "dpr,House"),
            ["offices.csv:1: name_EN: 'EN' is not a language tag as BCP 47 writes it, such as en, pt-BR or zh-Hant"],
        ),
        (
            offices("id,name", "president,President", "dpr,House"),
            ["offices.csv:1: name: has no language; name one, such as name_en, for each that it is in"],
        ),
        (offices("id", "president", "dpr"), ["offices.csv:1: name_en: column 'name_en' is missing"]),
        (
            offices("id,name_fr,name_en", "president,Président,President", "dpr,,"),
            ["offices.csv:3: name_fr: is empty"],
        ),
        (
            offices("id,name_fr,name_en", "president,Président,President", f"dpr,Chambre,{'x' * 301}"),
            ["offices.csv:3: name_en: has 301 characters, at most 300 are allowed"],
        ),
    ],
)
def test_a_mistake_in_a_language_is_found_in_its_column(
    directory: Path, edit: Edit, change: Callable[[str], str], problems: list[str]
) -> None:
    edit("offices.csv", change)
    assert found(directory) == problems


def test_the_languages_are_part_of_the_definition(directory: Path, edit: Edit) -> None:
    edit("offices.csv", swap("name_id", "name_ms"))
    assert load_package(directory, check).definition_hash() != example().definition_hash()
