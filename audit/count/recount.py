"""The count once more: records in a database of our own, counted by recount.sql for any cut."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from audit.count.numbering import (
    EVENTS_OF_NUMBER_MAX,
    FINDINGS_OF_KEY_MAX,
    FINDINGS_OF_KIND_MAX,
    KEYS_MAX,
    NUMBERS_MAX,
    SENTENCES,
    Irregular,
    KeyCounts,
    Numbering,
    Place,
)
from audit.count.rules import ASKED_WHERE, CROSS_RULES, FORM_RULES
from audit.sources.extract import COLUMNS
from audit.sources.package import Package

MEMORY = "3GB"
EVENTS_PER_KEY_MAX = 100
"""Limit for one key about one station in one contest (docs/reference/rules.md, L1)."""
NUMBERS_KEPT = 1_024
"""Below a key's highest number so far, those among which Q1 and Q2 are found in the count."""
VERSION_STEP_MAX = 10
"""From one version of a form to the next that does not wait for a review (V7)."""
MAY_SAY = {
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
"""Which roles may say what (DESIGN 3)."""
TIERS = {"counted": "clean", "flagged": "flagged", "held": "held"}
"""State of a station → the tier that it is in."""

MAY_BE_UNSAID = ("register", "voters", "valid_ballots", "invalid", "blank", "total")
"""Numbers of a form that nobody may have stated, as recount.sql names them."""

Cut = tuple[tuple[int, int], ...]
"""An `as_of`: (partition, offset of the last record that is counted in), sorted."""


class Stated(NamedTuple):
    """A number that a form may leave out: the sum over those that state it, and how many do not."""

    total: int
    not_stated: int


class Numbers(NamedTuple):
    """What a tier of an area adds up to."""

    stations: int
    valid: int
    stated: tuple[Stated, ...]
    """In the order of MAY_BE_UNSAID."""
    votes: tuple[int, ...]
    """In the order of the ballot."""


@dataclass(frozen=True, slots=True)
class Sums:
    """An area in a contest."""

    tiers: dict[str, Numbers]
    """Tier → its sums; one without stations is absent."""
    annulled: int


class Refused(NamedTuple):
    """A record that must not count."""

    partition: int
    offset: int
    rule: str
    type: str
    key: str
    problem: str | None


class Standing(NamedTuple):
    """What stands for a station in a contest."""

    state: str
    event: str | None
    offset: int | None
    version: int | None
    numbers: Numbers | None


class Recount:
    """All records of an election, ready to be counted up to any cut."""

    def __init__(self, package: Package, rows: Sequence[Path]) -> None:
        self.package = package
        self._statements = _statements(files("audit.count").joinpath("recount.sql").read_text(encoding="utf-8"))
        self._db = duckdb.connect(config={"memory_limit": MEMORY, "preserve_insertion_order": False})
        self._db.execute("SET enable_progress_bar = false")
        self._db.execute(self._statements["macros"])
        self._load_package()
        self._load_records(rows)
        rules, parameters = _form_rules(package)
        root = next(row["code"] for row in package.tables["areas"] if row["parent"] is None)
        self._db.execute(
            self._statements["refused"],
            {
                "election": package.id,
                "mode": package.mode,
                "definition": package.definition,
                "partitions": package.partitions,
                "root": root,
            },
        )
        self._db.execute(self._statements["sequences"], {"kept": NUMBERS_KEPT})
        self._db.execute(self._statements["crowded"], {"events_per_key": EVENTS_PER_KEY_MAX})
        for number, statement in enumerate(self._statements["forms"].split(";\n")):
            # The rules come from a list of our own; what the package adds to them are parameters or checked numbers.
            self._db.execute(statement.replace("{rules}", rules), parameters if number == 0 else None)
        self._db.execute(self._statements["reviews"])
        for statement in self._statements["annulments"].split(";\n"):
            self._db.execute(statement, {"step": VERSION_STEP_MAX} if "$step" in statement else None)
        self._cross = [
            rule for rule in package.election["rules"] if rule["id"] in CROSS_RULES and rule["severity"] != "info"
        ]

    # ── what is loaded ───────────────────────────────────────────────────────────────────────────────────────────────

    def _load_package(self) -> None:
        package, tables = self.package, self.package.tables
        parents = {row["code"]: row["parent"] for row in tables["areas"]}
        level = {row["code"]: row["level"] for row in tables["areas"]}
        lineage = {code: _lineage(code, parents) for code in parents}
        shard = package.election["shard_level"]
        home = {
            code: next((package.partition_of(each) for each in line if level[each] == shard), None)
            for code, line in lineage.items()
        }
        self.lineage = lineage
        self._fill("lineage", "area VARCHAR, above VARCHAR", [(a, b) for a, line in lineage.items() for b in line])
        self._fill(
            "station",
            "code VARCHAR, area VARCHAR, registered BIGINT, partition INTEGER",
            [(row["code"], row["area"], row["registered_voters"], home[row["area"]]) for row in tables["stations"]],
        )
        apart = package.offices_with_blank_ballots
        self._fill(
            "contest",
            "id VARCHAR, office VARCHAR, marks BIGINT, counts_blank BOOLEAN",
            [(row["id"], row["office"], row["votes_per_ballot"], row["office"] in apart) for row in tables["contests"]],
        )
        self._fill(
            "key",
            "key_id VARCHAR, role VARCHAR, scope VARCHAR",
            [(row["key_id"], row["role"], row["scope"]) for row in tables["keys"]],
        )
        self._fill("may_say", "type VARCHAR, roles VARCHAR[]", [(kind, list(roles)) for kind, roles in MAY_SAY.items()])
        districts: dict[str, list[str]] = {}
        for row in tables["districts"]:
            districts.setdefault(row["district"], []).append(row["area"])
        parts = [
            (row["id"], code)
            for row in tables["contests"]
            for code in districts.get(row["electorate"], [row["electorate"]])
        ]
        self._fill("part", "contest VARCHAR, code VARCHAR", parts)
        self._db.execute(
            """
            CREATE TABLE held_in AS
            SELECT DISTINCT part.contest, station.code AS station
            FROM station JOIN lineage USING (area) JOIN part ON part.code = lineage.above
            UNION SELECT part.contest, station.code FROM station JOIN part ON part.code = station.code
            """
        )
        for name, columns in (
            ("cut", "partition INTEGER, through BIGINT"),
            ("wanted_station", "station VARCHAR"),
            ("wanted_contest", "contest VARCHAR"),
            ("wanted_area", "area VARCHAR"),
        ):
            self._db.execute(f"CREATE TEMP TABLE {name} ({columns})")

    def _load_records(self, rows: Sequence[Path]) -> None:
        if rows:
            self._db.read_parquet([str(each) for each in rows]).create_view("record")
        else:
            columns = ", ".join(f'"{name}" {kind}' for name, kind in COLUMNS.items())
            self._db.execute(f"CREATE TABLE record ({columns})")

    def _fill(self, table: str, columns: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Make a table of these rows."""
        self._db.execute(f"CREATE OR REPLACE TABLE {table} ({columns})")
        self._append(table, rows)

    def _append(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        columns = list(zip(*rows, strict=True))
        if columns:
            names = ", ".join(f"unnest(${number + 1})" for number in range(len(columns)))
            self._db.execute(f"INSERT INTO {table} SELECT {names}", [list(column) for column in columns])

    # ── what is asked ────────────────────────────────────────────────────────────────────────────────────────────────

    def records(self) -> dict[str, int]:
        """How many there are of each type."""
        return dict(self._db.execute("SELECT type, count(*) FROM record GROUP BY type ORDER BY type").fetchall())

    def refused(self) -> list[Refused]:
        """All records that must not count, in the order of the logs."""
        rows = self._db.execute(
            'SELECT partition, "offset", refusal, type, key, problem FROM judged WHERE refusal IS NOT NULL '
            'ORDER BY partition, "offset"'
        )
        return [Refused(*row) for row in rows.fetchall()]

    def numbering(self) -> Numbering:
        """What the keys' numbers and corrections show."""
        db = self._db
        for statement in self._statements["numbering"].split(";\n"):
            db.execute(statement, {"shown": EVENTS_OF_NUMBER_MAX} if "$shown" in statement else None)
        counts = dict.fromkeys(SENTENCES, 0) | dict(
            db.execute("SELECT kind, count(*) FROM irregular GROUP BY kind").fetchall()
        )
        keys, events = db.execute("SELECT count(*), coalesce(sum(events), 0)::BIGINT FROM numbered_key").fetchall()[0]
        (missing,) = db.execute(
            "SELECT coalesce(sum(last - first + 1), 0)::HUGEINT FROM irregular WHERE kind = 'hole'"
        ).fetchall()[0]
        first_keys = db.execute(
            """
            SELECT
                key, any_value(events), any_value(lowest), any_value(highest),
                count(*) FILTER (kind = 'used_twice') AS used_twice,
                count(*) FILTER (kind = 'wrong_prev') AS wrong_prev,
                count(*) FILTER (kind = 'hole') AS holes,
                coalesce(sum(last - first + 1) FILTER (kind = 'hole'), 0)::HUGEINT,
                count(*) FILTER (kind = 'restart'), count(*) FILTER (kind = 'skip'),
                count(*) FILTER (contains(kind, 'corrects')) AS corrections
            FROM (SELECT key, kind, first, last FROM irregular) JOIN numbered_key USING (key)
            GROUP BY key ORDER BY used_twice DESC, wrong_prev DESC, holes DESC, corrections DESC, key LIMIT $1
            """,
            [KEYS_MAX],
        ).fetchall()
        first = db.execute(
            """
            SELECT kind, key, first, last, uses, events, names
            FROM (
                FROM irregular
                QUALIFY row_number() OVER (PARTITION BY kind, key ORDER BY first, events) <= $of_key
            )
            QUALIFY row_number() OVER (PARTITION BY kind ORDER BY key, first, events) <= $of_kind
            ORDER BY list_position($kinds, kind), key, first, events
            """,
            {"of_key": FINDINGS_OF_KEY_MAX, "of_kind": FINDINGS_OF_KIND_MAX, "kinds": list(SENTENCES)},
        ).fetchall()
        return Numbering(
            keys,
            events,
            counts,
            min(missing, NUMBERS_MAX),
            [KeyCounts(*row) for row in first_keys],
            [
                Irregular(kind, key, begin, end, uses, tuple(Place(**event) for event in events), names)
                for kind, key, begin, end, uses, events, names in first
            ],
        )

    def genesis(self) -> list[tuple[int, str, str, str | None, str | None]]:
        """(partition, event id, type, definition, refusal) of the first record of each log."""
        return self._db.execute(
            'SELECT partition, event, type, definition, refusal FROM judged WHERE "offset" = 0 ORDER BY partition'
        ).fetchall()

    def leaf(self, partition: int, offset: int) -> tuple[str, str] | None:
        """(event id, leaf hash) of a record."""
        found = self._db.execute(
            'SELECT event, leaf FROM record WHERE partition = $1 AND "offset" = $2', [partition, offset]
        ).fetchone()
        return None if found is None else (str(found[0]), str(found[1]))

    def denominators(self) -> dict[tuple[str, str], tuple[int, Stated]]:
        """(contest, area) → stations expected and voters registered there."""
        rows = self._db.execute(
            """
            SELECT held_in.contest, lineage.above, count(*), coalesce(sum(station.registered), 0)::BIGINT,
                count(*) - count(station.registered)
            FROM held_in JOIN station ON station.code = held_in.station JOIN lineage USING (area)
            GROUP BY held_in.contest, lineage.above
            """
        )
        return {
            (contest, area): (stations, Stated(voters, not_stated))
            for contest, area, stations, voters, not_stated in rows.fetchall()
        }

    def count(self, office: str, cut: Cut, areas: Sequence[str] | None) -> None:
        """Count the office's contests at the cut, for the stations in these areas (None: all). What follows asks for the
        result."""
        db = self._db
        db.execute("DELETE FROM cut")
        db.execute("DELETE FROM wanted_station")
        db.execute("DELETE FROM wanted_contest")
        self._append("cut", cut)
        if areas is None:
            db.execute("INSERT INTO wanted_station SELECT code FROM station")
        else:
            db.execute(
                "INSERT INTO wanted_station SELECT DISTINCT station.code FROM station JOIN lineage USING (area) "
                "WHERE list_contains($1, lineage.above)",
                [list(areas)],
            )
        everywhere = bool(self._cross)
        db.execute("INSERT INTO wanted_contest SELECT id FROM contest WHERE office = $1 OR $2", [office, everywhere])
        db.execute(self._statements["standing"], {"step": VERSION_STEP_MAX})
        for rule in self._cross:
            expression = CROSS_RULES[rule["id"]](rule["tolerance"], rule["parameters"])
            parameters: dict[str, Any] = {
                "offices": rule["offices"] or [row["id"] for row in self.package.tables["offices"]]
            }
            if "$reference" in expression:
                parameters["reference"] = str(rule["parameters"].get("reference", ""))
            db.execute(self._statements["cross"].replace("{rule}", expression), parameters)
        if everywhere:
            db.execute("DELETE FROM standing WHERE contest NOT IN (SELECT id FROM contest WHERE office = $1)", [office])

    def sums(self, areas: Iterable[str]) -> dict[tuple[str, str], Sums]:
        """(contest, area) → its sums, of the last count; absent where nothing was heard."""
        db = self._db
        db.execute("DELETE FROM wanted_area")
        self._append("wanted_area", [(area,) for area in areas])
        for statement in self._statements["sums"].split(";\n"):
            db.execute(statement.replace("{stated}", _STATED).replace("{stated_above}", _STATED_ABOVE))
        votes: dict[tuple[str, str, str], list[int]] = {}
        for contest, area, state, _, count in db.execute(
            "SELECT contest, area, state, place, count FROM area_votes ORDER BY contest, area, state, place"
        ).fetchall():
            votes.setdefault((contest, area, state), []).append(count)
        found: dict[tuple[str, str], Sums] = {}
        rows = db.execute(
            "SELECT contest, area, state, stations, valid, * EXCLUDE (contest, area, state, stations, valid) FROM area_sum"
        )
        for contest, area, state, stations, valid, *stated in rows.fetchall():
            before = found.get((contest, area), Sums({}, 0))
            if state == "annulled":
                found[contest, area] = Sums(before.tiers, stations)
            else:
                of_choices = tuple(votes.get((contest, area, state), ()))
                pairs = tuple(Stated(*pair) for pair in zip(stated[::2], stated[1::2], strict=True))
                numbers = Numbers(stations, valid, pairs, of_choices)
                found[contest, area] = Sums({**before.tiers, TIERS[state]: numbers}, before.annulled)
        return found

    def standings(self, contest: str) -> dict[str, Standing]:
        """Station → what stands for it in the contest, of the last count; absent where nothing was heard."""
        rows = self._db.execute(
            """
            SELECT standing.station, standing.state, form.event, form."offset", form.version, form.valid, form.votes,
                form.register, form.voters, form.valid_ballots, form.invalid, form.blank, form.total
            FROM standing LEFT JOIN form USING (station, contest, event)
            WHERE standing.contest = $1
            """,
            [contest],
        )
        found = {}
        for station, state, event, offset, version, valid, votes, *said in rows.fetchall():
            numbers = None
            if event is not None:
                stated = tuple(Stated(each or 0, int(each is None)) for each in said)
                numbers = Numbers(1, valid, stated, tuple(votes))
            found[station] = Standing(state, event, offset, version, numbers)
        return found


_STATED = ", ".join(
    f"coalesce(sum({name}), 0) AS {name}, count(*) - count({name}) AS {name}_not_stated" for name in MAY_BE_UNSAID
)
_STATED_ABOVE = ", ".join(
    f"sum({name})::BIGINT AS {name}, sum({name}_not_stated)::BIGINT AS {name}_not_stated" for name in MAY_BE_UNSAID
)


def _lineage(code: str, parents: Mapping[str, str | None]) -> list[str]:
    line = [code]
    while (parent := parents[line[-1]]) is not None:
        line.append(parent)
    return line


def _statements(text: str) -> dict[str, str]:
    """Name → SQL, from lines that hold nothing but `-- name`."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        words = line.removeprefix("-- ")
        if words != line and words.isalpha() and words.islower():
            name = words
            found[name] = []
        elif name:
            found[name].append(line)
    return {name: "\n".join(lines).strip().removesuffix(";") for name, lines in found.items()}


def _form_rules(package: Package) -> tuple[str, dict[str, Any]]:
    """The list for `{rules}`, and its parameters."""
    parts = ["CASE WHEN votes_unknown > 0 THEN {'rule': 'C1', 'severity': 'hard'} END"]
    for field, where in ASKED_WHERE.items():
        parts.append(f"CASE WHEN {field} IS NOT NULL AND NOT ({where}) THEN {{'rule': 'C2', 'severity': 'hard'}} END")
    parameters: dict[str, Any] = {}
    offices = [row["id"] for row in package.tables["offices"]]
    for number, rule in enumerate(package.election["rules"]):
        if rule["id"] not in FORM_RULES:
            continue
        expression = FORM_RULES[rule["id"]](int(rule["tolerance"]), rule["parameters"])
        severity = rule["severity"] if rule["severity"] in ("hard", "soft") else "info"
        parameters[f"offices_{number}"] = rule["offices"] or offices
        parts.append(
            f"CASE WHEN list_contains($offices_{number}, office) AND ({expression}) "
            f"THEN {{'rule': '{rule['id']}', 'severity': '{severity}'}} END"
        )
    return ", ".join(parts), parameters
