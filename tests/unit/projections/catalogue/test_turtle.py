"""Turtle: the text of nodes, each described once, and hostile names as they are."""

from __future__ import annotations

from typing import Any

import pytest
from rdflib import Graph

from projections.catalogue.turtle import turtle

PREFIXES = {"dct": "http://purl.org/dc/terms/", "ex": "https://ex.example/"}
HEAD = "@prefix dct: <http://purl.org/dc/terms/> .\n@prefix ex: <https://ex.example/> .\n"


def test_a_node_is_written_with_its_type_and_its_properties() -> None:
    node = {
        "@id": "https://a.example/",
        "@type": "ex:Thing",
        "dct:title": [{"@value": "Judul", "@language": "id"}, {"@value": "Title"}],
        "dct:empty": [],
        "dct:date": [{"@value": "2029-02-14", "@type": "ex:date"}],
        "ex:part": [{"@type": "ex:Part", "ex:name": [{"@value": "p"}]}, {"ex:name": [{"@value": "q"}]}],
        "ex:other": [{"@id": "https://b.example/"}],
    }
    assert turtle(node, PREFIXES) == (
        f"{HEAD}\n"
        "<https://a.example/>\n"
        "    a ex:Thing ;\n"
        '    dct:title "Judul"@id, "Title" ;\n'
        '    dct:date "2029-02-14"^^ex:date ;\n'
        '    ex:part [ a ex:Part ; ex:name "p" ], [ ex:name "q" ] ;\n'
        "    ex:other <https://b.example/> .\n"
    )


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (1, 2), (0, 1, 2)])
def test_a_node_with_an_address_is_described_once_where_it_has_most_properties(order: tuple[int, ...]) -> None:
    id = "https://b.example/"
    described: list[dict[str, Any]] = [
        {"@id": id},
        {"@id": id, "ex:a": [{"@value": "1"}], "ex:b": [{"@value": "2"}]},
        {"@id": id, "ex:a": [{"@value": "1"}]},
    ]
    node = {"@id": "https://a.example/", "ex:part": [described[each] for each in order]}
    assert turtle(node, PREFIXES) == (
        f'{HEAD}\n<{id}>\n    ex:a "1" ;\n    ex:b "2" .\n'
        f"\n<https://a.example/>\n    ex:part {', '.join([f'<{id}>'] * len(order))} .\n"
    )


def test_of_two_descriptions_of_one_length_the_first_is_kept() -> None:
    parts = [{"@id": "https://b.example/", "ex:a": [{"@value": text}]} for text in "12"]
    text = turtle({"@id": "https://a.example/", "ex:part": parts}, PREFIXES)
    assert '<https://b.example/>\n    ex:a "1" .\n' in text


def test_texts_and_addresses_cannot_end_what_they_are_in() -> None:
    hostile = 'a\n\tb\r"\\ <c> } . ; ^^'
    node = {"@id": 'https://a.example/> <b"{}|^`\\\x00\x20', "dct:title": [{"@value": hostile}]}
    text = turtle(node, {"dct": PREFIXES["dct"]})
    ((subject, _, title),) = Graph().parse(data=text, format="turtle")
    assert str(subject) == "https://a.example/%3E%20%3Cb%22%7B%7D%7C%5E%60%5C%00%20"
    assert str(title) == hostile
    assert r'dct:title "a\n\tb\r\"\\ <c> } . ; ^^"' in text
