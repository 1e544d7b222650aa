"""The server's fold and the auditor's SQL share no code; of any night, honest or not, they say the same.

This is what the promise to an auditor rests on: where the two differ, one of them is wrong.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from audit.compare import Claim, Comparison
from audit.extract import Ballots, read_row, write_rows
from audit.package import Package, read_package
from audit.recount import Recount
from projections.definition import Definition
from projections.published import published_contribution, published_office, published_tally
from projections.rollup import Rollup
from projections.tabulation import PartitionFold, read_record
from projections.tally import empty_tally
from proofs.merkle import leaf_hash
from proofs.signatures import load_public_key, verify
from runtime.package_files import write_package
from schemas.blocks import Block
from schemas.envelope import ledger_record
from schemas.package import ElectionPackage, RuleSetting, Severity
from tests.support.ledger import CREATED_AT, MemoryLedger
from tests.support.small_election import annulled, reviewed, small_package

HARD, SOFT, INFO = Severity.HARD, Severity.SOFT, Severity.INFO
MANY_RULES = (
    RuleSetting(id="F1", severity=HARD),
    RuleSetting(id="F2", severity=SOFT),
    RuleSetting(id="F3", severity=HARD, offices=("president",)),
    RuleSetting(id="F4", severity=SOFT, tolerance=1),
    RuleSetting(id="F5", severity=INFO),
    RuleSetting(id="F6P", severity=SOFT),
    RuleSetting(id="F7", severity=HARD, tolerance=2, offices=("council",)),
    RuleSetting(id="F8", severity=SOFT),
    RuleSetting(id="F9", severity=SOFT, parameters={"officers": 3, "witnesses": 1}),
    RuleSetting(id="G1", severity=HARD),
    RuleSetting(id="G7", severity=SOFT),
    RuleSetting(id="G8", severity=HARD, parameters={"percent_without_b": 1}),
    RuleSetting(id="P1", severity=HARD, offices=("council",)),
    RuleSetting(id="P2", severity=SOFT, offices=("council",)),
    RuleSetting(id="M1", severity=SOFT, parameters={"fields": ["votes", "VB"]}),
    RuleSetting(id="X1", severity=SOFT),
    RuleSetting(id="X4", severity=SOFT, offices=("council",)),
)
OTHER_RULES = (
    RuleSetting(id="F3", severity=SOFT, tolerance=3),
    RuleSetting(id="F6", severity=SOFT),
    RuleSetting(id="G2", severity=HARD),
    RuleSetting(id="G3", severity=SOFT, parameters={"reserve_percent": 2, "rounding": "nearest"}),
    RuleSetting(id="G4", severity=HARD, parameters={"max": 6}),
    RuleSetting(id="G5", severity=SOFT),
    RuleSetting(id="G6", severity=SOFT),
    RuleSetting(id="P3", severity=HARD),
    RuleSetting(id="X2", severity=SOFT, parameters={"reference": "president"}),
    RuleSetting(id="X3", severity=SOFT),
)
STATIONS = {"1.1.1-1": "council-a", "1.1.1-2": "council-a", "2.1.1-1": "council-b", "2.1.2-2": "council-c"}
PAIRS, PARTIES = ("01", "02", "03"), ("P1-0", "P1-1", "P2-0", "P2-1")


def _both(package: ElectionPackage) -> tuple[ElectionPackage, Package]:
    with tempfile.TemporaryDirectory() as place:
        write_package(package, Path(place))
        return package, read_package(Path(place))


PACKAGES = [_both(small_package(rules)) for rules in (small_package().election.rules, MANY_RULES, OTHER_RULES)]

small = st.integers(0, 9)
voters = st.fixed_dictionaries({}, optional={"L": small, "P": small, "J": st.one_of(st.none(), small)})


def _forms(choices: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"votes": st.dictionaries(st.sampled_from((*choices, "99")), small, max_size=len(choices))},
        optional={
            **dict.fromkeys(("A", "B1", "B2", "B3", "B4", "D"), voters),
            **dict.fromkeys(("S1", "S2", "S3", "S4", "VA", "VB", "VC"), st.one_of(st.none(), small)),
            "party_totals": st.dictionaries(st.sampled_from(("P1", "P2", "P3")), small),
            "words": st.dictionaries(st.sampled_from((*choices, "VA", "VC")), small),
            "signatures": st.fixed_dictionaries({}, optional={"officers": small, "witnesses": small}),
        },
    )


@st.composite
def _reports(draw: st.DrawFn) -> dict[str, Any]:
    station = draw(st.sampled_from(sorted(STATIONS)))
    contest = draw(st.sampled_from(("president", STATIONS[station])))
    form = draw(_forms(PAIRS if contest == "president" else PARTIES))
    version = draw(st.integers(1, 3))
    return {"type": "result.reported", "station": station, "contest": contest, "version": version, "form": form}


acts = st.one_of(
    st.tuples(st.just("say"), _reports()),
    st.tuples(st.just("say"), _reports()),
    st.tuples(st.just("again"), st.integers(0, 30)),
    st.tuples(st.just("review"), st.integers(0, 30), st.sampled_from(("accepted", "rejected"))),
    st.tuples(st.just("review"), st.integers(0, 30), st.sampled_from(("accepted", "rejected"))),
    st.tuples(st.just("annul"), st.sampled_from(sorted(STATIONS)), st.integers(1, 3)),
    st.tuples(
        st.just("forge"), _reports(), st.sampled_from(("key", "scope", "role", "mode", "place", "bytes", "station"))
    ),
)


FEW_FORMS = [
    {"votes": {"01": 1}, "VA": 1, "VB": 0, "VC": 1},  # clean
    {"votes": {"01": 2}, "VA": 2, "VB": 0, "VC": 2},
    {"votes": {"01": 3}, "VA": 3, "VB": 0, "VC": 9},  # breaks F4, soft
    {"votes": {"01": 4}, "VA": 9, "VB": 0, "VC": 9},  # breaks F3, hard
    {"votes": {"01": 5}, "VA": 9, "VB": 0, "VC": 9},
]
disputed_forms = st.builds(
    lambda form, version: {
        "type": "result.reported",
        "station": "1.1.1-1",
        "contest": "president",
        "version": version,
        "form": form,
    },
    st.sampled_from(FEW_FORMS),
    st.sampled_from((2, 2, 3)),
)
reviews = st.tuples(st.just("review"), st.integers(0, 5), st.sampled_from(("accepted", "rejected")))
annulments = st.tuples(st.just("annul"), st.just("1.1.1-1"), st.sampled_from((1, 1, 2)))
disputes = st.builds(
    lambda forms, reviews, annulments, rest: [*forms, *reviews, *annulments, *rest],
    st.lists(st.tuples(st.just("say"), disputed_forms), min_size=2, max_size=6),
    st.lists(reviews, max_size=3),
    st.lists(annulments, max_size=1),
    st.lists(st.one_of(st.tuples(st.just("say"), disputed_forms), reviews), max_size=4),
)
"""Forms of two versions of one station, then reviews and perhaps an annulment of them, then more of both."""


def _play(ledger: MemoryLedger, night: list[tuple[Any, ...]]) -> None:
    """Write the night, as honest and other people would."""
    said: list[tuple[bytes, str, str]] = []
    for act in night:
        match act:
            case ("say", body):
                envelope = ledger.signed("officer", body)
                ledger.submit(envelope, body["station"])
                said.append((envelope, body["station"], body["contest"]))
            case ("again", number) if said:
                envelope, station, _ = said[number % len(said)]
                ledger.submit(envelope, station)
            case ("review", number, decision) if said:
                envelope, station, contest = said[number % len(said)]
                event = read_record(0, ledger_record(envelope, "test", CREATED_AT)).event_id.hex()
                ledger.say("reviewer", reviewed(station, event, decision) | {"contest": contest})
            case ("annul", station, version):
                ledger.say("supervisor", annulled(station, version))
            case ("forge", body, how):
                _forge(ledger, body, how)


def _forge(ledger: MemoryLedger, body: dict[str, Any], how: str) -> None:
    """A record written past the gateway that must not count."""
    partition = ledger.definition.partition_of_station(ledger.definition.station_number[body["station"]])
    if how == "key":
        envelope = ledger.signed("nobody", body)
    elif how == "scope":
        envelope = ledger.signed("officer-1", body)
    elif how == "role":
        envelope = ledger.signed("reviewer", body)
    elif how == "mode":
        ledger.signed("officer", body)
        signer = ledger.signers["officer"]
        envelope = signer.sign({"created_at": CREATED_AT, **body, "mode": "live"}).envelope
    elif how == "place":
        partition = (partition + 1) % ledger.definition.partitions
        envelope = ledger.signed("officer", body)
    elif how == "station":
        envelope = ledger.signed("officer", {**body, "station": "9.9.9-9"})
    else:
        envelope = ledger.signed("officer", body).replace(b'"sig":"', b'"sig":"!')
    ledger.append(partition, envelope)


def _server(ledger: MemoryLedger, cut: tuple[int, ...]) -> list[Claim]:
    """What the server publishes of exactly this cut, office by office."""
    definition = ledger.definition
    rollup = Rollup(definition)
    blocks: list[Block] = []
    for partition, through in enumerate(cut):
        fold = PartitionFold(definition, partition)
        for offset, value in enumerate(ledger.partitions[partition][: through + 1]):
            record = read_record(offset, value)
            key = definition.keys.get(record.key_id)
            holds = key is not None and verify(load_public_key(key.public_key), record.signature, record.payload)
            fold.apply(record, holds)
        blocks += fold.take_blocks()
    for block in blocks:
        rollup.apply(block)
    tallies = {(contest, area): tally for block in blocks for contest, area, tally in block.areas}
    claims = []
    for office in definition.offices:
        as_of = tuple(enumerate(cut))
        frame = rollup.offices[office.id].keyframe()
        assert frame is not None
        tallies |= {(contest, area): tally for contest, area, tally in frame.areas}
        wholes = dict(frame.offices)
        for contest, area in definition.denominators:
            entry, code = definition.contests[contest], definition.area_codes[area]
            if entry.office_number == office.number:
                tally = tallies.get((entry.id, code)) or empty_tally(len(entry.choices))
                told = published_tally(entry, area, tally, definition)
                claims.append(Claim("", office.id, as_of, "contest", entry.id, code, told))
        for area, code in enumerate(definition.area_codes):
            if definition.area_level[area] <= definition.shard_level:
                whole = wholes.get(code) or empty_tally(len(office.parties))
                told = published_office(office, area, whole, definition)
                claims.append(Claim("", office.id, as_of, "office", "", code, told))
        for contest in office.contests:
            rows = {
                row["station"]: row
                for block in blocks
                for row in block.stations
                if row["contest"] == definition.contests[contest].id
            }
            page = {"after": "", "until": None, "stations": [_line(definition, contest, row) for row in rows.values()]}
            root = definition.area_codes[definition.root]
            claims.append(Claim("", office.id, as_of, "stations", definition.contests[contest].id, root, page))
    return claims


def _line(definition: Definition, contest: int, row: dict[str, Any]) -> dict[str, Any]:
    contribution = row["contribution"]
    numbers = None if contribution is None else published_contribution(definition.contests[contest], contribution)
    return {name: row[name] for name in ("station", "contest", "state", "offset", "event", "version")} | {
        "numbers": numbers
    }


def _auditor(ledger: MemoryLedger, package: Package, place: Path) -> Recount:
    ballots = Ballots(package)
    rows = [
        read_row(ballots, partition, offset, value, leaf_hash(value))
        for partition, records in enumerate(ledger.partitions)
        for offset, value in enumerate(records)
    ]
    write_rows(rows, place)
    return Recount(package, [place])


def _assert_agreement(rules: int, night: list[tuple[Any, ...]], ends: list[int]) -> None:
    package, public = PACKAGES[rules]
    ledger = MemoryLedger(package)
    _play(ledger, night)
    with tempfile.TemporaryDirectory() as place:
        recount = _auditor(ledger, public, Path(place) / "rows.parquet")
    comparison = Comparison(public, recount)
    whole = tuple(len(records) - 1 for records in ledger.partitions)
    part = tuple(min(end, most) for end, most in zip(ends, whole, strict=True))
    for cut in (whole, part):
        assert comparison.compare(_server(ledger, cut), lambda _: None) == []
    assert comparison.compared >= 2 * len(ledger.definition.denominators)


cuts = st.lists(st.integers(0, 40), min_size=3, max_size=3)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(range(len(PACKAGES))), st.lists(acts, min_size=1, max_size=30), cuts)
def test_fold_and_recount_say_the_same_of_any_night_at_any_cut(
    rules: int, night: list[tuple[Any, ...]], ends: list[int]
) -> None:
    _assert_agreement(rules, night, ends)


@settings(max_examples=40, deadline=None)
@given(disputes, cuts)
def test_fold_and_recount_say_the_same_of_a_station_that_everybody_disputes(
    night: list[tuple[Any, ...]], ends: list[int]
) -> None:
    _assert_agreement(0, night, ends)
