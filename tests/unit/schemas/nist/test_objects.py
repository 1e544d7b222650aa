"""Objects of NIST SP 1500-100: their members in order, without those that are not known, and ids that are names of XML."""

from __future__ import annotations

import re

from schemas.nist.objects import (
    Stream,
    VoteCounts,
    area_id,
    candidate_id,
    code_identifier,
    contest_id,
    district_id,
    identified,
    made,
    office_id,
    own_identifier,
    party_id,
    selection_id,
    station_id,
    text,
    texts,
)

NCNAME = re.compile(r"[A-Za-z_][A-Za-z0-9._\-]*")
"""The part of XML's NCName that codes can make."""


def test_a_member_that_is_not_known_is_left_out() -> None:
    assert made("Office", Name="President", Term=None) == {"@type": "ElectionResults.Office", "Name": "President"}
    assert list(identified("Party", "party-1", Abbreviation=None, Name="P", IsRecognizedParty=False).items()) == [
        ("@type", "ElectionResults.Party"),
        ("@id", "party-1"),
        ("Name", "P"),
        ("IsRecognizedParty", False),
    ]


def test_a_text_has_its_language_or_the_undetermined_one() -> None:
    assert texts({"id": "Presiden", "en": "President"}) == {
        "@type": "ElectionResults.InternationalizedText",
        "Text": [
            {"@type": "ElectionResults.LanguageString", "Language": "id", "Content": "Presiden"},
            {"@type": "ElectionResults.LanguageString", "Language": "en", "Content": "President"},
        ],
    }
    assert text("Ana")["Text"][0]["Language"] == "und"


def test_identifiers_name_who_gave_them() -> None:
    identifier = "ElectionResults.ExternalIdentifier"
    assert code_identifier("34") == {"@type": identifier, "Type": "national-level", "Value": "34"}
    assert own_identifier("rekap-as-of", "{}") == {
        "@type": identifier,
        "Type": "other",
        "OtherType": "rekap-as-of",
        "Value": "{}",
    }


def test_ids_are_names_of_xml_and_differ_by_what_they_name() -> None:
    made_ids = [
        *(make("34.02-1") for make in (area_id, station_id, district_id, office_id, party_id, contest_id)),
        candidate_id("34.02", 1),
        selection_id("34.02", 1),
    ]
    assert len(set(made_ids)) == len(made_ids)
    assert all(NCNAME.fullmatch(each) for each in made_ids)


def test_streams_hold_what_is_read_once() -> None:
    objects = iter([made("Office", Name="President")])
    assert [each["Name"] for each in Stream(objects).objects] == ["President"]
    assert list(VoteCounts(iter([(["area-1"], [7])])).batches) == [(["area-1"], [7])]


def test_ids_keep_areas_and_stations_apart() -> None:
    assert (area_id("34"), station_id("34")) == ("area-34", "station-34")
