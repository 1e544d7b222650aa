"""A made-up election over the real tree of Indonesia, for rehearsals: `rekap demo` counts it.

Names of candidates and parties are invented and marked (`[LATIHAN]`, a rehearsal), because test figures were once broadcast as
results (DOMAIN 2). The same number of stations and seed give the same package on any machine, because SHA-256 replaces chance.
"""

from __future__ import annotations

import hashlib
import math
from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import NamedTuple

from proofs.signatures import key_id
from rekap.elections import demo_finance
from rekap.elections.indonesia.tree import ROOT, Tree, read_tree
from schemas.definition.package import (
    Area,
    Choice,
    ChoiceKind,
    Contest,
    DistrictPart,
    Election,
    ElectionPackage,
    Key,
    Level,
    Method,
    Mode,
    Office,
    Party,
    Role,
    RuleSetting,
    Severity,
    Station,
)
from schemas.definition.rows import LocalText

STATIONS_MIN = 1_000
"""Each of the 514 regencies has a station. With fewer stations than this, large provinces would not have more than small
ones."""
STATIONS_MAX = 823_000
"""About the number of Indonesia's stations (823,236 in 2024)."""
PARTITIONS = 4

PRESIDENT = "president"
DPR = "dpr"
OFFICES = (PRESIDENT, DPR)

DPR_SEATS = 580
SEATS_OF_PROVINCE_MIN = 3
SEATS_OF_DISTRICT_MAX = 8
"""A province with more seats is cut into several electoral districts. This gives 89 districts of 3 to 10 seats, as the law
allows; Indonesia has 84."""

WATERMARK = "[LATIHAN]"
PAIRS = ("Cenderawasih", "Jalak Bali", "Merpati")
PARTIES = ("Anggrek", "Bambu", "Cendana", "Damar", "Enau", "Flamboyan", "Gaharu", "Jati", "Kenanga")
CANDIDATES_OF_PARTY = 3

_LEVELS = (
    ("nation", "Nasional", "Nation"),
    ("province", "Provinsi", "Province"),
    ("regency", "Kabupaten/Kota", "Regency"),
    ("district", "Kecamatan", "District"),
    ("village", "Desa/Kelurahan", "Village"),
    ("station", "TPS", "Polling station"),
)
_PROVINCE_WEIGHTS: Mapping[str, int] = {
    "11": 37, "12": 109, "13": 41, "14": 47, "15": 27, "16": 63, "17": 15, "18": 65, "19": 11, "21": 15,
    "31": 83, "32": 357, "33": 283, "34": 29, "35": 314, "36": 88, "51": 33, "52": 39, "53": 40,
    "61": 40, "62": 19, "63": 30, "64": 28, "65": 5, "71": 20, "72": 22, "73": 67, "74": 19, "75": 9, "76": 10,
    "81": 13, "82": 10, "91": 7, "92": 4, "93": 4, "94": 11, "95": 13, "96": 4,
}  # fmt: skip
"""Roughly how many voters a province has, in hundreds of thousands. Only the shape of a rehearsal depends on it."""


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
    weights = _district_weights(tree, seed)
    areas: list[Area] = [area for area in tree.areas if area.level != "district"]
    station_rows: list[Station] = []
    for district, count in _stations_of_districts(tree, weights, stations):
        areas.append(district)
        villages, its_stations = _villages(district, count, seed)
        areas += villages
        station_rows += its_stations
    contests: list[Contest] = []
    parts: list[DistrictPart] = []
    choices: list[Choice] = []
    if PRESIDENT in offices:
        contests.append(_president())
        choices += _pairs()
    if DPR in offices:
        for contest, its_parts in _dpr(tree, weights):
            contests.append(contest)
            parts += its_parts
            choices += _party_choices(contest.id)
    return ElectionPackage(
        election=_election(stations, seed, offices, partitions),
        areas=tuple(areas),
        stations=tuple(station_rows),
        offices=tuple(office for office in _OFFICES if office.id in offices),
        contests=tuple(contests),
        districts=tuple(parts),
        parties=_parties() if DPR in offices else (),
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
    """As hard or soft as DOMAIN 1.2 has them."""
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


def _district_weights(tree: Tree, seed: int) -> dict[str, int]:
    """District → its share of the nation's voters, in parts of no particular unit.

    A province's weight is spread over its districts, the largest of which has ten times the voters of the smallest.
    """
    weights: dict[str, int] = {}
    for province in tree.provinces:
        districts = [district for regency in tree.children[province.code] for district in tree.children[regency.code]]
        sizes = [10 + _chance(seed, "size", district.code, below=91) for district in districts]
        weight = _PROVINCE_WEIGHTS[province.code] * 1_000_000
        weights |= {d.code: weight * size // sum(sizes) for d, size in zip(districts, sizes, strict=True)}
    return weights


def _stations_of_districts(tree: Tree, weights: Mapping[str, int], stations: int) -> Iterator[tuple[Area, int]]:
    """Each district that has stations, with their number: one for each regency's largest, the rest by weight."""
    districts = [area for area in tree.areas if area.level == "district"]
    first = {
        max(tree.children[area.code], key=lambda each: (weights[each.code], each.code)).code
        for area in tree.areas
        if area.level == "regency"
    }
    counts = _apportion(stations - len(first), [weights[district.code] for district in districts])
    for district, count in zip(districts, counts, strict=True):
        if total := count + (district.code in first):
            yield district, total


def _villages(district: Area, stations: int, seed: int) -> tuple[list[Area], list[Station]]:
    """Numbered villages of about the same size; with 113 stations, a usual number, there are 15 of them."""
    villages = [
        Area(
            code=f"{district.code}.{2000 + number}",
            name=f"Desa/Kelurahan {number} {district.name}",
            level="village",
            parent=district.code,
        )
        for number in range(1, math.isqrt(2 * stations) + 1)
    ]
    sizes = _apportion(stations, [1] * len(villages))
    return villages, [
        _station(village.code, number, seed)
        for village, size in zip(villages, sizes, strict=True)
        for number in range(1, size + 1)
    ]


def _station(village: str, number: int, seed: int) -> Station:
    code = f"{village}.{number:03}"
    voters = 180 + _chance(seed, "voters", code, below=121)
    men = voters * (47 + _chance(seed, "men", code, below=6)) // 100
    return Station(
        code=code,
        name=f"TPS {number:03}",
        area=village,
        registered_men=men,
        registered_women=voters - men,
        registered_voters=voters,
    )


# ── contests and ballots ─────────────────────────────────────────────────────────────────────────────────────────────


def _president() -> Contest:
    return Contest(
        id=PRESIDENT,
        office=PRESIDENT,
        electorate=ROOT,
        method=Method.ABSOLUTE_MAJORITY_WITH_SPREAD,
        name=LocalText(id="Presiden dan Wakil Presiden", en="President and Vice-President"),
    )


def _pairs() -> Iterator[Choice]:
    for number, name in enumerate(PAIRS, start=1):
        yield Choice(contest=PRESIDENT, id=f"{number:02}", name=f"{WATERMARK} Pasangan {name}", order=number)


def _parties() -> tuple[Party, ...]:
    return tuple(
        Party(id=f"P{number:02}", name=f"{WATERMARK} Partai {name}", short_name=name, number=number)
        for number, name in enumerate(PARTIES, start=1)
    )


def _party_choices(contest: str) -> Iterator[Choice]:
    """A.1, the party's own votes, and A.2, its candidates', as on the legislative form (DOMAIN 1.3)."""
    order = 0
    for party in _parties():
        order += 1
        yield Choice(contest=contest, id=party.id, name=party.name, kind=ChoiceKind.PARTY, party=party.id, order=order)
        for number in range(1, CANDIDATES_OF_PARTY + 1):
            order += 1
            name = f"{WATERMARK} Calon {number} Partai {party.short_name}"
            yield Choice(contest=contest, id=f"{party.id}.{number}", name=name, party=party.id, order=order)


def _dpr(tree: Tree, weights: Mapping[str, int]) -> Iterator[tuple[Contest, list[DistrictPart]]]:
    """A contest for each electoral district: neighbouring regencies of one province, in the order of their codes."""
    provinces = tree.provinces
    spare = DPR_SEATS - SEATS_OF_PROVINCE_MIN * len(provinces)
    seats_of_provinces = _apportion(spare, [_PROVINCE_WEIGHTS[province.code] for province in provinces])
    for province, above_minimum in zip(provinces, seats_of_provinces, strict=True):
        regencies = tree.children[province.code]
        sizes = [sum(weights[district.code] for district in tree.children[regency.code]) for regency in regencies]
        seats = SEATS_OF_PROVINCE_MIN + above_minimum
        groups = _cut(regencies, sizes, min(len(regencies), -(-seats // SEATS_OF_DISTRICT_MAX)))
        group_sizes = [sum(sizes[regencies.index(regency)] for regency in group) for group in groups]
        seats_of_groups = _apportion(seats - len(groups), group_sizes)
        for number, (group, more) in enumerate(zip(groups, seats_of_groups, strict=True), start=1):
            name = province.name if len(groups) == 1 else f"{province.name} {number}"
            district = f"dpr-{province.code}-{number}"
            yield (
                Contest(
                    id=district,
                    office=DPR,
                    electorate=district,
                    seats=1 + more,
                    method=Method.SAINTE_LAGUE,
                    name=LocalText(id=f"DPR, daerah pemilihan {name}", en=f"House of Representatives, {name}"),
                ),
                [DistrictPart(district=district, name=name, area=regency.code) for regency in group],
            )


def _cut(regencies: Sequence[Area], sizes: Sequence[int], groups: int) -> list[Sequence[Area]]:
    """`groups` runs of regencies, none empty, each ended as near to its share of the sum as whole regencies allow."""
    total = sum(sizes)
    ends = [0]
    reached = 0
    for end, size in enumerate(sizes[:-1], start=1):
        reached += size
        missing = groups - len(ends)
        nearer_than_next = (2 * reached + sizes[end]) * groups >= 2 * total * len(ends)
        if missing > 0 and (nearer_than_next or len(sizes) - end == missing):
            ends.append(end)
    return [regencies[start:end] for start, end in pairwise([*ends, len(sizes)])]


def _apportion(number: int, weights: Sequence[int]) -> list[int]:
    """`number` divided in proportion to the weights, by largest remainders; of equal remainders, the earlier gets more."""
    total = sum(weights)
    shares = [number * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda index: -(number * weights[index] % total))
    for index in by_remainder[: number - sum(shares)]:
        shares[index] += 1
    return shares


def _chance(seed: int, what: str, code: str, *, below: int) -> int:
    """A number from 0 to below - 1, always the same for the same arguments."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{what}/{code}".encode()).digest()[:8]) % below
