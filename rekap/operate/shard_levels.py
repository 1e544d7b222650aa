"""How evenly an election's forms are spread over its ledger partitions, at its shard level and at the other levels.

One tabulator folds a partition, so the count of a night takes as long as the fold of the fullest partition.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from projections.definition.compiled import Definition
from projections.definition.tree import partition_of
from schemas.codes import Partition

SHARE_MAX = 2
"""Multiple of its equal share up to which a partition is not reported. At Indonesia's shard level some partitions get 1.5 times
their share by chance. At twice, the other tabulators wait half of the time, and more partitions would not be faster."""


class Fullest(NamedTuple):
    """The partition that gets the most forms."""

    partition: Partition
    forms: int
    times_its_share: Fraction
    """Multiple of an equal share of all forms."""


def fullest_partitions(definition: Definition) -> dict[str, Fullest]:
    """Level → the fullest partition if that level were the shard level. From the nation down, without the level of stations."""
    forms: dict[int, int] = {}
    for station, area in enumerate(definition.stations.area):
        forms[area] = forms.get(area, 0) + len(definition.electorates.contests_of_station(station))
    total = sum(forms.values())
    found: dict[str, Fullest] = {}
    for number, level in enumerate(definition.tree.level_ids[:-1]):
        home = {
            area: partition_of(code, definition.partitions)
            for area, code in enumerate(definition.tree.codes)
            if definition.tree.level[area] == number
        }
        by_partition = [0] * definition.partitions
        for area, count in forms.items():
            above = next(each for each in definition.tree.lineage[area] if definition.tree.level[each] == number)
            by_partition[home[above]] += count
        most = max(by_partition)
        found[level] = Fullest(
            Partition(by_partition.index(most)), most, Fraction(most * definition.partitions, max(total, 1))
        )
    return found


def better_shard_level(definition: Definition) -> str | None:
    """A sentence if one partition gets over SHARE_MAX times its share, with a better level if there is one.

    The highest level within SHARE_MAX is named, because the roll-up adds up every area of the shard level.
    """
    fullest = fullest_partitions(definition)
    shard_level = definition.tree.level_ids[definition.tree.shard_level]
    now = fullest[shard_level]
    if now.times_its_share <= SHARE_MAX:
        return None
    total = now.forms * definition.partitions / now.times_its_share
    finding = (
        f"with {shard_level!r}, partition {now.partition} gets {now.forms:,} of {int(total):,} forms, "
        f"{float(now.times_its_share):.1f} times its share of {definition.partitions} partitions"
    )
    even = [level for level, each in fullest.items() if each.times_its_share <= SHARE_MAX]
    best = even[0] if even else min(fullest, key=lambda level: fullest[level].times_its_share)
    if fullest[best].times_its_share >= now.times_its_share:
        return f"{finding}; no other level does better, fewer partitions would"
    return f"{finding}; with {best!r} the fullest gets {float(fullest[best].times_its_share):.1f} times"
