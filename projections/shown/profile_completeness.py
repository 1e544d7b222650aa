"""How complete the profiles of candidates and parties are, column by column and area by area."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from projections.definition.compiled import Definition
from schemas.definition.package import Choice
from schemas.definition.profiles import Candidate, PartyProfile

PERSON_COLUMNS = ("sex", "residence", "photo", "web")
PARTY_COLUMNS = ("web", "logo", "colour")


class ProfileCompleteness:
    def __init__(
        self,
        definition: Definition,
        candidates: Sequence[Sequence[Choice]],
        persons: Mapping[tuple[str, str], list[Candidate]],
        parties: Sequence[PartyProfile | None],
    ) -> None:
        """`candidates` by number of the contest, `persons` by contest and choice; `parties` has None for one without a
        profile."""
        self._tree = definition.tree
        self._parties = parties
        self._counts: dict[int, list[int]] = {}
        """Counts of each area that holds the electorate of some contest, or lies above one: candidates, those who are
        described, and for each column those of whose persons each has it."""
        for entry in definition.ballots.contests:
            own = [0] * (2 + len(PERSON_COLUMNS))
            for choice in candidates[entry.number]:
                lacking = lacking_columns(persons.get((entry.id, choice.id), []))
                own[0] += 1
                if "persons" not in lacking:
                    own[1] += 1
                    for index, column in enumerate(PERSON_COLUMNS):
                        own[2 + index] += column not in lacking
            for above in self._tree.lineage[entry.root_area]:
                total = self._counts.setdefault(above, [0] * len(own))
                self._counts[above] = [one + other for one, other in zip(total, own, strict=True)]

    def answer(self, area: int) -> dict[str, Any]:
        """How many candidates the contests within an area have, and how many of them each column; the same for each area
        directly in it. For parties once, because they belong to no area."""
        return {
            "candidates": self._counted(area),
            "children": [self._counted(child) for child in self._tree.children[area] if child in self._counts],
            "parties": {
                "expected": len(self._parties),
                "columns": {
                    column: sum(each is not None and getattr(each, column) is not None for each in self._parties)
                    for column in PARTY_COLUMNS
                },
            },
        }

    def _counted(self, area: int) -> dict[str, Any]:
        expected, described, *columns = self._counts.get(area, [0] * (2 + len(PERSON_COLUMNS)))
        return {
            "area": self._tree.codes[area],
            "expected": expected,
            "described": described,
            "columns": dict(zip(PERSON_COLUMNS, columns, strict=True)),
        }


def lacking_columns(persons: list[Candidate]) -> list[str]:
    """Columns that some person of a choice lacks; only `persons` where nobody is described."""
    if not persons:
        return ["persons"]
    return [column for column in PERSON_COLUMNS if any(getattr(person, column) is None for person in persons)]
