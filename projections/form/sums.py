"""Rules F1 to F8 and P1, P2: numbers of one form that must be equal (DOMAIN 1.2 and 1.3).

P3 of DOMAIN 1.3 is F4 on the legislative form.
"""

from __future__ import annotations

from projections.area.tally import column_all
from projections.form.case import COLUMNS, Case, Sentences, columns, equal, sum_of
from schemas.ledger.forms import STATED_NUMBERS
from schemas.ledger.reports import Form


def f1(form: Form, case: Case) -> Sentences:
    """J = L + P in each row of voters (header of the form)."""
    broken: Sentences = []
    rows = (("A", form.A), ("B1", form.B1), ("B2", form.B2), ("B3", form.B3), ("B4", form.B4), ("D", form.D))
    for name, row in rows:
        if row is not None and row.J is not None and row.L is not None and row.P is not None:
            all_voters = row.L + row.P
            if all_voters != row.J:
                broken += equal(f"{name}.J", row.J, f"{name}.L + {name}.P", all_voters, case.tolerance)
    return broken


def f2(form: Form, case: Case) -> Sentences:
    """B4 = B1 + B2 + B3, for men, women and all (printed on the form)."""
    broken: Sentences = []
    if form.B4 is None or form.B1 is None or form.B2 is None or form.B3 is None:
        return broken
    rows = zip(COLUMNS, *(columns(row) for row in (form.B4, form.B1, form.B2, form.B3)), strict=True)
    for column, stated, b1, b2, b3 in rows:
        if stated is None or b1 is None or b2 is None or b3 is None or stated == b1 + b2 + b3:
            continue
        parts = f"B1.{column} + B2.{column} + B3.{column}"
        broken += equal(f"B4.{column}", stated, parts, b1 + b2 + b3, case.tolerance)
    return broken


def f3(form: Form, case: Case) -> Sentences:
    """VA = sum of the votes (printed on the form)."""
    return equal("VA", form.VA, "Σ V", sum(form.votes.values()), case.tolerance)


def f4(form: Form, case: Case) -> Sentences:
    """VC = VA + VB (printed on the form); + VK where blank ballots count apart, VS for VA where ballots bear several votes."""
    name, valid = ("VA", form.VA) if case.contest.votes_per_ballot == 1 else ("VS", form.VS)
    if case.contest.counts_blank:
        return equal("VC", form.VC, f"{name} + VB + VK", sum_of(valid, form.VB, form.VK), case.tolerance)
    return equal("VC", form.VC, f"{name} + VB", sum_of(valid, form.VB), case.tolerance)


def f5(form: Form, case: Case) -> Sentences:
    """S1 = S2 + S3 + S4: printed on the 2019 form, implicit on that of 2024."""
    return equal("S1", form.S1, "S2 + S3 + S4", sum_of(form.S2, form.S3, form.S4), case.tolerance)


def f6(form: Form, case: Case) -> Sentences:
    """S2 = VC: ballots used are votes (Bawaslu Reg 15/2024 Art 23(1))."""
    return equal("S2", form.S2, "VC", form.VC, case.tolerance)


def f7(form: Form, case: Case) -> Sentences:
    """VC = B4.J: votes are voters. A mismatch is a ground for recount (UU 7/2017 Art 374(2)h)."""
    return equal("VC", form.VC, "B4.J", column_all(form.B4), case.tolerance)


def f6p(form: Form, case: Case) -> Sentences:
    """S2 = B4.J, which follows from F6 and F7: checked only where VC is missing, so that neither could be."""
    return equal("S2", form.S2, "B4.J", column_all(form.B4), case.tolerance) if form.VC is None else []


def f8(form: Form, case: Case) -> Sentences:
    """The words are the same number as the digits, where words were captured."""
    broken: Sentences = []
    for name, written in (form.words or {}).items():
        digits = getattr(form, name) if name in STATED_NUMBERS else form.votes.get(name)
        broken += equal(name, digits, "kata/words", written, case.tolerance)
    return broken


def p1(form: Form, case: Case) -> Sentences:
    """Each stated party total is A.1 + A.2: the party's own votes and its candidates' (legislative form)."""
    broken: Sentences = []
    for party, stated in (form.party_totals or {}).items():
        choices = case.contest.choices_of_party.get(party, ())
        counted = sum(form.votes.get(choice, 0) for choice in choices)
        broken += equal(f"B[{party}]", stated, "A.1 + A.2", counted, case.tolerance)
    return broken


def p2(form: Form, case: Case) -> Sentences:
    """VA = sum of the stated party totals (legislative form). A form that states none cannot be checked."""
    if not form.party_totals:
        return []
    return equal("VA", form.VA, "Σ B", sum(form.party_totals.values()), case.tolerance)
