"""The election of bench/faults.py: small, with one rule; and what the oracle knows of it."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections import defaultdict
from collections.abc import Iterator
from datetime import date

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fault import oracle
from proofs.signatures import key_id
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

PARTITIONS = 4
STATIONS_OF_VILLAGE = 8


def private_key(name: str) -> Ed25519PrivateKey:
    """A key that is the same in every run."""
    return Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b".")[:32])


OFFICERS = ("officer-1", "officer-2")
"""A key of station officers for each province."""
SUBMITTERS = (
    *((name, Role.STATION_OFFICER, name[-1]) for name in OFFICERS),
    ("reviewer", Role.REVIEWER, "N"),
    ("supervisor", Role.SUPERVISOR, "N"),
)
"""(name of the key, role, scope) of the keys that submit about stations."""


def election_package() -> ElectionPackage:
    """Two provinces of three districts of two villages; a president, and a council elected by province."""
    areas = [Area(code="N", name="Nation", level="nation")]
    stations: list[Station] = []
    for province in ("1", "2"):
        areas.append(Area(code=province, name=f"Province {province}", level="province", parent="N"))
        for district in (f"{province}.{n}" for n in (1, 2, 3)):
            areas.append(Area(code=district, name=f"District {district}", level="district", parent=province))
            for village in (f"{district}.{n}" for n in (1, 2)):
                areas.append(Area(code=village, name=f"Village {village}", level="village", parent=district))
                stations += [
                    Station(code=f"{village}-{n}", name=f"TPS {n}", area=village, registered_voters=250 + n)
                    for n in range(1, STATIONS_OF_VILLAGE + 1)
                ]
    councils = [(f"council-{province}", f"D{province}", province) for province in ("1", "2")]
    return ElectionPackage(
        election=Election(
            id="faults",
            title=LocalText(id="Pemilu dengan gangguan", en="Election with faults"),
            date=date(2029, 2, 14),
            time_zone="Asia/Jakarta",
            mode=Mode.REHEARSAL,
            levels=tuple(
                Level(id=level, name=LocalText(id=level, en=level))
                for level in ("nation", "province", "district", "village", "station")
            ),
            shard_level="district",
            partitions=PARTITIONS,
            rules=(RuleSetting(id="F3", severity=Severity.HARD),),
            licence="CC0-1.0",
        ),
        areas=tuple(areas),
        stations=tuple(stations),
        offices=(
            Office(id="president", name=LocalText(id="Presiden", en="President")),
            Office(id="council", name=LocalText(id="Dewan", en="Council")),
        ),
        contests=(
            Contest(id="president", office="president", electorate="N"),
            *(
                Contest(id=contest, office="council", electorate=district, seats=3, method=Method.SAINTE_LAGUE)
                for contest, district, _ in councils
            ),
        ),
        districts=tuple(DistrictPart(district=district, name=district, area=area) for _, district, area in councils),
        parties=(Party(id="P1", name="Party 1"), Party(id="P2", name="Party 2")),
        choices=(
            *(Choice(contest="president", id=f"0{n}", name=f"Pair {n}", order=n) for n in (1, 2, 3)),
            *(
                Choice(contest=contest, id=f"{party}-{n}", name=f"{party} {n}", kind=kind, party=party, order=order)
                for contest, _, _ in councils
                for order, (party, n, kind) in enumerate(
                    (party, n, kind)
                    for party in ("P1", "P2")
                    for n, kind in ((0, ChoiceKind.PARTY), (1, ChoiceKind.CANDIDATE))
                )
            ),
        ),
        keys=(
            _key("authority", Role.AUTHORITY, "N"),
            *(_key(*speaker) for speaker in SUBMITTERS),
        ),
    )


def _key(name: str, role: Role, scope: str) -> Key:
    public = _public(name)
    return Key(key_id=key_id(public), public_key=base64.b64encode(public).decode(), role=role, scope=scope)


def _public(name: str) -> bytes:
    return private_key(name).public_key().public_bytes_raw()


def facts_of(package: ElectionPackage) -> oracle.Facts:
    parent = {area.code: area.parent for area in package.areas}
    level = {area.code: area.level for area in package.areas}

    def up(code: str | None) -> Iterator[str]:
        while code is not None:
            yield code
            code = parent[code]

    lineage = {station.code: tuple(up(station.area)) for station in package.stations}
    parts: dict[str, set[str]] = defaultdict(set)
    for part in package.districts:
        parts[part.district].add(part.area)
    choices: dict[str, list[str]] = defaultdict(list)
    party_of: dict[str, dict[str, str]] = defaultdict(dict)
    for choice in package.choices:
        choices[choice.contest].append(choice.id)
        if choice.party is not None:
            party_of[choice.contest][choice.id] = choice.party
    return oracle.Facts(
        lineage=lineage,
        registered={
            each.code: each.registered_voters for each in package.stations if each.registered_voters is not None
        },
        office_of={contest.id: contest.office for contest in package.contests},
        choices=choices,
        party_of=party_of,
        stations_of={
            contest.id: [
                station
                for station, areas in lineage.items()
                if parts.get(contest.electorate, {contest.electorate}) & set(areas)
            ]
            for contest in package.contests
        },
        partition_of={
            station: zlib.crc32(next(area for area in areas if level[area] == "district").encode()) % PARTITIONS
            for station, areas in lineage.items()
        },
        submitters={
            hashlib.sha256(_public(name)).hexdigest()[:16]: oracle.Submitter(_public(name), role.value, scope)
            for name, role, scope in SUBMITTERS
        },
        above=frozenset(code for code in parent if level[code] != "village"),
    )
