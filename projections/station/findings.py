"""The findings of the rules V, R, N and L1, which compare a form or an event with the others about its station."""

from __future__ import annotations

from projections.station.submissions import EVENTS_PER_KEY_MAX, VERSION_STEP_MAX, Annulment, Review, Submission
from schemas.definition.package import Severity
from schemas.findings import Finding

HIGHER_HELD = Finding(
    "V2",
    Severity.SOFT,
    "Versi yang lebih tinggi ditahan dan menunggu peninjauan.",
    "A higher version is held and waits for review.",
)
SUPERSEDED_BY_ANOTHER = Finding(
    "V4",
    Severity.INFO,
    "Digantikan: versi yang lebih tinggi, atau formulir lain dari versi ini yang diterima dalam peninjauan, yang berlaku.",
    "Superseded: a higher version counts, or another form of this version that a review accepted.",
)
VERSION_MISSING = Finding(
    "V5",
    Severity.SOFT,
    "Versi sebelumnya tidak ada dalam buku besar.",
    "The version before this one is not in the ledger.",
)
CORRECTS_NOTHING = Finding(
    "V6",
    Severity.SOFT,
    "`supersedes` tidak menyebut versi yang lebih rendah dari TPS dan pemilihan ini.",
    "`supersedes` does not name a lower version of this station and contest.",
)
FAR_ABOVE = Finding(
    "V7",
    Severity.HARD,
    f"Versi ini lebih dari {VERSION_STEP_MAX} di atas versi-versi sebelumnya dan menunggu peninjauan.",
    f"The version is more than {VERSION_STEP_MAX} above those before it, and waits for review.",
)


def conflict(version: int, *, soft: bool) -> Finding:
    return Finding(
        "V1",
        Severity.SOFT if soft else Severity.HARD,
        f"Ada formulir lain yang berbeda dengan versi {version}.",
        f"Another form of version {version} is different.",
    )


def same_again(first: Submission) -> Finding:
    return Finding(
        "V3",
        Severity.INFO,
        f"Sama dengan formulir pada offset {first.offset}.",
        f"The same as the form at offset {first.offset}.",
    )


def rejected(review: Review) -> Finding:
    return Finding(
        "R1",
        Severity.HARD,
        f"Ditolak dalam peninjauan pada offset {review.offset}: {review.reason}.",
        f"Rejected by the review at offset {review.offset}: {review.reason}.",
    )


def accepted(review: Review) -> Finding:
    return Finding(
        "R2",
        Severity.SOFT,
        f"Diterima dalam peninjauan pada offset {review.offset}: {review.reason}.",
        f"Accepted by the review at offset {review.offset}: {review.reason}.",
    )


def annulled(by: Annulment) -> Finding:
    return Finding(
        "N1",
        Severity.HARD,
        f"Dibatalkan oleh perintah pada offset {by.offset}: {by.reason}.",
        f"Annulled by the order at offset {by.offset}: {by.reason}.",
    )


def too_many(key: str) -> Finding:
    """L1: an event for which `StationContest.has_room` has no room."""
    return Finding(
        "L1",
        Severity.HARD,
        f"Kunci {key} sudah menyampaikan {EVENTS_PER_KEY_MAX} peristiwa tentang pemilihan ini di TPS ini; "
        "yang berikutnya tidak dihitung.",
        f"Key {key} has submitted {EVENTS_PER_KEY_MAX} events about this contest at this station; its later ones do "
        "not count.",
    )


def unknown_review() -> Finding:
    return Finding(
        "R3",
        Severity.HARD,
        "Formulir yang ditinjau tidak ada dalam buku besar sebelum peninjauan ini.",
        "The reviewed form is not in the ledger before this review.",
    )


def unknown_annulment(reached: int) -> Finding:
    return Finding(
        "N2",
        Severity.HARD,
        f"Yang dibatalkan tidak ada dalam buku besar: versi tertinggi adalah {reached}.",
        f"What is annulled is not in the ledger: the highest version is {reached}.",
    )


def unknown_withdrawal() -> Finding:
    return Finding(
        "N3",
        Severity.HARD,
        "Tidak ada pembatalan yang masih berlaku dengan id ini dari peran yang sama.",
        "No annulment of this id, by the same role, is in force.",
    )
