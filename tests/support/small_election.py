"""A small election for tests: a nation, two provinces, four districts (the shard level), two villages each, two
stations each; two offices, one of them with three contests in districts that cut across provinces."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from schemas.definition.package import (
    Area,
    BlankBallots,
    Choice,
    ChoiceKind,
    Contest,
    DistrictPart,
    Election,
    ElectionPackage,
    Level,
    Method,
    Mode,
    Office,
    Party,
    Role,
    RuleSetting,
    Severity,
    Station,
)
from schemas.definition.rows import LocalText
from tests.support.ledger import key_row

RULES = (
    RuleSetting(id="F3", severity=Severity.HARD),
    RuleSetting(id="F4", severity=Severity.SOFT),
    RuleSetting(id="P1", severity=Severity.SOFT, offices=("council",)),
)


def small_package(rules: tuple[RuleSetting, ...] = RULES, *, partitions: int = 3) -> ElectionPackage:
    areas = [Area(code="N", name="Nation", level="nation")]
    stations = []
    for province in ("1", "2"):
        areas.append(Area(code=province, name=f"Province {province}", level="province", parent="N"))
        for district in (f"{province}.1", f"{province}.2"):
            areas.append(Area(code=district, name=f"District {district}", level="district", parent=province))
            for village in (f"{district}.1", f"{district}.2"):
                areas.append(Area(code=village, name=f"Village {village}", level="village", parent=district))
                stations += [
                    Station(code=f"{village}-{n}", name=f"TPS {n}", area=village, registered_voters=200 + n)
                    for n in (1, 2)
                ]
    council = [
        ("council-a", "a", ("1.1",)),
        ("council-b", "b", ("1.2", "2.1.1")),
        ("council-c", "c", ("2.1.2", "2.2")),
    ]
    return ElectionPackage(
        election=Election(
            id="small",
            title=LocalText(id="Pemilu kecil", en="Small election"),
            date=date(2029, 2, 14),
            time_zone="Asia/Jakarta",
            mode=Mode.REHEARSAL,
            levels=tuple(
                Level(id=level, name=LocalText(id=level, en=level))
                for level in ("nation", "province", "district", "village", "station")
            ),
            shard_level="district",
            partitions=partitions,
            rules=rules,
            licence="CC0-1.0",
        ),
        areas=tuple(areas),
        stations=tuple(stations),
        offices=(
            Office(id="president", name=LocalText(id="Presiden", en="President")),
            Office(id="council", name=LocalText(id="Dewan", en="Council")),
        ),
        contests=(
            Contest(id="president", office="president", electorate="N"),
            *(
                Contest(id=contest, office="council", electorate=district, seats=3, method=Method.SAINTE_LAGUE)
                for contest, district, _ in council
            ),
        ),
        districts=tuple(
            DistrictPart(district=district, name=district.upper(), area=area)
            for _, district, parts in council
            for area in parts
        ),
        parties=(Party(id="P1", name="Party 1"), Party(id="P2", name="Party 2")),
        choices=(
            *(Choice(contest="president", id=f"0{n}", name=f"Pair {n}", order=n) for n in (1, 2, 3)),
            *(
                Choice(
                    contest=contest,
                    id=f"{party}-{n}",
                    name=f"{party} {n}",
                    kind=kind,
                    party=party,
                    order=index * 10 + n,
                )
                for contest, _, _ in council
                for index, party in enumerate(("P1", "P2"))
                for n, kind in ((0, ChoiceKind.PARTY), (1, ChoiceKind.CANDIDATE))
            ),
        ),
        keys=(
            key_row("authority", Role.AUTHORITY, "N"),
            key_row("officer", Role.STATION_OFFICER, "N"),
            key_row("officer-1", Role.STATION_OFFICER, "1"),
            key_row("reviewer", Role.REVIEWER, "N"),
            key_row("supervisor", Role.SUPERVISOR, "N"),
            key_row("court", Role.COURT, "N"),
        ),
    )


def elsewhere(package: ElectionPackage) -> ElectionPackage:
    """The small election as other countries would hold it. Blank ballots of the president are counted apart; seats of the
    council go to the most votes, two marks a ballot, and some of its candidates are nobody's; nobody knows the register
    of the first station of a village, nor of any in district 2.2."""
    return replace(
        package,
        stations=tuple(
            station.model_copy(update={"registered_voters": None})
            if station.code.endswith("-1") or station.area.startswith("2.2")
            else station
            for station in package.stations
        ),
        offices=tuple(
            office.model_copy(update={"blank_ballots": BlankBallots.APART}) if office.id == "president" else office
            for office in package.offices
        ),
        contests=tuple(
            contest.model_copy(update={"votes_per_ballot": 2, "seats": 2, "method": Method.MOST_VOTES})
            if contest.office == "council"
            else contest
            for contest in package.contests
        ),
        choices=tuple(
            choice.model_copy(update={"party": None, "kind": ChoiceKind.CANDIDATE}) if choice.id == "P2-1" else choice
            for choice in package.choices
        ),
    )


def reported(
    station: str,
    votes: tuple[int, int, int] = (10, 20, 30),
    *,
    version: int = 1,
    contest: str = "president",
    **form: Any,
) -> dict[str, Any]:
    """The body of a `result.reported` whose sums fit, unless `form` has other ones."""
    valid = sum(votes)
    return {
        "type": "result.reported",
        "station": station,
        "contest": contest,
        "version": version,
        "form": {
            "votes": {f"0{n}": count for n, count in enumerate(votes, start=1)},
            "VA": valid,
            "VB": 1,
            "VC": valid + 1,
        }
        | form,
    }


def reviewed(station: str, event: str, decision: str) -> dict[str, Any]:
    return {
        "type": "result.reviewed",
        "station": station,
        "contest": "president",
        "event": event,
        "decision": decision,
        "reason": "FORM-SEEN",
    }


def withdrawn(station: str, annulment: str) -> dict[str, Any]:
    return {
        "type": "annulment.withdrawn",
        "station": station,
        "contest": "president",
        "annulment": annulment,
        "reason": "REVERSED",
    }


def annulled(station: str, through_version: int) -> dict[str, Any]:
    return {
        "type": "result.annulled",
        "station": station,
        "contest": "president",
        "through_version": through_version,
        "reason": "PSU",
    }
