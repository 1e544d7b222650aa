"""What counts for a station, what that adds to its areas, and which rows are published of it."""

from __future__ import annotations

import pytest

from projections.area.tally import CLEAN, FLAGGED, HELD, AreaTallies, Contribution, tally_length
from projections.definition.compiled import Definition
from projections.fold.outgoing import OutgoingBlocks
from projections.fold.standings import Standings, Subject
from projections.form.across_contests import CrossFields, CrossJudge
from projections.station.contest import StationContest
from projections.station.lives import Life, Lives
from projections.station.submissions import Annulment, ResultState, Review, Submission
from schemas.codes import OfficeId
from schemas.definition.package import RuleSetting, Severity
from schemas.derived.blocks import Block
from schemas.findings import Finding
from tests.support.small_election import small_package

HARD = (Finding("F3", Severity.HARD, "salah", "wrong"),)
INFO = (Finding("F5", Severity.INFO, "kecil", "small"),)
X1, X1_INFO = (RuleSetting(id="X1", severity=severity) for severity in (Severity.SOFT, Severity.INFO))
AREAS = ["1.1", "1.1.1"]
"""The station's areas up to the shard level."""
PRESIDENT, COUNCIL = OfficeId("president"), OfficeId("council")


class Station:
    """The first station of the small election, and all that is kept of its partition."""

    def __init__(self, *rules: RuleSetting) -> None:
        self.definition = Definition.of(small_package(rules))
        self.number = self.definition.stations.number["1.1.1-1"]
        partition = self.definition.stations.partition(self.number)
        cross = CrossJudge(self.definition)
        self.lives = Lives(self.definition.electorates.slots_of_partition[partition], with_cross=cross.is_on)
        self.tallies = AreaTallies([tally_length(len(each.choices)) for each in self.definition.ballots.contests])
        self.outgoing = OutgoingBlocks(self.definition, partition, self.tallies)
        self.standings = Standings(self.definition, self.lives, self.tallies, self.outgoing, cross)

    def subject(self, contest: str = "president") -> Subject:
        entry = self.definition.ballots.contest(contest)
        return Subject(self.number, entry, self.definition.electorates.slot(self.number, entry.number))

    def form(
        self,
        offset: int,
        *votes: int,
        contest: str = "president",
        version: int = 1,
        findings: tuple[Finding, ...] = (),
        cross: CrossFields | None = None,
    ) -> Submission:
        choices = len(self.subject(contest).contest.choices)
        numbers: Contribution = (1, *[0] * 13, *(votes or (1,) * choices))
        event, digest = b"%032d" % offset, b"%016d" % offset
        return Submission(offset, event, "ab" * 8, version, digest, findings, numbers, cross)

    def first(self, form: Submission, contest: str = "president") -> None:
        subject = self.subject(contest)
        self.outgoing.touch(subject.contest.office, form.offset)
        self.standings.first(subject, form)

    def add(self, form: Submission, contest: str = "president") -> None:
        subject = self.subject(contest)
        life = self.life(contest) or Life(StationContest())
        self.outgoing.touch(subject.contest.office, form.offset)
        self.standings.settled(subject, life, life.submitted.add(form), form.offset)

    def annul(self, offset: int) -> None:
        life = self.life()
        assert life is not None
        life.submitted.annulments[b"a" * 32] = Annulment(offset, "court", 1, None, "PSU")
        self.outgoing.touch(PRESIDENT, offset)
        self.standings.settled(self.subject(), life, life.submitted.settle(), offset)

    def life(self, contest: str = "president") -> Life | None:
        return self.lives.get(self.subject(contest).slot)

    def tiers(self, area: str = "1.1", contest: str = "president") -> list[int]:
        """Stations in each tier of an area, and those annulled."""
        number = self.definition.ballots.contest_number[contest]
        tally = self.tallies[number, self.definition.tree.number[area]]
        third = (len(tally) - 1) // 3
        return [*(tally[tier * third] for tier in (CLEAN, FLAGGED, HELD)), tally[-1]]

    def block(self, office: OfficeId = PRESIDENT) -> Block:
        (block,) = [block for block in self.outgoing.take_blocks() if block.office == office]
        return block


def states(block: Block) -> dict[int, tuple[str, list[str]]]:
    return {row["offset"]: (row["state"], [each["rule"] for each in row["findings"]]) for row in block.states}


# ── the first form ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("findings", "tiers", "state"),
    [((), [1, 0, 0, 0], "counted"), (INFO, [1, 0, 0, 0], "counted"), (HARD, [0, 0, 1, 0], "held")],
)
def test_a_first_form_counts_in_each_area_up_to_the_shard_level(
    findings: tuple[Finding, ...], tiers: list[int], state: str
) -> None:
    station = Station()
    form = station.form(4, 10, 20, 30, findings=findings)
    if findings:
        station.add(form)
    else:
        station.first(form)
    block = station.block()
    assert [(contest, area) for contest, area, _ in block.areas] == [("president", area) for area in AREAS]
    assert [station.tiers(area) for area in AREAS] == [tiers, tiers]
    assert states(block) == {4: (state, [each.rule for each in findings])}
    assert block.stations == [
        {
            "station": "1.1.1-1",
            "contest": "president",
            "state": state,
            "offset": 4,
            "event": (b"%032d" % 4).hex(),
            "version": 1,
            "contribution": [1, *[0] * 13, 10, 20, 30],
            "through": 4,
        }
    ]


def test_a_first_form_is_the_same_as_one_that_is_settled() -> None:
    one, other = Station(), Station()
    one.first(one.form(4))
    other.add(other.form(4))
    assert one.block() == other.block()
    first, settled = one.life(), other.life()
    assert first is not None
    assert settled is not None
    assert first.standing == settled.standing
    assert first.submitted.submissions == settled.submitted.submissions


# ── changes ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_correction_takes_away_what_the_form_before_it_added() -> None:
    station = Station()
    station.first(station.form(4, 10, 20, 30))
    station.outgoing.take_blocks()
    station.add(station.form(6, 1, 2, 3, version=2))
    number, area = station.definition.ballots.contest_number["president"], station.definition.tree.number["1.1"]
    assert station.tiers() == [0, 1, 0, 0], "flagged, because the form does not name the one that it corrects"
    assert station.tallies[number, area][17 + 14 : 17 + 17] == [1, 2, 3]
    block = station.block()
    assert states(block) == {4: ("superseded", ["V4"]), 6: ("flagged", ["V6"])}
    assert [(row["offset"], row["version"], row["through"]) for row in block.stations] == [(6, 2, 6)]


def test_a_held_form_that_a_reviewer_accepts_goes_to_another_tier() -> None:
    station = Station()
    station.add(station.form(4, findings=HARD))
    assert station.tiers() == [0, 0, 1, 0]
    station.outgoing.take_blocks()
    life = station.life()
    assert life is not None
    life.submitted.reviews[life.submitted.submissions[0].event_id] = Review(5, True, "SEEN")
    station.outgoing.touch(PRESIDENT, 5)
    station.standings.settled(station.subject(), life, life.submitted.settle(), 5)
    assert station.tiers() == [0, 1, 0, 0]
    assert [(row["state"], row["through"]) for row in station.block().stations] == [("flagged", 5)]


def test_a_form_that_changes_no_standing_leaves_the_areas_and_the_stations_row() -> None:
    station = Station()
    station.first(station.form(4))
    station.outgoing.take_blocks()
    same = station.form(6)
    same.form_digest = station.form(4).form_digest
    station.add(same)
    block = station.block()
    assert states(block) == {6: ("superseded", ["V3"])}
    assert (block.areas, block.stations) == ([], [])
    life = station.life()
    assert life is not None
    assert len(life.submitted.submissions) == 2, "it is kept"


def test_an_annulled_station_is_counted_as_annulled_and_has_no_form() -> None:
    station = Station()
    station.first(station.form(4))
    station.outgoing.take_blocks()
    station.annul(7)
    assert station.tiers() == [0, 0, 0, 1]
    block = station.block()
    assert states(block) == {4: ("annulled", ["N1"])}
    assert block.stations == [
        {
            "station": "1.1.1-1",
            "contest": "president",
            "state": "annulled",
            "offset": None,
            "event": None,
            "version": None,
            "contribution": None,
            "through": 7,
        }
    ]


def test_a_station_that_is_waiting_has_empty_tallies() -> None:
    station = Station()
    life = Life(StationContest())
    station.outgoing.touch(PRESIDENT, 3)
    station.standings.settled(station.subject(), life, [], 3)
    assert station.tiers() == [0, 0, 0, 0]
    assert [row["state"] for row in station.block().stations] == ["waiting"]


# ── silence ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_published_before_is_added_and_makes_no_row() -> None:
    station = Station(X1)
    station.outgoing.is_silent = True
    station.first(station.form(4, cross=_a(5)))
    station.add(station.form(6, version=2, cross=_a(6)))
    station.first(station.form(7, contest="council-a", cross=_a(9)), "council-a")
    station.standings.compare_contests(station.number, 7)
    for office in (PRESIDENT, COUNCIL):
        changes = station.outgoing.changes_of(office)
        assert (changes.states, changes.stations) == ({}, {})
    assert station.tiers() == [0, 1, 0, 0]
    assert station.tiers(contest="council-a") == [0, 1, 0, 0]


# ── across contests ──────────────────────────────────────────────────────────────────────────────────────────────────


def _a(number: int) -> CrossFields:
    return CrossFields(number, None, None, None, None, None)


def compared(station: Station, president: int, council: int, offset: int = 5) -> None:
    station.first(station.form(4, cross=_a(president)))
    station.standings.compare_contests(station.number, 4)
    station.first(station.form(offset, contest="council-a", cross=_a(council)), "council-a")
    station.standings.compare_contests(station.number, offset)


def test_the_form_of_one_contest_flags_that_of_another() -> None:
    station = Station(X1)
    compared(station, 200, 201)
    blocks = {block.office: block for block in station.outgoing.take_blocks()}
    assert states(blocks[PRESIDENT]) == {4: ("flagged", ["X1"])}
    assert states(blocks[COUNCIL]) == {5: ("flagged", ["X1"])}
    assert blocks[PRESIDENT].through == 5, "the office is changed by the other office's form"
    assert [row["through"] for row in blocks[PRESIDENT].stations] == [5]
    assert station.tiers() == station.tiers(contest="council-a") == [0, 1, 0, 0]


def test_forms_that_agree_are_not_touched() -> None:
    station = Station(X1)
    compared(station, 200, 200)
    blocks = {block.office: block for block in station.outgoing.take_blocks()}
    assert blocks[PRESIDENT].through == 4
    assert station.tiers() == [1, 0, 0, 0]


def test_a_rule_that_only_informs_flags_nothing() -> None:
    station = Station(X1_INFO)
    compared(station, 200, 201)
    assert {block.office: states(block) for block in station.outgoing.take_blocks()} == {
        PRESIDENT: {4: ("counted", ["X1"])},
        COUNCIL: {5: ("counted", ["X1"])},
    }
    assert station.tiers() == [1, 0, 0, 0]


def test_a_held_form_is_compared_and_stays_held() -> None:
    station = Station(X1)
    station.add(station.form(4, findings=HARD, cross=_a(200)))
    station.first(station.form(5, contest="council-a", cross=_a(201)), "council-a")
    station.standings.compare_contests(station.number, 5)
    blocks = {block.office: block for block in station.outgoing.take_blocks()}
    assert states(blocks[PRESIDENT]) == {4: ("held", ["F3", "X1"])}
    assert states(blocks[COUNCIL]) == {5: ("flagged", ["X1"])}
    assert station.tiers() == [0, 0, 1, 0]


def test_a_correction_ends_what_the_rules_across_contests_found_of_the_form_before() -> None:
    station = Station(X1)
    compared(station, 200, 201)
    station.outgoing.take_blocks()
    right = station.form(6, version=2, cross=_a(201))
    right.supersedes = station.form(4).event_id
    station.add(right)
    station.standings.compare_contests(station.number, 6)
    blocks = {block.office: block for block in station.outgoing.take_blocks()}
    assert states(blocks[PRESIDENT]) == {4: ("superseded", ["V4"]), 6: ("counted", [])}
    assert states(blocks[COUNCIL]) == {5: ("counted", [])}
    assert station.tiers() == station.tiers(contest="council-a") == [1, 0, 0, 0]


def test_a_correction_is_not_published_with_what_was_found_of_the_form_before() -> None:
    """Before the contests are compared again."""
    station = Station(X1)
    compared(station, 200, 201)
    station.outgoing.take_blocks()
    station.add(station.form(6, version=2, cross=_a(200)))
    assert states(station.block())[6] == ("flagged", ["V6"])
    life = station.life()
    assert life is not None
    assert life.standing is not None
    assert life.standing.cross == ()


def test_a_contest_of_which_no_form_was_judged_is_compared_with_no_other() -> None:
    """Kept because a refused review is one of its key's events."""
    station = Station(X1)
    station.lives.put(station.subject().slot, Life(StationContest()))
    station.first(station.form(5, contest="council-a", cross=_a(201)), "council-a")
    station.standings.compare_contests(station.number, 5)
    assert station.tiers(contest="council-a") == [1, 0, 0, 0]


def test_a_form_that_changes_nothing_keeps_what_was_found_of_the_standing_form() -> None:
    station = Station(X1)
    compared(station, 200, 201)
    station.outgoing.take_blocks()
    same = station.form(6)
    same.form_digest = station.form(4).form_digest
    station.add(same)
    station.standings.compare_contests(station.number, 6)
    (block,) = station.outgoing.take_blocks()
    assert states(block) == {6: ("superseded", ["V3"])}
    life = station.life()
    assert life is not None
    assert life.standing is not None
    assert (life.standing.state, [each.rule for each in life.standing.cross]) == (ResultState.FLAGGED, ["X1"])


def test_a_form_that_is_flagged_again_is_published_with_what_the_other_contests_find() -> None:
    """A second form of the same version with other numbers flags the first (V1), of which X1 is found still."""
    station = Station(X1)
    compared(station, 200, 201)
    station.outgoing.take_blocks()
    station.add(station.form(6, 9, 9, 9, cross=_a(200)))
    (block,) = station.outgoing.take_blocks()
    assert states(block) == {4: ("flagged", ["V1", "X1"]), 6: ("held", ["V1"])}


def test_an_annulled_form_is_compared_with_no_other() -> None:
    station = Station(X1)
    compared(station, 200, 201)
    station.outgoing.take_blocks()
    station.annul(7)
    station.standings.compare_contests(station.number, 7)
    blocks = {block.office: block for block in station.outgoing.take_blocks()}
    assert states(blocks[PRESIDENT]) == {4: ("annulled", ["N1"])}
    assert states(blocks[COUNCIL]) == {5: ("counted", [])}


def test_without_such_rules_nothing_is_compared() -> None:
    station = Station()
    compared(station, 200, 201)
    assert station.tiers() == [1, 0, 0, 0]
