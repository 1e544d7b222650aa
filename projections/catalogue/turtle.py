"""Nodes of a catalogue (dcat.py) as Turtle (W3C RDF 1.1 Turtle)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_ESCAPED_IN_TEXT = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_IN_TEXT = re.compile(r'[\\"\n\r\t]')
_NOT_IN_ADDRESS = re.compile(r'[\x00-\x20<>"{}|^`\\]')
"""Characters that an IRIREF cannot have (production 18)."""


def turtle(node: Mapping[str, Any], prefixes: Mapping[str, str]) -> str:
    """The node and all nodes in it. A node with an address is described once, where it has most properties."""
    described: dict[str, list[str]] = {}
    _describe(node, described)
    head = "".join(f"@prefix {name}: <{address}> .\n" for name, address in prefixes.items())
    bodies = (f"\n{subject}\n    " + " ;\n    ".join(lines) + " .\n" for subject, lines in described.items())
    return head + "".join(bodies)


def _describe(node: Mapping[str, Any], described: dict[str, list[str]]) -> None:
    """Add the node, which has an address, and those in it."""
    subject = _address(node["@id"])
    lines = list(_properties(node, described))
    if len(lines) > len(described.get(subject, ())):
        described[subject] = lines


def _properties(node: Mapping[str, Any], described: dict[str, list[str]]) -> Iterator[str]:
    if "@type" in node:
        yield f"a {node['@type']}"
    for name, values in node.items():
        if not name.startswith("@") and values:
            yield f"{name} " + ", ".join(_value(each, described) for each in values)


def _value(value: Mapping[str, Any], described: dict[str, list[str]]) -> str:
    if "@value" in value:
        text = '"' + _IN_TEXT.sub(lambda found: _ESCAPED_IN_TEXT[found.group()], value["@value"]) + '"'
        if "@language" in value:
            return f"{text}@{value['@language']}"
        return f"{text}^^{value['@type']}" if "@type" in value else text
    if "@id" in value:
        if len(value) > 1:
            _describe(value, described)
        return _address(value["@id"])
    return "[ " + " ; ".join(_properties(value, described)) + " ]"


def _address(address: str) -> str:
    return "<" + _NOT_IN_ADDRESS.sub(lambda found: f"%{ord(found.group()):02X}", address) + ">"
