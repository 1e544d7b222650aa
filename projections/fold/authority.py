"""Whether a key may submit an event about this station, or this finance account, in this election. The gateway checks this
before it appends the event, and the fold before the event counts.

Each refusal has a rule id and names the field of the event that does not fit.
"""

from __future__ import annotations

from typing import NamedTuple

from projections.definition.compiled import Definition, KeyEntry
from schemas.definition.package import ChoiceKind, Role
from schemas.ledger.events import (
    ACCEPTED_TYPES,
    AnnulmentWithdrawn,
    ElectionOpened,
    FinanceReported,
    ResultAnnulled,
    ResultReported,
    ResultReviewed,
)
from schemas.ledger.reports import LedgerEvent, Report

MAY_SUBMIT: dict[str, frozenset[Role]] = {
    "election.opened": frozenset({Role.AUTHORITY}),
    "definition.amended": frozenset({Role.AUTHORITY}),
    "result.reported": frozenset({Role.STATION_OFFICER}),
    "result.copied": frozenset({Role.WITNESS, Role.OBSERVER}),
    "result.reviewed": frozenset({Role.REVIEWER}),
    "result.annulled": frozenset({Role.SUPERVISOR, Role.COURT}),
    "annulment.withdrawn": frozenset({Role.SUPERVISOR, Role.COURT}),
    "finance.reported": frozenset({Role.FINANCE}),
    "recap.declared": frozenset({Role.RECAPITULATOR}),
    "area.certified": frozenset({Role.RECAPITULATOR}),
    "objection.filed": frozenset({Role.WITNESS, Role.OBSERVER, Role.SUPERVISOR}),
    "objection.answered": frozenset({Role.RECAPITULATOR, Role.SUPERVISOR}),
}
"""The roles that may submit each type of event (DESIGN 3)."""


class Refusal(NamedTuple):
    """Why an event may not count: `rule` is an id, `field` the dotted path of the event's field at fault."""

    rule: str
    field: str
    sentence_id: str
    sentence_en: str


def check_election(event: LedgerEvent, definition: Definition) -> Refusal | None:
    """E1 election, E2 mode, E3 definition, E4 type of event, so that a rehearsal cannot become a result (invariant 9)."""
    election = definition.election
    if event.election != election.id:
        return _mismatch("E1", "election", "pemilu", "election", event.election, election.id)
    if event.mode is not election.mode:
        return _mismatch("E2", "mode", "mode", "mode", event.mode.value, election.mode.value)
    if event.definition != definition.hash:
        return _mismatch("E3", "definition", "definisi", "definition", event.definition, definition.hash)
    if event.type not in ACCEPTED_TYPES:
        return Refusal(
            "E4",
            "type",
            f"Jenis peristiwa {event.type} belum diterima oleh versi ini.",
            f"Events of type {event.type} are not accepted by this version.",
        )
    return None


def check_key(event: LedgerEvent, key: KeyEntry | None, key_id: str, definition: Definition) -> Refusal | None:
    """K1 known key, K3 role. (K2, the signature, is checked with the record's bytes: records.py, api/submit/gateway.py.)"""
    if key is None:
        return Refusal(
            "K1",
            "signatures.0.keyid",
            f"Kunci {key_id} tidak terdaftar dalam pemilu ini.",
            f"Key {key_id} is not registered in this election.",
        )
    if key.role not in MAY_SUBMIT[event.type]:
        allowed = ", ".join(sorted(MAY_SUBMIT[event.type]))
        return Refusal(
            "K3",
            "type",
            f"Peran {key.role} tidak boleh menyampaikan {event.type}; yang boleh: {allowed}.",
            f"Role {key.role} may not submit {event.type}; allowed: {allowed}.",
        )
    return None


def check_scope(event: LedgerEvent, key: KeyEntry, definition: Definition) -> Refusal | None:
    """S1 station known, S2 contest held there, K4 station in the key's scope; for the genesis E5 partitions, K4 whole
    election; for a finance report E8 finance described, S3 account known, K4 area in the key's scope."""
    if isinstance(event, ElectionOpened):
        if event.partitions != definition.partitions:
            return _mismatch(
                "E5", "partitions", "jumlah partisi", "number of partitions", event.partitions, definition.partitions
            )
        return _scope("scope", key, key.scope == definition.tree.codes[definition.tree.root])
    if isinstance(event, FinanceReported):
        return _check_account(event, key, definition)
    about_station = (Report, ResultReported, ResultReviewed, ResultAnnulled, AnnulmentWithdrawn)
    assert isinstance(event, about_station), f"{event.type} is an accepted type and has no scope"
    station = definition.stations.number.get(event.station)
    if station is None:
        return Refusal(
            "S1",
            "station",
            f"TPS {event.station} tidak ada dalam definisi pemilu ini.",
            f"Station {event.station} is not in this election's definition.",
        )
    contest = definition.ballots.contest_number.get(event.contest)
    if contest not in definition.electorates.contests_of_station(station):
        return Refusal(
            "S2",
            "contest",
            f"Pemilihan {event.contest} tidak diadakan di TPS {event.station}.",
            f"Contest {event.contest} is not held at station {event.station}.",
        )
    return _scope("station", key, definition.stations.in_scope(key.scope, station))


def _check_account(event: FinanceReported, key: KeyEntry, definition: Definition) -> Refusal | None:
    if definition.election.finance is None:
        return Refusal(
            "E8",
            "type",
            "Paket pemilu ini tidak memuat dana kampanye.",
            "This election's package does not describe campaign finance.",
        )
    tree = definition.tree
    area = tree.number.get(event.area)
    if area is None:
        return _unknown("area", "Wilayah", "Area", event.area)
    if event.party is not None:
        if event.party not in definition.parties:
            return _unknown("party", "Partai", "Party", event.party)
    else:
        assert event.contest is not None, "the shape of the event names a party or a contest"
        assert event.choice is not None, "the shape of the event names a choice with its contest"
        number = definition.ballots.contest_number.get(event.contest)
        if number is None:
            return _unknown("contest", "Pemilihan", "Contest", event.contest)
        contest = definition.ballots.contests[number]
        index = contest.choice_index.get(event.choice)
        if index is None or contest.ballot[index].kind is not ChoiceKind.CANDIDATE:
            return Refusal(
                "S3",
                "choice",
                f"Calon {event.choice} tidak ada dalam pemilihan {event.contest}.",
                f"Contest {event.contest} has no candidate {event.choice}.",
            )
        if area != contest.root_area:
            expected = tree.codes[contest.root_area]
            return Refusal(
                "S3",
                "area",
                f"Rekening calon pemilihan {event.contest} berada di wilayah {expected}, bukan {event.area}.",
                f"The account of a candidate of contest {event.contest} is in area {expected}, not {event.area}.",
            )
    return _scope("area", key, tree.number.get(key.scope) in tree.lineage[area])


def _unknown(field: str, name_id: str, name_en: str, code: str) -> Refusal:
    return Refusal(
        "S3",
        field,
        f"{name_id} {code} tidak ada dalam definisi pemilu ini.",
        f"{name_en} {code} is not in this election's definition.",
    )


def _scope(field: str, key: KeyEntry, holds: bool) -> Refusal | None:
    if holds:
        return None
    return Refusal(
        "K4",
        field,
        f"Kunci {key.key_id} hanya berlaku untuk {key.scope}.",
        f"Key {key.key_id} may sign only for {key.scope}.",
    )


def _mismatch(rule: str, field: str, name_id: str, name_en: str, got: object, expected: object) -> Refusal:
    return Refusal(
        rule,
        field,
        f"{name_id.capitalize()} {got} bukan {expected}.",
        f"The {name_en} is {got}, expected {expected}.",
    )
