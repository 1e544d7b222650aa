"""The other side of bench/faults.py: recounts what the ledger holds, and compares. Imports nothing of Rekap.

The election of that program is simple on purpose, so that the whole judgement is `counting_form` below: a form whose votes do
not add up to VA is in doubt (rule F3), and so are two forms of one version that differ. Of one version a form that a
reviewer accepted wins, else the first that adds up; the highest version with such a form counts. It is flagged where a
reviewer had to accept it, where its version still has two different forms, where a higher version waits, where the version
before it is missing, or where it does not name one that it corrects. An annulment ends all versions up to its own, until one
withdraws it.

A record counts where its signature is that of a key whose role may submit this about this station, in the station's own
partition, and where the same event did not count before. Any other record in the ledger counts nothing.

Everything here is plain dictionaries and sums over (partition, offset, bytes) as Kafka gave them.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

NUMBERS = ("registered_voters", "valid", "valid_ballots", "invalid", "total")
"""Numbers that every form of this election states, or that follow from it; no form states voters (B4)."""
NO_PARTY = "-"
"""The line of votes for choices without a party in the sums of an office."""
TIERS = ("clean", "flagged", "held")
EVENTS_PER_KEY_MAX = 100
VERSION_STEP_MAX = 10
COMPARED = ("stations", "registered_voters_expected", "counted", "tiers")
"""Fields of a published tally. The rest (leaders, margin, status words) follows from these."""

Cut = Mapping[str, int]
"""Ledger partition → offset of the last record that is counted in, as an `as_of` has it."""
ContestArea = tuple[str, str]
"""(contest, area)"""


MAY_SUBMIT = {
    "station_officer": {"result.reported"},
    "reviewer": {"result.reviewed"},
    "supervisor": {"result.annulled", "annulment.withdrawn"},
}
"""Types of events that each role may submit."""


class Submitter(NamedTuple):
    public_key: bytes
    role: str
    scope: str
    """The area for whose stations it may submit."""


@dataclass(frozen=True)
class Facts:
    """What the oracle knows of the election, read from the tables of its package."""

    lineage: Mapping[str, Sequence[str]]
    """Station → the areas that it lies in."""
    registered: Mapping[str, int]
    office_of: Mapping[str, str]
    """Contest → office."""
    choices: Mapping[str, Sequence[str]]
    party_of: Mapping[str, Mapping[str, str]]
    """Contest → choice → party, where choices have one."""
    stations_of: Mapping[str, Sequence[str]]
    """Contest → stations that vote in it."""
    partition_of: Mapping[str, int]
    """Station → the partition of the ledger that its records belong to."""
    submitters: Mapping[str, Submitter]
    """By key id."""
    above: frozenset[str]
    """Areas of the shard level and above, which `as_of` is about; `shard_as_of` is about the others."""


class Record(NamedTuple):
    """One record of the ledger."""

    event: str
    leaf: str
    key: str
    """Id of the key that signed it."""
    body: dict[str, Any]
    """Empty where the record is not an event."""
    holds: bool
    """Whether it may count."""


Ledger = Mapping[int, Sequence[Record]]


def read_ledger(facts: Facts, records: Mapping[int, Sequence[bytes]]) -> dict[int, list[Record]]:
    """The records of each partition, in the order of their offsets."""
    return {partition: [_record(facts, partition, value) for value in values] for partition, values in records.items()}


def _record(facts: Facts, partition: int, value: bytes) -> Record:
    leaf = hashlib.sha256(b"\x00" + value).hexdigest()
    try:
        envelope = json.loads(value)["envelope"]
        payload = base64.b64decode(envelope["payload"])
        body = json.loads(payload)
        signature = envelope["signatures"][0]
    except (ValueError, KeyError, TypeError, RecursionError):
        return Record(hashlib.sha256(value).hexdigest(), leaf, "", {}, False)
    submitter = facts.submitters.get(signature["keyid"])
    holds = (
        submitter is not None
        and body["type"] in MAY_SUBMIT[submitter.role]
        and submitter.scope in facts.lineage[body["station"]]
        and partition == facts.partition_of[body["station"]]
        and _is_signed(payload, envelope["payloadType"], base64.b64decode(signature["sig"]), submitter.public_key)
    )
    return Record(hashlib.sha256(payload).hexdigest(), leaf, signature["keyid"], body, holds)


def _is_signed(payload: bytes, kind: str, signature: bytes, public_key: bytes) -> bool:
    """Over the payload as DSSE encodes it: version, type and payload, each with its length."""
    text = b" ".join((b"DSSEv1", str(len(kind)).encode(), kind.encode(), str(len(payload)).encode(), payload))
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, text)
    except InvalidSignature:
        return False
    return True


# ── the count ────────────────────────────────────────────────────────────────────────────────────────────────────────


def counting_form(records: Sequence[Record]) -> tuple[str, dict[str, Any] | None]:
    """(tier, event body) of the form that counts for a station in a contest, from all its records in the ledger's order."""
    submitted = _submitted(records)
    known = {each.body["version"] for each in submitted.forms.values()}
    versions: dict[int, list[Record]] = {}
    for each in submitted.forms.values():
        if not any(
            each.body["version"] <= through or each.event == one for through, one in submitted.annulments.values()
        ):
            same = versions.setdefault(each.body["version"], [])
            if all(each.body["form"] != other.body["form"] for other in same):
                same.append(each)
    waits: dict[str, Any] | None = None
    for version in sorted(versions, reverse=True):
        differ = len(versions[version]) > 1
        open_forms, accepted, fit = [], [], []
        for each in versions[version]:
            is_fit = sum(each.body["form"]["votes"].values()) == each.body["form"]["VA"] and version <= _reach(known)
            decision = submitted.reviews.get(each.event) if differ or not is_fit else None
            if decision != "rejected":
                open_forms.append(each.body)
            if decision == "accepted":
                accepted.append(each.body)
            elif decision is None and is_fit:
                fit.append(each.body)
        if accepted or fit:
            winner = (accepted or fit)[0]
            doubted = (
                accepted or len(open_forms) > 1 or waits is not None or not _follows(winner, submitted.forms, known)
            )
            return ("flagged" if doubted else "clean"), winner
        if open_forms and waits is None:
            waits = open_forms[0]
    if waits is not None:
        return "held", waits
    return ("annulled" if submitted.annulments else "waiting"), None


class _Submitted(NamedTuple):
    forms: dict[str, Record]
    """By event, in the ledger's order."""
    reviews: dict[str, str]
    """Event of a form → the decision about it."""
    annulments: dict[str, tuple[int, str | None]]
    """Event → (through which version, or which one form), of those that are not withdrawn."""


def _submitted(records: Sequence[Record]) -> _Submitted:
    """The records that count: each key's first events, each once; reviews, annulments and withdrawals of what is there."""
    forms: dict[str, Record] = {}
    reviews: dict[str, str] = {}
    annulments: dict[str, tuple[int, str | None]] = {}
    applied: set[str] = set()
    of_key: dict[str, set[str]] = defaultdict(set)
    for each in records:
        if len(of_key[each.key]) < EVENTS_PER_KEY_MAX:
            of_key[each.key].add(each.event)
        body = each.body
        if each.event not in of_key[each.key] or each.event in applied or each.event in forms:
            continue
        if body["type"] == "result.reported":
            forms[each.event] = each
        elif body["type"] == "result.reviewed" and body["event"] in forms:
            reviews[body["event"]] = body["decision"]
            applied.add(each.event)
        elif body["type"] == "result.annulled":
            through, one = body.get("through_version") or 0, body.get("event")
            if one in forms or 0 < through <= _reach({form.body["version"] for form in forms.values()}):
                annulments[each.event] = through, one
                applied.add(each.event)
        elif body["type"] == "annulment.withdrawn" and annulments.pop(body["annulment"], None) is not None:
            # Supervisors alone annul here, so the withdrawal has the role of the annulment.
            applied.add(each.event)
    return _Submitted(forms, reviews, annulments)


def _reach(versions: set[int]) -> int:
    """The highest version that is reached from 0 in steps that need no review."""
    reached = 0
    for version in sorted(versions):
        if version <= reached + VERSION_STEP_MAX:
            reached = version
    return reached


def _follows(body: dict[str, Any], forms: Mapping[str, Record], known: set[int]) -> bool:
    """Whether a form has the version before it, and names a lower one that it corrects."""
    version: int = body["version"]
    corrects: str | None = body.get("supersedes")
    if version == 1 or corrects is None:
        return version == 1 and corrects is None
    return version - 1 in known and corrects in forms and bool(forms[corrects].body["version"] < version)


class Recount:
    """One office, counted up to a cut that only goes forward."""

    def __init__(self, facts: Facts, ledger: Ledger, office: str) -> None:
        self._facts = facts
        self._ledger = ledger
        self._office = office
        self._next: Counter[int] = Counter()
        self._records: dict[tuple[str, str], list[Record]] = {}
        self._counting: dict[tuple[str, str], tuple[str, dict[str, Any] | None]] = {}
        self._sums: dict[ContestArea, dict[str, Counter[str]]] = {}
        self._expected: Counter[ContestArea] = Counter()
        self._voters: Counter[ContestArea] = Counter()
        for contest, stations in facts.stations_of.items():
            if facts.office_of[contest] == office:
                for station in stations:
                    for area in facts.lineage[station]:
                        self._expected[contest, area] += 1
                        self._voters[contest, area] += facts.registered[station]

    @property
    def contest_areas(self) -> list[ContestArea]:
        """Contests and areas in which this office has a tally."""
        return list(self._expected)

    def advance(self, cut: Cut) -> str | None:
        """Count up to here. Gives a sentence where the cut names what is not in the ledger, or steps back."""
        for partition, offset in ((int(name), offset) for name, offset in cut.items()):
            if offset >= len(self._ledger[partition]):
                return f"{offset} in partition {partition}, whose records end at {len(self._ledger[partition]) - 1}"
            if offset + 1 < self._next[partition]:
                return f"a step back in partition {partition}, from {self._next[partition] - 1} to {offset}"
            for record in self._ledger[partition][self._next[partition] : offset + 1]:
                self._apply(record)
            self._next[partition] = offset + 1
        missing = [partition for partition, there in self._next.items() if there and str(partition) not in cut]
        return f"a step back: partition {missing[0]} is not named any more" if missing else None

    def _apply(self, record: Record) -> None:
        body = record.body
        if not record.holds or self._facts.office_of[body["contest"]] != self._office:
            return
        slot = (body["station"], body["contest"])
        about = self._records.setdefault(slot, [])
        about.append(record)
        if (before := self._counting.get(slot)) is not None:
            self._add(slot, *before, -1)
        after = self._counting[slot] = counting_form(about)
        self._add(slot, *after, 1)

    def _add(self, slot: tuple[str, str], tier: str, body: dict[str, Any] | None, sign: int) -> None:
        station, contest = slot
        numbers = {"stations": 1}
        if body is not None:
            form = body["form"]
            numbers |= {
                "registered_voters": self._facts.registered[station],
                "valid": form["VA"],
                "valid_ballots": form["VA"],
                "invalid": form["VB"],
                "total": form["VC"],
                **{f"votes.{choice}": count for choice, count in form["votes"].items()},
            }
        for area in self._facts.lineage[station]:
            tiers = self._sums.setdefault((contest, area), defaultdict(Counter))
            for name, value in numbers.items():
                tiers[tier][name] += sign * value

    def tally(self, contest: str, area: str) -> dict[str, Any]:
        """As it has to be published, of COMPARED."""
        tiers = self._sums.get((contest, area), {})
        choices = self._facts.choices[contest]
        return _published(tiers, self._expected[contest, area], self._voters[contest, area], choices)

    def office_tally(self, area: str) -> dict[str, Any]:
        """All contests of the office in an area together, votes by party."""
        contests = [contest for contest, there in self._expected if there == area]
        tiers: dict[str, Counter[str]] = defaultdict(Counter)
        lines: set[str] = set()
        for contest in contests:
            party_of = self._facts.party_of.get(contest, {})
            lines |= {party_of.get(choice, NO_PARTY) for choice in self._facts.choices[contest]}
            for tier, sums in self._sums.get((contest, area), {}).items():
                for name, value in sums.items():
                    kind, _, choice = name.partition(".")
                    tiers[tier][f"votes.{party_of.get(choice, NO_PARTY)}" if kind == "votes" else name] += value
        return _published(
            tiers,
            sum(self._expected[contest, area] for contest in contests),
            sum(self._voters[contest, area] for contest in contests),
            sorted(lines),
        )

    def stations(self, contest: str) -> dict[str, tuple[str, int | None]]:
        """Station → (state, version) of the form that counts, for the stations that a form was reported of. A review or an
        annulment of what is not in the ledger is refused, and changes nothing of a station."""
        return {
            station: ("counted" if tier == "clean" else tier, None if body is None else body["version"])
            for (station, where), (tier, body) in self._counting.items()
            if where == contest and _submitted(self._records[station, where]).forms
        }


def _published(tiers: Mapping[str, Counter[str]], expected: int, voters: int, names: Sequence[str]) -> dict[str, Any]:
    nothing: Counter[str] = Counter()

    def numbers(*of: str) -> dict[str, Any]:
        def added(name: str) -> int:
            return sum(tiers.get(tier, nothing)[name] for tier in of)

        stations = added("stations")
        return {
            **{name: added(name) for name in NUMBERS},
            "voters": None if stations else 0,
            "blank": None,
            "not_stated": {"voters": stations} if stations else {},
            "votes": {name: added(f"votes.{name}") for name in names},
        }

    stations_of = {tier: tiers.get(tier, nothing)["stations"] for tier in TIERS}
    annulled = tiers.get("annulled", nothing)["stations"]
    reported = sum(stations_of.values())
    return {
        "stations": {
            "expected": expected,
            "reported": reported,
            "counted": stations_of["clean"] + stations_of["flagged"],
            **stations_of,
            "annulled": annulled,
            "waiting": expected - reported - annulled,
        },
        "registered_voters_expected": voters,
        "counted": numbers("clean", "flagged"),
        "tiers": {tier: {"stations": stations_of[tier], **numbers(tier)} for tier in TIERS},
    }


def differs(what: str, published: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each part of a published tally that is not as recounted."""
    for part in COMPARED:
        if published[part] != expected[part]:
            yield f"{what}: {part} is published as {published[part]}, recounted as {expected[part]}"


# ── receipts and logs ────────────────────────────────────────────────────────────────────────────────────────────────


def check_answers(ledger: Ledger, answers: Mapping[str, Sequence[tuple[int, dict[str, Any]]]]) -> Iterator[str]:
    """Each receipt names a record that is the event, byte for byte by its leaf hash; what was refused is not there.

    `answers` has for each event id each final answer to it: its status, and the receipt or the problem."""
    there = {record.event for records in ledger.values() for record in records if record.holds}
    for event, given in answers.items():
        for status, answer in given:
            if status in (200, 201):
                records = ledger[answer["partition"]]
                offset = answer["offset"]
                record = records[offset] if offset < len(records) else None
                if record is None or (record.event, record.leaf, record.holds) != (event, answer["leaf_hash"], True):
                    yield f"{event}: the receipt names {answer['partition']}/{offset}, where the ledger has {record}"
            elif event in there:
                yield f"{event}: refused with {status}, and yet in the ledger"


def records_about(ledger: Ledger, station: str) -> list[tuple[int, int, str]]:
    """(partition, offset, event id) of all records about a station: also repeats, and what may not count."""
    return sorted(
        (partition, offset, record.event)
        for partition, records in ledger.items()
        for offset, record in enumerate(records)
        if record.body.get("station") == station
    )


def last_new_offsets(ledger: Ledger, facts: Facts, office: str) -> dict[str, int]:
    """For each partition the offset of the last record that is new for the office."""
    last: dict[str, int] = {}
    for partition, records in ledger.items():
        seen: set[str] = set()
        for offset, record in enumerate(records):
            if record.holds and facts.office_of[record.body["contest"]] == office and record.event not in seen:
                seen.add(record.event)
                last[str(partition)] = offset
    return last


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """The Merkle tree hash of leaf hashes (RFC 6962 2.1)."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + tree_root(leaves[:half]) + tree_root(leaves[half:])).digest()


# ── what a client of the live feed saw ───────────────────────────────────────────────────────────────────────────────


@dataclass
class Subscription:
    """Messages of one subscription, in order: (seconds since the start, message); `lost` is a lost connection."""

    office: str
    wish: dict[str, Any]
    messages: list[tuple[float, dict[str, Any]]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return " ".join(("live", self.office, *map(str, self.wish.values())))


def check_subscription(facts: Facts, ledger: Ledger, subscription: Subscription) -> Iterator[str]:
    """After each message everything the client knows is the count of the message's cut, and after the last that of the
    whole ledger; no cursor and no cut steps back; where the feed announces a gap, a connection had been
    lost before."""
    upper, below = Recount(facts, ledger, subscription.office), Recount(facts, ledger, subscription.office)
    board: dict[ContestArea, dict[str, Any]] = {}
    parties: dict[str, dict[str, Any]] = {}
    positions: list[int] = []
    was_lost = False
    for number, (_, message) in enumerate(subscription.messages):
        what = f"{subscription.name}, message {number} ({message['type']})"
        if (cursor := message.get("cursor")) is not None:
            now = positions_of(cursor)
            if any(new < old for new, old in zip(now, positions, strict=bool(positions))):
                yield f"{what}: the cursor steps back from {positions} to {now}"
            positions = now
        if message["type"] == "lost":
            was_lost = True
        elif message["type"] == "gap":
            if not was_lost:
                yield f"{what}: {message['reason']}, though no connection was lost"
        elif message["type"] in ("snapshot", "change"):
            was_lost = False
            if message["type"] == "snapshot":
                board, parties = {}, {}
                if not message["below_complete"]:
                    yield f"{what}: areas below the shard level are not complete"
            for recount, cut in ((upper, "as_of"), (below, "shard_as_of")):
                if (wrong := recount.advance(message[cut])) is not None:
                    yield f"{what}: {cut} has {wrong}"
                    return
            board |= {(tally["contest"], tally["area"]): tally for tally in message["areas"]}
            parties |= {tally["area"]: tally for tally in message["offices"]}
            for (contest, area), tally in board.items():
                recount = upper if area in facts.above else below
                yield from differs(f"{what}, {contest} in {area}", tally, recount.tally(contest, area))
            for area, tally in parties.items():
                yield from differs(f"{what}, {subscription.office} in {area}", tally, upper.office_tally(area))
    whole = {str(partition): len(records) - 1 for partition, records in ledger.items()}
    for recount in (upper, below):
        recount.advance(whole)
    for (contest, area), tally in board.items():
        recount = upper if area in facts.above else below
        yield from differs(f"{subscription.name}, in the end, {contest} in {area}", tally, recount.tally(contest, area))


@dataclass
class Polled:
    """Answers to a reader of GET during the faults."""

    areas: list[tuple[dict[str, Any], bool]] = field(default_factory=list)
    """The root area, and whether its `Age` shows that it is an old one."""
    checkpoints: dict[int, list[tuple[int, bytes]]] = field(default_factory=lambda: defaultdict(list))
    """For each partition the (size, root) of its log's newest checkpoint."""


def check_polled(facts: Facts, ledger: Ledger, polled: Polled) -> Iterator[str]:
    """Each answer is the count of its `as_of`, which steps back only where its `Age` shows that it is old; and each
    checkpoint is the root of as many records as it states, and never fewer than before."""
    recounts: dict[str, Recount] = {}
    for number, (answer, is_old) in enumerate(polled.areas):
        for shown in answer["offices"]:
            office, area = shown["office"], answer["area"]["code"]
            what = f"answer {number}, {office} in {area}"
            recount = (
                Recount(facts, ledger, office) if is_old else recounts.get(office) or Recount(facts, ledger, office)
            )
            if (wrong := recount.advance(shown["as_of"])) is not None:
                yield f"{what}: as_of has {wrong}"
                continue
            for tally in shown["contests"]:
                yield from differs(f"{what}, {tally['contest']}", tally, recount.tally(tally["contest"], area))
            yield from differs(what, shown["tally"], recount.office_tally(area))
            if not is_old:
                recounts[office] = recount
    for partition, heads in polled.checkpoints.items():
        leaves = [bytes.fromhex(record.leaf) for record in ledger[partition]]
        for (before, _), (size, _) in pairwise(heads):
            if size < before:
                yield f"the log of partition {partition} steps back from {before} to {size} entries"
        for size, root in sorted(set(heads)):
            if size > len(leaves) or tree_root(leaves[:size]) != root:
                yield f"the log of partition {partition} has another root at {size} entries than its ledger"


def positions_of(cursor: str) -> list[int]:
    """The positions in `results` and each partition of `subtotals` that a cursor names."""
    *_, results, subtotals = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    return [results, *subtotals]
