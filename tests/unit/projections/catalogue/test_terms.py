"""Terms of use: the licences of data and code, and how to name the source."""

from __future__ import annotations

from projections.catalogue.terms import terms
from schemas.licences import licence_of
from tests.support.catalogue import few_facts


def test_terms_name_the_licences_of_data_and_code_and_the_source() -> None:
    assert terms(few_facts()._replace(source="KPU, Sirekap")) == {
        "election": "small",
        "title": {"id": "Pemilu kecil", "en": "Small election"},
        "is_test": True,
        "data": {
            "licence": "CC0-1.0",
            "licence_title": "Creative Commons Zero 1.0 Universal",
            "licence_url": "https://creativecommons.org/publicdomain/zero/1.0/",
            "publisher": "Komisi Pemilihan Umum",
            "source": "KPU, Sirekap",
            "attribution": "Komisi Pemilihan Umum, Pemilu kecil, 2029-02-14",
        },
        "code": {
            "licence": "Apache-2.0",
            "licence_title": "Apache License 2.0",
            "licence_url": "https://www.apache.org/licenses/LICENSE-2.0",
            "name": "Rekap",
        },
        "personal_data": {
            "en": "The names of candidates as the public lists have them. No column can hold other personal data.",
            "id": "Nama calon sebagaimana dalam daftar publik. Tidak ada kolom untuk data pribadi lain.",
        },
    }


def test_a_licence_that_is_not_known_has_its_own_words() -> None:
    data = terms(few_facts()._replace(licence=licence_of("Ask us")))["data"]
    assert (data["licence"], data["licence_title"], data["licence_url"]) == ("Ask us", "Ask us", None)
