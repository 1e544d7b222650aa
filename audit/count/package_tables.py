"""The election package as tables of the recount: which station lies in which areas and log, and which contests it has."""

from __future__ import annotations

from collections.abc import Mapping

from audit.count.database import Database
from audit.sources.package import Package

ROLES_OF_TYPE = {
    "election.opened": ("authority",),
    "definition.amended": ("authority",),
    "result.reported": ("station_officer",),
    "result.copied": ("witness", "observer"),
    "result.reviewed": ("reviewer",),
    "result.annulled": ("supervisor", "court"),
    "annulment.withdrawn": ("supervisor", "court"),
    "recap.declared": ("recapitulator",),
    "area.certified": ("recapitulator",),
    "objection.filed": ("witness", "observer", "supervisor"),
    "objection.answered": ("recapitulator", "supervisor"),
}
"""Which roles may submit events of which type (DESIGN 3)."""


def load_package(database: Database, package: Package) -> dict[str, list[str]]:
    """Fill the tables; gives area → itself and the areas above it."""
    tables = package.tables
    parents = {row["code"]: row["parent"] for row in tables["areas"]}
    level = {row["code"]: row["level"] for row in tables["areas"]}
    lineage = {code: _lineage(code, parents) for code in parents}
    shard = package.election["shard_level"]
    log_of = {
        code: next((package.partition_of(each) for each in line if level[each] == shard), None)
        for code, line in lineage.items()
    }
    database.make(
        "lineage", "area VARCHAR, above VARCHAR", ((area, each) for area, line in lineage.items() for each in line)
    )
    order = order_of_stations(package)
    database.make(
        "station",
        "code VARCHAR, area VARCHAR, registered BIGINT, partition INTEGER, rank INTEGER",
        (
            (row["code"], row["area"], row["registered_voters"], log_of[row["area"]], order[row["code"]])
            for row in tables["stations"]
        ),
    )
    apart = package.offices_with_blank_ballots
    database.make(
        "contest",
        "id VARCHAR, office VARCHAR, marks BIGINT, counts_blank BOOLEAN",
        ((row["id"], row["office"], row["votes_per_ballot"], row["office"] in apart) for row in tables["contests"]),
    )
    database.make(
        "key",
        "key_id VARCHAR, role VARCHAR, scope VARCHAR",
        ((row["key_id"], row["role"], row["scope"]) for row in tables["keys"]),
    )
    database.make("may_submit", "type VARCHAR, roles VARCHAR[]", ROLES_OF_TYPE.items())
    districts: dict[str, list[str]] = {}
    for row in tables["districts"]:
        districts.setdefault(row["district"], []).append(row["area"])
    database.make(
        "electorate",
        "contest VARCHAR, code VARCHAR",
        (
            (row["id"], code)
            for row in tables["contests"]
            for code in districts.get(row["electorate"], [row["electorate"]])
        ),
    )
    database.run("electorates")
    return lineage


def order_of_stations(package: Package) -> dict[str, int]:
    """Station → its rank in lists: area by area, areas of one area by code, and in each the stations by code."""
    parents = {row["code"]: row["parent"] for row in package.tables["areas"]}
    lineages = {code: tuple(reversed(_lineage(code, parents))) for code in parents}
    in_order = sorted(package.tables["stations"], key=lambda row: (lineages[row["area"]], row["code"]))
    return {row["code"]: rank for rank, row in enumerate(in_order)}


def _lineage(code: str, parents: Mapping[str, str | None]) -> list[str]:
    line = [code]
    while (parent := parents[line[-1]]) is not None:
        line.append(parent)
    return line
