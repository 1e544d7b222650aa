"""Elections of other countries, from forms to what the API answers: no figure is made up, and no true form is held."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import orjson

from projections.shown.answer_parts import history_page, part_of_area, part_of_office
from projections.shown.published import Moment, answer_bytes, area_answer, contest_answer, office_answer, station_answer
from schemas.definition.package import (
    Area,
    BlankBallots,
    Choice,
    Contest,
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
from schemas.derived.blocks import StationRow
from schemas.served.snapshots import AreaSnapshot, ContestSnapshot, OfficeSnapshot, StationSnapshot
from tests.support.ledger import MemoryLedger, fold, key_row, rolled_up

RULES = tuple(RuleSetting(id=rule, severity=Severity.HARD) for rule in ("F3", "F4", "F7", "G7", "G8", "G9"))
"""As hard as can be: a form that is true must pass all of them."""
SEATS = 5


def package() -> ElectionPackage:
    """A republic that counts blank ballots apart, and whose council has a district of five seats, five votes a voter.
    Nobody knows the register of the consulate."""
    people = ("ana", "beto", "cruz", "dina", "eva", "fito", "gala")
    return ElectionPackage(
        election=Election(
            id="elsewhere",
            title=LocalText({"es-419": "Elecciones generales", "gn": "Jeporavo"}),
            date=date(2029, 10, 21),
            time_zone="America/La_Paz",
            mode=Mode.REHEARSAL,
            levels=tuple(
                Level(id=level, name=LocalText({"es-419": level})) for level in ("country", "town", "ward", "table")
            ),
            shard_level="town",
            partitions=2,
            rules=RULES,
            licence="CC0-1.0",
        ),
        areas=(
            Area(code="R", name="República", level="country"),
            Area(code="R.1", name="Villa", level="town", parent="R"),
            Area(code="R.2", name="Exterior", level="town", parent="R"),
            Area(code="R.1.1", name="Centro", level="ward", parent="R.1"),
            Area(code="R.2.1", name="Consulado", level="ward", parent="R.2"),
        ),
        stations=(
            Station(code="mesa-1", name="Mesa 1", area="R.1.1", registered_voters=120),
            Station(code="mesa-2", name="Mesa 2", area="R.1.1", registered_voters=90),
            Station(code="mesa-3", name="Mesa 3", area="R.2.1"),
        ),
        offices=(
            Office(
                id="president",
                name=LocalText({"es-419": "Presidencia"}),
                blank_ballots=BlankBallots.APART,
            ),
            Office(id="council", name=LocalText({"es-419": "Concejo", "gn": "Amandaje"})),
        ),
        contests=(
            Contest(id="president", office="president", electorate="R"),
            Contest(
                id="council",
                office="council",
                electorate="R",
                seats=SEATS,
                votes_per_ballot=5,
                method=Method.MOST_VOTES,
            ),
        ),
        districts=(),
        parties=(Party(id="azul", name="Azul"), Party(id="rojo", name="Rojo")),
        choices=(
            Choice(contest="president", id="A", name="A", party="azul", order=1),
            Choice(contest="president", id="B", name="B", party="rojo", order=2),
            Choice(contest="president", id="C", name="C", order=3),
            *(
                Choice(
                    contest="council",
                    id=name,
                    name=name.title(),
                    party={0: "azul", 1: "rojo"}.get(index % 3),
                    order=index,
                )
                for index, name in enumerate(people)
            ),
        ),
        keys=(key_row("authority", Role.AUTHORITY, "R"), key_row("officer", Role.STATION_OFFICER, "R")),
    )


def _counted(*forms: tuple[str, str, dict[str, Any]]) -> tuple[MemoryLedger, Moment, dict[tuple[str, str], StationRow]]:
    """The forms (station, contest, form), counted: the ledger, what has been counted, and the stations' rows."""
    ledger = MemoryLedger(package())
    for station, contest, form in forms:
        body = {"type": "result.reported", "station": station, "contest": contest, "version": 1, "form": form}
        ledger.append_as("officer", body)
    blocks = [block for partition in range(2) for block in fold(ledger, partition)[1]]
    rollup = rolled_up(ledger, blocks)
    tallies = {(contest, area): tally for block in blocks for contest, area, tally in block.areas}
    offices: dict[tuple[str, str], Sequence[int]] = {}
    results = {}
    for office, each in rollup.offices.items():
        frame = each.keyframe()
        assert frame is not None
        results[str(office)] = frame.as_of
        tallies |= {(contest, area): tally for contest, area, tally in frame.areas}
        offices |= {(str(office), area): tally for area, tally in frame.offices}
    through = {(str(block.office), block.partition): block.through for block in blocks}
    rows = {(row["station"], row["contest"]): row for block in blocks for row in block.stations}
    return ledger, Moment(results, through, tallies, offices), rows


def _answers(ledger: MemoryLedger, moment: Moment, office: str) -> tuple[OfficeSnapshot, ContestSnapshot]:
    """As the API gives them, read by the models of its description."""
    definition = ledger.definition
    entry = definition.ballots.office(office)
    contest = definition.ballots.contests[entry.contests[0]]
    whole = answer_bytes(definition, office_answer(definition, entry, moment, part_of_office(definition, entry, 1)))
    one = answer_bytes(definition, contest_answer(definition, contest, moment))
    return OfficeSnapshot.model_validate_json(whole), ContestSnapshot.model_validate_json(one)


def _states(rows: Iterable[StationRow]) -> set[str]:
    return {row["state"] for row in rows}


def _president(a: int, b: int, c: int, null: int, blank: int, **more: Any) -> dict[str, Any]:
    valid = a + b + c
    total = valid + null + blank
    return {
        "votes": {"A": a, "B": b, "C": c},
        "VA": valid,
        "VB": null,
        "VK": blank,
        "VC": total,
        "B4": {"J": total},
    } | more


def test_blank_ballots_are_neither_valid_nor_invalid_and_change_no_lead() -> None:
    """The law of the issue: 40 % of the valid votes and a lead of 10 points. With 45 blank ballots among the valid votes, or
    with C's elsewhere, the 50 points of A over B would be short of it by far more than one vote."""
    ledger, moment, rows = _counted(
        ("mesa-1", "president", _president(60, 40, 0, 3, 15)),
        ("mesa-2", "president", _president(30, 20, 10, 1, 25)),
        ("mesa-3", "president", _president(130, 130, 0, 0, 5)),
    )
    assert _states(rows.values()) == {"counted"}, "every true form counts, with F4 and F7 hard"
    office, contest = _answers(ledger, moment, "president")
    counted = contest.tally.counted
    assert counted.votes == {"A": 220, "B": 190, "C": 10}
    assert (counted.valid, counted.valid_ballots, counted.invalid, counted.blank) == (420, 420, 4, 45)
    assert counted.total == counted.voters == 469
    assert counted.not_stated == {"registered_voters": 1}
    assert (contest.tally.leaders, contest.tally.runner_up, contest.tally.margin) == (["A"], "B", 30)
    assert contest.blank_ballots == "apart"
    assert office.tally.counted.votes == {"azul": 220, "rojo": 190, "-": 10}
    assert office.tally.counted.blank == 45
    assert office.office.name == {"es-419": "Presidencia"}


def test_the_lead_in_percent_of_valid_votes_is_that_of_the_law_to_the_vote() -> None:
    for lead, is_elected in ((10, True), (9, False)):
        ledger, moment, _ = _counted(("mesa-1", "president", _president(45 + lead, 45, 10 - lead, 2, 30)))
        tally = _answers(ledger, moment, "president")[1].tally
        assert (10 * tally.margin >= tally.counted.valid) is is_elected
        with_blank = tally.counted.valid + (tally.counted.blank or 0)
        assert 10 * tally.margin < with_blank, "with blank ballots as votes nobody would be elected"


def _council(votes: tuple[int, ...], valid_ballots: int, null: int, **more: Any) -> dict[str, Any]:
    names = ("ana", "beto", "cruz", "dina", "eva", "fito", "gala")
    total = valid_ballots + null
    return {
        "votes": dict(zip(names, votes, strict=True)),
        "VA": sum(votes),
        "VS": valid_ballots,
        "VB": null,
        "VC": total,
        "B4": {"J": total},
    } | more


def test_a_district_of_five_seats_shows_the_voters_that_voted_and_five_leaders() -> None:
    ledger, moment, rows = _counted(
        ("mesa-1", "council", _council((90, 80, 70, 60, 50, 40, 10), 100, 3)),  # 400 votes of 500: undervotes
        ("mesa-2", "council", _council((80, 80, 80, 80, 80, 0, 0), 80, 5)),  # every ballot the same five
        ("mesa-3", "council", _council((0, 0, 0, 0, 1, 20, 19), 20, 0)),  # 40 votes of 100
    )
    assert _states(rows.values()) == {"counted"}
    office, contest = _answers(ledger, moment, "council")
    counted = contest.tally.counted
    assert (counted.valid, counted.valid_ballots, counted.invalid, counted.total) == (840, 200, 8, 208)
    assert counted.voters == 208
    assert counted.blank is None, "this office does not count them apart"
    assert (contest.seats, contest.votes_per_ballot) == (5, 5)
    assert contest.tally.leaders == ["ana", "beto", "cruz", "dina", "eva"]
    assert (contest.tally.tied, contest.tally.runner_up, contest.tally.margin) == ([], "fito", 131 - 60)
    lines = office.tally.counted.votes
    assert lines == {"azul": 170 + 140 + 29, "rojo": 160 + 131, "-": 150 + 60}
    assert sum(lines.values()) == counted.valid
    assert office.tally.leaders == ["azul"]


def test_a_tie_for_the_last_seat_is_left_open() -> None:
    ledger, moment, _ = _counted(("mesa-1", "council", _council((9, 9, 8, 7, 5, 5, 5), 10, 0)))
    tally = _answers(ledger, moment, "council")[1].tally
    assert tally.leaders == ["ana", "beto", "cruz", "dina", "eva", "fito", "gala"]
    assert (tally.tied, tally.runner_up, tally.margin) == (["eva", "fito", "gala"], None, 0)


def test_more_votes_than_ballots_may_bear_are_held() -> None:
    _, _, rows = _counted(("mesa-1", "council", _council((10, 10, 10, 10, 10, 1, 0), 10, 0)))
    assert _states(rows.values()) == {"held"}


def test_what_nobody_stated_is_null_and_each_sum_has_the_number_of_stations_it_lacks() -> None:
    silent = {"VS": None, "VB": None, "VC": None, "B4": None}
    ledger, moment, rows = _counted(
        ("mesa-1", "council", _council((9, 9, 8, 7, 5, 5, 5), 10, 2)),
        ("mesa-2", "council", _council((9, 0, 0, 0, 0, 0, 0), 9, 0, **silent)),
        ("mesa-3", "council", _council((0, 0, 8, 0, 0, 0, 0), 8, 0, **silent)),
    )
    assert _states(rows.values()) == {"counted"}, "no rule finds what it cannot check"
    tally = _answers(ledger, moment, "council")[1].tally
    assert (tally.counted.valid_ballots, tally.counted.invalid, tally.counted.total) == (10, 2, 12)
    assert (tally.counted.registered_voters, tally.counted.voters, tally.counted.valid) == (210, 12, 65)
    unsaid = {"voters": 2, "valid_ballots": 2, "invalid": 2, "total": 2}
    assert tally.counted.not_stated == unsaid | {"registered_voters": 1}
    assert (tally.registered_voters_expected, tally.registered_voters_not_stated) == (210, 1)

    definition = ledger.definition
    abroad = definition.tree.number["R.2"]
    answer = area_answer(
        definition,
        abroad,
        definition.ballots.offices,
        moment,
        part_of_area(definition, abroad, definition.ballots.offices, 1),
    )
    area = AreaSnapshot.model_validate_json(answer_bytes(definition, answer))
    council = next(each for each in area.offices if each.office == "council")
    assert council.tally is not None
    for sums in (council.tally, *council.contests):
        assert sums.registered_voters_expected is None
        numbers = sums.counted
        assert (numbers.registered_voters, numbers.voters, numbers.invalid, numbers.total) == (None,) * 4
        assert (numbers.valid, numbers.valid_ballots) == (8, None)
        assert sums.tiers.held.not_stated == {}
        assert sums.tiers.held.invalid == 0, "no station is held, so that nothing of them is unknown"

    standings = {contest: row for (station, contest), row in rows.items() if station == "mesa-3"}
    answer = station_answer(definition, definition.stations.number["mesa-3"], standings, history_page([], 1), moment)
    station = StationSnapshot.model_validate(orjson.loads(answer_bytes(definition, answer)))
    assert station.station.registered_voters is None
    assert [None if each.numbers is None else each.numbers.invalid for each in station.contests] == [None, None]
    assert [None if each.numbers is None else each.numbers.valid for each in station.contests] == [None, 8]


def test_a_form_that_states_its_register_is_taken_at_its_word_where_the_package_has_none() -> None:
    form = _president(5, 4, 0, 0, 1, A={"J": 40})
    ledger, moment, _ = _counted(("mesa-3", "president", form), ("mesa-1", "president", form))
    tally = _answers(ledger, moment, "president")[1].tally
    assert tally.counted.registered_voters == 40 + 120, "the package's for mesa-1, the form's for mesa-3"
    assert tally.counted.not_stated == {}


def test_a_blank_ballot_where_the_law_has_none_is_a_finding_that_names_the_field() -> None:
    ledger, _, rows = _counted(("mesa-1", "council", _council((1, 0, 0, 0, 0, 0, 0), 1, 0, VK=1)))
    assert _states(rows.values()) == {"held"}
    blocks = [block for partition in range(2) for block in fold(ledger, partition)[1]]
    (finding,) = [each for block in blocks for state in block.states for each in state["findings"]]
    assert finding["rule"] == "C2"
    assert finding["sentence_en"] == "VK is stated, but council does not count blank ballots apart."


def test_blank_ballots_that_are_left_out_are_unknown_and_0_means_none() -> None:
    ledger, moment, _ = _counted(
        ("mesa-1", "president", _president(5, 4, 0, 0, 0)),
        ("mesa-2", "president", _president(5, 4, 0, 0, 0, VK=None)),
    )
    counted = _answers(ledger, moment, "president")[1].tally.counted
    assert (counted.blank, counted.not_stated) == (0, {"blank": 1})
