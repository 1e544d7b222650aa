"""`rekap form`: forms at the keyboard and in sheets, checked by the package's rules before anything is signed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

import rekap.station.form_sheets as form_sheets
from projections.definition.compiled import Definition
from rekap.cli import main
from rekap.station.form_fields import NotANumberError, fields_of, number_of
from runtime.files.key_files import write_key_file
from runtime.package.writing import write_package
from tests.support.ledger import private_key
from tests.support.small_election import elsewhere, small_package

Run = Callable[..., Result]
HEAD = "station,contest,version,votes.01,votes.02,votes.03,VA,VB,VC"
GOOD = "1.1.1-1,president,1,10,20,30,60,1,61"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    write_package(small_package(), tmp_path / "package")

    def rekap_(*arguments: str, typed: str = "") -> Result:
        result = CliRunner().invoke(main, ["form", "--package", "package", *arguments], input=typed)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return rekap_


def sheet(*lines: str, head: str = HEAD, end: str = "\n", encoding: str = "utf-8") -> tuple[str, str, str, str]:
    Path("sheet.csv").write_bytes(end.join([head, *lines, ""]).encode(encoding))
    return "--from-csv", "sheet.csv", "-o", "forms.ndjson"


def test_each_line_of_a_sheet_is_a_form_that_submit_takes(run: Run, tmp_path: Path) -> None:
    result = run(*sheet(GOOD, "1.1.1-2,president,,0,0,5,5,,"))
    assert result.exit_code == 0, result.output
    first, second = map(orjson.loads, Path("forms.ndjson").read_bytes().splitlines())
    assert first == {
        "type": "result.reported",
        "station": "1.1.1-1",
        "contest": "president",
        "version": 1,
        "form": {"votes": {"01": 10, "02": 20, "03": 30}, "VA": 60, "VB": 1, "VC": 61},
    }
    assert (second["version"], second["form"]) == (1, {"votes": {"01": 0, "02": 0, "03": 5}, "VA": 5})
    write_key_file(private_key("officer"), tmp_path / "key.pem")
    signed = CliRunner().invoke(
        main,
        ("submit", "forms.ndjson", "--key", "key.pem", "--package", "package", "--url", "http://127.0.0.1:1"),
    )
    assert "2 put into the outbox" in signed.stdout


@pytest.mark.parametrize(("end", "encoding"), [("\r\n", "utf-8-sig"), ("\n", "utf-8")])
def test_a_sheet_is_read_as_a_spreadsheet_writes_it(run: Run, end: str, encoding: str) -> None:
    semicolons = [each.replace(",", ";") for each in (GOOD, ";" * 8, '" 1.1.1-2 ";president;2;1;1;1;3;0;3')]
    arguments = sheet(*semicolons, head=HEAD.replace(",", ";"), end=end, encoding=encoding)
    assert run(*arguments).exit_code == 0
    assert [orjson.loads(each)["station"] for each in Path("forms.ndjson").read_bytes().splitlines()] == [
        "1.1.1-1",
        "1.1.1-2",
    ]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("1.1.1-2,president,1,10,20,30,61,1,62", "station 1.1.1-2: F3: VA is 61, but Σ V = 60."),
        ("9.9.9-9,president,1,10,20,30,60,1,61", "station 9.9.9-9: S1: Station 9.9.9-9 is not in this"),
        ("1.1.1-2,council-c,1,,,,,1,", "station 1.1.1-2: S2: "),
        ("1.1.1-2,mayor,1,10,20,30,60,1,61", "station 1.1.1-2: contest: there is no contest 'mayor'"),
        ("1.1.1-2,president,1,1.000,20,30,60,1,61", "votes.01: expected a whole number, got '1.000'; write it as 1000"),
        ("1.1.1-2,president,1,ten,20,30,60,1,61", "votes.01: expected a whole number, got 'ten'"),
        ("1.1.1-2,president,1,-1,20,30,60,1,61", "votes.01: expected a whole number, got '-1'"),
        ("1.1.1-2,president,1,٣,20,30,60,1,61", "votes.01: expected a whole number, got '٣'"),
        ("1.1.1-2,president,1,9999999999,20,30,60,1,61", "votes.01: is 9999999999, must be at most 999,999,999"),
        ("1.1.1-2,president,0,10,20,30,60,1,61", "version: is 0, must be at least 1"),
        ("1.1.1-1,president,1,10,20,30,60,1,61", "version 1 of this form is in line 2 already"),
        ("1.1.1-2\x1b[2J,president,1,10,20,30,60,1,61", "station: '1.1.1-2\\x1b[2J' is not a code"),
    ],
)
def test_a_wrong_line_is_named_with_file_line_and_station_and_nothing_is_written(
    run: Run, line: str, sentence: str
) -> None:
    result = run(*sheet(GOOD, line))
    assert result.exit_code == 1
    assert "sheet.csv:3: station " in result.stderr
    assert sentence in result.stderr
    assert "\x1b" not in result.stderr
    assert not Path("forms.ndjson").exists()


def test_what_is_as_on_the_paper_is_written_anyway_and_what_no_gateway_takes_is_not(run: Run) -> None:
    held = sheet("1.1.1-2,president,1,10,20,30,61,1,62")
    assert run(*held).exit_code == 1
    assert run(*held, "--anyway").exit_code == 0
    assert run(*sheet("9.9.9-9,president,1,10,20,30,60,1,61"), "--anyway").exit_code == 1


@pytest.mark.parametrize(
    ("head", "line", "sentence"),
    [
        ("station,votes.01", "1,1", "sheet.csv:1: the first line names no column 'contest'"),
        ("station,contest,va", "1,1,1", "sheet.csv:1: there is no field 'va'; did you mean 'VA'?"),
        ("station,contest,VA,VA", "1,1,1,1", "sheet.csv:1: the column 'VA' is there twice"),
        (HEAD, "1.1.1-1,president", "sheet.csv:2: has 2 cells, but the first line names 9 columns"),
        (HEAD, '"1.1.1-1,president', "sheet.csv:2: is not a line of CSV"),
        (HEAD, "x" * 300_000, "sheet.csv:2: has more than 262,144 bytes"),
        (HEAD, "", "sheet.csv has no forms"),
        ("", "", "sheet.csv:1: the first line names no column 'station'"),
    ],
)
def test_what_is_not_a_sheet_is_refused_with_file_and_line(run: Run, head: str, line: str, sentence: str) -> None:
    result = run(*sheet(line, head=head))
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_a_sheet_has_a_bound(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form_sheets, "FORMS_MAX", 1)
    assert run(*sheet(GOOD)).exit_code == 0
    assert "sheet.csv:3: a sheet may have 1 forms" in run(*sheet(GOOD, GOOD.replace("1.1.1-1", "1.1.1-2"))).stderr


def test_a_file_that_is_not_text_or_not_there_is_a_sentence(run: Run) -> None:
    Path("sheet.csv").write_bytes(b"station,contest\n\xff,x\n")
    assert "sheet.csv:2: is not UTF-8" in run("--from-csv", "sheet.csv", "-o", "forms.ndjson").stderr
    assert "Error: none.csv: cannot be read" in run("--from-csv", "none.csv", "-o", "forms.ndjson").stderr


def test_an_empty_sheet_has_each_station_of_the_contest_and_each_field_of_its_form(run: Run) -> None:
    assert run("--contest", "council-b", "--sheet", "-o", "sheet.csv").exit_code == 0
    head, *rows = Path("sheet.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == [f"1.2.{v}-{n}" for v in (1, 2) for n in (1, 2)] + [
        "2.1.1-1",
        "2.1.1-2",
    ]
    assert "party_totals.P1" in head
    assert "VK" not in head
    filled = [head, *(row.replace("council-b,1,", "council-b,1,5") for row in rows)]
    Path("sheet.csv").write_text("\n".join(filled))
    assert run("--from-csv", "sheet.csv", "-o", "forms.ndjson").exit_code == 0, "A.L alone breaks no rule"
    assert "there is no contest 'mayor'" in run("--contest", "mayor", "--sheet", "-o", "x.csv").stderr
    assert "needs --contest" in run("--sheet", "-o", "x.csv").stderr
    assert "give one of them" in run("--sheet", "--from-csv", "sheet.csv", "-o", "x.csv").stderr


def test_fields_that_a_contest_does_not_count_are_not_asked_for() -> None:
    ballots = Definition.of(elsewhere(small_package())).ballots
    paths = {
        contest: {field.path for field in fields_of(ballots.contest(contest))} for contest in ("president", "council-a")
    }
    assert paths["president"] & {"VK", "VS"} == {"VK"}
    assert paths["council-a"] & {"VK", "VS"} == {"VS"}


# ── at the keyboard ──────────────────────────────────────────────────────────────────────────────────────────────────


def typed(**numbers: int | str) -> str:
    """What a person types for each field of the president's form, and Enter for those that are not given."""
    fields = fields_of(Definition.of(small_package()).ballots.contest("president"))
    answers = {name.replace("_", "."): value for name, value in numbers.items()}
    return "".join(f"{answers.get(field.path, '')}\n" for field in fields)


def test_a_form_is_filled_in_at_the_keyboard_and_corrected_where_a_rule_finds_a_mistake(run: Run) -> None:
    answers = typed(votes_01=10, votes_02=20, votes_03=30, VA=61, VB=1, VC=62)
    result = run("-o", "form.json", typed=f"1.1.1-1\npresident\n1\n{answers}nonsense\nva\nsixty\n60\nVC\n61\n\n")
    assert result.exit_code == 0, result.output
    assert "F3: VA is 61, but Σ V = 60." in result.stderr
    assert "name a field as it is written" in result.stderr
    assert "expected a whole number, got 'sixty'" in result.stderr
    assert "the package's rules find no mistake" in result.stderr
    form = orjson.loads(Path("form.json").read_bytes())["form"]
    assert form == {"votes": {"01": 10, "02": 20, "03": 30}, "VA": 60, "VB": 1, "VC": 61}


def test_a_field_before_can_be_typed_again(run: Run) -> None:
    answers = typed(A_L=5).replace("5\n", "7\n<\n5\n", 1)
    result = run("-o", "form.json", "--station", "1.1.1-1", "--contest", "president", typed=f"2\n{answers}\n")
    assert result.exit_code == 0, result.output
    body = orjson.loads(Path("form.json").read_bytes())
    assert (body["version"], body["form"]["A"]) == (2, {"L": 5})


NO_STATION = "there is no station '9.9.9-9' in the package"
NO_CONTEST = "station 1.1.1-1 has no contest 'council-c'; it has: president, council-a"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (("--station", "9.9.9-9"), NO_STATION),
        (("--station", "1.1.1-1", "--contest", "council-c"), NO_CONTEST),
    ],
)
def test_a_station_or_contest_that_is_not_there_is_a_sentence(run: Run, given: tuple[str, ...], sentence: str) -> None:
    result = run("-o", "form.json", *given)
    assert (result.exit_code, result.stderr) == (2, f"Error: {sentence}\n")


def test_a_mistyped_station_or_contest_is_asked_for_again(run: Run) -> None:
    answers = typed(votes_01=10, votes_02=20, votes_03=30, VA=60, VB=1, VC=61)
    result = run("-o", "form.json", typed=f"9.9.9-9\n1.1.1-1\ncouncil-c\npresident\n1\n{answers}\n")
    assert result.exit_code == 0, result.output
    assert NO_STATION in result.stderr
    assert NO_CONTEST in result.stderr
    assert orjson.loads(Path("form.json").read_bytes())["station"] == "1.1.1-1"


def test_an_end_of_the_input_writes_nothing(run: Run) -> None:
    result = run("-o", "form.json", typed="1.1.1-1\npresident\n1\n5\n")
    assert (result.exit_code, Path("form.json").exists()) == (130, False)
    assert "nothing was written" in result.stderr


@pytest.mark.parametrize(
    ("text", "number"), [("", None), ("  ", None), (" 7 ", 7), ("007", 7), ("999999999", 999_999_999)]
)
def test_a_number_is_read_as_it_is_typed(text: str, number: int | None) -> None:
    assert number_of(text) == number


@pytest.mark.parametrize("text", ["1000000000", "0000000001", "1e3", "½", "1_000", "+5"])
def test_what_is_not_a_number_of_a_form_is_refused(text: str) -> None:
    with pytest.raises(NotANumberError):
        number_of(text)


def test_stations_that_have_not_reported_are_left_out_of_a_sheet(run: Run) -> None:
    result = run(*sheet(GOOD, "1.1.1-2,president,1,,,,,,", "1.1.2-1,president,1,,,,,,"))
    assert result.exit_code == 0, result.output
    assert "note: 2 lines without a number left out" in result.stderr
    assert len(Path("forms.ndjson").read_bytes().splitlines()) == 1
    none = run(*sheet("1.1.1-2,president,1,,,,,,"))
    assert (none.exit_code, none.stderr) == (2, "Error: sheet.csv has no forms, only lines without a number\n")


def test_what_somebody_has_filled_in_is_not_written_over(run: Run) -> None:
    Path("mine.csv").write_text("filled in")
    for options in (("--contest", "president", "--sheet"), ("--station", "1.1.1-1", "--contest", "president")):
        result = run(*options, "-o", "mine.csv")
        assert result.exit_code == 2
        assert "mine.csv exists already, and is not written over" in result.stderr
        assert Path("mine.csv").read_text() == "filled in"
    for _ in range(2):  # the forms of a sheet are made again from the sheet
        assert run(*sheet(GOOD)).exit_code == 0


@pytest.mark.parametrize(
    "options",
    [
        ("--from-csv", "sheet.csv", "--contest", "president"),
        ("--from-csv", "sheet.csv", "--station", "1.1.1-1"),
        ("--sheet", "--contest", "president", "--station", "1.1.1-1"),
    ],
)
def test_options_that_would_be_ignored_are_refused(run: Run, options: tuple[str, ...]) -> None:
    result = run(*options, "-o", "out")
    assert result.exit_code == 2
    assert "--station" in result.stderr
    assert not Path("out").exists()
