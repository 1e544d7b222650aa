"""An election package made ready for counting: dense numbers for areas, stations and contests, and the relations between them.

    tree.py          areas, levels, and the ledger partition of each area at the shard level
    stations.py      stations, their areas, and their order
    electorates.py   who votes in which contest, and what is expected of each area
    ballots.py       offices, contests and choices

Each is a frozen value that follows from the package alone. A definition that differs in one of them (for example by a key that
was added during the count) is therefore a new `Definition` that shares the others. The folds work on the numbers; codes are
looked up where rows are published. The package has been checked (projections/checks/), so that a code that is not found is
a bug.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from projections.definition.ballots import Ballots, ContestEntry, OfficeEntry
from projections.definition.electorates import Electorates
from projections.definition.stations import Stations
from projections.definition.tree import AreaTree
from schemas.codes import KeyId
from schemas.definition.package import Election, ElectionPackage, Role


class KeyEntry(NamedTuple):
    key_id: KeyId
    public_key: bytes
    role: Role
    scope: str


@dataclass(frozen=True, eq=False)
class Definition:
    """The compiled package. Numbers of areas, stations, contests and offices are indexes in the tables of the package."""

    election: Election
    hash: str
    """The definition hash: SHA-256 of the canonical package, which every event carries."""
    tree: AreaTree
    stations: Stations
    electorates: Electorates
    ballots: Ballots
    keys: Mapping[str, KeyEntry]
    """Key id → the key as it is registered."""
    parties: frozenset[str]
    """Ids of the parties."""

    @classmethod
    def of(cls, package: ElectionPackage) -> Definition:
        tree = AreaTree.of(package)
        stations = Stations.of(package, tree)
        electorates = Electorates.of(package, stations)
        keys = {
            key.key_id: KeyEntry(KeyId(key.key_id), base64.b64decode(key.public_key), key.role, key.scope)
            for key in package.keys
        }
        ballots = Ballots.of(package, electorates)
        _compute(tree, electorates)
        parties = frozenset(party.id for party in package.parties)
        return cls(package.election, package.definition_hash(), tree, stations, electorates, ballots, keys, parties)

    def contests_of(self, office: OfficeEntry, area: int) -> list[ContestEntry]:
        """The contests of the office that are voted on in the area."""
        of_office = set(office.contests)
        return [self.ballots.contests[each] for each in self.electorates.contests_in(area) if each in of_office]

    @property
    def partitions(self) -> int:
        """Partitions of the ledger."""
        return self.election.partitions


def _compute(tree: AreaTree, electorates: Electorates) -> None:
    """Computes the tables that every process needs. A nation's take seconds, so that no first request should wait for them.
    They are kept with the definition (rekap/operate/definition_cache.py)."""
    for table in (tree.children, tree.counting, electorates.denominators, electorates.slots_of_partition):
        assert table is not None
