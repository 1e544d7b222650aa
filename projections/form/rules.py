"""The rules of the count: one function a rule, one table of all (DOMAIN 1.2 and 1.3).

A rule looks at one form and returns the sentences (Indonesian, English) of what is broken; nothing where it holds or
where a number it needs is not on the form (M1 demands numbers). Whether it applies, how hard, and with what tolerance
is the package's. To change a rule, change its function; to add one, write it and enter it in `RULES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from projections.area.tally import column_all
from projections.definition.compiled import ContestEntry, Definition
from schemas.definition.package import RuleSetting, Severity
from schemas.findings import Finding, of_rule
from schemas.ledger.forms import STATED_NUMBERS
from schemas.ledger.reports import Form, Row

Sentences = list[tuple[str, str]]
"""(Indonesian, English), one pair for each place where the rule is broken; empty where it holds."""

COLUMNS = ("L", "P", "J")


class Case(NamedTuple):
    """What a rule may look at besides the form."""

    contest: ContestEntry
    registered_voters: int | None
    """Registered voters of the station in the package; None where it does not state them."""
    tolerance: int
    parameters: Mapping[str, int | str | list[str]]

    def number(self, name: str, default: int) -> int:
        value = self.parameters.get(name, default)
        assert isinstance(value, int), f"parameter {name}: expected a number (package_checks lets no other pass)"
        return value


FormRule = Callable[[Form, Case], Sentences]


def _equal(name: str, stated: int | None, what: str, expected: int | None, tolerance: int) -> Sentences:
    if stated is None or expected is None or abs(stated - expected) <= tolerance:
        return []
    return [(f"{name} tertulis {stated}, tetapi {what} = {expected}.", f"{name} is {stated}, but {what} = {expected}.")]


def _at_most(name: str, value: int | None, limit_name: str, limit: int | None, tolerance: int) -> Sentences:
    if value is None or limit is None or value <= limit + tolerance:
        return []
    return [
        (
            f"{name} tertulis {value}, lebih besar dari {limit_name} = {limit}.",
            f"{name} is {value}, more than {limit_name} = {limit}.",
        )
    ]


def _sum(*values: int | None) -> int | None:
    """The sum of stated numbers, or None where one is missing."""
    total = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total


def _cell(row: Row | None, column: str) -> int | None:
    if row is None:
        return None
    return column_all(row) if column == "J" else getattr(row, column)


def _columns(row: Row) -> tuple[int | None, int | None, int | None]:
    """In the order of COLUMNS."""
    return row.L, row.P, column_all(row)


def f1(form: Form, case: Case) -> Sentences:
    """J = L + P in each row of voters (header of the form)."""
    broken: Sentences = []
    rows = (("A", form.A), ("B1", form.B1), ("B2", form.B2), ("B3", form.B3), ("B4", form.B4), ("D", form.D))
    for name, row in rows:
        if row is not None and row.J is not None and row.L is not None and row.P is not None:
            all_voters = row.L + row.P
            if all_voters != row.J:
                broken += _equal(f"{name}.J", row.J, f"{name}.L + {name}.P", all_voters, case.tolerance)
    return broken


def f2(form: Form, case: Case) -> Sentences:
    """B4 = B1 + B2 + B3, for men, women and all (printed on the form)."""
    broken: Sentences = []
    if form.B4 is None or form.B1 is None or form.B2 is None or form.B3 is None:
        return broken
    rows = zip(COLUMNS, *(_columns(row) for row in (form.B4, form.B1, form.B2, form.B3)), strict=True)
    for column, stated, b1, b2, b3 in rows:
        if stated is None or b1 is None or b2 is None or b3 is None or stated == b1 + b2 + b3:
            continue
        parts = f"B1.{column} + B2.{column} + B3.{column}"
        broken += _equal(f"B4.{column}", stated, parts, b1 + b2 + b3, case.tolerance)
    return broken


def f3(form: Form, case: Case) -> Sentences:
    """VA = sum of the votes (printed on the form)."""
    return _equal("VA", form.VA, "Σ V", sum(form.votes.values()), case.tolerance)


def f4(form: Form, case: Case) -> Sentences:
    """VC = VA + VB (printed on the form); + VK where blank ballots count apart, VS for VA where ballots bear several votes."""
    name, valid = ("VA", form.VA) if case.contest.votes_per_ballot == 1 else ("VS", form.VS)
    if case.contest.counts_blank:
        return _equal("VC", form.VC, f"{name} + VB + VK", _sum(valid, form.VB, form.VK), case.tolerance)
    return _equal("VC", form.VC, f"{name} + VB", _sum(valid, form.VB), case.tolerance)


def f5(form: Form, case: Case) -> Sentences:
    """S1 = S2 + S3 + S4: printed on the 2019 form, implicit on that of 2024."""
    return _equal("S1", form.S1, "S2 + S3 + S4", _sum(form.S2, form.S3, form.S4), case.tolerance)


def f6(form: Form, case: Case) -> Sentences:
    """S2 = VC: ballots used are votes (Bawaslu Reg 15/2024 Art 23(1))."""
    return _equal("S2", form.S2, "VC", form.VC, case.tolerance)


def f7(form: Form, case: Case) -> Sentences:
    """VC = B4.J: votes are voters. A mismatch is a ground for recount (UU 7/2017 Art 374(2)h)."""
    return _equal("VC", form.VC, "B4.J", column_all(form.B4), case.tolerance)


def f6p(form: Form, case: Case) -> Sentences:
    """S2 = B4.J, which follows from F6 and F7: said only where VC is missing and neither could be checked."""
    return _equal("S2", form.S2, "B4.J", column_all(form.B4), case.tolerance) if form.VC is None else []


def f8(form: Form, case: Case) -> Sentences:
    """The words say the same as the digits, where words were captured."""
    broken: Sentences = []
    for name, written in (form.words or {}).items():
        digits = getattr(form, name) if name in STATED_NUMBERS else form.votes.get(name)
        broken += _equal(name, digits, "kata/words", written, case.tolerance)
    return broken


def f9(form: Form, case: Case) -> Sentences:
    """Enough signatures: parameters `officers` and `witnesses` say how many."""
    if form.signatures is None:
        return []
    broken: Sentences = []
    for who, signed, needed in (
        ("petugas/officers", form.signatures.officers, case.number("officers", 0)),
        ("saksi/witnesses", form.signatures.witnesses, case.number("witnesses", 0)),
    ):
        if signed is not None and signed < needed:
            broken.append(
                (f"Tanda tangan {who}: {signed}, seharusnya {needed}.", f"Signatures of {who}: {signed} of {needed}.")
            )
    return broken


def g1(form: Form, case: Case) -> Sentences:
    """B1 <= A: no more registered voters voted than are registered."""
    broken: Sentences = []
    for column in COLUMNS:
        broken += _at_most(f"B1.{column}", _cell(form.B1, column), f"A.{column}", _cell(form.A, column), case.tolerance)
    return broken


def g2(form: Form, case: Case) -> Sentences:
    """VC <= S1: no more votes than ballots received."""
    return _at_most("VC", form.VC, "S1", form.S1, case.tolerance)


def g3(form: Form, case: Case) -> Sentences:
    """S1 = A.J and the reserve (UU 7/2017 Art 344(2): 2 %). Parameters: `reserve_percent`, `rounding` up/down/nearest."""
    registered = column_all(form.A)
    if registered is None:
        return []
    hundredths = registered * case.number("reserve_percent", 2)
    rounding = case.parameters.get("rounding", "up")
    reserve = (hundredths + {"up": 99, "nearest": 50, "down": 0}[str(rounding)]) // 100
    return _equal("S1", form.S1, "A.J + cadangan/reserve", registered + reserve, case.tolerance)


def g4(form: Form, case: Case) -> Sentences:
    """A.J <= the largest station allowed (parameter `max`; KPU 2024: 300)."""
    return _at_most("A.J", column_all(form.A), "batas/limit", case.number("max", 300), case.tolerance)


def g5(form: Form, case: Case) -> Sentences:
    """D <= B4: voters with disabilities are voters."""
    broken: Sentences = []
    if form.D is None:
        return broken
    for column in COLUMNS:
        broken += _at_most(f"D.{column}", _cell(form.D, column), f"B4.{column}", _cell(form.B4, column), case.tolerance)
    return broken


def g6(form: Form, case: Case) -> Sentences:
    """S3 <= B4.J: one replacement ballot a voter."""
    return _at_most("S3", form.S3, "B4.J", column_all(form.B4), case.tolerance)


def g7(form: Form, case: Case) -> Sentences:
    """Each V <= VA; where a ballot bears several marks also V <= VS (parameter `marks_per_choice`: × so many).

    (That numbers are whole and not negative is the form's shape.)
    """
    broken: Sentences = []
    most = max(form.votes.values(), default=0)
    if form.VA is not None and most > form.VA:
        for choice, count in form.votes.items():
            broken += _at_most(f"V[{choice}]", count, "VA", form.VA, case.tolerance)
    if case.contest.votes_per_ballot > 1 and form.VS is not None:
        marks = case.number("marks_per_choice", 1)
        name, limit = ("VS" if marks == 1 else f"VS × {marks}"), form.VS * marks
        if most > limit:
            for choice, count in form.votes.items():
                broken += _at_most(f"V[{choice}]", count, name, limit, case.tolerance)
    return broken


def g8(form: Form, case: Case) -> Sentences:
    """VC <= A.J + B2.J + B3.J: no more votes than people who may vote here.

    Where the form does not state A, the package's register stands in for it, and where that is not known either, nothing
    can be checked. Without B2 and B3 the rule cannot be checked exactly; the parameter `percent_without_b` (DOMAIN: 102)
    then bounds VC by that share of the register.
    """
    registered = column_all(form.A)
    if registered is None:
        registered = case.registered_voters
    if registered is None:
        return []
    added = _sum(column_all(form.B2), column_all(form.B3))
    if added is not None:
        return _at_most("VC", form.VC, "A.J + B2.J + B3.J", registered + added, case.tolerance)
    percent = case.number("percent_without_b", 0)
    limit = registered * percent // 100
    return _at_most("VC", form.VC, f"DPT × {percent} %", limit, case.tolerance) if percent else []


def g9(form: Form, case: Case) -> Sentences:
    """VA <= VS × votes per ballot: no more votes than the valid ballots may bear.

    Fewer are no fault: a ballot may bear fewer. Where VS is not stated, VC stands in for it.
    """
    name, ballots = ("VC", form.VC) if form.VS is None else ("VS", form.VS)
    marks = case.contest.votes_per_ballot
    limit = None if ballots is None else ballots * marks
    return _at_most("VA", form.VA, name if marks == 1 else f"{name} × {marks}", limit, case.tolerance)


def p1(form: Form, case: Case) -> Sentences:
    """Each stated party total is A.1 + A.2: the party's own votes and its candidates' (legislative form)."""
    broken: Sentences = []
    for party, stated in (form.party_totals or {}).items():
        choices = case.contest.choices_of_party.get(party, ())
        counted = sum(form.votes.get(choice, 0) for choice in choices)
        broken += _equal(f"B[{party}]", stated, "A.1 + A.2", counted, case.tolerance)
    return broken


def p2(form: Form, case: Case) -> Sentences:
    """VA = sum of the stated party totals (legislative form)."""
    if form.party_totals is None:
        return []
    return _equal("VA", form.VA, "Σ B", sum(form.party_totals.values()), case.tolerance)


def m1(form: Form, case: Case) -> Sentences:
    """The fields named by the parameter `fields` are on the form; `votes` asks for a number for every choice.

    VK and VS are asked for only where the contest counts them.
    """
    names = case.parameters.get("fields", [])
    assert isinstance(names, list)
    beside = fields_not_counted(case.contest)
    missing = [name for name in names if name != "votes" and name not in beside and getattr(form, name, None) is None]
    if "votes" in names:
        missing += [f"V[{choice}]" for choice in case.contest.choices if choice not in form.votes]
    if not missing:
        return []
    listed = ", ".join(missing[:10]) + (", …" if len(missing) > 10 else "")
    return [(f"Tidak tertulis: {listed}.", f"Not stated: {listed}.")]


def _has_more_kinds_of_ballots(contest: ContestEntry) -> bool:
    """Whether the ballots in the box are not just VA + VB, so that `adds_up` says nothing of its forms."""
    return contest.counts_blank or contest.votes_per_ballot > 1


def fields_not_counted(contest: ContestEntry) -> frozenset[str]:
    """Fields that a form of this contest has no use for, so that a number in one of them belongs in another."""
    blank, several = contest.counts_blank, contest.votes_per_ballot > 1
    return frozenset(name for name, counted in (("VK", blank), ("VS", several)) if not counted)


RULES: dict[str, FormRule] = {
    "F1": f1,
    "F2": f2,
    "F3": f3,
    "F4": f4,
    "F5": f5,
    "F6": f6,
    "F6P": f6p,  # F6' of DOMAIN 1.2
    "F7": f7,
    "F8": f8,
    "F9": f9,
    "G1": g1,
    "G2": g2,
    "G3": g3,
    "G4": g4,
    "G5": g5,
    "G6": g6,
    "G7": g7,
    "G8": g8,
    "G9": g9,
    "P1": p1,
    "P2": p2,
    "P3": f4,  # on the legislative form
    "M1": m1,
}
"""Rules of one form. Those across the contests of a station are CROSS_RULES."""


class CrossFields(NamedTuple):
    """What the rules across contests compare, of the form that stands for a contest of a station: A to B4 are column J."""

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
        broken += _equal(f"{row}.J", own, f"{row}.J ({contest})", getattr(other, row), tolerance)
    return broken


def x1(office: str, mine: CrossFields, others: Mapping[str, CrossFields], setting: RuleSetting) -> Sentences:
    """A is the same in all contests of a station: it is the same register."""
    return _same_row("A", mine, others, setting.tolerance)


def x2(office: str, mine: CrossFields, others: Mapping[str, CrossFields], setting: RuleSetting) -> Sentences:
    """B2 is nowhere larger than in the contest of the parameter `reference` (an office): movers get one to five ballots."""
    reference = others.get(str(setting.parameters.get("reference", "")))
    if reference is None:
        return []
    return _at_most("B2.J", mine.B2, f"B2.J ({setting.parameters['reference']})", reference.B2, setting.tolerance)


def x3(office: str, mine: CrossFields, others: Mapping[str, CrossFields], setting: RuleSetting) -> Sentences:
    """B1 and B3 are the same in all contests of a station (usual; no text of law found)."""
    return _same_row("B1", mine, others, setting.tolerance) + _same_row("B3", mine, others, setting.tolerance)


def x4(office: str, mine: CrossFields, others: Mapping[str, CrossFields], setting: RuleSetting) -> Sentences:
    """Says Σ (VC - B4) over the contests where this one's is not 0: ballots found in another contest's box cancel out.

    Bawaslu Reg 1/2024 Art 31(1)c-d: such ballots are moved before counting, so F7 can fail by small offsets.
    """

    def offset(fields: CrossFields) -> int | None:
        return None if fields.VC is None or fields.B4 is None else fields.VC - fields.B4

    own = offset(mine)
    if not own:
        return []
    total = own + sum(offset(other) or 0 for other in others.values())
    return [
        (
            f"VC - B4.J = {own}; jumlah untuk semua pemilihan di TPS ini {total}.",
            f"VC - B4.J = {own}; summed over all contests of the station {total}.",
        )
    ]


CrossRule = Callable[[str, CrossFields, Mapping[str, CrossFields], RuleSetting], Sentences]
CROSS_RULES: dict[str, CrossRule] = {"X1": x1, "X2": x2, "X3": x3, "X4": x4}
"""Rules across the contests of one station; they flag and never hold (package_checks)."""

ALWAYS_ON: dict[str, tuple[str, str]] = {
    "M0": ("refused", "The record is an event in a signed envelope (docs/reference/events.schema.json)."),
    "E1": ("refused", "The event is of this election."),
    "E2": ("refused", "It is of this mode, rehearsal or live."),
    "E3": ("refused", "It is of this definition of the election."),
    "E4": ("refused", "It is of a kind that this version accepts."),
    "E5": ("refused", "The genesis has the package's number of partitions."),
    "E6": ("refused", "It is in the partition of its station."),
    "E7": ("refused", "The election is opened once."),
    "K1": ("refused", "The key is registered."),
    "K2": ("refused", "The signature is that key's, of this payload."),
    "K3": ("refused", "The key's role may submit this kind of event."),
    "K4": ("refused", "The station lies in the key's scope."),
    "S1": ("held", "The station is in the package."),
    "S2": ("refused", "The contest is held at the station."),
    "L1": ("refused", "A key has up to 100 events about one station in one contest; others' are not bounded by it."),
    "C1": ("hard", "Each choice with votes is on the ballot."),
    "V1": ("soft, hard", "No two forms of one version differ: the first counts, flagged; the others are held."),
    "V2": ("soft", "No higher version is held."),
    "V3": ("info", "The form does not repeat another of its version."),
    "V4": ("info", "No higher version, and no accepted form of the same version, stands instead of the form."),
    "V5": ("soft", "The version before this one is in the ledger, before or after it."),
    "V6": (
        "soft",
        "A form of version 1 corrects none; any other names, as `supersedes`, a lower version that is there.",
    ),
    "V7": ("hard", "From one version to the next are 10 at most: what is further above waits for a review."),
    "Q1": (
        "soft",
        "A key uses each number (`seq`) once. In the count: in one partition, within 1,024 numbers; in the audit: everywhere.",
    ),
    "Q2": ("soft", "`prev` is the key's event with the number before, where that is there; the number 0 has none."),
    "R1": ("refused", "No reviewer has rejected the form."),
    "R2": ("soft", "No reviewer had to accept the form."),
    "R3": ("refused", "A review names a form that is in the ledger before it."),
    "N1": ("annulled", "The form is not annulled."),
    "N2": (
        "refused",
        "An annulment names a form that is in the ledger before it, or at most the highest version there.",
    ),
    "N3": ("refused", "A withdrawal names an annulment that is in force and was ordered by the same role."),
}
"""Rules that no package can turn off, with what becomes of a form or an event that breaks them: authority.py, station.py."""

RULE_IDS = frozenset(RULES) | frozenset(CROSS_RULES)


def adds_up(form: Form) -> bool:
    """Whether all rows and sums of the form are stated and agree exactly, as they do on nearly all forms. The rules of
    ADDS_UP then have nothing to say of it, whatever their tolerances; where not, each of them looks for itself."""
    a: Any = form.A
    b1: Any = form.B1
    b2: Any = form.B2
    b3: Any = form.B3
    b4: Any = form.B4
    d: Any = form.D
    numbers: Any = form
    try:
        return (
            a.L + a.P == a.J
            and b1.L + b1.P == b1.J
            and b2.L + b2.P == b2.J
            and b3.L + b3.P == b3.J
            and b4.L + b4.P == b4.J == numbers.VC == numbers.S2 == numbers.VA + numbers.VB
            and b1.L + b2.L + b3.L == b4.L
            and b1.P + b2.P + b3.P == b4.P
            and b1.L <= a.L
            and b1.P <= a.P
            and numbers.S2 + numbers.S3 + numbers.S4 == numbers.S1
            and sum(form.votes.values()) == numbers.VA
            and (d is None or (d.L + d.P == d.J and d.L <= b4.L and d.P <= b4.P))
        )
    except (AttributeError, TypeError):  # a row, or a number, is not stated
        return False


ADDS_UP = frozenset({"F1", "F2", "F3", "F4", "F5", "F6", "F6P", "F7", "G1", "G2", "G5", "G7", "G8", "G9", "P3"})
STATED_WHERE_IT_ADDS_UP = frozenset(
    {"A", "B1", "B2", "B3", "B4", "S1", "S2", "S3", "S4", "VA", "VB", "VC", "VK", "VS", "votes"}
)
"""What M1 may ask for: all of it stands on a form that adds up, and has a number for every choice."""


class FormJudge:
    """The form rules that the package turns on, compiled for each contest."""

    def __init__(self, definition: Definition) -> None:
        settings = [setting for setting in definition.election.rules if setting.id in RULES]
        self._by_contest: list[list[tuple[RuleSetting, FormRule, Case]]] = [
            [
                (setting, RULES[setting.id], Case(contest, 0, setting.tolerance, setting.parameters))
                for setting in settings
                if not setting.offices or contest.contest.office in setting.offices
            ]
            for contest in definition.contests
        ]
        self._where_it_adds_up = [
            rules
            if _has_more_kinds_of_ballots(contest)
            else [each for each in rules if not _holds_where_it_adds_up(each[0])]
            for contest, rules in zip(definition.contests, self._by_contest, strict=True)
        ]

    def judge(self, form: Form, contest: ContestEntry, registered_voters: int | None) -> tuple[Finding, ...]:
        """All findings of a form, in the order of the package's rules; C1 (unknown choices) and C2 (fields that the contest
        does not count) first, always on."""
        findings: list[Finding] = []
        rules = self._by_contest
        if form.votes.keys() == contest.choice_index.keys():
            if adds_up(form):
                rules = self._where_it_adds_up
        elif unknown := sorted(form.votes.keys() - contest.choice_index.keys()):
            named = ", ".join(unknown[:10])
            findings.append(
                Finding(
                    "C1",
                    Severity.HARD,
                    f"Pilihan tidak dikenal dalam pemilihan {contest.id}: {named}.",
                    f"Choices not on the ballot of {contest.id}: {named}.",
                )
            )
        if form.VK is not None or form.VS is not None:
            findings += [
                Finding("C2", Severity.HARD, *_not_counted(name, contest))
                for name in sorted(fields_not_counted(contest))
                if getattr(form, name) is not None
            ]
        for setting, check, case in rules[contest.number]:
            if setting.id == "G8":
                case = case._replace(registered_voters=registered_voters)
            if sentences := check(form, case):
                findings += of_rule(setting.id, setting.severity, sentences)
        return tuple(findings)


def _not_counted(name: str, contest: ContestEntry) -> tuple[str, str]:
    """Why a field has no place on a form of the contest, in two languages."""
    if name == "VK":
        return (
            f"VK tertulis, tetapi surat suara kosong dalam pemilihan {contest.id} tidak dihitung tersendiri.",
            f"VK is stated, but {contest.id} does not count blank ballots apart.",
        )
    return (
        f"VS tertulis, tetapi surat suara dalam pemilihan {contest.id} hanya memuat satu suara: VA sudah cukup.",
        f"VS is stated, but a ballot of {contest.id} bears one vote, so that VA says it.",
    )


def _holds_where_it_adds_up(setting: RuleSetting) -> bool:
    """Whether the rule holds of every form that adds up and has a number for every choice of its contest."""
    if setting.id == "M1":
        fields = setting.parameters.get("fields", [])
        assert isinstance(fields, list)
        return STATED_WHERE_IT_ADDS_UP.issuperset(fields)
    return setting.id in ADDS_UP


class CrossJudge:
    """The rules across contests that the package turns on."""

    def __init__(self, definition: Definition) -> None:
        self._settings = [setting for setting in definition.election.rules if setting.id in CROSS_RULES]

    @property
    def is_on(self) -> bool:
        return bool(self._settings)

    def judge(self, office: str, forms: Mapping[str, CrossFields]) -> tuple[Finding, ...]:
        """Findings of the form of `office`, given the forms that stand for all offices of the station."""
        others = {name: fields for name, fields in forms.items() if name != office}
        return tuple(
            finding
            for setting in self._settings
            if not setting.offices or office in setting.offices
            for finding in of_rule(
                setting.id, setting.severity, CROSS_RULES[setting.id](office, forms[office], others, setting)
            )
        )


def is_hard(findings: Iterable[Finding]) -> bool:
    return any(finding.severity is Severity.HARD for finding in findings)
