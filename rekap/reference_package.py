"""`docs/reference/package.md`: each field of `election.json` and each column of each table, from the models that read them."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from proofs.signatures import key_id
from rekap.elections.demo_profiles import demo_profiles
from rekap.elections.example import EXAMPLE_KEYS, example_package
from runtime.package.shape_sentences import PATTERN_SENTENCES
from schemas.definition.package import TABLES, Election, Key
from schemas.definition.profiles import PROFILE_TABLES
from schemas.definition.rows import TEXT_PATTERN, Row, text_fields

_HEAD = """\
# The fields of an election package

Made by `make reference` from schemas/definition/. [packages.md](../packages.md) explains how the tables belong together, and
how to state another country's election with them.

*Required* is what a package must state. An empty cell of a CSV file or a field that `election.json` leaves out, states nothing.
Where the column *default* has a value, that value holds instead. A column `name_…` is one column for each language: `name_id`,
`name_en`. The examples are of the package that `rekap election new` writes, and of the demo's profiles.
"""
_PUBLIC_KEY = bytes(range(32))
_EXAMPLE_KEY = Key(
    key_id=key_id(_PUBLIC_KEY),
    public_key=base64.b64encode(_PUBLIC_KEY).decode(),
    role=EXAMPLE_KEYS[0].role,
    scope=EXAMPLE_KEYS[0].scope,
    holder=EXAMPLE_KEYS[0].holder,
)
_TEXTS = "LocalText"


class Field(NamedTuple):
    name: str
    kind: str
    required: bool
    default: str
    meaning: str


def package_reference() -> str:
    package = example_package("my-election", [_EXAMPLE_KEY])
    profiles = demo_profiles(package).tables()
    sections = [_section("election.json", Election, _flat(package.election.model_dump(mode="json")))]
    for table, model in (TABLES | PROFILE_TABLES).items():
        rows = (package.tables() | dict(profiles))[table]
        sections.append(_section(f"{table}.csv", model, _example(rows)))
    kinds = "\n".join(f"- {sentence}" for sentence in _kinds())
    return f"{_HEAD}\n" + "\n\n".join(sections) + f"\n\n## Kinds of values\n\n{kinds}\n"


def _section(file: str, model: type[Row], example: Mapping[str, Any]) -> str:
    texts = set() if model is Election else text_fields(model)
    lines = [
        f"| `{each.name}{'_…' if each.name in texts else ''}` | {each.kind} | {'yes' if each.required else ''} "
        f"| {each.default} | {each.meaning} | {_shown(example.get(each.name))} |"
        for each in fields(model)
    ]
    about = " ".join((model.__doc__ or "").split()).removeprefix(f"`{file}`").removeprefix(": ").removeprefix(".")
    about = f"{about[:1].upper()}{about[1:]}\n\n" if about else ""
    head = "| field | kind | required | default | meaning | example |\n|---|---|---|---|---|---|"
    return f"## {file}\n\n{about}{head}\n" + "\n".join(lines)


def fields(model: type[Row]) -> list[Field]:
    """The fields of a table, and those of the objects within, whose names are paths: `levels.id`."""
    schema = model.model_json_schema()
    return [*_fields(schema, schema.get("$defs", {}), "")]


def _fields(schema: Mapping[str, Any], definitions: Mapping[str, Any], above: str) -> Iterator[Field]:
    for name, stated in schema["properties"].items():
        facts = _resolved(stated, definitions)
        default = facts.get("default")
        yield Field(
            f"{above}{name}",
            _kind(facts, definitions),
            name in schema.get("required", ()),
            "" if default in (None, [], {}, "") else f"`{default}`",
            " ".join(stated["description"].split()),
        )
        inner = _resolved(facts.get("items", facts), definitions)
        if "properties" in inner:
            yield from _fields(inner, definitions, f"{above}{name}.")


def _resolved(facts: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """The facts without `null`, with those that a reference leads to."""
    for each in facts.get("anyOf", ()):
        if each.get("type") != "null" and len(facts["anyOf"]) == 2:
            facts = {**facts, **each}
    if "$ref" in facts:
        name = facts["$ref"].rpartition("/")[2]
        return {**definitions[name], "name": name, **{key: facts[key] for key in facts if key != "$ref"}}
    return dict(facts)


def _kind(facts: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if "enum" in facts:
        return ", ".join(f"`{each}`" for each in facts["enum"])
    if facts.get("name") == _TEXTS:
        return "text by language"
    match facts.get("type"):
        case "array":
            low, high = facts.get("minItems"), facts.get("maxItems")
            of = _kind(_resolved(facts["items"], definitions), definitions)
            return f"list of {f'{low} to {high} ' if high else ''}{of}s"
        case "integer":
            low, high = facts.get("minimum"), facts.get("maximum")
            return "whole number" if high is None else f"whole number, {low:,} to {high:,}"
        case "string" if facts.get("format") == "date":
            return "date, such as 2029-02-14"
        case "string":
            most = f", at most {facts['maxLength']:,} characters" if "maxLength" in facts else ""
            return PATTERN_SENTENCES[facts["pattern"]].partition(":")[0].removeprefix("a ").removeprefix("an ") + most
        case "boolean":
            return "`true` or `false`"
        case _:
            return "object"


def _kinds() -> Iterator[str]:
    """A line for each kind of text whose sentence explains it, and does not only name it."""
    named = {facts["pattern"] for model in _models() for facts in _patterned(model.model_json_schema())}
    for pattern, sentence in PATTERN_SENTENCES.items():
        name, _, more = sentence.partition(": ")
        if pattern == TEXT_PATTERN:  # its sentence is about a text that is not one
            more = "one line in any script, without control and direction characters"
        if pattern in named and more:
            yield f"**{name.removeprefix('a ').removeprefix('an ')}**: {more}"


def _models() -> Iterator[type[Row]]:
    yield Election
    yield from (TABLES | PROFILE_TABLES).values()


def _patterned(node: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, dict):
        if "pattern" in node:
            yield node
        for each in node.values():
            yield from _patterned(each)
    elif isinstance(node, list):
        for each in node:
            yield from _patterned(each)


def _example(rows: tuple[Row, ...]) -> dict[str, Any]:
    """The first value that a row has, by column."""
    found: dict[str, Any] = {}
    for row in rows:
        for name, value in row.model_dump(mode="json").items():
            if value not in (None, ""):
                found.setdefault(name, value)
    return found


def _flat(value: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """The values by their path. Of a list of objects the first one is taken."""
    found: dict[str, Any] = {}
    for name, inner in value.items():
        found[f"{above}{name}"] = inner
        if isinstance(inner, list) and inner and isinstance(inner[0], dict):
            found |= _flat(inner[0], f"{above}{name}.")
    return found


def _shown(value: Any) -> str:
    """A value as an example; nothing for an object or a list, whose fields have examples of their own."""
    if isinstance(value, dict) and set(value) == {"id", "en"}:
        return f"`{value['en']}`"
    return "" if value is None or isinstance(value, (dict, list)) else f"`{value}`"
