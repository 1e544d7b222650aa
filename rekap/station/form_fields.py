"""The fields of a contest's form in the order of the paper, each with its words in Indonesian and English. Pure.

A field is named by its path in a form: `B1.J`, `votes.01`, `VA`, `signatures.officers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from projections.definition.ballots import ContestEntry
from projections.form.completeness import fields_not_counted
from schemas.codes import COUNT_MAX
from schemas.texts import shown


class FormField(NamedTuple):
    path: str
    words_id: str
    """Words of the paper (PKPU 25/2023); docs/forms.md has them in full."""
    words_en: str


class NotANumberError(ValueError):
    """What was typed into a field is not a number that a form can have; the message has the reason."""


_ROWS = (
    ("A", "Pemilih dalam DPT", "registered voters (DPT)"),
    ("B1", "Pengguna hak pilih dalam DPT", "registered voters who voted (DPT)"),
    ("B2", "Pengguna hak pilih dalam DPTb", "voters of other stations who voted (DPTb)"),
    ("B3", "Pengguna hak pilih dalam DPK", "voters added on the day who voted (DPK)"),
    ("B4", "Jumlah pengguna hak pilih", "all who voted"),
    ("D", "Pemilih disabilitas", "voters with disabilities who voted"),
)
_COLUMNS = (("L", "laki-laki", "men"), ("P", "perempuan", "women"), ("J", "jumlah", "all"))
_BALLOTS = (
    ("S1", "Surat suara yang diterima", "ballots received, with the reserve"),
    ("S2", "Surat suara yang digunakan", "ballots used"),
    (
        "S3",
        "Surat suara yang dikembalikan oleh pemilih karena rusak/keliru coblos",
        "ballots returned as damaged or wrongly punched",
    ),
    ("S4", "Surat suara yang tidak digunakan", "ballots not used"),
)
_SUMS = (
    ("VA", "Jumlah seluruh suara sah", "all valid votes"),
    ("VB", "Jumlah suara tidak sah", "invalid ballots"),
    ("VK", "Surat suara kosong", "blank ballots"),
    ("VS", "Surat suara sah", "valid ballots"),
    ("VC", "Jumlah seluruh suara sah dan suara tidak sah", "valid and invalid together"),
)
_SIGNATURES = (
    ("signatures.officers", "Tanda tangan KPPS", "officers who signed"),
    ("signatures.witnesses", "Tanda tangan saksi", "witnesses who signed"),
)


def fields_of(contest: ContestEntry) -> list[FormField]:
    """The fields that a form of this contest may have."""
    left_out = fields_not_counted(contest)
    rows = [
        FormField(f"{row}.{column}", f"{words_id}, {of_id}", f"{words_en}, {of_en}")
        for row, words_id, words_en in _ROWS
        for column, of_id, of_en in _COLUMNS
    ]
    ballots = [FormField(*each) for each in _BALLOTS]
    votes = [FormField(f"votes.{each.id}", f"Suara {each.name}", f"votes of {each.name}") for each in contest.ballot]
    parties = [
        FormField(f"party_totals.{party}", f"Jumlah suara partai {party}", f"votes of party {party} and its candidates")
        for party in contest.choices_of_party
    ]
    sums = [FormField(*each) for each in _SUMS if each[0] not in left_out]
    return [*rows, *ballots, *votes, *parties, *sums, *(FormField(*each) for each in _SIGNATURES)]


def number_of(text: str) -> int | None:
    """The number in a cell or an answer; None where it is empty. Raises NotANumberError."""
    digits = text.strip()
    if not digits:
        return None
    if not (digits.isascii() and digits.isdigit()):
        plain = digits.replace(".", "").replace(",", "").replace(" ", "")
        hint = f"; write it as {plain}" if plain.isascii() and plain.isdigit() else ""
        raise NotANumberError(f"expected a whole number, got {shown(digits)[:40]!r}{hint}")
    if len(digits) > len(str(COUNT_MAX)) or int(digits) > COUNT_MAX:
        raise NotANumberError(f"is {shown(digits)[:40]}, must be at most {COUNT_MAX:,}")
    return int(digits)


def body_of(station: str, contest: str, version: int, numbers: Mapping[str, int | None]) -> dict[str, Any]:
    """The event's body with these numbers, by path. A field without a number is absent, as on the paper."""
    form: dict[str, Any] = {"votes": {}}
    for path, number in numbers.items():
        if number is None:
            continue
        row, _, column = path.partition(".")
        if column:
            form.setdefault(row, {})[column] = number
        else:
            form[row] = number
    return {"type": "result.reported", "station": station, "contest": contest, "version": version, "form": form}
