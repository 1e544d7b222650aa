"""The search of CKAN's action API: conditions, order and counts, in the syntax that its clients send to Solr."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from projections.catalogue.ckan_requests import CkanError, Parameters
from projections.shown.folded_text import folded

QUERY_CHARACTERS_MAX = 2_000
"""Limit for `q` and `fq`. CKAN's harvester sends some 100."""
CONDITIONS_MAX = 20
"""Conditions of `q` and of `fq`. Each is compared with every dataset, in 5 ms for the 9,000 of the largest manifest."""
FACET_VALUES_MAX = 50


class Condition(NamedTuple):
    field: str | None
    value: str
    is_negated: bool
    low: str = ""
    high: str = "*"


_FIELDS: Mapping[str, Callable[[Mapping[str, Any]], Iterable[str]]] = {
    "id": lambda package: [package["id"]],
    "name": lambda package: [package["name"]],
    "title": lambda package: [package["title"]],
    "license_id": lambda package: [package["license_id"]],
    "organization": lambda package: [package["organization"]["name"]],
    "owner_org": lambda package: [package["owner_org"]],
    "tags": lambda package: [tag["name"] for tag in package["tags"]],
    "res_format": lambda package: [resource["format"] for resource in package["resources"]],
    "state": lambda package: [package["state"]],
    "type": lambda package: [package["type"]],
    "dataset_type": lambda package: [package["type"]],
    "capacity": lambda package: ["public"],
}
"""Field that can be searched and counted → its values."""
_CONDITION = re.compile(
    r'(?P<sign>[+-]?)(?:(?P<field>[A-Za-z_*]+):)?(?:"(?P<phrase>[^"]*)"|\[(?P<low>\S+) TO (?P<high>\S+)\]|(?P<word>\S+))'
)
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z?", re.ASCII)
"""CKAN's times, with and without the zone, which is UTC. Solr's words (`NOW-1DAY`) are not read."""
_WORDS_WITHOUT_MEANING = {"AND"}
_OPERATORS_NOT_READ = {"OR", "NOT", "||", "!"}
"""Solr's operators. As words they would find nothing, and a harvester would take that for an empty catalogue."""
_SORTABLE = {
    "id": "id",
    "name": "name",
    "title": "title",
    "title_string": "title",
    "metadata_modified": "metadata_modified",
}
_IGNORED_SORT = {"score", "views_recent", "views_total", "metadata_created"}


def conditions(parameters: Parameters, name: str) -> list[Condition]:
    """The conditions of a parameter. Raises CkanError."""
    text = parameters.get(name)
    parts = text if isinstance(text, list) else [text]
    if not all(isinstance(each, str | int | float | None) for each in parts):
        raise bad_query(f"{name}: expected text, or a list of texts")
    query = " ".join(str(each) for each in parts if each is not None)
    if len(query) > QUERY_CHARACTERS_MAX:
        raise bad_query(f"{name} has {len(query):,} characters, and {QUERY_CHARACTERS_MAX:,} are read")
    found = [each for match in _CONDITION.finditer(query) if (each := _condition(name, match)) is not None]
    if len(found) > CONDITIONS_MAX:
        raise bad_query(f"{name} has {len(found)} conditions, and {CONDITIONS_MAX} are read")
    return found


def _condition(parameter: str, found: re.Match[str]) -> Condition | None:
    field, is_negated = found["field"], found["sign"] == "-"
    word = found["phrase"] if found["phrase"] is not None else found["word"]
    if found["word"] in _OPERATORS_NOT_READ or (found["word"] or "").startswith("("):
        raise bad_query(
            f"{parameter}: all conditions must hold, and OR, NOT and parentheses are not read; a minus negates"
        )
    if word in _WORDS_WITHOUT_MEANING or (field, word) in (("*", "*"), (None, "*"), (None, "*:*")):
        return None
    if found["low"] is not None:
        if field != "metadata_modified":
            raise bad_query(f"{parameter}: a range can be asked of metadata_modified, got {str(field)[:60]}")
        low, high = (_of_range(parameter, found[bound], unbounded) for bound, unbounded in (("low", ""), ("high", "*")))
        return Condition(field, "", is_negated, low, high)
    if field is not None and field not in _FIELDS:
        raise bad_query(f"{parameter}: no field {field[:60]!r}; there are {', '.join(sorted(_FIELDS))}")
    return Condition(field, word, is_negated)


def _of_range(parameter: str, text: str, unbounded: str) -> str:
    """A bound of a range, as `_comparable` has it. Raises CkanError."""
    if text == "*":
        return unbounded
    if _TIME.fullmatch(text) is None:
        raise bad_query(f"{parameter}: a bound is * or a time such as 2029-02-14T13:00:00Z, got {text[:60]}")
    return _comparable(text)


def _comparable(time: str) -> str:
    """A time without its zone, with a point and without zeros at its end, so that the order of texts is that of times."""
    seconds, _, fraction = time.removesuffix("Z").partition(".")
    return f"{seconds}.{fraction.rstrip('0')}"


def bad_query(sentence: str) -> CkanError:
    return CkanError(400, "Search Query Error", message=f"Search Query is invalid: {sentence}")


def holds(condition: Condition, package: Mapping[str, Any], words: str) -> bool:
    """Whether a package meets a condition; `words` are those of `words_of`."""
    if condition.field is None:
        found = folded(condition.value) in words
    elif condition.field == "metadata_modified":
        modified = _comparable(package["metadata_modified"])
        found = condition.low <= modified and (condition.high == "*" or modified <= condition.high)
    else:
        wanted = folded(condition.value)
        found = any(wanted == "*" or wanted == folded(each) for each in _FIELDS[condition.field](package))
    return found != condition.is_negated


def in_order(packages: Sequence[dict[str, Any]], sort: str) -> list[dict[str, Any]]:
    """The packages in the order of `sort`, such as `metadata_modified desc, name asc`; by name where it leaves the order open.
    Raises CkanError."""
    found = sorted(packages, key=lambda each: str(each["name"]))
    for part in reversed(sort.split(",")):
        words = part.split()
        if not words or words[0] in _IGNORED_SORT:
            continue
        if words[0] not in _SORTABLE or len(words) > 2 or (len(words) == 2 and words[1].lower() not in ("asc", "desc")):
            raise bad_query(
                f"sort: expected {', '.join(sorted(_SORTABLE))} with asc or desc, got {part.strip()[:60]!r}"
            )
        field = _SORTABLE[words[0]]
        found.sort(key=lambda each, field=field: str(each[field]), reverse=words[-1].lower() == "desc")  # type: ignore[misc]
    return found


def facets(packages: Sequence[Mapping[str, Any]], parameters: Parameters) -> dict[str, list[tuple[str, int]]]:
    """How many of the found datasets have each value of the fields in `facet.field`, the most frequent first."""
    fields = parameters.get("facet.field")
    if isinstance(fields, str):
        fields = re.findall(r"[A-Za-z_]+", fields[:QUERY_CHARACTERS_MAX])
    elif not isinstance(fields, list):
        fields = []
    found = {}
    for field in dict.fromkeys(each for each in fields if isinstance(each, str) and each in _FIELDS):
        counts: dict[str, int] = {}
        for package in packages:
            for value in set(_FIELDS[field](package)):
                counts[value] = counts.get(value, 0) + 1
        found[field] = sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:FACET_VALUES_MAX]
    return found


def words_of(package: Mapping[str, Any]) -> str:
    """All that words without a field are looked up in."""
    tags = [tag["name"] for tag in package["tags"]]
    texts = [extra["value"] for extra in package["extras"] if extra["key"].startswith(("title_", "description_"))]
    return folded(" ".join([package["name"], package["title"], package["notes"], *tags, *texts]))
