"""The presidential election of 17 April 2019 in DI Yogyakarta, from the public extract of KawalPemilu 2019.

Two readings of the same 11,781 stations: KPU's published one (Situng), and that of the crowd, which read photographs of
the forms, some of them several times. Neither is a certified result, which title and source of the packages state.

Rows are mapped by meaning: `sah` is VA, `tSah` is VB, `jum` is VC, `pas1` and `pas2` are the votes of 01 and 02.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from rekap.elections.importers.source_rows import SourceRow, source_rows
from schemas.definition.package import (
    Area,
    Choice,
    Contest,
    Election,
    ElectionPackage,
    Key,
    Level,
    Method,
    Mode,
    Office,
    RuleSetting,
    Severity,
    Station,
)
from schemas.definition.rows import LocalText
from schemas.times import text_of_microseconds

ROOT = "41863"
OFFICE = "president"
CONTEST = "president"
CORRECTION = "CORRECTION"
"""Reason code of a crowd reading that differs from the one before."""

Reading = Literal["kpu", "crowd"]
Body = dict[str, Any]
"""A `result.reported` event (schemas/ledger/events.py) without what its submitter adds: election, mode, definition, seq, prev,
supersedes, and created_at where the data has no time."""

_LEVELS = ("province", "regency", "district", "village", "station")
_LEVEL_NAMES = (
    LocalText(id="Provinsi", en="Province"),
    LocalText(id="Kabupaten/Kota", en="Regency"),
    LocalText(id="Kecamatan", en="District"),
    LocalText(id="Desa/Kelurahan", en="Village"),
    LocalText(id="TPS", en="Polling station"),
)
_NUMBER = re.compile(r"(0|[1-9][0-9]{0,8})(?:\.0)?")
_UNKNOWN = "-1.0"
_PRESIDENT_C1 = "1"
"""`c1_type` of a page of the presidential form."""
_NAMES: Mapping[Reading, LocalText] = {
    "kpu": LocalText(id="pembacaan KPU (Situng)", en="KPU's reading (Situng)"),
    "crowd": LocalText(id="pembacaan relawan", en="the crowd's reading"),
}


@dataclass(frozen=True, slots=True)
class ImportedElection:
    """The extract, read once. Each of the two readings is an election of its own; they share areas and stations."""

    _areas: tuple[Area, ...]
    _stations: tuple[Station, ...]
    _arithmetic: Severity
    _partitions: int
    _kpu: tuple[Body, ...]
    _crowd: tuple[Body, ...]

    def package(self, reading: Reading, keys: Iterable[Key] = ()) -> ElectionPackage:
        name = _NAMES[reading]
        return ElectionPackage(
            election=Election(
                id=f"id-2019-diy-{reading}-{self._arithmetic}",
                title=LocalText(
                    id=f"Pemilihan Presiden 2019, DI Yogyakarta: {name.root['id']}; bukan hasil resmi",
                    en=f"Presidential election 2019, DI Yogyakarta: {name.root['en']}; not certified results",
                ),
                date=date(2019, 4, 17),
                time_zone="Asia/Jakarta",
                mode=Mode.REHEARSAL,
                levels=tuple(
                    Level(id=level, name=level_name) for level, level_name in zip(_LEVELS, _LEVEL_NAMES, strict=True)
                ),
                shard_level="district",
                partitions=self._partitions,
                rules=tuple(RuleSetting(id=rule, severity=self._arithmetic) for rule in ("F3", "F4")),
                licence="No licence stated by the publisher; for tests only",
                source=f"Public extract of KawalPemilu 2019, {name.root['en']}. The figures are not certified.",
            ),
            areas=self._areas,
            stations=self._stations,
            offices=(
                Office(id=OFFICE, name=LocalText(id="Presiden dan Wakil Presiden", en="President and Vice-President")),
            ),
            contests=(
                Contest(
                    id=CONTEST,
                    office=OFFICE,
                    electorate=ROOT,
                    method=Method.PLURALITY,
                    name=LocalText(
                        id="Presiden dan Wakil Presiden, DI Yogyakarta",
                        en="President and Vice-President, DI Yogyakarta",
                    ),
                ),
            ),
            districts=(),
            parties=(),
            choices=(
                Choice(contest=CONTEST, id="01", name="Pasangan calon 01", order=1),
                Choice(contest=CONTEST, id="02", name="Pasangan calon 02", order=2),
            ),
            keys=tuple(keys),
        )

    def kpu_reading(self) -> Iterator[Body]:
        """One version for each station, in the order of the stations' first events; those without an event are last.

        The extract does not have the time at which KPU read a form. `created_at` is the time of the station's first event, and
        is missing if the station has none.
        """
        return iter(self._kpu)

    def crowd_reading(self) -> Iterator[Body]:
        """Every votes page in time order, as the next version of its station where it differs from the one before."""
        return iter(self._crowd)


def read(directory: Path, *, arithmetic: Literal["soft", "hard"], partitions: int = 4) -> ImportedElection:
    """Read the extract. `arithmetic` is the severity of F3 and F4, the only rules. Raises SourceFileError."""
    events = list(source_rows(directory / "events.csv.gz"))
    tps = list(source_rows(directory / "tps.csv.gz"))
    return ImportedElection(
        _areas=tuple(_area(row) for row in source_rows(directory / "regions.csv.gz")),
        _stations=tuple(_station(row) for row in tps),
        _arithmetic=Severity(arithmetic),
        _partitions=partitions,
        _kpu=tuple(_kpu_bodies(tps, events)),
        _crowd=tuple(_crowd_bodies(events)),
    )


def _number(row: SourceRow, column: str) -> int:
    """A count, which the extract also writes as `145.0`. Anything else is an error, an empty cell too."""
    match = _NUMBER.fullmatch(row.text(column))
    if match is None:
        row.wrong(column, "a whole number")
    return int(match[1])


def _milliseconds(row: SourceRow, column: str) -> int:
    cell = row.text(column)
    if not (cell.isascii() and cell.isdecimal() and len(cell) == 13):
        row.wrong(column, "milliseconds")
    return int(cell)


def _area(row: SourceRow) -> Area:
    depth = _number(row, "depth")
    if not 1 <= depth < len(_LEVELS):
        row.wrong("depth", "a depth from 1 to 4")
    return row.made(
        Area,
        code=str(_number(row, "id")),
        name=row.text("name"),
        level=_LEVELS[depth - 1],
        parent=None if depth == 1 else str(_number(row, "parent_id")),
    )


def _station(row: SourceRow) -> Station:
    """The register of one station (42317.24) is unknown, written as -1."""
    known = row.text("dpt_l") != _UNKNOWN or row.text("dpt_p") != _UNKNOWN
    men, women = (_number(row, "dpt_l"), _number(row, "dpt_p")) if known else (None, None)
    return row.made(
        Station,
        code=_station_code(row),
        name=f"TPS {_number(row, 'tps_no')}",
        area=str(_number(row, "kel_id")),
        registered_men=men,
        registered_women=women,
        registered_voters=None if men is None or women is None else men + women,
    )


def _station_code(row: SourceRow) -> str:
    return f"{_number(row, 'kel_id')}.{_number(row, 'tps_no')}"


def _kpu_bodies(tps: list[SourceRow], events: list[SourceRow]) -> Iterator[Body]:
    first_event: dict[str, int] = {}
    for event in events:
        first_event.setdefault(_station_code(event), _milliseconds(event, "ts_ms"))
    rank = {code: number for number, code in enumerate(first_event)}
    for row in sorted(tps, key=lambda each: rank.get(_station_code(each), len(rank))):
        form = _form(row, "kpu_") | {"VC": _number(row, "kpu_jum")}
        yield _body(_station_code(row), 1, form, first_event.get(_station_code(row)))


def _crowd_bodies(events: list[SourceRow]) -> Iterator[Body]:
    last: dict[str, tuple[int, Body]] = {}
    """The last version and form of each station."""
    for row in events:
        if row.text("c1_type") != _PRESIDENT_C1 or not row.text("pas1"):
            continue
        code = _station_code(row)
        form = _form(row, "")
        if row.text("jum"):
            form["VC"] = _number(row, "jum")
        version, before = last.get(code, (0, None))
        if before is not None and _votes_page(form) == _votes_page(before):
            continue
        last[code] = version + 1, form
        yield _body(code, version + 1, form, _milliseconds(row, "ts_ms"))


def _form(row: SourceRow, prefix: str) -> Body:
    """The votes page of a form (schemas/ledger/forms.py)."""
    return {
        "votes": {"01": _number(row, f"{prefix}pas1"), "02": _number(row, f"{prefix}pas2")},
        "VA": _number(row, f"{prefix}sah"),
        "VB": _number(row, f"{prefix}tSah"),
    }


def _votes_page(form: Body) -> tuple[Any, ...]:
    """The numbers by which two readings of the votes page are compared. `jum` is on another page, which is not always read."""
    return form["votes"], form["VA"], form["VB"]


def _body(station: str, version: int, form: Body, read_at_ms: int | None) -> Body:
    body: Body = {
        "type": "result.reported",
        "station": station,
        "contest": CONTEST,
        "version": version,
        "supersedes": None,
        "reason": CORRECTION if version > 1 else None,
        "form_name": "C1-PPWP",
        "form": form,
    }
    if read_at_ms is not None:
        body["created_at"] = _time(read_at_ms)
    return body


def _time(ms: int) -> str:
    return text_of_microseconds(ms * 1000)
