"""The election package as tables of the recount: which station lies in which areas and log, and which contests it has."""

from __future__ import annotations

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


def load_package(database: Database, package: Package) -> None:
    """Fill the tables."""
    tables, lineage = package.tables, package.lineage
    level = {row["code"]: row["level"] for row in tables["areas"]}
    shard = package.election["shard_level"]
    log_of = {
        code: next((package.partition_of(each) for each in line if level[each] == shard), None)
        for code, line in lineage.items()
    }
    database.make(
        "lineage", "area VARCHAR, above VARCHAR", ((area, each) for area, line in lineage.items() for each in line)
    )
    order = package.station_order
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
