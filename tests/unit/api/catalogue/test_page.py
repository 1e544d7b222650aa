"""A dataset as a page: it shows what the catalogue states, runs nothing, and takes no text of a package for markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

from api.catalogue.page import PAGE_POLICY, dataset_page
from projections.catalogue.facts import CatalogueFacts, DatasetFacts
from projections.catalogue.schema_org import dataset_document
from schemas.licences import licence_of
from schemas.tables.register import CHOICES
from tests.support.catalogue import AT, few_facts

MARKUP = '</script><img src="x">'


class Page(HTMLParser):
    """The elements of a page with their attributes, the texts between them, and its one script."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def texts_from(self, text: str) -> list[str]:
        """The texts of the page from this one on."""
        return self.texts[self.texts.index(text) :]


def _dataset(stem: str) -> DatasetFacts:
    return next(each for each in few_facts().datasets if each.stem == stem)


def _page(stem: str, facts: CatalogueFacts | None = None, dataset: DatasetFacts | None = None) -> Page:
    return Page(dataset_page(facts or few_facts(), dataset or _dataset(stem), AT))


def test_a_page_shows_the_dataset_its_files_and_its_columns() -> None:
    page = _page("choices")
    assert page.of("html") == [{"lang": "id"}]
    title = "Pemilu kecil: Pilihan pada surat suara setiap kontes"
    assert page.texts.count(title) == 2, "in the head and as the heading"
    assert page.texts_from("Komisi Pemilihan Umum, 2029-02-14T13:00:00.000Z, ") == [
        "Komisi Pemilihan Umum, 2029-02-14T13:00:00.000Z, ",
        "Creative Commons Zero 1.0 Universal",
        *("File", "Format", "Bytes", "SHA-256"),
        *("choices.csv", "CSV", "1,030", "d34dba84f9836841…"),
        *("Columns", "Name", "Type", "Meaning", "Arti"),
        *(
            text
            for column in CHOICES.columns
            for text in (column.name, column.kind, column.meaning.en, column.meaning.id)
        ),
    ]
    assert [each["href"] for each in page.of("a")] == [
        "https://creativecommons.org/publicdomain/zero/1.0/",
        "https://results.example/v1/files/latest/choices.csv",
    ]
    assert page.of("link") == [
        {"rel": "alternate", "type": "text/turtle", "href": "https://results.example/v1/catalog.ttl"}
    ]


def test_the_description_is_shown_in_each_language() -> None:
    choices = _dataset("choices")._replace(description={"id": "Pilihan.", "en": "Choices."})
    html = dataset_page(few_facts(), choices, AT)
    assert '</h1><p lang="id">Pilihan.</p><p lang="en">Choices.</p><p>Komisi' in html


def test_each_file_of_a_dataset_has_a_row() -> None:
    page = _page("president.nation.area-votes")
    assert [text for text in page.texts if text.startswith("president.nation")] == [
        "president.nation.area-votes.csv",
        "president.nation.area-votes.ndjson",
    ]


def test_a_report_of_another_standard_has_no_columns() -> None:
    page = _page("president.district.nist-report")
    assert "Columns" not in page.texts
    assert len(page.of("table")) == 1


def test_search_engines_read_the_dataset_in_the_words_of_schema_org() -> None:
    page = _page("choices")
    assert page.of("script") == [{"type": "application/ld+json"}]
    assert dataset_document(few_facts(), _dataset("choices"), AT) in [
        json.loads(text) for text in page.texts if text.startswith("{")
    ]


def test_no_text_of_a_package_is_taken_for_markup() -> None:
    choices = _dataset("choices")
    hostile = choices._replace(title={"id": MARKUP}, description={'"><img>': MARKUP})
    page = _page("", few_facts()._replace(publisher=MARKUP, licence=licence_of(MARKUP)), hostile)
    assert page.of("img") == []
    assert len(page.of("script")) == 1
    [data] = [json.loads(text) for text in page.texts if text.startswith("{")]
    assert data["name"] == [{"@language": "id", "@value": MARKUP}]
    assert page.texts.count(MARKUP) == 3, "title, heading and description"
    assert f"{MARKUP}, 2029-02-14T13:00:00.000Z, {MARKUP}" in page.texts
    assert [each["href"] for each in page.of("a")] == ["https://results.example/v1/files/latest/choices.csv"]


def test_the_policy_allows_the_style_of_the_page_and_nothing_else() -> None:
    html = dataset_page(few_facts(), _dataset("choices"), AT)
    [style] = re.findall("<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    expected = (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert expected == PAGE_POLICY
