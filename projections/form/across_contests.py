"""Rules X1 to X4: the forms that count for one station, compared across its contests (DOMAIN 1.2).

These rules flag and never hold: a package cannot make one of them hard (projections/checks/package_checks.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from projections.area.tally import column_all
from projections.definition.compiled import Definition
from projections.form.case import Sentences, at_most, equal
from schemas.definition.package import RuleSetting
from schemas.findings import Finding, of_rule
from schemas.ledger.reports import Form


class CrossFields(NamedTuple):
    """The numbers of the form that counts for a station in a contest, as the rules across contests compare them. A to B4 are
    column J."""

    A: int | None
    B1: int | None
    B2: int | None
    B3: int | None
    B4: int | None
    VC: int | None


def cross_fields(form: Form) -> CrossFields:
    return CrossFields(
        column_all(form.A),
        column_all(form.B1),
        column_all(form.B2),
        column_all(form.B3),
        column_all(form.B4),
        form.VC,
    )


def _same_row(row: str, mine: CrossFields, others: Mapping[str, CrossFields], tolerance: int) -> Sentences:
    broken: Sentences = []
    own = getattr(mine, row)
    for contest, other in others.items():
        broken += equal(f"{row}.J", own, f"{row}.J ({contest})", getattr(other, row), tolerance)
    return broken


def x1(office: str, mine: CrossFields, others: Mapping[str, CrossFields], setting: RuleSetting) -> Sentences:
    """A is the same in all contests of a station, because it is the same register."""
    return _same_row("A", mine, others, setting.tolerance)


def x2(office: str, mine: CrossFields, others: Mapping[str, CrossFields], setting: RuleSetting) -> Sentences:
    """B2 is nowhere larger than in the contest of the parameter `reference` (an office): movers get one to five ballots."""
    reference = others.get(str(setting.parameters.get("reference", "")))
    if reference is None:
        return []
    return at_most("B2.J", mine.B2, f"B2.J ({setting.parameters['reference']})", reference.B2, setting.tolerance)


def x3(office: str, mine: CrossFields, others: Mapping[str, CrossFields], setting: RuleSetting) -> Sentences:
    """B1 and B3 are the same in all contests of a station (usual; no text of law found)."""
    return _same_row("B1", mine, others, setting.tolerance) + _same_row("B3", mine, others, setting.tolerance)


def x4(office: str, mine: CrossFields, others: Mapping[str, CrossFields], setting: RuleSetting) -> Sentences:
    """VC - B4 is 0; where not, the sum over all contests is given, in which ballots from another contest's box cancel out.

    Bawaslu Reg 1/2024 Art 31(1)c-d: such ballots are moved before counting, so F7 can fail by small differences.
    """

    def difference(fields: CrossFields) -> int | None:
        return None if fields.VC is None or fields.B4 is None else fields.VC - fields.B4

    own = difference(mine)
    if not own:
        return []
    total = own + sum(difference(other) or 0 for other in others.values())
    return [
        (
            f"VC - B4.J = {own}; jumlah untuk semua pemilihan di TPS ini {total}.",
            f"VC - B4.J = {own}; summed over all contests of the station {total}.",
        )
    ]


CrossRule = Callable[[str, CrossFields, Mapping[str, CrossFields], RuleSetting], Sentences]
CROSS_RULES: dict[str, CrossRule] = {"X1": x1, "X2": x2, "X3": x3, "X4": x4}
"""Rule id → the rule across the contests of one station."""


class CrossJudge:
    """The rules across contests that the package turns on."""

    def __init__(self, definition: Definition) -> None:
        self._settings = [setting for setting in definition.election.rules if setting.id in CROSS_RULES]

    @property
    def is_on(self) -> bool:
        return bool(self._settings)

    def judge(self, office: str, forms: Mapping[str, CrossFields]) -> tuple[Finding, ...]:
        """Findings of the form of `office`, given the forms that count for all offices of the station."""
        others = {name: fields for name, fields in forms.items() if name != office}
        return tuple(
            finding
            for setting in self._settings
            if not setting.offices or office in setting.offices
            for finding in of_rule(
                setting.id, setting.severity, CROSS_RULES[setting.id](office, forms[office], others, setting)
            )
        )
