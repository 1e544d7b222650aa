"""A made-up election over the real tree of Indonesia, for rehearsals: `rekap demo` counts it.

Names of candidates and parties are invented and marked (`[LATIHAN]`, a rehearsal), because test figures were once broadcast as
results (DOMAIN 2). The same number of stations and seed give the same package on any machine, because SHA-256 replaces chance.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Mapping
from datetime import date
from typing import NamedTuple

from proofs.signatures import key_id
from rekap.elections import demo_finance
from rekap.elections.demo_contests import (
    DPR,
    OFFICES,
    PRESIDENT,
    WATERMARK,
    demo_parties,
    dpr_contests,
    pair_choices,
    party_choices,
    president_contest,
)
from rekap.elections.demo_stations import district_weights, stations_of_districts, villages_of
from rekap.elections.indonesia.tree import ROOT, Tree, read_tree
from schemas.definition.package import (
    Area,
    Choice,
    Contest,
    DistrictPart,
    Election,
    ElectionPackage,
    Key,
    Level,
    Mode,
    Office,
    Role,
    RuleSetting,
    Severity,
    Station,
)
from schemas.definition.rows import LocalText

STATIONS_MIN = 1_000
"""Fewest stations: each of the 514 regencies has one, and with fewer stations than this, large provinces would not have more
than small ones."""
STATIONS_MAX = 823_000
"""Limit for the stations, about the number of Indonesia's (823,236 in 2024)."""
PARTITIONS = 4


_LEVELS = (
    ("nation", "Nasional", "Nation"),
    ("province", "Provinsi", "Province"),
    ("regency", "Kabupaten/Kota", "Regency"),
    ("district", "Kecamatan", "District"),
    ("village", "Desa/Kelurahan", "Village"),
    ("station", "TPS", "Polling station"),
)


class KeySlot(NamedTuple):
    """A key the election needs: who holds it and for what area."""

    role: Role
    scope: str
    holder: str


def key_slots(tree: Tree | None = None) -> tuple[KeySlot, ...]:
    """An authority, a reviewer, a supervisor and a finance key of the nation, and for each regency one key of its station
    officers."""
    tree = tree or read_tree()
    return (
        KeySlot(Role.AUTHORITY, ROOT, f"{WATERMARK} KPU"),
        KeySlot(Role.REVIEWER, ROOT, f"{WATERMARK} KPU, verifikasi"),
        KeySlot(Role.SUPERVISOR, ROOT, f"{WATERMARK} Bawaslu"),
        KeySlot(Role.FINANCE, ROOT, f"{WATERMARK} KPU, dana kampanye"),
        *(
            KeySlot(Role.STATION_OFFICER, area.code, f"{WATERMARK} KPPS {area.name}"[:300])
            for area in tree.areas
            if area.level == "regency"
        ),
    )


def demo_package(
    *,
    stations: int = 20_000,
    seed: int = 1,
    offices: Collection[str] = OFFICES,
    public_keys: Mapping[KeySlot, bytes],
    partitions: int = PARTITIONS,
) -> ElectionPackage:
    """The package. `public_keys` has the 32 raw bytes for each of key_slots(). Raises ValueError for other numbers of
    stations than STATIONS_MIN to STATIONS_MAX, and for unknown offices."""
    if not STATIONS_MIN <= stations <= STATIONS_MAX:
        raise ValueError(f"stations: expected {STATIONS_MIN:,} to {STATIONS_MAX:,}, got {stations:,}")
    if not offices or not set(offices) <= set(OFFICES):
        raise ValueError(f"offices: expected some of {', '.join(OFFICES)}, got {', '.join(offices) or 'none'}")
    tree = read_tree()
    weights = district_weights(tree, seed)
    areas: list[Area] = [area for area in tree.areas if area.level != "district"]
    station_rows: list[Station] = []
    for district, count in stations_of_districts(tree, weights, stations):
        areas.append(district)
        villages, its_stations = villages_of(district, count, seed)
        areas += villages
        station_rows += its_stations
    contests: list[Contest] = []
    parts: list[DistrictPart] = []
    choices: list[Choice] = []
    if PRESIDENT in offices:
        contests.append(president_contest())
        choices += pair_choices()
    if DPR in offices:
        for contest, its_parts in dpr_contests(tree, weights):
            contests.append(contest)
            parts += its_parts
            choices += party_choices(contest.id)
    return ElectionPackage(
        election=_election(stations, seed, offices, partitions),
        areas=tuple(areas),
        stations=tuple(station_rows),
        offices=tuple(office for office in _OFFICES if office.id in offices),
        contests=tuple(contests),
        districts=tuple(parts),
        parties=demo_parties() if DPR in offices else (),
        choices=tuple(choices),
        keys=tuple(_key(slot, public_keys[slot]) for slot in key_slots(tree)),
    )


# ── the election ─────────────────────────────────────────────────────────────────────────────────────────────────────

_OFFICES = (
    Office(id=PRESIDENT, name=LocalText(id="Presiden dan Wakil Presiden", en="President and Vice-President")),
    Office(id=DPR, name=LocalText(id="Dewan Perwakilan Rakyat", en="House of Representatives")),
)


def _election(stations: int, seed: int, offices: Collection[str], partitions: int) -> Election:
    return Election(
        id=f"latihan-{stations}-{seed}",
        title=LocalText(
            id=f"{WATERMARK} Pemilu simulasi di {stations:,} TPS".replace(",", "."),
            en=f"{WATERMARK} Rehearsal: a simulated election at {stations:,} stations",
        ),
        date=date(2029, 2, 14),
        time_zone="Asia/Jakarta",
        mode=Mode.REHEARSAL,
        levels=tuple(Level(id=level, name=LocalText(id=name_id, en=name_en)) for level, name_id, name_en in _LEVELS),
        shard_level="district",
        partitions=partitions,
        rules=_rules(offices),
        licence="ODbL-1.0",
        source="Area names and codes: idn-area-data 3.1.2 (ODbL 1.0). All else is invented for a rehearsal.",
        finance=demo_finance.SETTINGS,
    )


def _rules(offices: Collection[str]) -> tuple[RuleSetting, ...]:
    """Rules, as hard or soft as DOMAIN 1.2 has them."""
    everywhere = (
        *(RuleSetting(id=rule, severity=Severity.HARD) for rule in ("F1", "F2", "F3", "F4", "F5", "F6", "F7")),
        *(RuleSetting(id=rule, severity=Severity.HARD) for rule in ("G1", "G2", "G5", "G7")),
        RuleSetting(id="G4", severity=Severity.SOFT, parameters={"max": 300}),
        RuleSetting(id="M1", severity=Severity.HARD, parameters={"fields": ["votes", "VA", "VB", "VC"]}),
    )
    of_dpr = (RuleSetting(id=rule, severity=Severity.HARD, offices=(DPR,)) for rule in ("P1", "P2"))
    forms = (*everywhere, *of_dpr) if DPR in offices else everywhere
    return (*forms, *demo_finance.RULES)


def _key(slot: KeySlot, public_key: bytes) -> Key:
    return Key(
        key_id=key_id(public_key),
        public_key=b64encode(public_key).decode(),
        role=slot.role,
        scope=slot.scope,
        holder=slot.holder,
    )


# ── areas and stations ───────────────────────────────────────────────────────────────────────────────────────────────


# ── contests and ballots ─────────────────────────────────────────────────────────────────────────────────────────────
