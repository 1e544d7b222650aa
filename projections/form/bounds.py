"""Rules G1 to G9: numbers of one form that must not be above others, or above a bound (DOMAIN 1.2).

G7 and G9 also hold for ballots that bear several marks.
"""

from __future__ import annotations

from projections.area.tally import column_all
from projections.form.case import COLUMNS, Case, Sentences, at_most, cell, equal, sum_of
from schemas.ledger.reports import Form


def g1(form: Form, case: Case) -> Sentences:
    """B1 <= A: no more registered voters voted than are registered."""
    broken: Sentences = []
    for column in COLUMNS:
        broken += at_most(f"B1.{column}", cell(form.B1, column), f"A.{column}", cell(form.A, column), case.tolerance)
    return broken


def g2(form: Form, case: Case) -> Sentences:
    """VC <= S1: no more votes than ballots received."""
    return at_most("VC", form.VC, "S1", form.S1, case.tolerance)


def g3(form: Form, case: Case) -> Sentences:
    """S1 = A.J and the reserve (UU 7/2017 Art 344(2): 2 %). Parameters: `reserve_percent`, `rounding` up/down/nearest."""
    registered = column_all(form.A)
    if registered is None:
        return []
    hundredths = registered * case.number("reserve_percent", 2)
    rounding = case.parameters.get("rounding", "up")
    reserve = (hundredths + {"up": 99, "nearest": 50, "down": 0}[str(rounding)]) // 100
    return equal("S1", form.S1, "A.J + cadangan/reserve", registered + reserve, case.tolerance)


def g4(form: Form, case: Case) -> Sentences:
    """A.J <= the largest station allowed (parameter `max`; KPU 2024: 300)."""
    return at_most("A.J", column_all(form.A), "batas/limit", case.number("max", 300), case.tolerance)


def g5(form: Form, case: Case) -> Sentences:
    """D <= B4: voters with disabilities are voters."""
    broken: Sentences = []
    if form.D is None:
        return broken
    for column in COLUMNS:
        broken += at_most(f"D.{column}", cell(form.D, column), f"B4.{column}", cell(form.B4, column), case.tolerance)
    return broken


def g6(form: Form, case: Case) -> Sentences:
    """S3 <= B4.J: one replacement ballot a voter."""
    return at_most("S3", form.S3, "B4.J", column_all(form.B4), case.tolerance)


def g7(form: Form, case: Case) -> Sentences:
    """Each V <= VA; where a ballot bears several marks also V <= VS × the parameter `marks_per_choice`.

    That numbers are whole and not negative is checked with the form's shape (schemas/ledger/forms.py).
    """
    broken: Sentences = []
    most = max(form.votes.values(), default=0)
    if form.VA is not None and most > form.VA:
        for choice, count in form.votes.items():
            broken += at_most(f"V[{choice}]", count, "VA", form.VA, case.tolerance)
    if case.contest.votes_per_ballot > 1 and form.VS is not None:
        marks = case.number("marks_per_choice", 1)
        name, limit = ("VS" if marks == 1 else f"VS × {marks}"), form.VS * marks
        if most > limit:
            for choice, count in form.votes.items():
                broken += at_most(f"V[{choice}]", count, name, limit, case.tolerance)
    return broken


def g8(form: Form, case: Case) -> Sentences:
    """VC <= A.J + B2.J + B3.J: no more votes than people who may vote here.

    Where the form does not state A, the package's register is used instead; where the register is not known either, nothing
    is checked. Without B2 and B3 the rule cannot be checked exactly. The parameter `percent_without_b` (102 in DOMAIN 1.2) then
    bounds VC by that share of the register.
    """
    registered = column_all(form.A)
    if registered is None:
        registered = case.registered_voters
    if registered is None:
        return []
    added = sum_of(column_all(form.B2), column_all(form.B3))
    if added is not None:
        return at_most("VC", form.VC, "A.J + B2.J + B3.J", registered + added, case.tolerance)
    percent = case.number("percent_without_b", 0)
    limit = registered * percent // 100
    return at_most("VC", form.VC, f"DPT × {percent} %", limit, case.tolerance) if percent else []


def g9(form: Form, case: Case) -> Sentences:
    """VA <= VS × votes per ballot: no more votes than the valid ballots may bear.

    Fewer votes break nothing, because a ballot may bear fewer. Where VS is not stated, VC is used instead.
    """
    name, ballots = ("VC", form.VC) if form.VS is None else ("VS", form.VS)
    marks = case.contest.votes_per_ballot
    limit = None if ballots is None else ballots * marks
    return at_most("VA", form.VA, name if marks == 1 else f"{name} × {marks}", limit, case.tolerance)
