"""Objects with streams as JSON and as XML: the same members in both, and every digit of a count."""

from __future__ import annotations

import json
from typing import Any

from lxml import etree

from runtime.nist.json_report import json_pieces
from runtime.nist.xml_report import xml_pieces
from schemas.nist.objects import NAMESPACE, Object, Stream, VoteCounts, identified, made, text, texts

EXACT = (16_777_217, 2**53 + 1, 999_999_999 * 823_000)
"""Counts that a float of 32 bits, or of 64, does not hold."""


def _report(counts: list[tuple[list[str], list[int]]]) -> Object:
    selection = identified("CandidateSelection", "selection-1", SequenceOrder=1, VoteCounts=VoteCounts(iter(counts)))
    contest = identified("CandidateContest", "contest-1", ContestSelection=Stream(iter([selection])), Name='"A" & <b>')
    return made(
        "ElectionReport",
        Election=Stream(iter([made("Election", Contest=Stream(iter([contest])), BallotCounts=Stream(iter(())))])),
        IsTest=False,
        Notes=None,
        Office=[identified("Office", "office-1", Name=texts({"id": "Presiden", "en": "President"}))],
        Party=Stream(iter([identified("Party", "party-1", Name=text("Ａ\tB"))])),
        SequenceStart=1,
    )


def _xml(report: Object) -> Any:
    return etree.fromstring(b"".join(xml_pieces(report)))


def test_a_count_has_all_its_digits() -> None:
    units = ["area-1", "area-2", "area-3"]
    batches = [([], []), (units[:1], list(EXACT[:1])), ([], []), (units[1:], list(EXACT[1:]))]
    written = b"".join(json_pieces(_report(batches)))
    found = json.loads(written)["Election"][0]["Contest"][0]["ContestSelection"][0]["VoteCounts"]
    assert [(each["GpUnitId"], each["Type"], each["Count"]) for each in found] == [
        (unit, "total", count) for unit, count in zip(units, EXACT, strict=True)
    ]
    counts = _xml(_report(batches)).iter(f"{{{NAMESPACE}}}Count")
    assert [each.text for each in counts] == [str(each) for each in EXACT]


def test_json_leaves_out_what_is_not_known_and_writes_empty_lists() -> None:
    assert json.loads(b"".join(json_pieces(_report([])))) == {
        "@type": "ElectionResults.ElectionReport",
        "Election": [
            {
                "@type": "ElectionResults.Election",
                "Contest": [
                    {
                        "@type": "ElectionResults.CandidateContest",
                        "@id": "contest-1",
                        "ContestSelection": [
                            {
                                "@type": "ElectionResults.CandidateSelection",
                                "@id": "selection-1",
                                "SequenceOrder": 1,
                                "VoteCounts": [],
                            }
                        ],
                        "Name": '"A" & <b>',
                    }
                ],
                "BallotCounts": [],
            }
        ],
        "IsTest": False,
        "Office": [
            {
                "@type": "ElectionResults.Office",
                "@id": "office-1",
                "Name": {
                    "@type": "ElectionResults.InternationalizedText",
                    "Text": [
                        {"@type": "ElectionResults.LanguageString", "Language": "id", "Content": "Presiden"},
                        {"@type": "ElectionResults.LanguageString", "Language": "en", "Content": "President"},
                    ],
                },
            }
        ],
        "Party": [
            {
                "@type": "ElectionResults.Party",
                "@id": "party-1",
                "Name": {
                    "@type": "ElectionResults.InternationalizedText",
                    "Text": [{"@type": "ElectionResults.LanguageString", "Language": "und", "Content": "Ａ\tB"}],
                },
            }
        ],
        "SequenceStart": 1,
    }


def test_xml_has_the_same_members_as_elements_and_attributes() -> None:
    report = _xml(_report([(["area-1"], [7])]))
    contest = report.find(f".//{{{NAMESPACE}}}Contest")
    assert dict(contest.attrib) == {
        "{http://www.w3.org/2001/XMLSchema-instance}type": "CandidateContest",
        "ObjectId": "contest-1",
    }
    assert contest.findtext(f"{{{NAMESPACE}}}Name") == '"A" & <b>'
    texts_of_office = report.find(f"{{{NAMESPACE}}}Office").iter(f"{{{NAMESPACE}}}Text")
    assert [(each.get("Language"), each.text) for each in texts_of_office] == [("id", "Presiden"), ("en", "President")]
    assert report.findtext(f"{{{NAMESPACE}}}IsTest") == "false"
    assert report.find(f"{{{NAMESPACE}}}Party/{{{NAMESPACE}}}Name/{{{NAMESPACE}}}Text").text == "Ａ\tB"
    assert report.find(f".//{{{NAMESPACE}}}BallotCounts") is None


def test_references_are_one_element_and_other_lists_are_one_for_each() -> None:
    unit = identified(
        "ReportingUnit", "area-1", ComposingGpUnitIds=["area-2", "area-3"], CountStatus=[made("A"), made("B")]
    )
    report = _xml(made("ElectionReport", GpUnit=Stream([unit])))
    element = report.find(f"{{{NAMESPACE}}}GpUnit")
    assert element.findtext(f"{{{NAMESPACE}}}ComposingGpUnitIds") == "area-2 area-3"
    assert len(element.findall(f"{{{NAMESPACE}}}CountStatus")) == 2
