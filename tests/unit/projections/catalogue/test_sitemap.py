"""Sitemaps: whole addresses, the first ones where there are too many."""

from __future__ import annotations

from projections.catalogue.sitemap import ADDRESSES_MAX, sitemap, sitemap_index
from tests.support.catalogue import few_facts

ADDRESSES = ["https://a.example/x?a=1&b=2", "https://a.example/y"]
MANY = [f"https://a.example/{number}" for number in range(ADDRESSES_MAX + 1)]


def test_a_sitemap_has_each_address_with_the_time_of_the_cut() -> None:
    assert sitemap(few_facts(), ADDRESSES) == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        "  <url><loc>https://a.example/x?a=1&amp;b=2</loc><lastmod>2029-02-14T13:00:00.000Z</lastmod></url>\n"
        "  <url><loc>https://a.example/y</loc><lastmod>2029-02-14T13:00:00.000Z</lastmod></url>\n"
        "</urlset>\n"
    )


def test_an_index_names_each_sitemap() -> None:
    assert sitemap_index(ADDRESSES) == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        "  <sitemap><loc>https://a.example/x?a=1&amp;b=2</loc></sitemap>\n"
        "  <sitemap><loc>https://a.example/y</loc></sitemap>\n"
        "</sitemapindex>\n"
    )


def test_what_the_protocol_has_no_room_for_is_left_out_at_the_end() -> None:
    for text in (sitemap(few_facts(), MANY), sitemap_index(MANY)):
        assert text.count("<loc>") == ADDRESSES_MAX == 50_000
        assert f"<loc>{MANY[-2]}</loc>" in text
        assert f"<loc>{MANY[-1]}</loc>" not in text
