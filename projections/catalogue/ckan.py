"""The catalogue as CKAN's action API answers it.

A portal harvests with these. The names, the shapes and the errors are CKAN's (API version 3), also where Rekap's own API has
other ones.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from projections.catalogue.facts import CATALOGUE_VERSION, Addresses, CatalogueFacts, DatasetFacts, FileFacts

CKAN_VERSION = "2.11.0"
"""The version whose actions are answered. Clients compare it to know what they may ask."""
ROWS = 10
ROWS_MAX = 1_000
"""CKAN's own default and limit for the datasets of one answer of package_search, 10 kB each."""
QUERY_CHARACTERS_MAX = 2_000
"""Limit for `q` and `fq`. CKAN's harvester sends some 100."""
CONDITIONS_MAX = 20
"""Conditions of `q` and of `fq`. Each is compared with every dataset, in 5 ms for the 9,000 of the largest manifest."""
FACET_VALUES_MAX = 50

Parameters = Mapping[str, Any]
"""From the query of a GET, where all values are texts, or from the JSON object of a POST."""


class CkanError(Exception):
    """An error as CKAN states it: the HTTP status, and `error` of the answer."""

    def __init__(self, status: int, type: str, **fields: Any) -> None:
        super().__init__(type)
        self.status = status
        self.error: dict[str, Any] = {"__type": type, **fields}


def not_found(what: str) -> CkanError:
    return CkanError(404, "Not Found Error", message=f"Not found: {what}")


def invalid(field: str, sentence: str) -> CkanError:
    return CkanError(409, "Validation Error", **{field: [sentence]})


class CkanCatalogue:
    """The datasets of one cut. It never changes."""

    def __init__(self, facts: CatalogueFacts, at: Addresses) -> None:
        self._facts = facts
        self._at = at
        self._organization = _organization(facts)
        self._packages = [self._package(each) for each in facts.datasets]
        self._by_key: dict[str, dict[str, Any]] = {
            key: each for each in self._packages for key in (each["id"], each["name"])
        }
        self._resources: dict[str, dict[str, Any]] = {
            resource["id"]: resource for each in self._packages for resource in each["resources"]
        }
        self._words = {each["id"]: _folded(_words_of(each)) for each in self._packages}

    def action(self, name: str, parameters: Parameters) -> Any:
        """The result of an action. Raises CkanError."""
        actions: Mapping[str, Callable[[Parameters], Any]] = {
            "package_list": self.package_list,
            "package_show": self.package_show,
            "package_search": self.package_search,
            "resource_show": self.resource_show,
            "status_show": self.status_show,
        }
        if name not in actions:
            known = ", ".join(actions)
            message = f"Action name not known: {name[:60]}; this server has {known}"
            raise CkanError(400, "Bad Request Error", message=message)
        return actions[name](parameters)

    def package_list(self, parameters: Parameters) -> list[str]:
        offset = _whole(parameters, "offset", 0)
        limit = _whole(parameters, "limit", len(self._packages))
        return sorted(each["name"] for each in self._packages)[offset : offset + limit]

    def package_show(self, parameters: Parameters) -> dict[str, Any]:
        key = _required(parameters, "id")
        if key not in self._by_key:
            raise not_found("there is no such dataset")
        return self._by_key[key]

    def resource_show(self, parameters: Parameters) -> dict[str, Any]:
        key = _required(parameters, "id")
        if key not in self._resources:
            raise not_found("there is no such resource")
        return self._resources[key]

    def status_show(self, parameters: Parameters) -> dict[str, Any]:
        facts = self._facts
        return {
            "ckan_version": CKAN_VERSION,
            "site_url": self._at.home,
            "site_title": _first(facts.title),
            "site_description": _first(facts.description),
            "locale_default": facts.languages[0],
            "error_emails_to": None,
            "extensions": ["rekap"],
            "rekap_catalogue_version": CATALOGUE_VERSION,
        }

    def package_search(self, parameters: Parameters) -> dict[str, Any]:
        """`q` and `fq` are words, `field:value`, `field:"several words"` and `metadata_modified:[from TO to]`, of which all
        must hold; a minus before one means that it must not."""
        rows = min(_whole(parameters, "rows", ROWS), ROWS_MAX)
        start = _whole(parameters, "start", 0)
        conditions = [*_conditions(parameters, "q"), *_conditions(parameters, "fq")]
        found = [each for each in self._packages if all(self._holds(condition, each) for condition in conditions)]
        sort = str(parameters.get("sort") or "score desc, metadata_modified desc")
        facets = _facets(found, parameters)
        return {
            "count": len(found),
            "sort": sort,
            "facets": {name: dict(values) for name, values in facets.items()},
            "search_facets": {
                name: {
                    "title": name,
                    "items": [{"name": value, "display_name": value, "count": count} for value, count in values],
                }
                for name, values in facets.items()
            },
            "results": _sorted(found, sort)[start : start + rows],
        }

    def _holds(self, condition: _Condition, package: Mapping[str, Any]) -> bool:
        if condition.field is None:
            found = _folded(condition.value) in self._words[package["id"]]
        elif condition.field == "metadata_modified":
            found = condition.low <= package["metadata_modified"] and (
                condition.high == "*" or package["metadata_modified"] <= condition.high
            )
        else:
            wanted = _folded(condition.value)
            found = any(wanted == "*" or wanted == _folded(each) for each in _FIELDS[condition.field](package))
        return found != condition.is_negated

    def _package(self, dataset: DatasetFacts) -> dict[str, Any]:
        facts, licence = self._facts, self._facts.licence
        id = str(dataset.id)
        resources = [self._resource(dataset, file, index) for index, file in enumerate(dataset.files)]
        extras = {
            "catalogue_version": CATALOGUE_VERSION,
            "conforms_to": dataset.conforms_to,
            "definition": facts.definition,
            "election": facts.election,
            "identifier": id,
            "is_test": "true" if facts.is_test else "false",
            "issued": facts.date,
            "modified": facts.taken_at,
            "office": dataset.office,
            "publisher_name": facts.publisher,
            "spatial_text": facts.area,
            "temporal_start": facts.date,
            "temporal_end": facts.date,
            **{f"title_{language}": title for language, title in dataset.title.items()},
            **{f"description_{language}": text for language, text in dataset.description.items()},
        }
        return {
            "id": id,
            "name": dataset.name,
            "title": _first(dataset.title),
            "notes": _first(dataset.description),
            "url": f"{self._at.dataset}{dataset.name}",
            "version": dataset.schema_version,
            "author": facts.publisher,
            "author_email": None,
            "maintainer": facts.publisher,
            "maintainer_email": None,
            "license_id": licence.ckan_id,
            "license_title": licence.title,
            "license_url": licence.url,
            "isopen": licence.is_open,
            "metadata_created": _ckan_time(facts.taken_at),
            "metadata_modified": _ckan_time(facts.taken_at),
            "state": "active",
            "type": "dataset",
            "private": False,
            "creator_user_id": None,
            "owner_org": self._organization["id"],
            "organization": self._organization,
            "groups": [],
            "relationships_as_subject": [],
            "relationships_as_object": [],
            "num_tags": len(dataset.keywords),
            "tags": [_tag(each) for each in dataset.keywords],
            "extras": [{"key": key, "value": value} for key, value in extras.items() if value is not None],
            "num_resources": len(resources),
            "resources": resources,
        }

    def _resource(self, dataset: DatasetFacts, file: FileFacts, position: int) -> dict[str, Any]:
        facts = self._facts
        return {
            "id": str(uuid5(dataset.id, file.format)),
            "package_id": str(dataset.id),
            "position": position,
            "name": file.name,
            "description": _first(dataset.title),
            "url": f"{self._at.newest}{file.name}",
            "cut_url": f"{self._at.cut}{file.name}",
            "format": file.format.upper(),
            "mimetype": file.media_type.partition(";")[0],
            "mimetype_inner": None,
            "size": file.bytes,
            "hash": f"sha256:{file.sha256}",
            "schema_version": dataset.schema_version,
            "created": _ckan_time(facts.taken_at),
            "last_modified": _ckan_time(facts.taken_at),
            "metadata_modified": _ckan_time(facts.taken_at),
            "cache_url": None,
            "cache_last_updated": None,
            "resource_type": "file",
            "url_type": None,
            "state": "active",
        }


# ── searching ────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Condition(NamedTuple):
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
_WORDS_WITHOUT_MEANING = {"AND"}
_SORTABLE = {
    "id": "id",
    "name": "name",
    "title": "title",
    "title_string": "title",
    "metadata_modified": "metadata_modified",
}
_IGNORED_SORT = {"score", "views_recent", "views_total", "metadata_created"}


def _conditions(parameters: Parameters, name: str) -> list[_Condition]:
    text = parameters.get(name)
    parts = text if isinstance(text, list) else [text]
    query = " ".join(str(each) for each in parts if each is not None)
    if len(query) > QUERY_CHARACTERS_MAX:
        raise _bad_query(f"{name} has {len(query):,} characters, and {QUERY_CHARACTERS_MAX:,} are read")
    found = [each for match in _CONDITION.finditer(query) if (each := _condition(name, match)) is not None]
    if len(found) > CONDITIONS_MAX:
        raise _bad_query(f"{name} has {len(found)} conditions, and {CONDITIONS_MAX} are read")
    return found


def _condition(parameter: str, found: re.Match[str]) -> _Condition | None:
    field, is_negated = found["field"], found["sign"] == "-"
    word = found["phrase"] if found["phrase"] is not None else found["word"]
    if word in _WORDS_WITHOUT_MEANING or (field, word) in (("*", "*"), (None, "*"), (None, "*:*")):
        return None
    if found["low"] is not None:
        if field != "metadata_modified":
            raise _bad_query(f"{parameter}: a range can be asked of metadata_modified, got {str(field)[:60]}")
        return _Condition(field, "", is_negated, _of_range(found["low"], ""), _of_range(found["high"], "*"))
    if field is not None and field not in _FIELDS:
        raise _bad_query(f"{parameter}: no field {field[:60]!r}; there are {', '.join(sorted(_FIELDS))}")
    return _Condition(field, word, is_negated)


def _of_range(text: str, unbounded: str) -> str:
    """A bound of a range, in the form of the times of packages."""
    return unbounded if text == "*" else text.removesuffix("Z")


def _bad_query(sentence: str) -> CkanError:
    return CkanError(400, "Search Query Error", message=f"Search Query is invalid: {sentence}")


def _sorted(packages: Sequence[dict[str, Any]], sort: str) -> list[dict[str, Any]]:
    """In the order of `sort`, such as `metadata_modified desc, name asc`; by name where it leaves the order open."""
    found = sorted(packages, key=lambda each: str(each["name"]))
    for part in reversed(sort.split(",")):
        words = part.split()
        if not words or words[0] in _IGNORED_SORT:
            continue
        if words[0] not in _SORTABLE or len(words) > 2 or (len(words) == 2 and words[1].lower() not in ("asc", "desc")):
            raise _bad_query(
                f"sort: expected {', '.join(sorted(_SORTABLE))} with asc or desc, got {part.strip()[:60]!r}"
            )
        field = _SORTABLE[words[0]]
        found.sort(key=lambda each, field=field: str(each[field]), reverse=words[-1].lower() == "desc")  # type: ignore[misc]
    return found


def _facets(packages: Sequence[Mapping[str, Any]], parameters: Parameters) -> dict[str, list[tuple[str, int]]]:
    """How many of the found datasets have each value of the fields in `facet.field`, the most frequent first."""
    fields = parameters.get("facet.field")
    if isinstance(fields, str):
        fields = re.findall(r"[A-Za-z_]+", fields[:QUERY_CHARACTERS_MAX])
    found = {}
    for field in dict.fromkeys(each for each in fields or () if isinstance(each, str) and each in _FIELDS):
        counts: dict[str, int] = {}
        for package in packages:
            for value in set(_FIELDS[field](package)):
                counts[value] = counts.get(value, 0) + 1
        found[field] = sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:FACET_VALUES_MAX]
    return found


def _words_of(package: Mapping[str, Any]) -> str:
    tags = [tag["name"] for tag in package["tags"]]
    texts = [extra["value"] for extra in package["extras"] if extra["key"].startswith(("title_", "description_"))]
    return " ".join([package["name"], package["title"], package["notes"], *tags, *texts])


def _folded(text: str) -> str:
    """Without case and accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in decomposed if not unicodedata.combining(each))


# ── pieces ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _organization(facts: CatalogueFacts) -> dict[str, Any]:
    name = re.sub(r"[^a-z0-9]+", "-", _folded(facts.publisher)).strip("-")[:100] or "publisher"
    return {
        "id": str(uuid5(NAMESPACE_URL, f"rekap:publisher:{facts.publisher}")),
        "name": name,
        "title": facts.publisher,
        "type": "organization",
        "description": "",
        "image_url": "",
        "is_organization": True,
        "approval_status": "approved",
        "state": "active",
        "created": _ckan_time(facts.taken_at),
    }


def _tag(name: str) -> dict[str, Any]:
    return {
        "id": str(uuid5(NAMESPACE_URL, f"rekap:tag:{name}")),
        "name": name,
        "display_name": name,
        "state": "active",
        "vocabulary_id": None,
    }


def _ckan_time(time: str) -> str:
    """CKAN's times are in UTC and have no zone."""
    return time.removesuffix("Z")


def _first(texts: Mapping[str, str]) -> str:
    return next(iter(texts.values()))


def _required(parameters: Parameters, name: str) -> str:
    value = parameters.get(name)
    if not isinstance(value, str) or not value:
        raise invalid(name, "Missing value")
    return value


def _whole(parameters: Parameters, name: str, default: int) -> int:
    value = parameters.get(name)
    if value is None or value == "":
        return default
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9:
        return int(value)
    raise invalid(name, "Must be a natural number")
