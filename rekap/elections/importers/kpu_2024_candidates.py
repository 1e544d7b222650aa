"""The candidates of DI Yogyakarta in the legislative elections of 14 February 2024, from KPU's final public list (DCT).

The list has candidates, parties and electoral districts. It does not have:

- polling stations: each district (kecamatan) gets one stand-in, without registered voters, because a contest is held somewhere;
- seats: a party may list as many candidates as its electoral district has seats, so the longest list of a district is taken
  for them (for each council of the province this gives the number of seats that it has); the DPD has four (DOMAIN 1.6);
- anything of a candidate but name and sex: the other columns of candidates.csv stay empty, and are counted as lacking.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rekap.elections.importers.source_rows import SourceRow, source_rows
from rekap.elections.indonesia.tree import read_tree
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
    Station,
)
from schemas.definition.profiles import Candidate, Profiles, Sex
from schemas.definition.rows import LocalText

CANDIDATES, DISTRICTS, PARTIES = "candidates_diy_2024.csv", "dapil_diy_2024.csv", "parties_2024.csv"
PROVINCE = "34"
DPD, DPD_SEATS = "dpd", 4
OFFICES: Mapping[str, tuple[str, str]] = {
    "dpr": ("Dewan Perwakilan Rakyat", "House of Representatives"),
    DPD: ("Dewan Perwakilan Daerah", "Regional Representative Council"),
    "dprd-prov": ("Dewan Perwakilan Rakyat Daerah Provinsi", "Provincial council"),
    "dprd-kabko": ("Dewan Perwakilan Rakyat Daerah Kabupaten/Kota", "Council of the regency or city"),
}
_OFFICE_OF_LEVEL = {"dpr": "dpr", "dpd": DPD, "dprdprov": "dprd-prov", "dprdkk": "dprd-kabko"}
_SEX = {"L": Sex.MALE, "P": Sex.FEMALE, "": None}
_LEVELS = (
    ("province", "Provinsi", "Province"),
    ("regency", "Kabupaten/Kota", "Regency"),
    ("district", "Kecamatan", "District"),
    ("station", "TPS", "Polling station"),
)


@dataclass(frozen=True, slots=True)
class CandidateList:
    """The list, read once."""

    package: ElectionPackage
    profiles: Profiles


def read(directory: Path, *, keys: Iterable[Key] = (), partitions: int = 4) -> CandidateList:
    """Raises SourceFileError."""
    areas = _areas()
    candidates = list(source_rows(directory / CANDIDATES))
    parties = _parties(directory)
    districts = _districts(directory, {area.code for area in areas})
    seats = _seats(candidates)
    choices, profiles = _choices(candidates, parties)
    return CandidateList(
        ElectionPackage(
            election=Election(
                id="id-2024-diy-legislatif",
                title=LocalText(
                    id="Pemilu legislatif 2024, DI Yogyakarta: daftar calon tetap",
                    en="Legislative elections 2024, DI Yogyakarta: final list of candidates",
                ),
                date=date(2024, 2, 14),
                time_zone="Asia/Jakarta",
                mode=Mode.REHEARSAL,
                levels=tuple(Level(id=level, name=LocalText(id=id, en=en)) for level, id, en in _LEVELS),
                shard_level="district",
                partitions=partitions,
                licence="Public list of KPU; no licence stated by the publisher",
                source="KPU, Daftar Calon Tetap 2024. One stand-in station for each district; seats follow from the longest "
                "list of candidates.",
            ),
            areas=areas,
            stations=tuple(_stand_in(area) for area in areas if area.level == "district"),
            offices=tuple(Office(id=office, name=LocalText(id=id, en=en)) for office, (id, en) in OFFICES.items()),
            contests=tuple(_contests(candidates, districts, seats)),
            districts=tuple(part for parts in districts.values() for part in parts),
            parties=tuple(parties.values()),
            choices=choices,
            keys=tuple(keys),
        ),
        profiles,
    )


def _areas() -> tuple[Area, ...]:
    """The province, which is the root here, its regencies and their districts."""
    return tuple(
        area.model_copy(update={"parent": None}) if area.code == PROVINCE else area
        for area in read_tree().areas
        if area.code == PROVINCE or area.code.startswith(f"{PROVINCE}.")
    )


def _stand_in(area: Area) -> Station:
    return Station(code=f"{area.code}.000", name=f"TPS {area.name}: belum ada dalam daftar"[:300], area=area.code)


def _area_code(kpu_code: str) -> str:
    """KPU's code of a regency or district, such as 340203, with the dots of the tree: 34.02.03."""
    return ".".join(kpu_code[start : start + 2] for start in range(0, len(kpu_code), 2))


def _districts(directory: Path, areas: set[str]) -> dict[str, tuple[DistrictPart, ...]]:
    """Electoral district → its parts. A row that is a part of a regency (`is_pecah`) names no area of its own, because the
    districts of that part follow it."""
    found: dict[str, tuple[DistrictPart, ...]] = {}
    for row in source_rows(directory / DISTRICTS):
        if row.text("is_pecah") == "True":
            continue
        area = _area_code(row.text("kode_wilayah"))
        if area not in areas:
            row.wrong("kode_wilayah", "an area of DI Yogyakarta")
        district = row.text("kode_dapil")
        part = row.made(DistrictPart, district=district, name=row.text("nama_dapil"), area=area)
        found[district] = (*found.get(district, ()), part)
    return found


def _parties(directory: Path) -> dict[int, Party]:
    """Number on the ballot → party. The number is also the id, because results and candidates name it."""
    parties = {}
    for row in source_rows(directory / PARTIES):
        number = _number(row, "nomor_urut")
        parties[number] = row.made(Party, id=str(number), name=row.text("nama"), number=number)
    return parties


def _number(row: SourceRow, column: str) -> int:
    cell = row.text(column)
    if not (cell.isascii() and cell.isdecimal() and len(cell) <= 4):
        row.wrong(column, "a number")
    return int(cell)


def _contest_of(row: SourceRow) -> tuple[str, str, str]:
    """(contest, office, electorate)"""
    level, code = row.text("level"), row.text("kode_dapil_or_prov")
    office = _OFFICE_OF_LEVEL.get(level)
    if office is None:
        row.wrong("level", f"one of {', '.join(_OFFICE_OF_LEVEL)}")
    return f"{office}-{code}", office, code


def _seats(candidates: Iterable[SourceRow]) -> dict[str, int]:
    """Contest → the length of its longest list of one party."""
    seats: dict[str, int] = {}
    for row in candidates:
        contest, _, _ = _contest_of(row)
        seats[contest] = max(seats.get(contest, 0), _number(row, "nomor_urut"))
    return seats


def _contests(
    candidates: Iterable[SourceRow], districts: Mapping[str, tuple[DistrictPart, ...]], seats: Mapping[str, int]
) -> Iterator[Contest]:
    seen: set[str] = set()
    for row in candidates:
        contest, office, electorate = _contest_of(row)
        if contest in seen:
            continue
        seen.add(contest)
        if office == DPD:
            yield row.made(
                Contest, id=contest, office=office, electorate=electorate, seats=DPD_SEATS, method=Method.MOST_VOTES
            )
            continue
        if electorate not in districts:
            row.wrong("kode_dapil_or_prov", f"an electoral district of {DISTRICTS}")
        name_id, name_en = OFFICES[office]
        name = districts[electorate][0].name
        yield row.made(
            Contest,
            id=contest,
            office=office,
            electorate=electorate,
            seats=seats[contest],
            method=Method.SAINTE_LAGUE,
            name=LocalText(id=f"{name_id}, {name}", en=f"{name_en}, {name}"),
        )


def _choices(candidates: Iterable[SourceRow], parties: Mapping[int, Party]) -> tuple[tuple[Choice, ...], Profiles]:
    """The ballots, with a line for each party before its candidates, and the candidates of each choice."""
    choices: list[Choice] = []
    persons: list[Candidate] = []
    lists: set[tuple[str, str]] = set()
    order: dict[str, int] = {}
    seen: set[tuple[str, str]] = set()

    def add(row: SourceRow, contest: str, id: str, name: str, kind: ChoiceKind, party: str | None) -> None:
        if (contest, id) in seen:
            row.refuse(f"the choice {id} of {contest} is there twice")
        seen.add((contest, id))
        order[contest] = order.get(contest, 0) + 1
        fields = {"contest": contest, "id": id, "name": name, "kind": kind, "party": party, "order": order[contest]}
        choices.append(row.made(Choice, **fields))

    for row in candidates:
        contest, office, _ = _contest_of(row)
        number, name = _number(row, "nomor_urut"), row.text("nama")
        sex = row.text("jk")
        if sex not in _SEX:
            row.wrong("jk", "L or P")
        party = None
        if office != DPD:
            found = parties.get(_number(row, "partai_no"))
            if found is None:
                row.wrong("partai_no", f"a party of {PARTIES}")
            party = found.id
            if (contest, party) not in lists:
                lists.add((contest, party))
                add(row, contest, party, found.name, ChoiceKind.PARTY, party)
        choice = str(number) if party is None else f"{party}-{number}"
        add(row, contest, choice, name, ChoiceKind.CANDIDATE, party)
        persons.append(row.made(Candidate, contest=contest, choice=choice, name=name, sex=_SEX[sex]))
    return tuple(choices), Profiles(tuple(persons))
