"""Whether the sums of each office fit into the messages that publish them."""

from __future__ import annotations

from collections import Counter

from projections.area.tally import tally_length
from projections.checks.lookups import PackageCheck
from schemas.derived.parts import PART_BYTES_MAX, PARTS_MAX

NUMBER_BYTES = 4
"""Size of a number in a tally as text: most are 0, those of a district have four digits and a comma."""


def check_sizes(check: PackageCheck) -> None:
    """All sums of an office fit into one message, which readers join from parts (schemas/derived/parts.py)."""
    levels = [level.id for level in check.package.election.levels]
    shard = check.package.election.shard_level
    if shard not in levels:
        return  # check_levels has found it
    above = set(levels[: levels.index(shard) + 1])
    areas = sum(area.level in above for area in check.package.areas)
    choices = Counter(choice.contest for choice in check.package.choices)
    for row, office in enumerate(check.package.offices):
        most = max((choices[each.id] for each in check.package.contests if each.office == office.id), default=0)
        size = areas * tally_length(most) * NUMBER_BYTES
        if size > PARTS_MAX * PART_BYTES_MAX:
            check.found.add(
                "offices",
                row,
                "id",
                f"the sums of {areas:,} areas down to the level {shard!r} with up to {most:,} choices are about "
                f"{size // 10**6:,} MB, and a message is at most {PARTS_MAX * PART_BYTES_MAX // 10**6:,}: choose a "
                "`shard_level` further up",
            )
