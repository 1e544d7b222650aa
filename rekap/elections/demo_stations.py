"""Villages and stations of the made-up election, as many in each district as its share of the nation's voters."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from rekap.elections.chance import chance
from rekap.elections.indonesia.tree import Tree
from schemas.definition.package import (
    Area,
    Station,
)

PROVINCE_WEIGHTS: Mapping[str, int] = {
    "11": 37, "12": 109, "13": 41, "14": 47, "15": 27, "16": 63, "17": 15, "18": 65, "19": 11, "21": 15,
    "31": 83, "32": 357, "33": 283, "34": 29, "35": 314, "36": 88, "51": 33, "52": 39, "53": 40,
    "61": 40, "62": 19, "63": 30, "64": 28, "65": 5, "71": 20, "72": 22, "73": 67, "74": 19, "75": 9, "76": 10,
    "81": 13, "82": 10, "91": 7, "92": 4, "93": 4, "94": 11, "95": 13, "96": 4,
}  # fmt: skip
"""Roughly how many voters a province has, in hundreds of thousands. Only the shape of a rehearsal depends on it."""


def district_weights(tree: Tree, seed: int) -> dict[str, int]:
    """District → its share of the nation's voters, in parts of no particular unit.

    A province's weight is spread over its districts, the largest of which has ten times the voters of the smallest.
    """
    weights: dict[str, int] = {}
    for province in tree.provinces:
        districts = [district for regency in tree.children[province.code] for district in tree.children[regency.code]]
        sizes = [10 + chance(seed, "size", district.code, below=91) for district in districts]
        weight = PROVINCE_WEIGHTS[province.code] * 1_000_000
        weights |= {d.code: weight * size // sum(sizes) for d, size in zip(districts, sizes, strict=True)}
    return weights


def stations_of_districts(tree: Tree, weights: Mapping[str, int], stations: int) -> Iterator[tuple[Area, int]]:
    """Each district that has stations, with their number: one for each regency's largest, the rest by weight."""
    districts = [area for area in tree.areas if area.level == "district"]
    first = {
        max(tree.children[area.code], key=lambda each: (weights[each.code], each.code)).code
        for area in tree.areas
        if area.level == "regency"
    }
    counts = apportion(stations - len(first), [weights[district.code] for district in districts])
    for district, count in zip(districts, counts, strict=True):
        if total := count + (district.code in first):
            yield district, total


def villages_of(district: Area, stations: int, seed: int) -> tuple[list[Area], list[Station]]:
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
    sizes = apportion(stations, [1] * len(villages))
    return villages, [
        _station(village.code, number, seed)
        for village, size in zip(villages, sizes, strict=True)
        for number in range(1, size + 1)
    ]


def _station(village: str, number: int, seed: int) -> Station:
    code = f"{village}.{number:03}"
    voters = 180 + chance(seed, "voters", code, below=121)
    men = voters * (47 + chance(seed, "men", code, below=6)) // 100
    return Station(
        code=code,
        name=f"TPS {number:03}",
        area=village,
        registered_men=men,
        registered_women=voters - men,
        registered_voters=voters,
    )


def apportion(number: int, weights: Sequence[int]) -> list[int]:
    """`number` divided in proportion to the weights, by largest remainders; of equal remainders, the earlier gets more."""
    total = sum(weights)
    shares = [number * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda index: -(number * weights[index] % total))
    for index in by_remainder[: number - sum(shares)]:
        shares[index] += 1
    return shares
