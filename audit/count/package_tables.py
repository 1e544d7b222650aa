"""The election package as tables of the recount: which station lies in which areas and log, and which contests it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
    "finance.reported": ("finance",),
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
    _load_accounts(database, package, districts)


def _load_accounts(database: Database, package: Package, districts: Mapping[str, Sequence[str]]) -> None:
    """What finance reports may be about: areas with their logs, parties, and candidates with their areas."""
    tables, lineage = package.tables, package.lineage
    database.make(
        "finance_area",
        "code VARCHAR, partition INTEGER",
        ((code, package.partition_of(code)) for code in lineage),
    )
    database.make("party", "id VARCHAR", ((row["id"],) for row in tables["parties"]))
    area_of = {row["code"]: row["area"] for row in tables["stations"]}
    smallest = {}
    for row in tables["contests"]:
        electorate: str = row["electorate"]
        lines = [lineage[area_of.get(code, code)] for code in districts.get(electorate, [electorate])]
        smallest[row["id"]] = next(area for area in lines[0] if all(area in line for line in lines))
    database.make(
        "candidate",
        "contest VARCHAR, choice VARCHAR, area VARCHAR",
        (
            (row["contest"], row["id"], smallest[row["contest"]])
            for row in tables["choices"]
            if row["kind"] == "candidate"
        ),
    )
