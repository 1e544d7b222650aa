"""docs/forms.md agrees with the fields of a form, with each rule of the count, and with the sources in docs/domain.md."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from msgspec import convert

from projections.checks.rule_checks import PARAMETERS
from projections.definition.compiled import Definition
from projections.finance.rules import RULES as FINANCE_RULES
from projections.form.across_contests import CROSS_RULES, CrossJudge, cross_fields
from projections.form.case import Case
from projections.form.rules import RULES
from rekap.station.form_fields import fields_of
from schemas.definition.package import Election, RuleSetting, Severity
from schemas.ledger.forms import ResultForm, Voters
from schemas.ledger.reports import Form
from tests.support.document import blocks, table, text_of
from tests.support.one_rule import broken, contest_of
from tests.support.small_election import small_package

DOCUMENT = "docs/forms.md"
FIELDS = table(DOCUMENT, "The fields")
ROWS = table(DOCUMENT, "The rules")
SOURCES = {
    row[0]: (row[-2], row[-1])
    for section in ("1.2 Rules of one form, and across the forms of a station", "1.3 Legislative forms")
    for row in table("docs/domain.md", section)
}


class Broken(NamedTuple):
    rule: str
    contest: str
    form: dict[str, Any]
    president: dict[str, Any] | None
    """Form of the other contest of the station, for a rule across contests."""
    parameters: dict[str, Any]
    finding: str

    @classmethod
    def of(cls, row: tuple[str, ...]) -> Broken:
        rule, contest, stated, finding = row
        found = re.fullmatch(r"`([^`]+)`(?:; president: `([^`]+)`)?(?: with `([^`]+)`)?", stated)
        assert found, stated
        form, president, parameters = ({} if each is None else json.loads(each) for each in found.groups())
        return cls(rule, contest, form, president or None, parameters, finding)


BROKEN = [Broken.of(row) for row in table(DOCUMENT, "Each rule, broken")]


def test_each_field_of_a_form_has_the_words_of_the_paper() -> None:
    assert sorted(row[0].strip("`") for row in FIELDS) == sorted(ResultForm.model_fields)
    for field, block, paper, english, counts in FIELDS:
        assert all((block, paper, english, counts)), field
        has_columns = Voters in _types(ResultForm.model_fields[field.strip("`")].annotation)
        assert has_columns == paper.endswith("(L, P, J)"), f"{field} has columns: {has_columns}"


def _types(annotation: Any) -> tuple[Any, ...]:
    return getattr(annotation, "__args__", (annotation,))


def test_each_block_is_the_one_of_the_domain() -> None:
    domain = {code: block for code, block, _ in table("docs/domain.md", "1.1 The form C.HASIL")}
    for field, block, *_ in FIELDS:
        assert (block == domain[field]) or domain[field].startswith(("not on", "legislative")), field


def test_each_rule_has_one_row_and_no_row_is_of_another() -> None:
    assert sorted(row[0] for row in ROWS) == sorted([*RULES, *CROSS_RULES])
    reference = re.findall(r"^\| (\w+) \| [^|]+ \|$", text_of("docs/reference/rules.md"), re.MULTILINE)
    assert sorted(row[0] for row in ROWS) == sorted(set(reference) - {"rule", *FINANCE_RULES})


def test_rekap_form_asks_with_the_words_of_the_page() -> None:
    words = {field.strip("`"): paper.lower() for field, _, paper, _, _ in FIELDS}
    for asked in fields_of(contest_of("president")):
        field, _, part = asked.path.partition(".")
        if field not in ("votes", "party_totals", "signatures"):
            short = asked.words_id.lower()
            assert (short.rpartition(", ")[0] if part else short) in words[field], asked


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_rule_has_severity_and_source_as_in_the_domain(row: tuple[str, ...]) -> None:
    rule, _, usual, _, source = row
    assert (usual, source) == SOURCES[rule]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_rule_has_the_parameters_that_a_package_may_set(row: tuple[str, ...]) -> None:
    assert _defaults(row[3]).keys() == PARAMETERS.get(row[0], {}).keys()


def _defaults(text: str) -> dict[str, str]:
    return {name: value.strip("`") for name, value in re.findall(r"`(\w+)` ([^,]+)", text)}


class _Asked(dict[str, Any]):
    """Parameters that are all left out. It keeps the default that a rule then has."""

    def __init__(self) -> None:
        super().__init__()
        self.defaults: dict[str, Any] = {}

    def get(self, name: str, default: Any = None) -> Any:
        self.defaults[name] = default
        return default


@pytest.mark.parametrize("row", [row for row in ROWS if row[0] in RULES and row[3]], ids=lambda row: row[0])
def test_a_parameter_that_is_left_out_has_the_default_of_the_page(row: tuple[str, ...]) -> None:
    asked = _Asked()
    for each in BROKEN:
        if each.rule == row[0]:
            case = Case(_contest(each), None, 0, asked)
            RULES[each.rule](convert({"votes": {}} | each.form, Form), case)
    shown = {name: {"none": "[]"}.get(value, value) for name, value in _defaults(row[3]).items()}
    assert {name: str(value) for name, value in asked.defaults.items()} == shown


def _contest(each: Broken) -> Any:
    contest, _, abroad = each.contest.partition(" ")
    return contest_of("council-a" if contest == "council" else contest, abroad=bool(abroad))


def test_each_rule_is_broken_once_at_least() -> None:
    assert {each.rule for each in BROKEN} == {*RULES, *CROSS_RULES}


@pytest.mark.parametrize("each", BROKEN, ids=lambda each: f"{each.rule} {each.contest}")
def test_each_broken_form_has_the_finding(each: Broken) -> None:
    assert each.finding in [*_findings(each)]


def _findings(each: Broken) -> Iterator[str]:
    if each.president is None:
        contest, _, abroad = each.contest.partition(" ")
        name = "council-a" if contest == "council" else contest
        yield from broken(each.rule, each.form, name, abroad=bool(abroad), **each.parameters)
        return
    setting = RuleSetting(id=each.rule, severity=Severity.SOFT, parameters=each.parameters)
    judge = CrossJudge(Definition.of(small_package((setting,))))
    forms = {
        office: cross_fields(convert({"votes": {}} | form, Form))
        for office, form in (("council", each.form), ("president", each.president))
    }
    for finding in judge.judge("council", forms):
        yield finding.sentence_en


def test_the_rules_that_are_turned_on_are_settings_of_a_package() -> None:
    (block,) = [each for each in blocks(DOCUMENT) if each.file == "election.json"]
    settings = json.loads(block.text)
    assert settings.keys() < Election.model_fields.keys()
    for setting in settings["rules"]:
        RuleSetting.model_validate(setting)
        defaults = _defaults(next(row[3] for row in ROWS if row[0] == setting["id"]))
        assert setting.get("parameters", {}).keys() <= defaults.keys()


def test_the_page_states_what_no_package_can_set() -> None:
    assert "X1 to X4 can only be `soft` or `info`" in text_of(DOCUMENT)
