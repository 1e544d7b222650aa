"""The count once more: records in a database of the auditor's own, judged a few logs at a time and counted at any cut."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from audit.count.database import Database
from audit.count.key_numbers import read_numbering
from audit.count.numbering import Numbering
from audit.count.package_tables import load_package
from audit.count.rules import CROSS_RULES, form_rules
from audit.count.values import MAY_BE_ABSENT, Cut, FinanceReports, Numbers, Refused, Stated, StationCount, Sums
from audit.sources.extract import COLUMNS
from audit.sources.package import Package

EVENTS_PER_KEY_MAX = 100
"""Limit for one key about one station in one contest (docs/reference/rules.md, L1)."""
NUMBERS_KEPT = 1_024
"""Numbers below a key's highest so far among which Q1 and Q2 are found in the count."""
VERSION_STEP_MAX = 10
"""Largest step from one version of a form to the next that does not wait for a review (V7)."""
RECORDS_AT_ONCE = 400_000
"""Records that are judged together. At half, a nation takes twice the statements; at double, what they need goes to disk."""
STATIONS_AT_ONCE = 150_000
"""Stations that one pass counts, in as many logs as they are in. At half, a nation takes twice the statements; at double,
what a pass needs of a legislature with 234 rows a form goes to disk."""
RANK_MAX = 2**31 - 1
JUDGEMENTS = 8
"""Steps in which a group of logs is judged."""
TIERS = {"counted": "clean", "flagged": "flagged", "held": "held"}
"""State of a station → the tier that it is in."""

Progress = Callable[[int, int], None]
"""How many steps are done, of how many."""


class Recount:
    """All records of an election, ready to be counted up to any cut."""

    def __init__(
        self,
        package: Package,
        rows: Sequence[Path],
        directory: Path | None = None,
        progress: Progress = lambda done, total: None,
    ) -> None:
        """`rows` are the Parquet files of the records; the database is made below `directory`."""
        self.package = package
        self._database = Database(directory)
        self._db = self._database.connection
        self._database.run("macros")
        self.close = self._database.close
        load_package(self._database, package)
        self._load_records(rows)
        for name, columns in _WANTED.items():
            self._db.execute(f"CREATE TEMP TABLE {name} ({columns})")
        self._database.run("tables")
        self._database.run("denominators")
        rules, parameters = form_rules(package)
        groups = self._groups_of_logs()
        for group, logs in enumerate(groups):
            for number, _ in enumerate(self._judge(logs, rules, parameters), start=1):
                progress(group * JUDGEMENTS + number, len(groups) * JUDGEMENTS)
        self._cross = [
            rule for rule in package.election["rules"] if rule["id"] in CROSS_RULES and rule["severity"] != "info"
        ]

    def _load_records(self, rows: Sequence[Path]) -> None:
        if rows:
            self._db.read_parquet([str(each) for each in rows]).create_view("all_records")
        else:
            columns = ", ".join(f'"{name}" {kind}' for name, kind in COLUMNS.items())
            self._db.execute(f"CREATE TABLE all_records ({columns})")

    def _groups_of_logs(self) -> list[list[int]]:
        """The logs in groups of up to RECORDS_AT_ONCE records, or of one log."""
        sizes = dict(self._db.execute("SELECT partition, count(*) FROM all_records GROUP BY partition").fetchall())
        groups: list[list[int]] = [[]]
        records = 0
        for partition in range(self.package.partitions):
            size = sizes.get(partition, 0)
            if groups[-1] and records + size > RECORDS_AT_ONCE:
                groups.append([])
                records = 0
            groups[-1].append(partition)
            records += size
        return groups

    def _judge(self, logs: list[int], rules: str, parameters: dict[str, Any]) -> Iterator[None]:
        """Decide which records of some logs count and what their forms add, in JUDGEMENTS steps. The rules are the auditor's
        own; what the package adds to them are parameters or checked numbers."""
        package = self.package
        numbers = ", ".join(map(str, logs))
        self._db.execute(f"CREATE OR REPLACE TEMP VIEW record AS FROM all_records WHERE partition IN ({numbers})")
        self._db.execute(f"CREATE OR REPLACE TEMP VIEW log_form AS FROM form WHERE partition IN ({numbers})")
        root = next(row["code"] for row in package.tables["areas"] if row["parent"] is None)
        steps: tuple[tuple[str, dict[str, Any]], ...] = (
            (
                "refused",
                {
                    "election": package.id,
                    "mode": package.mode,
                    "definition": package.definition,
                    "partitions": package.partitions,
                    "root": root,
                    "has_finance": package.election.get("finance") is not None,
                },
            ),
            ("sequences", {"kept": NUMBERS_KEPT}),
            ("crowded", {"events_per_key": EVENTS_PER_KEY_MAX}),
            ("repeats", {}),
            ("forms", parameters),
            ("reviews", {}),
            ("annulments", {"step": VERSION_STEP_MAX}),
            ("keep", {}),
        )
        assert len(steps) == JUDGEMENTS
        for name, values in steps:
            self._database.run(name, {"rules": rules}, **values)
            yield

    # ── what is asked ────────────────────────────────────────────────────────────────────────────────────────────────

    def records(self) -> dict[str, int]:
        """How many there are of each type."""
        return dict(self._db.execute("SELECT type, count(*) FROM judged GROUP BY type ORDER BY type").fetchall())

    def refused(self) -> list[Refused]:
        """All records that must not count, in the order of the logs."""
        rows = self._db.execute(
            'SELECT partition, "offset", refusal, type, key, problem FROM judged WHERE refusal IS NOT NULL '
            'ORDER BY partition, "offset"'
        )
        return [Refused(*row) for row in rows.fetchall()]

    def finance(self) -> FinanceReports:
        """How many campaign finance reports there are, which the count leaves aside."""
        row = self._db.execute(
            """
            SELECT count(DISTINCT event), count(DISTINCT {area: area, party: party, contest: contest, choice: choice}),
                count(DISTINCT event) FILTER (balance_off <> 0)
            FROM all_records SEMI JOIN (FROM judged WHERE refusal IS NULL) AS judged
                ON judged.partition = all_records.partition AND judged."offset" = all_records."offset"
            WHERE type = 'finance.reported'
            """
        ).fetchall()[0]
        return FinanceReports(*row)

    def numbering(self, progress: Progress = lambda done, total: None) -> Numbering:
        """What the keys' numbers and corrections show."""
        return read_numbering(self._database, progress)

    def genesis(self) -> list[tuple[int, str, str, str | None, str | None]]:
        """(partition, event id, type, definition, refusal) of the first record of each log."""
        return self._db.execute(
            'SELECT partition, event, type, definition, refusal FROM judged WHERE "offset" = 0 ORDER BY partition'
        ).fetchall()

    def leaf(self, partition: int, offset: int) -> tuple[str, str] | None:
        """(event id, leaf hash) of a record."""
        found = self._db.execute(
            'SELECT event, leaf FROM all_records WHERE partition = $1 AND "offset" = $2', [partition, offset]
        ).fetchone()
        return None if found is None else (str(found[0]), str(found[1]))

    def denominators(self, areas: Iterable[str]) -> dict[tuple[str, str], tuple[int, Stated]]:
        """(contest, area) → stations expected and voters registered there."""
        self._fill("wanted_area", [(area,) for area in areas])
        rows = self._db.execute(
            "SELECT contest, area, stations, registered, not_stated FROM denominator SEMI JOIN wanted_area USING (area)"
        )
        return {
            (contest, area): (stations, Stated(voters, not_stated))
            for contest, area, stations, voters, not_stated in rows.fetchall()
        }

    def count(self, office: str, cut: Cut, areas: Sequence[str] | None) -> None:
        """Count the office's contests at the cut, for the stations in these areas (None: all). `sums` and `stations` then
        give the result."""
        db, everywhere = self._db, bool(self._cross)
        self._database.run("counted", {"stated_columns": ", ".join(f"{name} BIGINT" for name in _STATED_NAMES)})
        self._fill("wanted_contest", [])
        db.execute("INSERT INTO wanted_contest SELECT id FROM contest WHERE office = $1 OR $2", [office, everywhere])
        self._fill("wanted_area", [] if areas is None else [(area,) for area in areas])
        for some in self._passes(cut, whole=areas is None):
            self._fill("cut", some)
            db.execute("DELETE FROM wanted_station")
            db.execute(
                "INSERT INTO wanted_station SELECT code FROM station SEMI JOIN cut USING (partition)"
                if areas is None
                else "INSERT INTO wanted_station SELECT DISTINCT code FROM station SEMI JOIN cut USING (partition) "
                "JOIN lineage USING (area) SEMI JOIN wanted_area ON wanted_area.area = lineage.above"
            )
            self._database.run("standing", step=VERSION_STEP_MAX)
            for rule in self._cross:
                self._apply_cross(rule)
            self._database.run("lowest", _INSERTIONS, office=office)

    def _passes(self, cut: Cut, *, whole: bool) -> list[Cut]:
        """The cut in parts: as many logs as have STATIONS_AT_ONCE stations together, or one log."""
        if not whole:
            return [cut]
        (stations,) = self._db.execute("SELECT count(*) FROM station").fetchall()[0]
        passes = min(len(cut), max(1, -(-stations // STATIONS_AT_ONCE)))
        size = max(1, -(-len(cut) // passes))
        return [cut[at : at + size] for at in range(0, len(cut), size)]

    def _apply_cross(self, rule: dict[str, Any]) -> None:
        expression = CROSS_RULES[rule["id"]](rule["tolerance"], rule["parameters"])
        self._database.run(
            "cross",
            {"rule": expression},
            offices=rule["offices"] or [row["id"] for row in self.package.tables["offices"]],
            reference=str(rule["parameters"].get("reference", "")),
        )

    def sums(self, areas: Iterable[str]) -> dict[tuple[str, str], Sums]:
        """(contest, area) → its sums, of the last count; absent where no station has reported."""
        self._fill("wanted_area", [(area,) for area in areas])
        self._database.run("sums", _INSERTIONS)
        votes: dict[tuple[str, str, str], tuple[int, ...]] = {
            (contest, area, state): tuple(counts)
            for contest, area, state, counts in self._db.execute(
                "SELECT contest, area, state, list(count ORDER BY choice) FROM area_votes GROUP BY contest, area, state"
            ).fetchall()
        }
        found: dict[tuple[str, str], Sums] = {}
        rows = self._db.execute(
            "SELECT contest, area, state, stations, valid, * EXCLUDE (contest, area, state, stations, valid) FROM area_sum"
        )
        for contest, area, state, stations, valid, *stated in rows.fetchall():
            before = found.get((contest, area), Sums({}, 0))
            if state == "annulled":
                found[contest, area] = Sums(before.tiers, stations)
            else:
                pairs = tuple(Stated(*pair) for pair in zip(stated[::2], stated[1::2], strict=True))
                numbers = Numbers(stations, valid, pairs, votes.get((contest, area, state), ()))
                found[contest, area] = Sums({**before.tiers, TIERS[state]: numbers}, before.annulled)
        return found

    def stations(self, contest: str, first: int = 0, last: int = RANK_MAX) -> dict[str, StationCount]:
        """Station → what counts for it in the contest, of the last count, for the stations of rank `first` to `last`
        (Package.station_order); absent where it has not reported."""
        rows = self._db.execute(
            """
            SELECT station, state, event, "offset", version, valid, votes,
                register, voters, valid_ballots, invalid, blank, total
            FROM counted
            WHERE contest = $1 AND rank BETWEEN $2 AND $3
            """,
            [contest, first, last],
        )
        found = {}
        for station, state, event, offset, version, valid, votes, *stated in rows.fetchall():
            numbers = None
            if event is not None:
                pairs = tuple(Stated(each or 0, int(each is None)) for each in stated)
                numbers = Numbers(1, valid, pairs, tuple(votes))
            found[station] = StationCount(state, event, offset, version, numbers)
        return found

    def _fill(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self._db.execute(f"TRUNCATE {table}")
        self._database.append(table, _WANTED[table], rows)


_WANTED = {
    "cut": "partition INTEGER, through BIGINT",
    "wanted_station": "station VARCHAR",
    "wanted_contest": "contest VARCHAR",
    "wanted_area": "area VARCHAR",
}
"""Tables of what to count → their columns."""
_STATED_NAMES = [column for name in MAY_BE_ABSENT for column in (name, f"{name}_not_stated")]
_INSERTIONS = {
    "stated": ", ".join(
        f"coalesce(sum({name}), 0)::BIGINT AS {name}, count(*) - count({name}) AS {name}_not_stated"
        for name in MAY_BE_ABSENT
    ),
    "stated_names": ", ".join(_STATED_NAMES),
    "stated_above": ", ".join(f"sum({name})::BIGINT AS {name}" for name in _STATED_NAMES),
}
