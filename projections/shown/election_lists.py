"""Lists of what an election has, from its package alone: offices and contests."""

from __future__ import annotations

from typing import Any

from projections.definition.ballots import ContestEntry
from projections.definition.compiled import Definition
from projections.shown.published import office_name


def elections_list(definition: Definition) -> dict[str, Any]:
    about = definition.election
    return {
        "elections": [
            {
                "election": about.id,
                "mode": about.mode.value,
                "definition": definition.hash,
                "title": about.title.root,
                "date": about.date.isoformat(),
                "licence": about.licence,
                "links": {"self": "/v1/election", "package": "/v1/package.zip", "health": "/v1/health"},
            }
        ]
    }


def offices_list(definition: Definition) -> dict[str, Any]:
    return {
        "offices": [
            office_name(definition, office)
            | {
                "links": {
                    "result": f"/v1/offices/{office.id}",
                    "contests": f"/v1/contests?office={office.id}",
                    "live": f"/v1/live?office={office.id}",
                }
            }
            for office in definition.ballots.offices
        ]
    }


def contests_list(definition: Definition, office: int | None, after: ContestEntry | None, limit: int) -> dict[str, Any]:
    """A page of the contests in the package's order: of one office, or of all; after a contest, or from the first."""
    contests = definition.ballots.contests
    numbers = range(len(contests)) if office is None else definition.ballots.offices[office].contests
    first = -1 if after is None else after.number
    found = [number for number in numbers if number > first][: limit + 1]
    return {
        "contests": [_contest(contests[number]) for number in found[:limit]],
        "next": contests[found[limit - 1]].id if len(found) > limit else None,
    }


def _contest(entry: ContestEntry) -> dict[str, Any]:
    contest = entry.contest
    return {
        "contest": entry.id,
        "office": contest.office,
        "electorate": contest.electorate,
        "name": None if contest.name is None else contest.name.root,
        "seats": contest.seats,
        "votes_per_ballot": contest.votes_per_ballot,
        "choices": len(entry.ballot),
        "links": {"result": f"/v1/contests/{entry.id}", "candidates": f"/v1/candidates?contest={entry.id}"},
    }
