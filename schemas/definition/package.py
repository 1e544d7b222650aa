"""An election package: the tables that describe one election (DESIGN 4).

One model per table; a row of a CSV file is one instance. A model checks the shape of one row. Rows are compared with each
other, within a table and across tables (a parent that does not exist, a choice given twice), by
`projections/checks/package_checks.py`, and `runtime/package/reading.py` adds the file and line to each problem.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel
from pydantic_core import PydanticCustomError

from schemas.canonical import canonical_bytes, sha256_hex
from schemas.codes import AMOUNT_MAX, ELECTION_PATTERN, KEY_ID_PATTERN, Amount, Code, Count
from schemas.licences import DEFAULT_LICENCE
from schemas.texts import PLAIN_TEXT_PATTERN, REAL_DAY

PARTITIONS_MAX = 256
"""Limit for the ledger partitions of one election, whose number its genesis event fixes. Every `as_of` names each of them, so
more would make every message longer; 256 tabulators at the measured rate fold all forms of a nation in a second."""
CHOICES_MAX = 2_000
"""Limit for the choices of a contest, each a row of votes on its form. The largest Indonesian form has 18 parties with 12
candidates each, 234 rows."""

TEXT_PATTERN = PLAIN_TEXT_PATTERN
Text = Annotated[str, Field(min_length=1, max_length=300, pattern=TEXT_PATTERN)]
"""A text in any script, in one line, without control and direction characters (schemas/texts.py)."""


def _refuse_other_spellings(value: object) -> object:
    """Refuse days that are not written as `2029-02-14`. pydantic would also accept a number of seconds or a time at midnight,
    and other readers of the package would not hash these as the same day."""
    if isinstance(value, str) and not _DAY.fullmatch(value):
        raise PydanticCustomError("date_from_datetime_inexact", "expected a date such as 2029-02-14")
    if not isinstance(value, (str, date)):
        raise PydanticCustomError("date_type", "expected a date such as 2029-02-14")
    return value


_DAY = re.compile(REAL_DAY)
Day = Annotated[date, BeforeValidator(_refuse_other_spellings)]
Number = Annotated[int, Field(strict=True)]
"""A whole number written as one. Not a text, `true` or 3.0, which other readers may not read as a whole number."""


class Row(BaseModel):
    """A row of a package table. Unknown columns are an error, and rows are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


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


LANGUAGE_PATTERN = (
    r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(-x(-[a-z0-9]{1,8})+)?$"
)
"""A language tag of BCP 47 (RFC 5646) in its usual letter case (2.1.1), so that one language has one spelling. Examples: `id`,
`pt-BR`, `zh-Hant`, `es-419`, `ca-valencia`."""
Language = Annotated[str, Field(pattern=LANGUAGE_PATTERN, max_length=35)]
LANGUAGES_MAX = 40
"""Limit for the languages of one text. India's constitution lists 22. Each answer about a contest has its title in all of
them."""


class LocalText(RootModel[Annotated[dict[Language, Text], Field(min_length=1, max_length=LANGUAGES_MAX)]]):
    """A title or name by language, in at least one language. In a CSV file each language has its own column: `name_id`,
    `name_en`, `name_pt-BR`."""

    model_config = ConfigDict(frozen=True)

    if TYPE_CHECKING:  # pydantic accepts both, and its own types show only the first

        def __init__(self, root: Mapping[str, str] = {}, /, **texts: str) -> None: ...

    def preferred(self, language: str) -> str:
        """The text in this language, or else in the first language that is given."""
        return self.root.get(language) or next(iter(self.root.values()))


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


FINANCE_KINDS_MAX = 50
"""Kinds of donors, and of spending, of one election. So the lines of one report add up to less than 2^53, which every reader of
JSON keeps exactly."""
assert FINANCE_KINDS_MAX * AMOUNT_MAX < 2**53
REPORT_KINDS_MAX = 20
CURRENCY_PATTERN = r"^[A-Z]{3}$"


class ReportKind(Row):
    """A campaign finance report that the law asks for: in Indonesia the initial one (LADK), that of donations (LPSDK), and the
    final one of income and spending (LPPDK)."""

    id: Code
    """Id of the kind of report, such as LADK."""
    name: LocalText
    """Name of the kind of report."""
    due: Day | None = None
    """The last day on which it may be handed in; none where the law names no day."""
    audited: bool = False
    """Whether an accountant states an opinion of it."""


class DonorKind(Row):
    """A kind of donor, such as a person, a company or the party itself."""

    id: Code
    """Id of the kind of donor."""
    name: LocalText
    """Name of the kind of donor."""
    limit: Amount | None = None
    """The most that one donor of this kind may give to one account; 0 where such donors may give nothing."""
    limits: dict[Code, Amount] = Field(default_factory=dict)
    """Limits of the candidates of some offices, by office, instead of `limit`."""


class SpendingKind(Row):
    id: Code
    """Id of the kind of spending."""
    name: LocalText
    """Name of the kind of spending."""


class FinanceSettings(Row):
    """Campaign finance (dana kampanye). Kinds are data, because each law has its own. Amounts are whole numbers of the
    currency's minor unit."""

    currency: Annotated[str, Field(pattern=CURRENCY_PATTERN)]
    """ISO 4217, such as IDR."""
    decimals: Annotated[int, Field(ge=0, le=4, strict=True)] = 0
    """Digits of the minor unit: with 2, the amount 150 is 1.50 of the currency."""
    reports: Annotated[tuple[ReportKind, ...], Field(min_length=1, max_length=REPORT_KINDS_MAX)]
    """Kinds of report that the law asks for, in the order in which they are due."""
    donors: Annotated[tuple[DonorKind, ...], Field(min_length=1, max_length=FINANCE_KINDS_MAX)]
    """Kinds of donor, with their limits."""
    spending: Annotated[tuple[SpendingKind, ...], Field(min_length=1, max_length=FINANCE_KINDS_MAX)]
    """Kinds of spending."""


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
    """As an invalid ballot: Indonesia."""
    APART = "apart"
    """Apart (`VK` of the form), neither valid nor invalid: Spain, Italy, most of Latin America."""


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


def row_hashes(rows: Iterable[Row]) -> list[str]:
    """SHA-256 of the canonical form of each row, sorted, because the order of rows has no meaning."""
    return sorted(sha256_hex(canonical_bytes(row.model_dump(mode="json"))) for row in rows)


def text_fields(table: type[Row]) -> frozenset[str]:
    """Fields of a table that are texts in several languages, with a column for each language."""
    return frozenset(
        name
        for name, field in table.model_fields.items()
        if LocalText in (field.annotation, *get_args(field.annotation))
    )


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
