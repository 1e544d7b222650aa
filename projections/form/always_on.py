"""The rules that no package can turn off, for docs/reference/rules.md."""

from __future__ import annotations

ALWAYS_ON: dict[str, tuple[str, str]] = {
    "M0": ("refused", "The record is an event in a signed envelope (docs/reference/events.schema.json)."),
    "E1": ("refused", "The event is of this election."),
    "E2": ("refused", "It is of this mode, rehearsal or live."),
    "E3": ("refused", "It is of this definition of the election."),
    "E4": ("refused", "It is of a kind that this version accepts."),
    "E5": ("refused", "The genesis has the package's number of partitions."),
    "E6": ("refused", "It is in the partition of its station, or of the area of its finance account."),
    "E7": ("refused", "The election is opened once."),
    "E8": ("refused", "A finance report is of an election whose package describes campaign finance."),
    "K1": ("refused", "The key is registered."),
    "K2": ("refused", "The signature is that key's, of this payload."),
    "K3": ("refused", "The key's role may submit this kind of event."),
    "K4": ("refused", "The station, or the area of the finance account, lies in the key's scope."),
    "S1": ("held", "The station is in the package."),
    "S2": ("refused", "The contest is held at the station."),
    "S3": (
        "refused",
        "A finance report names a party and an area of the package, or a candidate and the smallest area with all voters.",
    ),
    "L1": ("refused", "A key has up to 100 events about one station in one contest; others' are not bounded by it."),
    "C1": ("hard", "Each choice with votes is on the ballot."),
    "C2": ("hard", "No field is stated that the contest does not count: VK (blank ballots), VS (valid ballots)."),
    "V1": ("soft, hard", "No two forms of one version differ: the first counts, flagged; the others are held."),
    "V2": ("soft", "No higher version is held."),
    "V3": ("info", "The form does not repeat another of its version."),
    "V4": ("info", "No higher version, and no accepted form of the same version, counts instead of the form."),
    "V5": ("soft", "The version before this one is in the ledger, before or after it."),
    "V6": (
        "soft",
        "A form of version 1 corrects none; any other names, as `supersedes`, a lower version that is there.",
    ),
    "V7": ("hard", "From one version to the next are 10 at most; a form further above waits for a review."),
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

FINANCE_ALWAYS_ON: dict[str, tuple[str, str]] = {
    "D5": ("hard", "Each kind of report, donor and spending is one of the package's, and has one line."),
    "D6": ("hard", "The period does not end before it begins, nor after the day on which the report was handed in."),
    "D8": ("soft, hard", "No two reports of one version differ: the first counts, flagged; the others are held."),
    "D9": ("soft", "No higher version of the report is held."),
    "D10": ("hard", "From one version of a report to the next are 10 at most."),
    "D11": ("soft", "A first version corrects none; any other names, as `supersedes`, a lower version that is there."),
    "L2": ("refused", "An account has up to 100 events about one kind of report."),
}
"""Rule id → what becomes of an event or a form that breaks the rule, and what must hold. Their code:

    M0, K2, E6, E7       projections/fold/admission.py
    E1 to E5, E8, K, S   projections/fold/authority.py
    V, R1, R2, N1        projections/station/verdicts.py
    L1, R3, N2, N3       projections/fold/tabulation.py
    C1, C2               projections/form/completeness.py
    Q1, Q2               projections/fold/sequences.py
    D5, D6               projections/finance/rules.py
    D8 to D11, L2        projections/finance/accounts.py
"""
