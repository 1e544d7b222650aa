"""What a valid package can still do to the night: notes of `rekap election check`, none of which refuses it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from projections.definition.compiled import Definition
from projections.fold.authority import MAY_SUBMIT
from schemas.definition.package import ElectionPackage, Mode, Role, Station

NAMED_MAX = 3
"""Stations that a sentence names; it has the number of all."""
_EXAMPLE_WORDS = re.compile(
    r"\b(contoh|example|demo|latihan|rehearsal|simulasi|simulation|test|percobaan|uji coba)\b", re.IGNORECASE
)


def night_warnings(package: ElectionPackage, definition: Definition) -> Iterator[str]:
    """Warnings, each of which begins with the file that it is about."""
    yield from _stations_without_a_contest(definition)
    yield from _stations_without_a_key(definition, "result.reported", "no form of theirs can be signed")
    yield from _stations_without_a_key(definition, "result.reviewed", "a held form of theirs stays held")
    yield from _title_of_an_example(package)


def _stations_without_a_contest(definition: Definition) -> Iterator[str]:
    for office in definition.ballots.offices:
        contests = set(office.contests)
        missing = [
            code
            for number, code in enumerate(definition.stations.codes)
            if contests.isdisjoint(definition.electorates.contests_of_station(number))
        ]
        if missing and len(missing) < len(definition.stations.codes):
            yield f"contests.csv: {_of(missing, definition)} without a contest of {office.id}, which the others have"


def _stations_without_a_key(definition: Definition, kind: str, what: str) -> Iterator[str]:
    """Stations for which no key may submit this type of event."""
    roles = MAY_SUBMIT[kind]
    scopes = {key.scope for key in definition.keys.values() if key.role in roles}
    codes = definition.tree.codes
    covered = [any(codes[above] in scopes for above in lineage) for lineage in definition.tree.lineage]
    missing = [
        code
        for code, area in zip(definition.stations.codes, definition.stations.area, strict=True)
        if not covered[area] and code not in scopes
    ]
    if missing:
        role = _role(roles)
        yield f"keys.csv: {_of(missing, definition)} without a key of the role {role}: {what}"


def _role(roles: frozenset[Role]) -> str:
    return " or ".join(sorted(role.value for role in roles))


def _title_of_an_example(package: ElectionPackage) -> Iterator[str]:
    if package.election.mode is not Mode.LIVE:
        return
    texts = [package.election.id, *package.election.title.root.values()]
    if found := next((text for text in texts if _EXAMPLE_WORDS.search(text)), None):
        yield f"election.json: the election is live, and {found!r} is what an example or a rehearsal is called"


def register_changes(before: ElectionPackage, now: ElectionPackage) -> Iterator[str]:
    """What differs in the register of stations between two packages."""
    old, new = ({station.code: station for station in package.stations} for package in (before, now))
    kept = [code for code in new if code in old]
    added, removed = [code for code in new if code not in old], [code for code in old if code not in new]
    if added:
        yield f"stations.csv: new: {_named(added)}"
    if removed:
        yield f"stations.csv: gone: {_named(removed)}"
    if moved := [code for code in kept if old[code].area != new[code].area]:
        yield f"stations.csv: in another area: {_named(moved)}"
    changed = [code for code in kept if _register(old[code]) != _register(new[code])]
    if changed:
        yield f"stations.csv: with another register: {_named(changed)}"
    sums = [sum(station.registered_voters or 0 for station in package.stations) for package in (before, now)]
    if sums[0] != sums[1]:
        yield f"stations.csv: registered voters {sums[0]:,} before and {sums[1]:,} now ({sums[1] - sums[0]:+,})"


def _register(station: Station) -> tuple[int | None, ...]:
    return station.registered_men, station.registered_women, station.registered_voters


def _of(codes: Sequence[str], definition: Definition) -> str:
    return f"{_named(codes)} of {len(definition.stations.codes):,}"


def _named(codes: Sequence[str]) -> str:
    """`12 stations (1, 2, 3, …)`."""
    first: Iterable[str] = codes[:NAMED_MAX]
    more = ", …" if len(codes) > NAMED_MAX else ""
    return f"{len(codes):,} station{'' if len(codes) == 1 else 's'} ({', '.join(first)}{more})"
