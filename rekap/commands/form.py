"""`rekap form`: fill in a form at the keyboard, or take many from a sheet, and check them before anything is signed."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from pathlib import Path
from typing import Any

import click
import orjson
from pydantic import ValidationError

from projections.checks.package_checks import problems
from projections.definition.ballots import ContestEntry
from projections.definition.compiled import Definition
from rekap.errors import UnusableError
from rekap.exit_codes import ExitCode
from rekap.given import see_that_it_can_be_written
from rekap.station.form_check import FormCheck
from rekap.station.form_fields import FormField, NotANumberError, body_of, fields_of, number_of
from rekap.station.form_sheets import empty_sheet, read_sheet
from rekap.terminal import complain, print_lines
from runtime.files.atomic_write import replace_file
from runtime.package.reading import load_package
from runtime.package.shape_sentences import first_sentence
from schemas.texts import shown

MISTAKES_SHOWN = 50
BACK = "<"


@click.command("form")
@click.option("--package", type=click.Path(path_type=Path), required=True, help="the election package")
@click.option("--station", help="station of the form; asked for if it is not given")
@click.option("--contest", help="contest of the form; asked for if it is not given")
@click.option(
    "--from-csv", "sheet", type=click.Path(path_type=Path), help="take the forms from this sheet, one in each line"
)
@click.option("--sheet", "empty", is_flag=True, help="write the empty sheet of --contest, with a line for each station")
@click.option("--anyway", is_flag=True, help="write forms also where the package's rules find a mistake")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="file to write")
def form(
    package: Path,
    station: str | None,
    contest: str | None,
    sheet: Path | None,
    empty: bool,
    anyway: bool,
    output: Path,
) -> None:
    """Fill in a form at the keyboard, or take many from a sheet (CSV), and check them by the package's rules.

    Nothing is signed, and no server is asked. `rekap submit` signs and delivers the file.

    Exit codes: 0 the file is written; 1 the rules find mistakes, and nothing is written; 2 the package, the sheet or an option
    cannot be used.

    \b
    Examples:
      rekap form --package my-election -o form.json
      rekap form --package my-election --contest president --sheet -o president.csv
      rekap form --package my-election --from-csv president.csv -o forms.ndjson
    """
    if sheet is not None and empty:
        raise click.UsageError("--sheet writes an empty sheet, and --from-csv reads a filled one: give one of them")
    if sheet is not None and (station, contest) != (None, None):
        raise click.UsageError("--from-csv has station and contest in each line: give neither --station nor --contest")
    if empty and station is not None:
        raise click.UsageError("--sheet has a line for each station of the contest: do not give --station")
    if sheet is None and output.exists():  # a sheet, or a form, that somebody has filled in
        raise UnusableError(f"{output} exists already, and is not written over; name another file")
    see_that_it_can_be_written(output)
    definition = Definition.of(load_package(package, problems))
    if sheet is not None:
        lines = _from_sheet(sheet, definition, anyway)
    elif empty:
        if contest is None:
            raise click.UsageError("--sheet needs --contest")
        _write(output, empty_sheet(definition, _contest(definition, contest)))
        print_lines(
            f"{output} is the empty sheet; when it is filled in: rekap form --package {package} --from-csv {output} -o …"
        )
        return
    else:
        lines = [orjson.dumps(_at_the_keyboard(definition, station, contest), option=orjson.OPT_INDENT_2) + b"\n"]
    _write(output, iter(lines))
    print_lines(f"{output} has {len(lines):,} form{'' if len(lines) == 1 else 's'}, not signed. Next:")
    print_lines(f"  rekap submit {output} --key KEY.pem --package {package}{' --anyway' if anyway else ''}")


def _write(output: Path, pieces: Iterator[bytes]) -> None:
    replace_file(output, pieces, mode=0o666)


def _contest(definition: Definition, contest: str) -> ContestEntry:
    try:
        return definition.ballots.contest(contest)
    except KeyError:
        known = ", ".join(each.id for each in definition.ballots.contests[:20])
        raise UnusableError(f"there is no contest {shown(contest)!r}; there are: {known}") from None


# ── many, from a sheet ──────────────────────────────────────────────────────────────────────────────────────────────────


def _from_sheet(sheet: Path, definition: Definition, anyway: bool) -> list[bytes]:
    check = FormCheck(definition, None)
    lines: list[bytes] = []
    empty = 0
    first_line: dict[tuple[str, str, int], int] = {}
    found = 0
    is_final = False
    for given in read_sheet(sheet, definition):
        if given.is_empty:
            empty += 1
            continue
        body = given.body
        key = given.station, str(body["contest"]), int(body["version"])
        mistakes = list(given.mistakes)
        if (before := first_line.setdefault(key, given.line)) != given.line:
            mistakes.append(f"version {key[2]} of this form is in line {before} already")
        is_final |= bool(mistakes)
        if not mistakes:
            by_rules, cannot_be_signed = _mistakes(check, body)
            mistakes += by_rules
            is_final |= cannot_be_signed
        for mistake in mistakes:
            found += 1
            if found <= MISTAKES_SHOWN:
                complain(f"{shown(sheet)}:{given.line}: station {shown(given.station)}: {mistake}")
        lines.append(orjson.dumps(body) + b"\n")
    if found > MISTAKES_SHOWN:
        complain(f"… and {found - MISTAKES_SHOWN:,} more")
    if not lines:
        raise UnusableError(f"{sheet} has no forms" + (", only lines without a number" if empty else ""))
    if empty:
        complain(f"note: {empty:,} line{'' if empty == 1 else 's'} without a number left out")
    if found and (is_final or not anyway):
        hint = (
            "correct them first"
            if is_final
            else "correct the typing errors; --anyway writes what is as on the paper form"
        )
        complain(f"nothing was written: {hint}")
        raise SystemExit(ExitCode.BAD_OUTCOME)
    return lines


def _mistakes(check: FormCheck, body: dict[str, Any]) -> tuple[list[str], bool]:
    """The sentences, and whether no gateway would take the event."""
    try:
        mistakes = check.mistakes_of_body(body)
    except ValidationError as error:
        return [first_sentence(error)], True
    return [f"{each.rule}: {each.sentence}" for each in mistakes], any(each.is_refused for each in mistakes)


# ── one, at the keyboard ────────────────────────────────────────────────────────────────────────────────────────────────


def _at_the_keyboard(definition: Definition, station: str | None, contest: str | None) -> dict[str, Any]:
    try:
        return _filled_in(definition, station, contest)
    except click.Abort:
        complain("nothing was written")
        raise KeyboardInterrupt from None


def _filled_in(definition: Definition, station: str | None, contest: str | None) -> dict[str, Any]:
    stations = definition.stations.number
    station = _ask("station", station, stations, lambda text: f"there is no station {text!r} in the package")
    held = [
        definition.ballots.contests[each].id for each in definition.electorates.contests_of_station(stations[station])
    ]
    contest = _ask(
        f"contest ({', '.join(held)})",
        contest or (held[0] if len(held) == 1 else None),
        held,
        lambda text: f"station {station} has no contest {text!r}; it has: {', '.join(held)}",
    )
    version = _number("version", 1)
    fields = fields_of(definition.ballots.contest(contest))
    print_lines(f"Enter leaves a field empty, as on the paper; {BACK} goes back to the field before.")
    numbers: dict[str, int | None] = {}
    _fill(fields, numbers)
    check = FormCheck(definition, None)
    while True:
        body = body_of(station, contest, 1 if version is None else version, numbers)
        sentences, is_refused = _mistakes(check, body)
        for sentence in sentences:
            complain(f"  {sentence}")
        complain("the package's rules find no mistake" if not sentences else "")
        field = _field_to_change(fields, may_end=not is_refused, has_mistakes=bool(sentences))
        if field is None:
            return body
        numbers[field.path] = _number(_words(field), numbers.get(field.path))


def _fill(fields: list[FormField], numbers: dict[str, int | None]) -> None:
    at = 0
    while at < len(fields):
        field = fields[at]
        text = click.prompt(_words(field), default="", show_default=False, err=True)
        if text.strip() == BACK:
            at = max(0, at - 1)
            continue
        try:
            numbers[field.path] = number_of(text)
        except NotANumberError as error:
            complain(f"  {error}")
            continue
        at += 1


def _field_to_change(fields: list[FormField], *, may_end: bool, has_mistakes: bool) -> FormField | None:
    """The field that the person wants to change; None to write the file."""
    by_path = {field.path.lower(): field for field in fields}
    end = "Enter writes the file" if not has_mistakes else "Enter writes the file as the paper has it"
    while True:
        text = click.prompt(
            f"field to change{f' ({end})' if may_end else ''}", default="", show_default=False, err=True
        ).strip()
        if not text and may_end:
            return None
        if text.lower() in by_path:
            return by_path[text.lower()]
        complain("  name a field as it is written before its words, such as B1.J")


def _words(field: FormField) -> str:
    return shown(f"{field.path:<12} {field.words_id} / {field.words_en}")


def _ask(what: str, given: str | None, known: Container[str], unknown: Callable[[str], str]) -> str:
    """What was given, or else what is typed, which is asked for again until it is known. Raises UnusableError."""
    if given is not None:
        if given not in known:
            raise UnusableError(unknown(shown(given)))
        return given
    while (text := str(click.prompt(what, err=True)).strip()) not in known:
        complain(f"  {unknown(shown(text))}")
    return text


def _number(what: str, default: int | None) -> int | None:
    while True:
        text = click.prompt(what, default="" if default is None else str(default), show_default=True, err=True)
        try:
            return number_of(str(text))
        except NotANumberError as error:
            complain(f"  {error}")
