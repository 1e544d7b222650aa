"""Rules F9 and M1: what must be on a form, and C1 and C2: what must not be."""

from __future__ import annotations

from collections.abc import Iterator

from projections.definition.ballots import ContestEntry
from projections.form.case import Case, Sentences
from schemas.definition.package import Severity
from schemas.findings import Finding
from schemas.ledger.reports import Form


def f9(form: Form, case: Case) -> Sentences:
    """Enough signatures: as many as the parameters `officers` and `witnesses` require."""
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


def m1(form: Form, case: Case) -> Sentences:
    """The fields named by the parameter `fields` are on the form; `votes` asks for a number for every choice.

    VK and VS are asked for only where the contest counts them.
    """
    names = case.parameters.get("fields", [])
    assert isinstance(names, list)
    beside = fields_not_counted(case.contest)
    missing = [name for name in names if name not in beside and getattr(form, name, None) is None]
    if "votes" in names:
        missing += [f"V[{choice}]" for choice in case.contest.choices if choice not in form.votes]
    if not missing:
        return []
    listed = ", ".join(missing[:10]) + (", …" if len(missing) > 10 else "")
    return [(f"Tidak tertulis: {listed}.", f"Not stated: {listed}.")]


def unknown_choices(form: Form, contest: ContestEntry) -> Iterator[Finding]:
    """C1: each choice with votes is on the ballot."""
    if unknown := sorted(form.votes.keys() - contest.choice_index.keys()):
        named = ", ".join(unknown[:10])
        yield Finding(
            "C1",
            Severity.HARD,
            f"Pilihan tidak dikenal dalam pemilihan {contest.id}: {named}.",
            f"Choices not on the ballot of {contest.id}: {named}.",
        )


def uncounted_fields(form: Form, contest: ContestEntry) -> Iterator[Finding]:
    """C2: no field is stated that the contest does not count (VK, VS)."""
    for name in fields_not_counted(contest):
        if getattr(form, name) is not None:
            yield Finding("C2", Severity.HARD, *_not_counted(name, contest))


def fields_not_counted(contest: ContestEntry) -> tuple[str, ...]:
    """Fields that the contest does not count, so that a number in one of them belongs in another field."""
    blank, several = contest.counts_blank, contest.votes_per_ballot > 1
    return tuple(name for name, counted in (("VK", blank), ("VS", several)) if not counted)


def _not_counted(name: str, contest: ContestEntry) -> tuple[str, str]:
    """Why the contest does not count a field, in two languages."""
    if name == "VK":
        return (
            f"VK tertulis, tetapi surat suara kosong dalam pemilihan {contest.id} tidak dihitung tersendiri.",
            f"VK is stated, but {contest.id} does not count blank ballots apart.",
        )
    return (
        f"VS tertulis, tetapi surat suara dalam pemilihan {contest.id} hanya memuat satu suara: VA sudah cukup.",
        f"VS is stated, but a ballot of {contest.id} bears one vote, so VA has it.",
    )
