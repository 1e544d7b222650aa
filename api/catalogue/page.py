"""A dataset as a page for people and search engines, without scripts."""

from __future__ import annotations

from html import escape

import orjson

from api.page.policy import policy_with
from projections.catalogue.facts import Addresses, CatalogueFacts, DatasetFacts
from projections.catalogue.schema_org import dataset_document

_STYLE = """
body { max-width: 60rem; margin: 0 auto; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif; color: #222; background: #fff }
table { border-collapse: collapse } th, td { text-align: left; vertical-align: top; padding: .2rem 1rem .2rem 0 }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #111 } a { color: #8cf } }
"""
PAGE_POLICY = policy_with(_STYLE)
"""Content security policy of the page. It allows the JSON-LD too, which is data and not a script."""


def dataset_page(facts: CatalogueFacts, dataset: DatasetFacts, at: Addresses) -> str:
    language, title = next(iter(dataset.title.items()))
    files = "".join(
        f'<tr><td><a href="{escape(at.newest + file.name)}">{escape(file.name)}</a></td><td>{escape(file.format.upper())}</td>'
        f"<td>{file.bytes:,}</td><td><code>{file.sha256[:16]}…</code></td></tr>"
        for file in dataset.files
    )
    columns = "".join(
        f"<tr><td><code>{escape(column.name)}</code></td><td>{escape(column.kind)}</td>"
        f"<td>{escape(column.meaning.en)}</td><td>{escape(column.meaning.id)}</td></tr>"
        for column in (() if dataset.table is None else dataset.table.columns)
    )
    licence = escape(facts.licence.title)
    if facts.licence.url is not None:
        licence = f'<a rel="license" href="{escape(facts.licence.url)}">{licence}</a>'
    data = orjson.dumps(dataset_document(facts, dataset, at)).decode().replace("<", "\\u003c")
    others = "".join(f'<p lang="{escape(code)}">{escape(text)}</p>' for code, text in dataset.description.items())
    return (
        f'<!doctype html><html lang="{escape(language)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>"
        f'<link rel="alternate" type="text/turtle" href="{escape(at.catalogue)}.ttl">'
        f'<script type="application/ld+json">{data}</script></head><body>'
        f"<h1>{escape(title)}</h1>{others}"
        f"<p>{escape(facts.publisher)}, {escape(facts.taken_at)}, {licence}</p>"
        f"<table><tr><th>File<th>Format<th>Bytes<th>SHA-256</tr>{files}</table>"
        + (f"<h2>Columns</h2><table><tr><th>Name<th>Type<th>Meaning<th>Arti</tr>{columns}</table>" if columns else "")
        + "</body></html>"
    )
