"""projections/checks/package_checks.py: every mistake that no single row can show, found in its row and column."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from projections.checks.package_checks import problems
from projections.checks.rule_checks import PARAMETERS
from projections.form.across_contests import CROSS_RULES
from projections.form.rules import RULE_IDS, RULES
from proofs.signatures import key_id
from rekap.elections.example import EXAMPLE_KEYS, example_package
from schemas.definition.package import (
    CHOICES_MAX,
    Area,
    Choice,
    ChoiceKind,
    Contest,
    DistrictPart,
    ElectionPackage,
    Key,
    Level,
    Office,
    Party,
    Role,
    RuleSetting,
    Severity,
    Station,
)
from schemas.definition.problems import PROBLEMS_MAX, Problem
from schemas.definition.rows import LocalText

LOW_ORDER = bytes.fromhex("0100000000000000000000000000000000000000000000000000000000000000")


def public_key(number: int) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32).public_key().public_bytes_raw()


def key_row(public: bytes, role: Role = Role.WITNESS, scope: str = "N") -> Key:
    return Key(key_id=key_id(public), public_key=b64encode(public).decode(), role=role, scope=scope)


@pytest.fixture
def package() -> ElectionPackage:
    """The example: N, provinces N.1 and N.2 with three districts each, two stations in each district."""
    return example_package(
        "example", [key_row(public_key(n), each.role, each.scope) for n, each in enumerate(EXAMPLE_KEYS, start=1)]
    )


def changed(package: ElectionPackage, table: str, row: int, **values: Any) -> ElectionPackage:
    rows = list(getattr(package, table))
    rows[row] = rows[row].model_copy(update=values)
    given: dict[str, Any] = {table: tuple(rows)}
    return replace(package, **given)


def added(package: ElectionPackage, table: str, *rows: Any) -> ElectionPackage:
    given: dict[str, Any] = {table: (*getattr(package, table), *rows)}
    return replace(package, **given)


def with_election(package: ElectionPackage, **values: Any) -> ElectionPackage:
    return replace(package, election=package.election.model_copy(update=values))


def with_rules(package: ElectionPackage, *rules: RuleSetting) -> ElectionPackage:
    return with_election(package, rules=rules)


def level(name: str) -> Level:
    return Level(id=name, name=LocalText(id=name, en=name))


def station(code: str, area: str, **values: int) -> Station:
    return Station(code=code, name="TPS", area=area, **({"registered_voters": 300} | values))


def test_the_example_has_no_problem(package: ElectionPackage) -> None:
    assert problems(package) == []


# ── election.json ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_level_given_twice_is_found(package: ElectionPackage) -> None:
    levels = (*package.election.levels[:2], level("province"), *package.election.levels[2:])
    found = problems(with_election(package, levels=levels))
    assert found[0] == Problem("election", None, "levels.2.id", "level 'province' is given twice")


@pytest.mark.parametrize(
    ("shard_level", "sentence"),
    [
        ("distrct", "'distrct' is not a level of this election; did you mean 'district'?"),
        (
            "station",
            "'station' is the level of the stations; the shard level is one of the areas: "
            "'nation', 'province', 'district'",
        ),
    ],
)
def test_the_shard_level_is_one_of_the_levels_of_areas(
    package: ElectionPackage, shard_level: str, sentence: str
) -> None:
    found = problems(with_election(package, shard_level=shard_level))
    assert found == [Problem("election", None, "shard_level", sentence)]


def test_an_unknown_rule_is_found(package: ElectionPackage) -> None:
    rules = (RuleSetting(id="F3", severity=Severity.HARD), RuleSetting(id="Q1", severity=Severity.HARD))
    found = problems(with_rules(package, *rules), known_rules={"F3", "F4"})
    assert found == [Problem("election", None, "rules.1.id", "there is no rule Q1; the rules are F3, F4")]


def test_every_rule_there_is_may_be_set(package: ElectionPackage) -> None:
    rules = (RuleSetting(id=rule, severity=Severity.SOFT) for rule in sorted(RULE_IDS))
    assert problems(with_rules(package, *rules)) == []


def test_a_rule_of_an_unknown_office_is_found(package: ElectionPackage) -> None:
    rule = RuleSetting(id="F3", severity=Severity.HARD, offices=("dpr", "presidnt"))
    assert problems(with_rules(package, rule)) == [
        Problem(
            "election",
            None,
            "rules.0.offices.1",
            "'presidnt' is not an office of offices.csv; did you mean 'president'?",
        )
    ]


def test_a_rule_set_twice_for_an_office_is_found_also_where_one_setting_means_all(package: ElectionPackage) -> None:
    rules = (
        RuleSetting(id="F3", severity=Severity.HARD, offices=("dpr",)),
        RuleSetting(id="F3", severity=Severity.SOFT),
    )
    found = problems(with_rules(package, *rules))
    assert found == [Problem("election", None, "rules.1.id", "rule F3 is set twice for 'dpr'")]


def test_a_rule_may_be_hard_for_one_office_and_soft_for_another(package: ElectionPackage) -> None:
    rules = (
        RuleSetting(id="F3", severity=Severity.HARD, offices=("dpr",)),
        RuleSetting(id="F3", severity=Severity.SOFT, offices=("president",)),
    )
    assert problems(with_rules(package, *rules)) == []


@pytest.mark.parametrize("rule", sorted(CROSS_RULES))
def test_a_rule_across_contests_cannot_be_hard(package: ElectionPackage, rule: str) -> None:
    found = problems(with_rules(package, RuleSetting(id=rule, severity=Severity.HARD)))
    sentence = f"rule {rule} compares contests and can only be `soft` or `info`"
    assert found == [Problem("election", None, "rules.0.severity", sentence)]


@pytest.mark.parametrize(
    ("rule", "name", "value", "sentence"),
    [
        ("F3", "max", 3, "rule F3 has no parameter 'max'; it has none"),
        ("G4", "maxx", 3, "rule G4 has no parameter 'maxx'; its parameters are 'max'"),
        ("G4", "max", "300", "max of rule G4 must be a whole number from 0 to 999,999,999, got '300'"),
        ("G4", "max", -1, "max of rule G4 must be a whole number from 0 to 999,999,999, got -1"),
        (
            "G8",
            "percent_without_b",
            10**15,
            f"percent_without_b of rule G8 must be a whole number from 0 to 999,999,999, got {10**15}",
        ),
        ("G3", "rounding", "half", "rounding of rule G3 must be `up`, `down` or `nearest`, got 'half'"),
        ("X2", "reference", "king", "reference of rule X2 must be an office id, got 'king'"),
        ("M1", "fields", ["VA", "VZ"], "fields of rule M1 must be a list of fields of the form, got ['VA', 'VZ']"),
        ("M1", "fields", ["VA", "VK", "VS"], "rule M1 asks for VK and VS, which no contest of its offices counts"),
        (
            "G7",
            "marks_per_choice",
            0,
            "marks_per_choice of rule G7 must be a whole number from 1 to 999,999,999, got 0",
        ),
        ("M1", "fields", "VA", "fields of rule M1 must be a list of fields of the form, got 'VA'"),
    ],
)
def test_a_parameter_that_its_rule_cannot_use_is_found(
    package: ElectionPackage, rule: str, name: str, value: Any, sentence: str
) -> None:
    setting = RuleSetting(id=rule, severity=Severity.SOFT, parameters={name: value})
    found = problems(with_rules(package, setting))
    assert found == [Problem("election", None, f"rules.0.parameters.{name}", sentence)]


def test_parameters_are_described_for_rules_that_exist() -> None:
    assert PARAMETERS.keys() <= RULES.keys() | CROSS_RULES.keys()


# ── areas.csv ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_area_given_twice_is_found(package: ElectionPackage) -> None:
    twice = added(package, "areas", Area(code="N.2.3", name="Again", level="district", parent="N.2"))
    assert problems(twice) == [Problem("areas", 9, "code", "area 'N.2.3' is given twice")]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("distrik", "'distrik' is not a level of this election; did you mean 'district'?"),
        ("xyz", "'xyz' is not a level of this election"),
        ("station", "'station' is the level of the stations, which belong in stations.csv"),
    ],
)
def test_an_area_is_of_a_level_above_the_stations(package: ElectionPackage, name: str, sentence: str) -> None:
    found = problems(added(package, "areas", Area(code="N.2.4", name="Kecamatan", level=name, parent="N.2")))
    assert found[0] == Problem("areas", 9, "level", sentence)


def test_an_unknown_parent_is_found_with_the_code_that_was_meant(package: ElectionPackage) -> None:
    found = problems(added(package, "areas", Area(code="N.2.4", name="Kecamatan", level="district", parent="N.x2")))
    sentence = "'N.x2' is not an area of areas.csv; did you mean 'N.2'?"
    assert found == [Problem("areas", 9, "parent", sentence)]


@pytest.mark.parametrize(
    ("area_level", "parent", "sentence"),
    [
        ("district", "N", "'N' is of level 'nation'; an area of level 'district' must lie in one of level 'province'"),
        (
            "district",
            "N.2.3",
            "'N.2.3' is of level 'district'; an area of level 'district' must lie in one of level 'province'",
        ),
        ("district", None, "an area of level 'district' must name the 'province' it lies in"),
        ("nation", "N", "an area of the first level, 'nation', is the root and has no parent"),
        ("nation", None, "'M' is a second root beside 'N'; only one area has no parent"),
    ],
)
def test_an_area_lies_in_one_of_the_level_directly_above(
    package: ElectionPackage, area_level: str, parent: str | None, sentence: str
) -> None:
    found = problems(added(package, "areas", Area(code="M", name="Area", level=area_level, parent=parent)))
    assert found == [Problem("areas", 9, "parent", sentence)]


def test_areas_that_lie_in_one_another_are_found_once_with_the_circle(package: ElectionPackage) -> None:
    circle = changed(package, "areas", 1, parent="N.1.2")
    found = problems(circle)
    assert found == [Problem("areas", 1, "parent", "the area lies in itself: N.1 in N.1.2 in N.1")]


def test_an_area_that_is_its_own_parent_is_found(package: ElectionPackage) -> None:
    found = problems(changed(package, "areas", 4, parent="N.1.3"))
    assert found == [Problem("areas", 4, "parent", "the area lies in itself: N.1.3 in N.1.3")]


def test_a_tree_without_root_is_found(package: ElectionPackage) -> None:
    found = problems(replace(package, areas=package.areas[1:]))
    assert Problem("areas", None, None, "there is no root: one area of level 'nation' that has no parent") in found


def test_an_area_without_stations_is_fine(package: ElectionPackage) -> None:
    assert problems(added(package, "areas", Area(code="N.2.4", name="Empty", level="district", parent="N.2"))) == []


# ── stations.csv ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_station_given_twice_is_found(package: ElectionPackage) -> None:
    found = problems(added(package, "stations", station("N.2.3.002", "N.2.3")))
    assert found == [Problem("stations", 12, "code", "station 'N.2.3.002' is given twice")]


def test_a_station_with_the_code_of_an_area_is_found(package: ElectionPackage) -> None:
    found = problems(added(package, "stations", station("N.2", "N.2.3")))
    assert found == [Problem("stations", 12, "code", "'N.2' is also the code of an area")]


def test_a_station_in_an_unknown_area_is_found(package: ElectionPackage) -> None:
    found = problems(added(package, "stations", station("S", "N.2.33")))
    sentence = "'N.2.33' is not an area of areas.csv; did you mean 'N.2.3'?"
    assert found == [Problem("stations", 12, "area", sentence)]


def test_a_station_above_the_lowest_level_is_found(package: ElectionPackage) -> None:
    found = problems(added(package, "stations", station("S", "N.2")))
    sentence = "'N.2' is of level 'province'; a station lies in an area of level 'district'"
    assert found == [Problem("stations", 12, "area", sentence)]


def test_men_and_women_add_up_to_the_voters_where_both_are_given(package: ElectionPackage) -> None:
    wrong = station("S", "N.2.3", registered_men=100, registered_women=101, registered_voters=200)
    found = problems(added(package, "stations", wrong))
    sentence = "is 200, but 100 men + 101 women = 201"
    assert found == [Problem("stations", 12, "registered_voters", sentence)]
    only_men = station("S", "N.2.3", registered_men=100, registered_voters=200)
    assert problems(added(package, "stations", only_men)) == []


def test_an_election_without_stations_is_found(package: ElectionPackage) -> None:
    assert Problem("stations", None, None, "there is no station") in problems(replace(package, stations=()))


# ── offices.csv, contests.csv ────────────────────────────────────────────────────────────────────────────────────────


def test_an_office_given_twice_is_found(package: ElectionPackage) -> None:
    found = problems(added(package, "offices", Office(id="dpr", name=LocalText(id="DPR", en="House"))))
    assert found == [Problem("offices", 2, "id", "office 'dpr' is given twice")]


def test_an_office_without_contest_is_found(package: ElectionPackage) -> None:
    found = problems(added(package, "offices", Office(id="dpd", name=LocalText(id="DPD", en="Senate"))))
    assert found == [Problem("offices", 2, "id", "office 'dpd' has no contest")]


def test_an_election_without_offices_and_contests_is_found(package: ElectionPackage) -> None:
    empty = replace(with_rules(package), offices=(), contests=(), districts=(), choices=())
    assert problems(empty) == [
        Problem("offices", None, None, "there is no office"),
        Problem("contests", None, None, "there is no contest"),
    ]


def test_a_contest_given_twice_is_found(package: ElectionPackage) -> None:
    found = problems(added(package, "contests", package.contests[3]))
    assert found[0] == Problem("contests", 4, "id", "contest 'dpr-3' is given twice")


def test_a_contest_of_an_unknown_office_is_found(package: ElectionPackage) -> None:
    found = problems(changed(package, "contests", 1, office="dprd"))
    sentence = "'dprd' is not an office of offices.csv; did you mean 'dpr'?"
    assert found == [Problem("contests", 1, "office", sentence)]


def test_a_contest_with_an_unknown_electorate_is_found(package: ElectionPackage) -> None:
    found = problems(changed(package, "contests", 1, electorate="dpr-11"))
    sentence = "'dpr-11' is not an area or an electoral district of areas.csv or districts.csv; did you mean 'dpr-1'?"
    assert found == [Problem("contests", 1, "electorate", sentence)]


def test_an_electorate_that_is_area_and_district_at_once_is_found(package: ElectionPackage) -> None:
    part = DistrictPart(district="N.1", name="Dapil", area="N.1.1")
    found = problems(changed(added(package, "districts", part), "contests", 1, electorate="N.1"))
    sentence = "'N.1' is both an area and an electoral district; rename the district"
    assert found == [Problem("contests", 1, "electorate", sentence)]


def test_a_contest_without_choices_is_found(package: ElectionPackage) -> None:
    found = problems(replace(package, choices=package.choices[2:]))
    assert found == [Problem("contests", 0, "id", "contest 'president' has no choice in choices.csv")]


def test_a_contest_without_a_station_is_found(package: ElectionPackage) -> None:
    empty = added(package, "areas", Area(code="N.2.4", name="Empty", level="district", parent="N.2"))
    moved = changed(changed(empty, "districts", 4, area="N.2.4"), "districts", 5, area="N.2.4")
    found = problems(replace(moved, districts=moved.districts[:5]))
    assert found == [Problem("contests", 3, "electorate", "no station lies in 'dpr-3'")]


@pytest.mark.parametrize(
    ("part", "shared"),
    [("N.1.1", "N.1.1"), ("N.1", "N.1.1"), ("N.1.1.002", "N.1.1.002"), ("N", "N.1.1")],
)
def test_a_station_in_two_contests_of_an_office_is_found_once_for_the_two(
    package: ElectionPackage, part: str, shared: str
) -> None:
    """The same area, an area around the other's, a single station of it, the nation."""
    found = problems(added(package, "districts", DistrictPart(district="dpr-3", name="Dapil 3", area=part)))
    of_the_first = [problem for problem in found if "'dpr-1' and" in problem.sentence]
    sentence = (
        f"{shared!r} lies in the electorates of 'dpr-1' and 'dpr-3'; a station has at most one contest of office 'dpr'"
    )
    assert of_the_first == [Problem("contests", 3, "electorate", sentence)]


def test_no_more_contests_of_an_office_that_overlap_are_found_than_are_listed(package: ElectionPackage) -> None:
    """Sixty contests of one electorate are 1,770 pairs."""
    many = tuple(Contest(id=f"mayor-{number}", office="mayor", electorate="N.1") for number in range(60))
    more = added(package, "offices", Office(id="mayor", name=LocalText(id="Wali kota", en="Mayor")))
    more = added(more, "choices", *(Choice(contest=each.id, id="1", name="Candidate") for each in many))
    found = problems(added(more, "contests", *many))
    assert len(found) == PROBLEMS_MAX + 1
    assert found[-1].sentence.startswith("1 more ")


def test_an_area_in_districts_of_two_offices_is_fine(package: ElectionPackage) -> None:
    more = added(package, "districts", DistrictPart(district="dpd-1", name="Dapil DPD", area="N.1.1"))
    more = added(more, "offices", Office(id="dpd", name=LocalText(id="DPD", en="Senate")))
    more = added(more, "contests", Contest(id="dpd", office="dpd", electorate="dpd-1"))
    more = added(more, "choices", Choice(contest="dpd", id="1", name="Candidate"))
    assert problems(more) == []


def test_a_district_may_have_single_stations(package: ElectionPackage) -> None:
    """Half of a district votes with its neighbour: its stations are named one by one."""
    parts = [part for part in package.districts if part.area != "N.1.3"]
    split = (
        DistrictPart(district="dpr-1", name="Dapil 1", area="N.1.3.001"),
        DistrictPart(district="dpr-2", name="Dapil 2", area="N.1.3.002"),
    )
    assert problems(replace(package, districts=(*parts, *split))) == []


# ── districts.csv, parties.csv, choices.csv ──────────────────────────────────────────────────────────────────────────


def test_a_part_given_twice_is_found(package: ElectionPackage) -> None:
    found = problems(added(package, "districts", package.districts[0]))
    assert found == [Problem("districts", 6, "area", "'N.1.1' is given twice for district 'dpr-1'")]


def test_a_part_that_is_no_area_and_no_station_is_found(package: ElectionPackage) -> None:
    found = problems(changed(package, "districts", 0, area="N.11"))
    sentence = "'N.11' is not an area or a station of areas.csv or stations.csv; did you mean 'N.1.1'?"
    assert found == [Problem("districts", 0, "area", sentence)]


def test_a_district_with_two_names_is_found(package: ElectionPackage) -> None:
    found = problems(changed(package, "districts", 1, name="Dapil I"))
    assert found == [Problem("districts", 1, "name", "district 'dpr-1' is named 'Dapil 1' further up")]


def test_a_party_given_twice_is_found(package: ElectionPackage) -> None:
    found = problems(added(package, "parties", Party(id="P01", name="Partai")))
    assert found == [Problem("parties", 3, "id", "party 'P01' is given twice")]


def test_a_choice_of_an_unknown_contest_is_found(package: ElectionPackage) -> None:
    found = problems(added(package, "choices", Choice(contest="dpr-33", id="x", name="Candidate")))
    sentence = "'dpr-33' is not a contest of contests.csv; did you mean 'dpr-3'?"
    assert found == [Problem("choices", 29, "contest", sentence)]


def test_a_choice_given_twice_is_found(package: ElectionPackage) -> None:
    found = problems(added(package, "choices", Choice(contest="president", id="02", name="Candidate")))
    assert found == [Problem("choices", 29, "id", "choice '02' is given twice for contest 'president'")]


def test_a_choice_of_an_unknown_party_is_found(package: ElectionPackage) -> None:
    found = problems(changed(package, "choices", 3, party="P1"))
    assert found == [Problem("choices", 3, "party", "'P1' is not a party of parties.csv; did you mean 'P01'?")]


def test_a_choice_named_like_a_field_of_the_form_is_found(package: ElectionPackage) -> None:
    found = problems(changed(package, "choices", 0, id="VA"))
    sentence = "VA is a field of the form; give the choice another id"
    assert found == [Problem("choices", 0, "id", sentence)]


def test_votes_for_a_party_name_the_party_once_in_a_contest(package: ElectionPackage) -> None:
    assert problems(changed(package, "choices", 2, party=None)) == [
        Problem("choices", 2, "party", "a choice of kind `party` must name its party")
    ]
    assert problems(changed(package, "choices", 3, kind=ChoiceKind.PARTY)) == [
        Problem("choices", 3, "party", "party 'P01' has a second choice of kind `party` in contest 'dpr-1'")
    ]


def test_more_choices_than_a_form_can_hold_are_found(package: ElectionPackage) -> None:
    many = [Choice(contest="president", id=f"x{number}", name="Candidate") for number in range(CHOICES_MAX)]
    found = problems(added(package, "choices", *many))
    sentence = "contest 'president' has more than 2,000 choices, the most a form can hold"
    assert found == [Problem("choices", 29 + CHOICES_MAX - 2, "contest", sentence)]


# ── keys.csv ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_key_given_twice_is_found(package: ElectionPackage) -> None:
    found = problems(added(package, "keys", package.keys[0]))
    assert found == [Problem("keys", 5, "key_id", f"key {package.keys[0].key_id!r} is given twice")]


def test_a_key_id_that_is_not_the_keys_is_found(package: ElectionPackage) -> None:
    found = problems(changed(package, "keys", 1, key_id="0123456789abcdef"))
    sentence = (
        f"0123456789abcdef is not the id of this public key, which is {package.keys[1].key_id} "
        "(the first 16 hexadecimal digits of the SHA-256 of its 32 bytes)"
    )
    assert found == [Problem("keys", 1, "key_id", sentence)]


def test_a_key_with_an_unknown_scope_is_found(package: ElectionPackage) -> None:
    found = problems(changed(package, "keys", 3, scope="N.1x"))
    sentence = "'N.1x' is not an area or a station of areas.csv or stations.csv; did you mean 'N.1'?"
    assert found == [Problem("keys", 3, "scope", sentence)]


def test_a_key_may_have_a_single_station_as_its_scope(package: ElectionPackage) -> None:
    assert problems(changed(package, "keys", 3, scope="N.1.1.001")) == []


def test_a_key_of_low_order_is_found(package: ElectionPackage) -> None:
    found = problems(added(package, "keys", key_row(LOW_ORDER)))
    sentence = "a key of low order, of which one signature is valid for many messages"
    assert found == [Problem("keys", 5, "public_key", sentence)]


def test_base64_that_is_not_strict_is_found(package: ElectionPackage) -> None:
    """Bits left over after the last byte: two spellings of one key would be two definitions."""
    public = package.keys[0].public_key
    loose = public[:-2] + chr(ord(public[-2]) + 1) + "="
    assert problems(changed(package, "keys", 0, public_key=loose)) == [
        Problem("keys", 0, "public_key", "is not in the one base64 form of its bytes")
    ]


# ── the list ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_all_problems_are_found_at_once_in_the_order_of_the_tables(package: ElectionPackage) -> None:
    wrong = changed(package, "areas", 8, parent="N.3")
    wrong = changed(wrong, "stations", 0, area="N.1.9")
    wrong = changed(wrong, "choices", 3, party="P09")
    wrong = with_election(wrong, shard_level="station")
    assert [problem.table for problem in problems(wrong)] == ["election", "areas", "stations", "choices"]


def test_the_list_is_bounded_and_has_the_number_of_those_missing(package: ElectionPackage) -> None:
    stations = tuple(station(f"S{number}", "nowhere") for number in range(PROBLEMS_MAX + 500))
    found = problems(added(package, "stations", *stations))
    assert len(found) == PROBLEMS_MAX + 1
    assert found[-1] == Problem("election", None, None, "500 more problems are not listed; correct these first")


def test_sums_that_no_message_could_hold_are_found_before_the_election_is_opened(
    package: ElectionPackage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert problems(package) == []
    monkeypatch.setattr("projections.checks.size_checks.PARTS_MAX", 1)
    monkeypatch.setattr("projections.checks.size_checks.PART_BYTES_MAX", 1_000)
    found = problems(package)
    assert {(problem.table, problem.column) for problem in found} == {("offices", "id")}
    assert "choose a `shard_level` further up" in found[0].sentence
