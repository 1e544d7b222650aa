"""A small election to start from: `rekap election new` writes it.

An invented country, small enough to read every file in a minute, with one of each thing that an election may have: an
office of the whole nation, a legislative office with parties, an electoral district that cuts across provinces, rules
hard and soft, a key of each common role.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

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


class ExampleKey(NamedTuple):
    """A key the example needs."""

    role: Role
    scope: str
    holder: str


EXAMPLE_KEYS = (
    ExampleKey(Role.AUTHORITY, "N", "Komisi Pemilihan"),
    ExampleKey(Role.REVIEWER, "N", "Komisi Pemilihan, verifikasi"),
    ExampleKey(Role.SUPERVISOR, "N", "Badan Pengawas"),
    ExampleKey(Role.STATION_OFFICER, "N.1", "Petugas TPS Provinsi Utara"),
    ExampleKey(Role.STATION_OFFICER, "N.2", "Petugas TPS Provinsi Selatan"),
)

_PROVINCES = (("N.1", "Utara"), ("N.2", "Selatan"))
_DISTRICTS = ("Bukit", "Danau", "Hutan")
_STATIONS_OF_DISTRICT = 2
_PARTIES = (("P01", "Partai Angin", "Angin"), ("P02", "Partai Batu", "Batu"), ("P03", "Partai Cahaya", "Cahaya"))
_ELECTORAL_DISTRICTS = (
    ("dpr-1", "Dapil 1", ("N.1.1", "N.1.2")),
    ("dpr-2", "Dapil 2", ("N.1.3", "N.2.1")),
    ("dpr-3", "Dapil 3", ("N.2.2", "N.2.3")),
)
"""The second lies in both provinces."""


def example_package(election_id: str, keys: Iterable[Key]) -> ElectionPackage:
    """The example, as a rehearsal under the given id."""
    return ElectionPackage(
        election=Election(
            id=election_id,
            title=LocalText(id="Contoh pemilu", en="Example election"),
            date=date(2029, 2, 14),
            time_zone="Asia/Jakarta",
            mode=Mode.REHEARSAL,
            levels=(
                Level(id="nation", name=LocalText(id="Nasional", en="Nation")),
                Level(id="province", name=LocalText(id="Provinsi", en="Province")),
                Level(id="district", name=LocalText(id="Kecamatan", en="District")),
                Level(id="station", name=LocalText(id="TPS", en="Polling station")),
            ),
            shard_level="district",
            partitions=2,
            rules=tuple(_rules()),
            licence="CC0-1.0",
            source="Invented; a rehearsal, not an election.",
        ),
        areas=tuple(_areas()),
        stations=tuple(_stations()),
        offices=(
            Office(id="president", name=LocalText(id="Presiden", en="President")),
            Office(id="dpr", name=LocalText(id="Dewan Perwakilan Rakyat", en="House of Representatives")),
        ),
        contests=tuple(_contests()),
        districts=tuple(
            DistrictPart(district=district, name=name, area=area)
            for district, name, areas in _ELECTORAL_DISTRICTS
            for area in areas
        ),
        parties=tuple(
            Party(id=party, name=name, short_name=short_name, number=number)
            for number, (party, name, short_name) in enumerate(_PARTIES, start=1)
        ),
        choices=tuple(_choices()),
        keys=tuple(keys),
    )


def _rules() -> Iterator[RuleSetting]:
    """Rules, as hard or soft as DOMAIN 1.2 and 1.3 have them."""
    for rule in ("F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "G1", "G2", "G5", "G7"):
        yield RuleSetting(id=rule, severity=Severity.HARD)
    yield RuleSetting(id="M1", severity=Severity.HARD, parameters={"fields": ["votes", "VA", "VB", "VC"]})
    yield RuleSetting(id="P1", severity=Severity.HARD, offices=("dpr",))
    yield RuleSetting(id="P2", severity=Severity.HARD, offices=("dpr",))
    yield RuleSetting(id="F9", severity=Severity.SOFT, parameters={"officers": 7, "witnesses": 1})
    yield RuleSetting(id="G3", severity=Severity.SOFT, parameters={"reserve_percent": 2, "rounding": "up"})
    yield RuleSetting(id="G4", severity=Severity.SOFT, parameters={"max": 300})
    yield RuleSetting(id="G6", severity=Severity.SOFT)
    yield RuleSetting(id="G8", severity=Severity.SOFT, parameters={"percent_without_b": 102})
    yield RuleSetting(id="X1", severity=Severity.SOFT)
    yield RuleSetting(id="X2", severity=Severity.SOFT, offices=("dpr",), parameters={"reference": "president"})
    yield RuleSetting(id="X3", severity=Severity.SOFT)
    yield RuleSetting(id="X4", severity=Severity.INFO)


def _areas() -> Iterator[Area]:
    yield Area(code="N", name="Negeri Contoh", level="nation")
    for province, name in _PROVINCES:
        yield Area(code=province, name=f"Provinsi {name}", level="province", parent="N")
        for number, district in enumerate(_DISTRICTS, start=1):
            yield Area(
                code=f"{province}.{number}", name=f"Kecamatan {district} {name}", level="district", parent=province
            )


def _stations() -> Iterator[Station]:
    for district in (area.code for area in _areas() if area.level == "district"):
        for number in range(1, _STATIONS_OF_DISTRICT + 1):
            men, women = 120 + 5 * number, 115 + 10 * number
            yield Station(
                code=f"{district}.{number:03}",
                name=f"TPS {number:03}",
                area=district,
                registered_men=men,
                registered_women=women,
                registered_voters=men + women,
            )


def _contests() -> Iterator[Contest]:
    yield Contest(
        id="president",
        office="president",
        electorate="N",
        method=Method.ABSOLUTE_MAJORITY_WITH_SPREAD,
        name=LocalText(id="Presiden", en="President"),
    )
    for district, name, _ in _ELECTORAL_DISTRICTS:
        yield Contest(
            id=district,
            office="dpr",
            electorate=district,
            seats=3,
            method=Method.SAINTE_LAGUE,
            name=LocalText(id=f"DPR {name}", en=f"House of Representatives, {name}"),
        )


def _choices() -> Iterator[Choice]:
    for number, name in enumerate(("Pasangan Merah", "Pasangan Putih"), start=1):
        yield Choice(contest="president", id=f"{number:02}", name=name, order=number)
    for contest, _, _ in _ELECTORAL_DISTRICTS:
        order = 0
        for party, name, short_name in _PARTIES:
            order += 1
            yield Choice(contest=contest, id=party, name=name, kind=ChoiceKind.PARTY, party=party, order=order)
            for number in (1, 2):
                order += 1
                candidate = f"Calon {number} {short_name}"
                yield Choice(contest=contest, id=f"{party}.{number}", name=candidate, party=party, order=order)
