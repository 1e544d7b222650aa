"""Reports of NIST SP 1500-100 as programs that are not ours read them: checked by the standard's own schemas, and their counts
from JSON and from XML."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from lxml import etree

from schemas.nist.objects import NAMESPACE
from tests.support.shared_data import NIST

_XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
Counts = dict[tuple[str, str], int]
"""(Selection, reporting unit) → votes."""


@cache
def _xml_schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(NIST / "NIST_V2_election_results_reporting.xsd"))


@cache
def _json_schema() -> jsonschema.Draft4Validator:
    text = (NIST / "NIST_V2_election_results_reporting.json").read_text("utf-8-sig")
    return jsonschema.Draft4Validator(json.loads(text))


def checked_xml(content: bytes) -> Any:
    """The report as an element. Raises DocumentInvalid, also where an id is given twice or refers to nothing (xsd:IDREF)."""
    report = etree.fromstring(content)
    _xml_schema().assertValid(report)
    ids = {each.get("ObjectId") for each in report.iter() if each.get("ObjectId") is not None}
    referred = [(each.tag, id) for each in report.iter() if _is_reference(each.tag) for id in (each.text or "").split()]
    assert not [each for each in referred if each[1] not in ids]
    return report


def _is_reference(tag: Any) -> bool:
    return isinstance(tag, str) and tag.endswith(("Id", "Ids")) and not tag.endswith("}VendorApplicationId")


def checked_json(content: bytes) -> Any:
    """The report. Raises ValidationError of jsonschema; and AssertionError where an id is given twice or refers to nothing."""
    report = json.loads(content)
    _json_schema().validate(report)
    ids: list[str] = []
    referred: list[str] = []
    _collect(report, ids, referred)
    assert len(ids) == len(set(ids))
    assert set(referred) <= set(ids)
    return report


def _collect(value: Any, ids: list[str], referred: list[str]) -> None:
    if isinstance(value, list):
        for each in value:
            _collect(each, ids, referred)
    elif isinstance(value, dict):
        for name, each in value.items():
            if name == "@id":
                ids.append(each)
            elif name.endswith("Id") and name != "VendorApplicationId":
                referred.append(each)
            elif name.endswith("Ids"):
                referred += each
            else:
                _collect(each, ids, referred)


def counts_of_json(report: Any) -> Counts:
    return {
        (selection["@id"], each["GpUnitId"]): each["Count"]
        for election in report["Election"]
        for contest in election["Contest"]
        for selection in contest["ContestSelection"]
        for each in selection["VoteCounts"]
    }


def counts_of_xml(report: Any) -> Counts:
    """From the digits as they are written, because a double of XML Schema holds whole numbers up to 2^53 only."""
    found = {}
    for selection in report.iter(f"{{{NAMESPACE}}}ContestSelection"):
        for each in selection.iter(f"{{{NAMESPACE}}}VoteCounts"):
            unit, count = (each.findtext(f"{{{NAMESPACE}}}{name}") for name in ("GpUnitId", "Count"))
            found[selection.get("ObjectId"), unit] = int(count)
    return found


def types_of_xml(report: Any) -> set[str]:
    return {each.get(_XSI_TYPE) for each in report.iter() if each.get(_XSI_TYPE) is not None}


def read_report(path: Path) -> Any:
    return checked_json(path.read_bytes()) if path.suffix == ".json" else checked_xml(path.read_bytes())
