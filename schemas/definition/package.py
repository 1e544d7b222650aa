"""An election package: the tables that describe one election (DESIGN 4).

One model per table; a row of a CSV file is one instance. A model checks the shape of one row. Rows are compared with each
other, within a table and across tables (a parent that does not exist, a choice given twice), by
`projections/checks/package_checks.py`, and `runtime/package/reading.py` adds the file and line to each problem.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from schemas.canonical import canonical_bytes, sha256_hex
from schemas.codes import ELECTION_PATTERN, KEY_ID_PATTERN, Code, Count
from schemas.definition.finance_settings import FinanceSettings
from schemas.definition.rows import Day, LocalText, Number, Row, Text, row_hashes
from schemas.licences import DEFAULT_LICENCE

PARTITIONS_MAX = 256
"""Limit for the ledger partitions of one election, whose number its genesis event fixes. Every `as_of` names each of them, so
more would make every message longer; 256 tabulators at the measured rate fold all forms of a nation in a second."""
CHOICES_MAX = 2_000
"""Limit for the choices of a contest, each a row of votes on its form. The largest Indonesian form has 18 parties with 12
candidates each, 234 rows."""


class Mode(StrEnum):
    REHEARSAL = "rehearsal"
    LIVE = "live"


class Role(StrEnum):
    """Role of a key's holder. `projections/fold/authority.py` decides which events each role may submit."""

    AUTHORITY = "authority"
    """The electoral authority (KPU): opens the election, amends the definition."""
    STATION_OFFICER = "station_officer"
    """Reports the results of stations in its scope (KPPS, or PPS/PPK on their behalf)."""
    WITNESS = "witness"
    """A party's witness (saksi): reports its copy of a form, files objections."""
    OBSERVER = "observer"
    REVIEWER = "reviewer"
    """Accepts or rejects held results in its scope."""
    SUPERVISOR = "supervisor"
    """The election supervisor (Bawaslu): orders re-votes and recounts."""
    COURT = "court"
    """The court that decides disputes over results (MK)."""
    RECAPITULATOR = "recapitulator"
    """Declares and certifies the official recapitulation of its area (PPK, KPU Kabupaten/Kota, KPU Provinsi, KPU)."""
    FINANCE = "finance"
    """Reports the campaign finance of parties and candidates in its scope (KPU, from their LADK, LPSDK and LPPDK)."""
    GATEWAY = "gateway"
    """Signs receipts and refusals, and submits no events. Where a package registers gateways, an outbox accepts receipts of no
    other key."""


class Severity(StrEnum):
    """Effect of a broken rule on a form: `hard` holds it, `soft` counts and flags it, `info` is only shown."""

    HARD = "hard"
    SOFT = "soft"
    INFO = "info"


class Level(Row):
    """A level of the tree of areas. The first is the root's (the nation), the last the stations'."""

    id: Code
    """Named by the areas of this level, and by `shard_level`."""
    name: LocalText
    """Name of the level."""


class RuleSetting(Row):
    """A rule of the count that this election uses (DOMAIN 1.2, 1.3; `projections/form/rules.py` lists all rules)."""

    id: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{0,7}$")]
    """Id of a rule of docs/reference/rules.md."""
    severity: Severity
    """`hard` holds a form that breaks the rule, `soft` counts and flags it, `info` counts it with a note."""
    tolerance: Count = 0
    """Largest difference, in votes or people, that does not break the rule. For D1 to D3 it is an amount, for D4 days."""
    offices: tuple[Code, ...] = ()
    """Offices the rule applies to; empty means all."""
    parameters: dict[str, Number | str | list[str]] = Field(default_factory=dict)
    """Other settings of the rule; docs/forms.md lists them."""


class Election(Row):
    """`election.json`."""

    id: Annotated[str, Field(pattern=ELECTION_PATTERN)]
    """Id of the election, a part of every event and every topic name. No two elections of one Kafka have the same."""
    title: LocalText
    """Title of the election."""
    date: Day
    """Day of the vote."""
    time_zone: Text
    """Time zone of the authority, as the IANA database names it."""
    mode: Mode
    """`rehearsal` or `live`, a part of every event, topic name and answer, so that no rehearsal is taken for an election."""
    levels: Annotated[tuple[Level, ...], Field(min_length=3, max_length=8)]
    """Levels of the tree, from the root's down to the stations'."""
    shard_level: Code
    """The level whose areas decide a record's ledger partition. In Indonesia it is the district (kecamatan)."""
    partitions: Annotated[int, Field(ge=1, le=PARTITIONS_MAX, strict=True)]
    """Partitions of the ledger. Opening the election fixes their number."""
    rules: tuple[RuleSetting, ...] = ()
    """The rules that hold in this election."""
    licence: Text = DEFAULT_LICENCE
    """Licence of the package and of the results; an SPDX identifier where there is one."""
    source: Text | None = None
    """Who made the package, and from what."""
    finance: FinanceSettings | None = None
    """Campaign finance; left out where none is reported. Then the field is not part of the definition hash, so that packages
    from before it have the hash that they had."""


class Area(Row):
    """`areas.csv`: an area above the stations. The root has no parent."""

    code: Code
    """Code of the area. No station has the same."""
    name: Text
    """Name of the area."""
    level: Code
    """Id of a level, but not of the last, which is the stations'."""
    parent: Code | None = None
    """Code of the area above, which is of the level above. Empty for the root alone."""


class Station(Row):
    """`stations.csv`: a polling station (TPS) with the voters registered there (DPT)."""

    code: Code
    """Code of the station."""
    name: Text
    """Name of the station."""
    area: Code
    """Code of the area of the last level above the stations."""
    registered_men: Count | None = None
    """Men in the register of the station."""
    registered_women: Count | None = None
    """Women in the register of the station."""
    registered_voters: Count | None = None
    """All voters in the register of the station. Empty where the number is not known, for example with voters abroad,
    registration on the day, or a register that several stations share."""


class BlankBallots(StrEnum):
    """How the law counts a ballot without a mark. Where such a ballot is a vote (a "none of these" that can win), it is a
    choice of choices.csv instead."""

    WITH_INVALID = "with-invalid"
    """Counted as an invalid ballot: Indonesia."""
    APART = "apart"
    """Counted apart (`VK` of the form), neither valid nor invalid: Spain, Italy, most of Latin America."""


class Office(Row):
    """`offices.csv`: an office or body that is elected, for example the president or the DPR."""

    id: Code
    """Id of the office."""
    name: LocalText
    """Name of the office."""
    blank_ballots: BlankBallots = BlankBallots.WITH_INVALID
    """Whether the law counts a ballot without a mark with the invalid ones or apart."""


class Method(StrEnum):
    """How seats or the office are awarded (DOMAIN 1.5, 1.6). Rekap shows the method, and does not compute an outcome yet."""

    PLURALITY = "plurality"
    ABSOLUTE_MAJORITY_WITH_SPREAD = "absolute-majority-with-spread"
    SAINTE_LAGUE = "sainte-lague"
    MOST_VOTES = "most-votes"


class Contest(Row):
    """`contests.csv`: one race of an office, among the voters of one area or electoral district."""

    id: Code
    """Id of the contest."""
    office: Code
    """Id of the office. A station has at most one contest of an office."""
    electorate: Code
    """An area code of `areas.csv` or a district id of `districts.csv`."""
    seats: Annotated[int, Field(ge=1, le=10_000, strict=True)] = 1
    """Seats that the contest fills."""
    votes_per_ballot: Annotated[int, Field(ge=1, le=CHOICES_MAX, strict=True)] = 1
    """Largest number of marks on a ballot. Where it is more than 1, valid votes and valid ballots are different numbers."""
    method: Method = Method.PLURALITY
    """How the law awards the seats. It decides how many leaders are shown; seats are not awarded."""
    name: LocalText | None = None
    """Name of the contest."""


class DistrictPart(Row):
    """`districts.csv`: one area that belongs to an electoral district (daerah pemilihan)."""

    district: Code
    """Id of the district, in a row for each of its parts. No area has the same."""
    name: Text
    """Name of the district, the same in each of its rows."""
    area: Code
    """Code of an area or of a station that belongs to the district."""


class Party(Row):
    """`parties.csv`."""

    id: Code
    """Id of the party."""
    name: Text
    """Name of the party."""
    short_name: Text | None = None
    """What tables and charts call the party."""
    number: Count | None = None
    """Number of the party on the ballot (nomor urut)."""


class ChoiceKind(StrEnum):
    CANDIDATE = "candidate"
    PARTY = "party"
    """Votes for the party itself: A.1 of the legislative form (DOMAIN 1.3)."""
    OPTION = "option"


class Choice(Row):
    """`choices.csv`: something or someone that voters can mark on a ballot of a contest."""

    contest: Code
    """Id of the contest."""
    id: Code
    """Id of the choice within its contest, by which forms state its votes."""
    name: Text
    """Name as it is on the ballot."""
    kind: ChoiceKind = ChoiceKind.CANDIDATE
    """`candidate` is a person or a pair, `party` the party that the column `party` names, `option` an answer to a question."""
    party: Code | None = None
    """Id of the party. Empty where the choice has none."""
    order: Count = 0
    """Position on the ballot (nomor urut)."""


class Key(Row):
    """`keys.csv`: a public key that may sign events. Its scope is an area or station code, and it may sign for all stations
    in it."""

    key_id: Annotated[str, Field(pattern=KEY_ID_PATTERN)]
    """The first 16 hexadecimal digits of the SHA-256 of the public key."""
    public_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{43}=$")]
    """Ed25519 public key in base64."""
    role: Role
    """Role of the holder, which decides what the key may sign."""
    scope: Code
    """Code of the area or station that the key may sign for, with all that lies in it."""
    holder: Text | None = None
    """An office or a body, never a person (DESIGN 3: no personal data)."""


@dataclass(frozen=True, slots=True)
class ElectionPackage:
    """All tables of one election, in the order of their files."""

    election: Election
    areas: tuple[Area, ...]
    stations: tuple[Station, ...]
    offices: tuple[Office, ...]
    contests: tuple[Contest, ...]
    districts: tuple[DistrictPart, ...]
    parties: tuple[Party, ...]
    choices: tuple[Choice, ...]
    keys: tuple[Key, ...]

    def definition_hash(self) -> str:
        """SHA-256 over the canonical form of all tables. Rows are sorted, because their order in a file has no meaning.

        Each row is hashed by itself first, so that 823,000 stations need no second copy of the package in memory.
        """
        return sha256_hex(
            canonical_bytes(
                {
                    "election": self.election.model_dump(
                        mode="json", exclude={"finance"} if self.election.finance is None else None
                    ),
                    **{name: row_hashes(rows) for name, rows in self.tables().items()},
                }
            )
        )

    def tables(self) -> dict[str, tuple[Any, ...]]:
        """Table name → rows, for all tables that are CSV files."""
        return {
            "areas": self.areas,
            "stations": self.stations,
            "offices": self.offices,
            "contests": self.contests,
            "districts": self.districts,
            "parties": self.parties,
            "choices": self.choices,
            "keys": self.keys,
        }


TABLES: dict[str, type[Row]] = {
    "areas": Area,
    "stations": Station,
    "offices": Office,
    "contests": Contest,
    "districts": DistrictPart,
    "parties": Party,
    "choices": Choice,
    "keys": Key,
}
