"""What every catalogue states of the bulk files: a dataset for each table of a cut, and in it a file for each format.

A dataset keeps its name from cut to cut, so a portal that harvests twice has one dataset and not two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

from projections.definition.compiled import Definition
from projections.nist.report_plan import REPORT_TABLE, REPORT_TITLE
from projections.tables.file_plan import ALL_TABLES
from schemas.definition.rows import LocalText
from schemas.derived.blocks import FINANCE
from schemas.licences import Licence, licence_of
from schemas.nist.objects import STANDARD
from schemas.tables.columns import Table

CATALOGUE_VERSION = "2.0.0"
"""Version of the shape of all catalogues; semver as for tables: a new field raises the minor number, a field that is renamed,
removed or changes its meaning the major number. A test (tests/unit/projections/catalogue) fails where a shape changes without
it."""
NAME_CHARACTERS_MAX = 100
"""CKAN's limit for the name of a dataset."""
_TABLES: Mapping[str, Table] = {table.name: table for table in ALL_TABLES}
_REHEARSAL = {
    "en": "This is a rehearsal: no number in it is a result.",
    "id": "Ini simulasi: tidak ada angka di dalamnya yang merupakan hasil.",
}
_OPEN_RESULTS = {
    "en": "Results of every polling station and area, and the register of the election, as open data.",
    "id": "Hasil setiap TPS dan wilayah, dan data pokok pemilihan, sebagai data terbuka.",
}
_OF_OTHER_PARTS: Mapping[str | None, str] = {None: "register", FINANCE: "finance"}
"""What a table that is of no office has as its `office` in the manifest → its keyword."""


class FileFacts(NamedTuple):
    name: str
    format: str
    """Format as manifest.json has it: `csv`, `json`, …"""
    media_type: str
    bytes: int
    sha256: str


class DatasetFacts(NamedTuple):
    name: str
    """Small letters, digits and hyphens, which no other dataset of the election has."""
    id: UUID
    stem: str
    """Name of its files without the ending."""
    title: Mapping[str, str]
    description: Mapping[str, str]
    keywords: Sequence[str]
    office: str | None
    table: Table | None
    """None for a report of another standard."""
    schema_version: str
    rows: int
    conforms_to: str | None
    """Address of the standard that the files follow."""
    files: Sequence[FileFacts]


class CatalogueFacts(NamedTuple):
    election: str
    title: Mapping[str, str]
    description: Mapping[str, str]
    date: str
    publisher: str
    source: str | None
    licence: Licence
    is_test: bool
    area: str
    """Name of the whole territory."""
    taken_at: str
    definition: str
    offices: Mapping[str, Mapping[str, str]]
    """Id → name by language, for the offices in the cut."""
    datasets: Sequence[DatasetFacts]
    languages: Sequence[str]


class Addresses(NamedTuple):
    """Addresses of catalogue, datasets and files: relative references for documents that lie beside the files, otherwise
    whole."""

    catalogue: str
    """Address of the catalogue itself, before a fragment."""
    dataset: str
    """Address of a dataset, up to its name."""
    newest: str
    """Address of a file of the newest cut, up to its name; the whole address never changes."""
    cut: str
    """Address of a file of this cut, up to its name; the bytes of the file never change."""
    home: str | None
    """Address of the API; None for files without one."""

    @classmethod
    def of_api(cls, base: str, cut: str) -> Addresses:
        """`base` ends without a slash."""
        files = f"{base}/v1/files"
        return cls(f"{base}/v1/catalog", f"{base}/v1/datasets/", f"{files}/latest/", f"{files}/{cut}/", base)

    @classmethod
    def beside(cls, base: str = "") -> Addresses:
        """Addresses for documents in the directory of the files; `base` is empty or ends with a slash."""
        return cls(f"{base}catalog", f"{base}catalog#dataset-", base, base, None)


def catalogue_facts(definition: Definition, manifest: Mapping[str, Any]) -> CatalogueFacts:
    """`manifest` is that of a cut (projections/tables/manifest.py)."""
    election = definition.election
    offices = [entry for entry in definition.ballots.offices if entry.id in manifest["as_of"]]
    languages = list(
        dict.fromkeys(
            language
            for texts in (election.title, *(level.name for level in election.levels), *(o.office.name for o in offices))
            for language in texts.root
        )
    )
    is_test = bool(manifest["is_test"])
    return CatalogueFacts(
        election=election.id,
        title=_in_each(languages, election.title),
        description={
            language: _sentences(_own(_OPEN_RESULTS, language), _own(_REHEARSAL, language) if is_test else "")
            for language in languages
        },
        date=election.date.isoformat(),
        publisher=manifest["publisher"],
        source=manifest["source"],
        licence=licence_of(manifest["licence"]),
        is_test=is_test,
        area=definition.tree.names[definition.tree.root],
        taken_at=manifest["taken_at"],
        definition=manifest["definition"],
        offices={entry.id: _in_each(languages, entry.office.name) for entry in offices},
        datasets=list(_datasets(definition, manifest, languages)),
        languages=languages,
    )


def _datasets(definition: Definition, manifest: Mapping[str, Any], languages: Sequence[str]) -> Iterator[DatasetFacts]:
    election = definition.election
    levels = {level.id: level.name for level in election.levels}
    names = definition.ballots.office_number.keys()  # tables of finance are of another part of the count
    taken: set[str] = set()
    for stem, entries in _by_stem(manifest["files"]).items():
        first = entries[0]
        table = _TABLES.get(first["table"])
        about = REPORT_TITLE if table is None else table.title
        titles = {}
        for language in languages:
            parts = [about.id if language == "id" else about.en]
            if first["office"] in names:
                parts.append(definition.ballots.office(first["office"]).office.name.preferred(language))
            if first["level"] is not None:
                parts.append(levels[first["level"]].preferred(language))
            titles[language] = f"{election.title.preferred(language)}: {', '.join(parts)}"
        name = _name(election.id, stem, taken)
        taken.add(name)
        yield DatasetFacts(
            name=name,
            id=uuid5(NAMESPACE_URL, f"rekap:{election.mode.value}:{election.id}:{stem}"),
            stem=stem,
            title=titles,
            description={
                language: _sentences(
                    f"{titles[language]}.",
                    _own(_REHEARSAL, language) if manifest["is_test"] else "",
                )
                for language in languages
            },
            keywords=[
                "election",
                "pemilu",
                first["table"],
                _OF_OTHER_PARTS.get(first["office"], first["office"]),
                *([] if first["level"] is None else [first["level"]]),
            ],
            office=first["office"] if first["office"] in names else None,
            table=table,
            schema_version=first["schema_version"],
            rows=first["rows"],
            conforms_to=STANDARD if first["table"] == REPORT_TABLE else None,
            files=[
                FileFacts(each["name"], each["format"], each["media_type"], each["bytes"], each["sha256"])
                for each in entries
            ],
        )


def _by_stem(files: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for each in files:
        found.setdefault(each["name"].removesuffix(f".{each['format']}"), []).append(each)
    return found


def _name(election: str, stem: str, taken: set[str]) -> str:
    """The stem in the characters of a name in CKAN. A stem that is too long, or the same as another one in these characters,
    ends in digits that follow from it."""
    name = re.sub(r"[^a-z0-9]+", "-", f"{election}-{stem}".casefold())
    if len(name) <= NAME_CHARACTERS_MAX and name not in taken:
        return name
    digits = uuid5(NAMESPACE_URL, stem).hex[:12]
    return f"{name[: NAME_CHARACTERS_MAX - len(digits) - 1]}-{digits}"


def _in_each(languages: Iterable[str], texts: LocalText) -> dict[str, str]:
    """The text in each language of the package; where it lacks one, in its first language."""
    return {language: texts.preferred(language) for language in languages}


def _own(texts: Mapping[str, str], language: str) -> str:
    return texts.get(language, texts["en"])


def _sentences(*sentences: str) -> str:
    return " ".join(each for each in sentences if each)
