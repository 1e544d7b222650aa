"""Licences by the words with which packages name them."""

from __future__ import annotations

import pytest

from schemas.licences import DEFAULT_LICENCE, Licence, licence_link, licence_of


@pytest.mark.parametrize(
    "words",
    [
        "CC-BY-4.0",
        "CC BY 4.0",
        "cc_by 4.0",
        " CC-BY-4.0 ",
        "https://creativecommons.org/licenses/by/4.0/",
        "Creative Commons Attribution 4.0 International",
    ],
)
def test_a_known_licence_is_found_in_any_spelling(words: str) -> None:
    found = licence_of(words)
    assert (found.id, found.ckan_id, found.is_open) == (DEFAULT_LICENCE, "cc-by", True)
    assert found.url == "https://creativecommons.org/licenses/by/4.0/"


@pytest.mark.parametrize(
    ("spdx", "address"),
    [
        ("CC0-1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
        ("ODbL-1.0", "https://opendatacommons.org/licenses/odbl/1-0/"),
        ("Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0"),
    ],
)
def test_a_known_licence_is_found_by_its_address_in_the_letter_case_of_the_address(spdx: str, address: str) -> None:
    assert licence_of(f" {address} ") == licence_of(spdx)
    assert (licence_of(spdx).id, licence_of(spdx).url) == (spdx, address)


def test_another_licence_has_its_words_and_no_address() -> None:
    assert licence_of("Ask us") == Licence(None, "Ask us", None, "notspecified", False)
    address = "https://kpu.example/terms"
    assert licence_of(address) == Licence(None, address, address, "notspecified", False)


def test_a_licence_without_an_address_is_named_by_the_election() -> None:
    assert licence_link("CC BY 4.0") == '<https://creativecommons.org/licenses/by/4.0/>; rel="license"'
    assert licence_link("Ask us") == '</v1/election>; rel="license"'
