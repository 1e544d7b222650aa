"""Contests and ballots of the made-up election: the president, and the DPR in electoral districts of neighbouring regencies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from rekap.elections.demo_stations import PROVINCE_WEIGHTS, apportion
from rekap.elections.indonesia.tree import ROOT, Tree
from schemas.definition.package import (
    Area,
    Choice,
    ChoiceKind,
    Contest,
    DistrictPart,
    Method,
    Party,
)
from schemas.definition.rows import LocalText

PRESIDENT = "president"
DPR = "dpr"
OFFICES = (PRESIDENT, DPR)
DPR_SEATS = 580
SEATS_OF_PROVINCE_MIN = 3
SEATS_OF_DISTRICT_MAX = 8
"""A province with more seats is cut into several electoral districts. This gives 89 districts of 3 to 10 seats, as the law
allows; Indonesia has 84."""
WATERMARK = "[LATIHAN]"
"""Marks each name that is invented."""
PAIRS = ("Cenderawasih", "Jalak Bali", "Merpati")
PARTIES = ("Anggrek", "Bambu", "Cendana", "Damar", "Enau", "Flamboyan", "Gaharu", "Jati", "Kenanga")
CANDIDATES_OF_PARTY = 3


def president_contest() -> Contest:
    return Contest(
        id=PRESIDENT,
        office=PRESIDENT,
        electorate=ROOT,
        method=Method.ABSOLUTE_MAJORITY_WITH_SPREAD,
        name=LocalText(id="Presiden dan Wakil Presiden", en="President and Vice-President"),
    )


def pair_choices() -> Iterator[Choice]:
    for number, name in enumerate(PAIRS, start=1):
        yield Choice(contest=PRESIDENT, id=f"{number:02}", name=f"{WATERMARK} Pasangan {name}", order=number)


def demo_parties() -> tuple[Party, ...]:
    return tuple(
        Party(id=f"P{number:02}", name=f"{WATERMARK} Partai {name}", short_name=name, number=number)
        for number, name in enumerate(PARTIES, start=1)
    )


def party_choices(contest: str) -> Iterator[Choice]:
    """A.1, the party's own votes, and A.2, its candidates', as on the legislative form (DOMAIN 1.3)."""
    order = 0
    for party in demo_parties():
        order += 1
        yield Choice(contest=contest, id=party.id, name=party.name, kind=ChoiceKind.PARTY, party=party.id, order=order)
        for number in range(1, CANDIDATES_OF_PARTY + 1):
            order += 1
            name = f"{WATERMARK} Calon {number} Partai {party.short_name}"
            yield Choice(contest=contest, id=f"{party.id}.{number}", name=name, party=party.id, order=order)


def dpr_contests(tree: Tree, weights: Mapping[str, int]) -> Iterator[tuple[Contest, list[DistrictPart]]]:
    """A contest for each electoral district: neighbouring regencies of one province, in the order of their codes."""
    provinces = tree.provinces
    spare = DPR_SEATS - SEATS_OF_PROVINCE_MIN * len(provinces)
    seats_of_provinces = apportion(spare, [PROVINCE_WEIGHTS[province.code] for province in provinces])
    for province, above_minimum in zip(provinces, seats_of_provinces, strict=True):
        regencies = tree.children[province.code]
        sizes = [sum(weights[district.code] for district in tree.children[regency.code]) for regency in regencies]
        seats = SEATS_OF_PROVINCE_MIN + above_minimum
        groups = _cut(regencies, sizes, min(len(regencies), -(-seats // SEATS_OF_DISTRICT_MAX)))
        group_sizes = [sum(sizes[regencies.index(regency)] for regency in group) for group in groups]
        seats_of_groups = apportion(seats - len(groups), group_sizes)
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
