"""Made-up nights of the small election, honest and forged, for tests that must hold for any of them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from projections.definition.tree import partition_of
from projections.fold.records import read_record
from schemas.codes import Partition
from schemas.definition.package import RuleSetting, Severity
from schemas.ledger.envelope import ledger_record
from tests.support.ledger import CREATED_AT, MemoryLedger
from tests.support.small_election import RULES, annulled, elsewhere, reviewed, small_package, withdrawn
from tests.support.small_finance import finance_report, with_finance, with_finance_keys

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
    RuleSetting(id="G9", severity=SOFT),
    RuleSetting(id="M1", severity=SOFT, parameters={"fields": ["votes", "VB", "VK", "VS"]}),
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
    RuleSetting(id="G7", severity=SOFT, tolerance=1, parameters={"marks_per_choice": 2}),
    RuleSetting(id="G8", severity=SOFT),
    RuleSetting(id="G9", severity=HARD, tolerance=1),
    RuleSetting(id="P3", severity=HARD),
    RuleSetting(id="X2", severity=SOFT, parameters={"reference": "president"}),
    RuleSetting(id="X3", severity=SOFT),
)
RULE_SETS = (RULES, MANY_RULES, OTHER_RULES)
PACKAGES = tuple(
    country(with_finance_keys(small_package(rules)))
    for country in (lambda package: package, lambda package: with_finance(elsewhere(package)))
    for rules in RULE_SETS
)
"""All have keys for finance reports, and the later half describes campaign finance."""

STATIONS = {"1.1.1-1": "council-a", "1.1.1-2": "council-a", "2.1.1-1": "council-b", "2.1.2-2": "council-c"}
PAIRS, PARTIES = ("01", "02", "03"), ("P1-0", "P1-1", "P2-0", "P2-1")
PREVS = ("right", "none", "half right")


small = st.integers(0, 9)
voters = st.fixed_dictionaries({}, optional={"L": small, "P": small, "J": st.one_of(st.none(), small)})


def _forms(choices: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"votes": st.dictionaries(st.sampled_from((*choices, "99")), small, max_size=len(choices))},
        optional={
            **dict.fromkeys(("A", "B1", "B2", "B3", "B4", "D"), voters),
            **dict.fromkeys(("S1", "S2", "S3", "S4", "VA", "VB", "VC", "VK", "VS"), st.one_of(st.none(), small)),
            "party_totals": st.dictionaries(st.sampled_from(("P1", "P2", "P3")), small),
            "words": st.dictionaries(st.sampled_from((*choices, "VA", "VC", "VK", "VS")), small),
            "signatures": st.fixed_dictionaries({}, optional={"officers": small, "witnesses": small}),
        },
    )


@st.composite
def _reports(draw: st.DrawFn) -> dict[str, Any]:
    station = draw(st.sampled_from(sorted(STATIONS)))
    contest = draw(st.sampled_from(("president", STATIONS[station])))
    form = draw(_forms(PAIRS if contest == "president" else PARTIES))
    version = draw(st.one_of(st.integers(1, 3), st.sampled_from((1, 2, 3, 4, 12, 15, 40))))
    body = {"type": "result.reported", "station": station, "contest": contest, "version": version, "form": form}
    corrects = draw(st.sampled_from(("its own", "its own", "its own", None, "0" * 64)))
    return body if corrects == "its own" else {**body, "supersedes": corrects}


accounts = st.one_of(
    st.fixed_dictionaries(
        {"party": st.sampled_from(("P1", "P1", "P2", "P9")), "area": st.sampled_from(("1", "1", "N", "2.1.1", "9"))}
    ),
    st.fixed_dictionaries(
        {
            "contest": st.sampled_from(("president", "council-a", "mayor")),
            "choice": st.sampled_from(("01", "P1-1", "P1-0")),
            "area": st.sampled_from(("N", "1.1")),
        }
    ),
)
finance_reports = st.builds(
    lambda account, rest: {**finance_report(), "party": None, **account, **rest},
    accounts,
    st.fixed_dictionaries(
        {"version": st.integers(1, 3), "closing": st.sampled_from((12_000, 12_000, 5))},
        optional={"report": st.sampled_from(("LPPDK", "LXX")), "submitted": st.just("2028-12-05")},
    ),
)
acts = st.one_of(
    st.tuples(
        st.just("finance"),
        finance_reports,
        st.sampled_from(("finance", "finance", "finance-1", "officer")),
        st.sampled_from((0, 0, 0, 1)),
    ),
    st.tuples(st.just("finance again"), st.integers(0, 30)),
    st.tuples(st.just("report"), _reports()),
    st.tuples(st.just("report"), _reports()),
    st.tuples(st.just("again"), st.integers(0, 30)),
    st.tuples(st.just("review"), st.integers(0, 30), st.sampled_from(("accepted", "rejected"))),
    st.tuples(st.just("review"), st.integers(0, 30), st.sampled_from(("accepted", "rejected"))),
    st.tuples(st.just("review again"), st.integers(0, 30)),
    st.tuples(st.just("annul"), st.sampled_from(sorted(STATIONS)), st.sampled_from((1, 2, 3, 12, 20))),
    st.tuples(st.just("annul one"), st.integers(0, 30)),
    st.tuples(
        st.just("misnumber"),
        st.sampled_from(("officer", "reviewer", "finance")),
        st.integers(-3, 2),
        st.sampled_from(PREVS),
    ),
    st.tuples(st.just("withdraw"), st.integers(0, 30), st.sampled_from(("supervisor", "supervisor", "court"))),
    st.tuples(
        st.just("forge"), _reports(), st.sampled_from(("key", "scope", "role", "mode", "partition", "bytes", "station"))
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
annulments = st.one_of(
    st.tuples(st.just("annul"), st.just("1.1.1-1"), st.sampled_from((1, 1, 2))),
    st.tuples(st.just("annul one"), st.integers(0, 5)),
)
withdrawals = st.tuples(st.just("withdraw"), st.integers(0, 3), st.just("supervisor"))
disputes = st.builds(
    lambda forms, reviews, annulments, rest: [*forms, *reviews, *annulments, *rest],
    st.lists(st.tuples(st.just("report"), disputed_forms), min_size=2, max_size=6),
    st.lists(reviews, max_size=3),
    st.lists(annulments, max_size=1),
    st.lists(
        st.one_of(
            st.tuples(st.just("report"), disputed_forms),
            reviews,
            st.tuples(st.just("review again"), st.integers(0, 5)),
            withdrawals,
        ),
        max_size=4,
    ),
)
"""Forms of two versions of one station, then reviews and perhaps an annulment of them, then more of both."""


def play(ledger: MemoryLedger, night: list[tuple[Any, ...]]) -> None:
    """Write the night, as honest and other people would."""
    submitted: list[tuple[bytes, str, str]] = []
    reviews_made: list[tuple[bytes, str]] = []
    orders: list[tuple[str, str, str]] = []
    finances: list[tuple[int, bytes]] = []
    for act in night:
        match act:
            case ("finance", body, key, shift):
                home = partition_of(body["area"], ledger.definition.partitions)
                finances.append(((home + shift) % ledger.definition.partitions, ledger.signed(key, body)))
                ledger.append(*finances[-1])
            case ("finance again", number) if finances:
                ledger.append(*finances[number % len(finances)])
            case ("report", body):
                envelope = ledger.signed("officer", body)
                ledger.submit(envelope, body["station"])
                submitted.append((envelope, body["station"], body["contest"]))
            case ("again", number) if submitted:
                envelope, station, _ = submitted[number % len(submitted)]
                ledger.submit(envelope, station)
            case ("review", number, decision) if submitted:
                envelope, station, contest = submitted[number % len(submitted)]
                review = ledger.signed("reviewer", reviewed(station, _event(envelope), decision) | {"contest": contest})
                ledger.submit(review, station)
                reviews_made.append((review, station))
            case ("review again", number) if reviews_made:
                ledger.submit(*reviews_made[number % len(reviews_made)])
            case ("annul", station, version):
                orders.append(_ordered(ledger, annulled(station, version)))
            case ("annul one", number) if submitted:
                envelope, station, contest = submitted[number % len(submitted)]
                order = annulled(station, 1) | {"contest": contest, "event": _event(envelope)}
                del order["through_version"]
                orders.append(_ordered(ledger, order))
            case ("misnumber", key, step, names) if key in ledger.signers:
                signer = ledger.signers[key]
                right = signer.prev
                half_right = right and right[:32] + "0" * 32
                prev = {"right": right, "none": None, "half right": half_right}[names]
                signer.continue_from(max(0, signer.next_seq + step), prev)
            case ("withdraw", number, key) if orders:
                annulment, station, contest = orders[number % len(orders)]
                ledger.append_as(key, withdrawn(station, annulment) | {"contest": contest})
            case ("forge", body, how):
                _forge(ledger, body, how)


def _event(envelope: bytes) -> str:
    return read_record(0, ledger_record(envelope, "test", CREATED_AT)).event_id.hex()


def _ordered(ledger: MemoryLedger, body: dict[str, Any]) -> tuple[str, str, str]:
    """(event id, station, contest) of an annulment."""
    envelope = ledger.signed("supervisor", body)
    ledger.submit(envelope, body["station"])
    return _event(envelope), body["station"], body["contest"]


def _forge(ledger: MemoryLedger, body: dict[str, Any], how: str) -> None:
    """A record written past the gateway that must not count."""
    partition = ledger.definition.stations.partition(ledger.definition.stations.number[body["station"]])
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
    elif how == "partition":
        partition = Partition((partition + 1) % ledger.definition.partitions)
        envelope = ledger.signed("officer", body)
    elif how == "station":
        envelope = ledger.signed("officer", {**body, "station": "9.9.9-9"})
    else:
        envelope = ledger.signed("officer", body).replace(b'"sig":"', b'"sig":"!')
    ledger.append(partition, envelope)
