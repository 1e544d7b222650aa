"""`sitemap.xml` (sitemaps.org 0.9): the addresses that a search engine should read."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from projections.catalogue.facts import CatalogueFacts

ADDRESSES_MAX = 50_000
"""Limit of the protocol for one file. Later datasets are left out; the catalogue, which comes first, has them."""
_NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"


def sitemap(facts: CatalogueFacts, addresses: Sequence[str]) -> str:
    """`addresses` are whole addresses, the most important first."""
    entries = "".join(
        f"  <url><loc>{escape(each)}</loc><lastmod>{facts.taken_at}</lastmod></url>\n"
        for each in addresses[:ADDRESSES_MAX]
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="{_NAMESPACE}">\n{entries}</urlset>\n'


def sitemap_index(addresses: Sequence[str]) -> str:
    """The index of several sitemaps, by their whole addresses."""
    entries = "".join(f"  <sitemap><loc>{escape(each)}</loc></sitemap>\n" for each in addresses[:ADDRESSES_MAX])
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<sitemapindex xmlns="{_NAMESPACE}">\n{entries}</sitemapindex>\n'
