"""The rules of DOMAIN 1.2 and 1.3 a second time, as SQL: for each an expression that is true where a form breaks it.

Columns are those of `extract.COLUMNS`, the station's `registered`, and of the contest `marks` (votes of a ballot) and
`counts_blank`. Two macros carry what is common (recount.sql):
`differs(a, b, tolerance)` and `exceeds(a, limit, tolerance)`, both false where a number is not stated; `people(row)` is J
of a row, or L + P. Every value that comes from the package is a whole number or is checked against a list, never text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from audit.sources.event_shapes import NUMBERS, VOTER_ROWS
from audit.sources.package import Package

Parameters = dict[str, Any]
Rule = Callable[[int, Parameters], str]

_FORM_FIELDS = frozenset({*VOTER_ROWS, *NUMBERS, "votes", "party_totals", "words", "signatures"})
ASKED_WHERE = {"VK": "counts_blank", "VS": "marks > 1"}
"""Fields that only some contests count → which. On a form of another they are a mistake (C2)."""
_ROUNDING = {"up": 99, "nearest": 50, "down": 0}


def _each(template: str) -> str:
    """The template for men, women and all."""
    parts = [template.replace("<x>", column) for column in ("L", "P")]
    return " OR ".join(parts)


def _f1(t: int, _: Parameters) -> str:
    return " OR ".join(f"differs({row}.J, {row}.L + {row}.P, {t})" for row in VOTER_ROWS)


def _f2(t: int, _: Parameters) -> str:
    parts = _each(f"differs(B4.<x>, B1.<x> + B2.<x> + B3.<x>, {t})")
    return f"{parts} OR differs(people(B4), people(B1) + people(B2) + people(B3), {t})"


def _bound(low: str, high: str) -> Rule:
    """A row of voters is nowhere more than another."""

    def rule(t: int, _: Parameters) -> str:
        parts = _each(f"exceeds({low}.<x>, {high}.<x>, {t})")
        return f"{parts} OR exceeds(people({low}), people({high}), {t})"

    return rule


def _differs(a: str, b: str) -> Rule:
    return lambda t, _: f"differs({a}, {b}, {t})"


def _exceeds(a: str, limit: str) -> Rule:
    return lambda t, _: f"exceeds({a}, {limit}, {t})"


def _f9(_: int, parameters: Parameters) -> str:
    officers, witnesses = int(parameters.get("officers", 0)), int(parameters.get("witnesses", 0))
    return f"coalesce(officers < {officers}, false) OR coalesce(witnesses < {witnesses}, false)"


def _g3(t: int, parameters: Parameters) -> str:
    percent, rounding = int(parameters.get("reserve_percent", 2)), _ROUNDING[parameters.get("rounding", "up")]
    return f"differs(S1, people(A) + (people(A) * {percent} + {rounding}) // 100, {t})"


def _g8(t: int, parameters: Parameters) -> str:
    percent = int(parameters.get("percent_without_b", 0))
    register = "coalesce(people(A), registered)"
    without = f"exceeds(VC, {register} * {percent} // 100, {t})" if percent else "false"
    added = "people(B2) + people(B3)"
    return f"CASE WHEN {added} IS NOT NULL THEN exceeds(VC, {register} + {added}, {t}) ELSE {without} END"


def _m1(_: int, parameters: Parameters) -> str:
    parts = ["false"]
    for name in parameters.get("fields", []):
        if name == "votes":
            parts.append("votes_missing > 0")
        elif name in ASKED_WHERE:
            parts.append(f"{ASKED_WHERE[name]} AND {name} IS NULL")
        elif name in _FORM_FIELDS:
            parts.append(f"NOT list_contains(stated, '{name}')")
        else:
            parts.append("true")
    return " OR ".join(parts)


def _g4(t: int, parameters: Parameters) -> str:
    return f"exceeds(people(A), {int(parameters.get('max', 300))}, {t})"


def _g7(t: int, parameters: Parameters) -> str:
    several = f"marks > 1 AND exceeds(votes_most, VS * {int(parameters.get('marks_per_choice', 1))}, {t})"
    return f"exceeds(votes_most, VA, {t}) OR ({several})"


_f4 = _differs("VC", "if(marks = 1, VA, VS) + VB + if(counts_blank, VK, 0)")
FORM_RULES: dict[str, Rule] = {
    "F1": _f1,
    "F2": _f2,
    "F3": _differs("VA", "votes_sum"),
    "F4": _f4,
    "F5": _differs("S1", "S2 + S3 + S4"),
    "F6": _differs("S2", "VC"),
    "F6P": lambda t, _: f"VC IS NULL AND differs(S2, people(B4), {t})",
    "F7": _differs("VC", "people(B4)"),
    "F8": lambda t, _: f"len(list_filter(words, lambda each: differs(each.stated, each.digits, {t}))) > 0",
    "F9": _f9,
    "G1": _bound("B1", "A"),
    "G2": _exceeds("VC", "S1"),
    "G3": _g3,
    "G4": _g4,
    "G5": _bound("D", "B4"),
    "G6": _exceeds("S3", "people(B4)"),
    "G7": _g7,
    "G8": _g8,
    "G9": _exceeds("VA", "coalesce(VS, VC) * marks"),
    "P1": lambda t, _: f"len(list_filter(party_totals, lambda each: differs(each.stated, each.counted, {t}))) > 0",
    "P2": lambda t, _: f"differs(VA, list_sum(list_transform(party_totals, lambda each: each.stated)), {t})",
    "P3": _f4,
    "M1": _m1,
}
"""Rule id → expression over one form. F6P is F6' of DOMAIN 1.2."""


def _same(*rows: str) -> Rule:
    return lambda t, _: " OR ".join(f"differs(people(mine.{row}), people(other.{row}), {t})" for row in rows)


CROSS_RULES: dict[str, Rule] = {
    "X1": _same("A"),
    "X2": lambda t, _: f"other.office = $reference AND exceeds(people(mine.B2), people(other.B2), {t})",
    "X3": _same("B1", "B3"),
    "X4": lambda _t, _p: "coalesce(mine.VC - people(mine.B4) <> 0, false)",
}
"""Rule id → expression over the form that counts in one contest of a station (`mine`) and the one that counts in another
(`other`, absent where there is none). `$reference` is the rule's parameter of that name."""


def form_rules(package: Package) -> tuple[str, dict[str, Any]]:
    """The list for `{rules}` of recount.sql, and its parameters."""
    parts = ["CASE WHEN votes_unknown > 0 THEN {'rule': 'C1', 'severity': 'hard'} END"]
    for field, where in ASKED_WHERE.items():
        parts.append(f"CASE WHEN {field} IS NOT NULL AND NOT ({where}) THEN {{'rule': 'C2', 'severity': 'hard'}} END")
    parameters: dict[str, Any] = {}
    offices = [row["id"] for row in package.tables["offices"]]
    for number, rule in enumerate(package.election["rules"]):
        if rule["id"] not in FORM_RULES:
            continue
        expression = FORM_RULES[rule["id"]](int(rule["tolerance"]), rule["parameters"])
        severity = rule["severity"] if rule["severity"] in ("hard", "soft") else "info"
        parameters[f"offices_{number}"] = rule["offices"] or offices
        parts.append(
            f"CASE WHEN list_contains($offices_{number}, office) AND ({expression}) "
            f"THEN {{'rule': '{rule['id']}', 'severity': '{severity}'}} END"
        )
    return ", ".join(parts), parameters
