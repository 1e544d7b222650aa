"""`rekap election`: check a package, and make one to start from."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from projections.checks.package_checks import problems
from projections.checks.profile_checks import profile_problems
from projections.definition.compiled import Definition
from rekap.elections.example import EXAMPLE_KEYS, ExampleKey, example_package
from rekap.elections.night_warnings import night_warnings, register_changes
from rekap.elections.shaped import (
    STATIONS_MAX,
    area_levels,
    identifiers,
    invented_stations,
    listed_stations,
    shaped_keys,
    shaped_package,
)
from rekap.errors import UnusableError
from rekap.exit_codes import ExitCode
from rekap.operate.package_maps import checked_maps, make_maps, maps_summary
from rekap.operate.shard_levels import better_shard_level
from rekap.terminal import complain, print_lines
from runtime.files.key_files import public_row, write_key_file
from runtime.package.profiles import read_profiles
from runtime.package.reading import load_package, read_package
from runtime.package.writing import write_package
from schemas.definition.package import ElectionPackage, Key, Role
from schemas.definition.profiles import Profiles

OFFICES_MAX = 20
STATIONS_DEFAULT = 100


@click.group()
def election() -> None:
    """Check election packages, and make one to start from."""


@election.command("check")
@click.argument("path", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--against",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="name what differs from the stations of this package",
)
def check(path: Path, against: Path | None) -> None:
    """List all that is wrong with the package in DIR (or in a zip), or print what it holds.

    A note is what the package is allowed to have and may hurt on the night: stations without a contest of an office that
    others have, or without a key that may report or review, a live election with an example's title.

    Exit codes: 0 the package can be used; 1 something is wrong with it; 2 there is no package to read.

    \b
    Examples:
      rekap election check my-election
      rekap election check my-election --against last-week.zip
    """
    reading = read_package(path, problems)
    for warning in reading.warnings:
        complain(f"Note: {warning}")
    if reading.package is None:
        for problem in reading.problems:
            complain(str(problem))
        raise SystemExit(ExitCode.BAD_OUTCOME)
    definition = Definition.of(reading.package)
    party_ids = {party.id for party in reading.package.parties}
    found = read_profiles(path, lambda _, profiles: profile_problems(definition.ballots, party_ids, profiles))
    for problem in found.problems:
        complain(str(problem))
    if found.problems:
        raise SystemExit(ExitCode.BAD_OUTCOME)
    drawn = checked_maps(path, definition)
    if (sentence := better_shard_level(definition)) is not None:
        complain(f"Note: election.json: shard_level: {sentence}")
    for sentence in night_warnings(reading.package, definition):
        complain(f"Note: {sentence}")
    if against is not None:
        changes = list(register_changes(load_package(against, problems), reading.package))
        for change in changes or ["stations.csv: the register is the same"]:
            complain(f"Against {against}: {change}")
    print_lines(*_summary(reading.package, found.profiles, maps_summary(drawn)).split("\n"))


def _registered(package: ElectionPackage) -> str:
    known = [station.registered_voters for station in package.stations if station.registered_voters is not None]
    unknown = len(package.stations) - len(known)
    if not known:
        return "not stated"
    return f"{sum(known):,}" + (f", and not stated for {unknown:,} stations" if unknown else "")


def _summary(package: ElectionPackage, profiles: Profiles, maps: str) -> str:
    election = package.election
    areas = Counter(area.level for area in package.areas)
    roles = Counter(key.role for key in package.keys)
    lines = [
        ("election", f"{election.id}: {election.title.preferred('en')}"),
        ("mode", election.mode.value),
        ("areas", ", ".join(f"{areas[level.id]:,} {level.id}" for level in election.levels[:-1])),
        ("stations", f"{len(package.stations):,}"),
        ("registered voters", _registered(package)),
        ("offices", ", ".join(office.id for office in package.offices)),
        ("contests", f"{len(package.contests):,}"),
        ("choices", f"{len(package.choices):,}"),
        ("profiles", f"{len(profiles.candidates):,} candidates, {len(profiles.party_profiles):,} parties"),
        *([("maps", maps)] if maps else []),
        ("rules", ", ".join(rule.id for rule in election.rules) or "none"),
        ("keys", ", ".join(f"{count:,} {role}" for role, count in sorted(roles.items())) or "none"),
        ("definition hash", package.definition_hash()),
    ]
    root = next(area.code for area in package.areas if area.parent is None)
    if not any(key.role is Role.AUTHORITY and key.scope == root for key in package.keys):
        lines.append(("to do", f"nobody can open this election: keys.csv has no authority with the scope {root}"))
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in lines)


@election.command("maps")
@click.argument("path", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("target", metavar="TARGET", type=click.Path(path_type=Path, file_okay=False))
def maps(path: Path, target: Path) -> None:
    """Make the files of the maps of the package in DIR (or in a zip), and write them to TARGET, a new or empty directory.

    Borders of neighbours are made one, levels and electoral districts without borders of their own are joined from the areas
    that they consist of, and each map is simplified in three resolutions, as GeoJSON and TopoJSON. The exporter does the same
    for the files that the API serves. Exit codes: 0 written; 2 the package, its maps or TARGET cannot be used.

    \b
    Example:
      rekap election maps my-election my-maps
    """
    _refuse_unless_empty(target)
    make_maps(path, target)


@election.command("new")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--offices", metavar="IDS", help="offices of the nation, such as president,senate  [default: president]")
@click.option("--levels", metavar="IDS", help="levels of areas from the top, such as nation,province,district")
@click.option("--stations", type=click.IntRange(1, STATIONS_MAX), help="number of invented stations  [default: 100]")
@click.option(
    "--from-csv", "listed", type=click.Path(path_type=Path),
    help="take areas and stations from this list: a column for each level below the nation, `station`, `registered_voters`",
)  # fmt: skip
def new(directory: Path, offices: str | None, levels: str | None, stations: int | None, listed: Path | None) -> None:
    """Write an election package to DIR, and its private keys to DIR-keys.

    Without an option, the package is a small, complete example in an invented country with 12 stations, two offices and a key
    of each common role. With options it is a rehearsal of that shape, with two choices on each ballot.

    \b
    Examples:
      rekap election new my-election
      rekap election new my-election --offices president,senate --levels nation,province,district --stations 500
      rekap election new my-election --from-csv stations.csv
    """
    if listed is not None and (levels is not None or stations is not None):
        raise click.UsageError(
            "--from-csv has the levels and the stations: give neither --levels nor --stations with it"
        )
    directory = directory.absolute()
    key_directory = directory.with_name(f"{directory.name}-keys")
    for each in (directory, key_directory):
        _refuse_unless_empty(each)
    make, needed = (
        _example(directory)
        if (offices, levels, stations, listed) == (None,) * 4
        else _shaped(directory, offices, levels, stations, listed)
    )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        key_directory.mkdir(mode=0o700, exist_ok=True)
        rows = []
        for role, scope, holder in needed:
            private_key = Ed25519PrivateKey.generate()
            write_key_file(private_key, key_directory / f"{role.value}-{scope}.pem")
            rows.append(public_row(private_key, role, scope, holder))
        write_package(make(rows), directory)
    except OSError as error:
        raise UnusableError(f"{error.filename or directory} cannot be written: {error.strerror}") from None
    authority = key_directory / f"{Role.AUTHORITY.value}-{needed[0].scope}.pem"
    lines = (
        f"{directory} is an election package: election.json and one CSV file for each table.\n"
        f"{key_directory} has the private keys, readable by you only. Keep them out of the package.\n"
        "\n"
        "Next:\n"
        "  1. Change the tables to your election: an area lies in one of the level above, a station in one of the lowest.\n"
        "  2. Add a key for each body that submits:  rekap keys new --help\n"
        f"  3. Check the package:                     rekap election check {shlex.quote(str(directory))}\n"
        f"  4. Start it on this machine:              rekap up {shlex.quote(str(directory))} --key "
        f"{shlex.quote(str(authority))}"
    )
    print_lines(*lines.split("\n"))


Make = Callable[[list[Key]], ElectionPackage]
"""The package with these keys."""


def _example(directory: Path) -> tuple[Make, Sequence[ExampleKey]]:
    return lambda rows: example_package(_election_id(directory.name), rows), EXAMPLE_KEYS


def _shaped(
    directory: Path, offices: str | None, levels: str | None, stations: int | None, listed: Path | None
) -> tuple[Make, Sequence[ExampleKey]]:
    ids = identifiers("--offices", "president" if offices is None else offices, least=1, most=OFFICES_MAX)
    if listed is not None:
        of_areas, found = listed_stations(listed)
    else:
        of_areas = area_levels("nation,province,district" if levels is None else levels)
        found = list(invented_stations(of_areas, stations or STATIONS_DEFAULT))
    election_id = _election_id(directory.name)
    without_keys = shaped_package(election_id, of_areas, found, ids, [])
    needed = shaped_keys(without_keys.areas, of_areas[1])
    return lambda rows: replace(without_keys, keys=tuple(rows)), needed


def _refuse_unless_empty(directory: Path) -> None:
    try:
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise UnusableError(f"{directory} is not empty; name a new directory, nothing was written")
    except OSError as error:
        raise UnusableError(f"{directory} cannot be read: {error.strerror}") from None


def _election_id(name: str) -> str:
    """The directory's name as an election id, or `example` where nothing of it can be used."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:48] or "example"
