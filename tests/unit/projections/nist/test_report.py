"""A whole result report: what it is of, and its parties."""

from __future__ import annotations

from dataclasses import replace

import pytest

from projections.definition.compiled import Definition
from projections.nist.report import PackageNames
from schemas.definition.package import Mode
from schemas.nist.objects import text
from tests.support.nist_reports import (
    DEFINITION,
    NAMES,
    PACKAGE,
    contest_of,
    made_report,
    numbers_of,
)


def test_the_report_names_what_it_is_of() -> None:
    package = replace(PACKAGE, election=PACKAGE.election.model_copy(update={"source": "KPU", "licence": "CC BY 4.0"}))
    definition = Definition.of(package)
    report = made_report(definition, "president", [numbers_of(contest_of(definition, "president"))], ["1", "2"])
    assert {each["OtherType"]: each["Value"] for each in report["ExternalIdentifier"]} == {
        "rekap-definition": definition.hash,
        "rekap-as-of": '{"0":12}',
    }
    assert (report["Issuer"], report["GeneratedDate"], report["Status"]) == (
        "KPU",
        "2029-02-14T13:00:01Z",
        "unofficial-partial",
    )
    assert (report["SequenceStart"], report["SequenceEnd"], report["VendorApplicationId"]) == (1, 1, "rekap")
    assert report["Notes"] == "Licence: CC-BY-4.0 (https://creativecommons.org/licenses/by/4.0/). Source: KPU"
    election = report["Election"][0]
    assert (election["ElectionScopeId"], election["Type"], election["OtherType"]) == ("area-N", "other", "not-stated")
    of_own_words = replace(PACKAGE, election=PACKAGE.election.model_copy(update={"licence": "Ask us"}))
    other = Definition.of(of_own_words)
    again = made_report(other, "president", [numbers_of(contest_of(other, "president"))], ["1", "2"])
    assert again["Notes"] == "Licence: Ask us"


@pytest.mark.parametrize(
    ("mode", "is_test", "test_type"), [(Mode.LIVE, False, None), (Mode.REHEARSAL, True, "rehearsal")]
)
def test_a_report_of_made_up_numbers_is_a_test(mode: Mode, is_test: bool, test_type: str | None) -> None:
    definition = Definition.of(replace(PACKAGE, election=PACKAGE.election.model_copy(update={"mode": mode})))
    report = made_report(definition, "president", [numbers_of(contest_of(definition, "president"))], ["1"])
    assert (report["IsTest"], report.get("TestType")) == (is_test, test_type)


def test_a_report_names_the_parties_of_its_office() -> None:
    first, second = PACKAGE.parties
    names = NAMES._replace(parties=(first.model_copy(update={"short_name": "One"}), second))
    of_council = made_report(
        DEFINITION, "council", [numbers_of(contest_of(DEFINITION, "council-a"))], ["1"], names=names
    )
    code = {"@type": "ElectionResults.ExternalIdentifier", "Type": "national-level"}
    one, two = (
        {
            "@type": "ElectionResults.Party",
            "@id": f"party-{id}",
            "ExternalIdentifier": [code | {"Value": id}],
            "Name": text(name),
        }
        for id, name in (("P1", "Party 1"), ("P2", "Party 2"))
    )
    assert of_council["Party"] == [one | {"Abbreviation": text("One")}, two]
    assert made_report(DEFINITION, "president", [numbers_of(contest_of(DEFINITION, "president"))], ["1"])["Party"] == []


def test_the_names_are_read_from_the_tables_of_the_package() -> None:
    names = PackageNames.of(PACKAGE.election, PACKAGE.tables().__getitem__)
    assert names == PackageNames(PACKAGE.parties, PACKAGE.districts, "Pemilu kecil")
