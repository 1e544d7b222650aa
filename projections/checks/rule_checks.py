"""The rules that a package turns on: known ones, each once for an office, with the parameters that they read."""

from __future__ import annotations

from collections.abc import Mapping

from projections.checks.lookups import OFFICE, PackageCheck, listed
from projections.finance.rules import RULES as FINANCE_RULES
from projections.form.across_contests import CROSS_RULES
from schemas.codes import AMOUNT_MAX, COUNT_MAX
from schemas.definition.package import BlankBallots, RuleSetting, Severity
from schemas.ledger.forms import ResultForm

NUMBER = f"a whole number from 0 to {COUNT_MAX:,}"
FINANCE_PARAMETERS: Mapping[str, Mapping[str, str]] = {"D3": {"max": f"a whole number from 0 to {AMOUNT_MAX:,}"}}
"""Parameters of the rules of projections/finance/."""
PARAMETERS: Mapping[str, Mapping[str, str]] = {
    "F9": {"officers": NUMBER, "witnesses": NUMBER},
    "G3": {"reserve_percent": NUMBER, "rounding": "`up`, `down` or `nearest`"},
    "G4": {"max": NUMBER},
    "G7": {"marks_per_choice": f"a whole number from 1 to {COUNT_MAX:,}"},
    "G8": {"percent_without_b": NUMBER},
    "X2": {"reference": "an office id"},
    "M1": {"fields": "a list of fields of the form"},
}
"""Parameters that the rules of projections/form/ read, and what each must be. A parameter times the largest number of a form
is below 64 bits, in which the auditor counts."""


def check_rules(check: PackageCheck) -> None:
    offices_of_rule: dict[str, set[str]] = {}
    for number, setting in enumerate(check.package.election.rules):
        path = f"rules.{number}"
        if setting.id not in check.known_rules:
            known = ", ".join(sorted(check.known_rules))
            check.election(f"{path}.id", f"there is no rule {setting.id}; the rules are {known}")
            continue
        for index, office in enumerate(setting.offices):
            if office not in check.office_ids:
                check.election(f"{path}.offices.{index}", check.unknown(office, OFFICE, check.office_ids))
        meant = set(setting.offices) or check.office_ids
        seen = offices_of_rule.setdefault(setting.id, set())
        if twice := sorted(seen & meant):
            check.election(f"{path}.id", f"rule {setting.id} is set twice for {listed(twice)}")
        seen |= meant
        if setting.id in CROSS_RULES and setting.severity is Severity.HARD:
            check.election(f"{path}.severity", f"rule {setting.id} compares contests and can only be `soft` or `info`")
        if setting.id in FINANCE_RULES and check.package.election.finance is None:
            check.election(
                f"{path}.id", f"rule {setting.id} needs the field `finance`, which describes campaign finance"
            )
        _parameters(check, path, setting)


def _parameters(check: PackageCheck, path: str, setting: RuleSetting) -> None:
    expected = PARAMETERS.get(setting.id) or FINANCE_PARAMETERS.get(setting.id, {})
    for name, value in setting.parameters.items():
        if name not in expected:
            allowed = f"its parameters are {listed(sorted(expected))}" if expected else "it has none"
            sentence = f"rule {setting.id} has no parameter {name!r}; {allowed}"
            check.election(f"{path}.parameters.{name}", sentence)
        elif name == "fields" and (absent := _never_counted(check, setting, value)):
            sentence = f"rule {setting.id} asks for {absent}, which no contest of its offices counts"
            check.election(f"{path}.parameters.{name}", sentence)
        elif not _fits(check, name, value, AMOUNT_MAX if setting.id in FINANCE_PARAMETERS else COUNT_MAX):
            sentence = f"{name} of rule {setting.id} must be {expected[name]}, got {value!r}"
            check.election(f"{path}.parameters.{name}", sentence)


def _never_counted(check: PackageCheck, setting: RuleSetting, fields: int | str | list[str]) -> str:
    """Fields that the rule demands and that none of its contests counts, as a list for a sentence."""
    meant = set(setting.offices) or check.office_ids
    counted = {
        "VK": any(
            office.id in meant and office.blank_ballots is BlankBallots.APART for office in check.package.offices
        ),
        "VS": any(contest.office in meant and contest.votes_per_ballot > 1 for contest in check.package.contests),
    }
    asked = fields if isinstance(fields, list) else []
    return " and ".join(name for name, is_counted in counted.items() if name in asked and not is_counted)


def _fits(check: PackageCheck, name: str, value: int | str | list[str], number_max: int) -> bool:
    match name:
        case "rounding":
            return value in ("up", "down", "nearest")
        case "reference":
            return value in check.office_ids
        case "fields":
            return isinstance(value, list) and all(field in ResultForm.model_fields for field in value)
        case "marks_per_choice":
            return isinstance(value, int) and 1 <= value <= COUNT_MAX
        case _:
            return isinstance(value, int) and 0 <= value <= number_max
