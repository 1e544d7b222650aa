"""The catalogue as CKAN's action API answers it.

A portal harvests with these. The names, the shapes and the errors are CKAN's (API version 3), also where Rekap's own API has
other ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from projections.catalogue.ckan_requests import CkanError, Parameters, not_found, required, whole
from projections.catalogue.ckan_search import bad_query, conditions, facets, holds, in_order, words_of
from projections.catalogue.facts import CATALOGUE_VERSION, Addresses, CatalogueFacts, DatasetFacts, FileFacts
from projections.shown.folded_text import folded

CKAN_VERSION = "2.11.0"
"""The version whose actions are answered. Clients compare it to know what they may ask."""
ROWS = 10
ROWS_MAX = 1_000
"""CKAN's own default and limit for the datasets of one answer of package_search, 10 kB each."""


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
        self._words = {each["id"]: words_of(each) for each in self._packages}

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
        offset = whole(parameters, "offset", 0)
        limit = whole(parameters, "limit", len(self._packages))
        return sorted(each["name"] for each in self._packages)[offset : offset + limit]

    def package_show(self, parameters: Parameters) -> dict[str, Any]:
        key = required(parameters, "id")
        if key not in self._by_key:
            raise not_found("there is no such dataset")
        return self._by_key[key]

    def resource_show(self, parameters: Parameters) -> dict[str, Any]:
        key = required(parameters, "id")
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
        rows = min(whole(parameters, "rows", ROWS), ROWS_MAX)
        start = whole(parameters, "start", 0)
        wanted = [*conditions(parameters, "q"), *conditions(parameters, "fq")]
        found = [
            each
            for each in self._packages
            if all(holds(condition, each, self._words[each["id"]]) for condition in wanted)
        ]
        sort = parameters.get("sort") or "score desc, metadata_modified desc"
        if not isinstance(sort, str):
            raise bad_query("sort: expected text")
        counts = facets(found, parameters)
        return {
            "count": len(found),
            "sort": sort,
            "facets": {name: dict(values) for name, values in counts.items()},
            "search_facets": {
                name: {
                    "title": name,
                    "items": [{"name": value, "display_name": value, "count": count} for value, count in values],
                }
                for name, values in counts.items()
            },
            "results": in_order(found, sort)[start : start + rows],
        }

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


# ── pieces ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _organization(facts: CatalogueFacts) -> dict[str, Any]:
    name = re.sub(r"[^a-z0-9]+", "-", folded(facts.publisher)).strip("-")[:100] or "publisher"
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
