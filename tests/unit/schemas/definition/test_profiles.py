"""Profiles have the columns of a public list of candidates and no others."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from schemas.canonical import canonical_bytes, sha256_hex
from schemas.definition.profiles import PROFILE_TABLES, Candidate, PartyProfile, Profiles
from schemas.definition.rows import row_hashes

PUBLIC_LIST = {
    "candidates": {"contest", "choice", "person", "name", "sex", "residence", "photo", "web"},
    "party_profiles": {"party", "web", "logo", "colour"},
}
"""Name, sex, place of residence and photo are what Indonesia's final list of candidates (Daftar Calon Tetap) shows."""


def test_there_is_no_column_for_personal_data_beyond_the_public_list() -> None:
    assert {name: set(model.model_fields) for name, model in PROFILE_TABLES.items()} == PUBLIC_LIST


def test_the_order_of_rows_is_not_part_of_the_digest_and_each_cell_is() -> None:
    one, two = (Candidate(contest="c", choice="1", person=person, name="A") for person in (1, 2))
    party = PartyProfile(party="P", colour="#0B6623")
    digest = Profiles((one, two), (party,)).digest()
    assert Profiles((two, one), (party,)).digest() == digest
    assert Profiles((one, two.model_copy(update={"residence": "Sleman"})), (party,)).digest() != digest
    assert Profiles((one, two)).digest() != digest


def test_the_digest_is_over_the_hashes_of_the_rows_by_table() -> None:
    candidate, party = Candidate(contest="c", choice="1", name="A"), PartyProfile(party="P")
    tables = {"candidates": row_hashes([candidate]), "party_profiles": row_hashes([party])}
    assert Profiles((candidate,), (party,)).digest() == sha256_hex(canonical_bytes(tables))
    assert Profiles().tables().keys() == PROFILE_TABLES.keys()


@pytest.mark.parametrize(
    "cells",
    [{"photo": "javascript:alert(1)"}, {"web": "https://kpu.example@other.example/"}, {"person": 0}, {"religion": "x"}],
)
def test_a_cell_that_no_page_may_show_is_refused(cells: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Candidate.model_validate({"contest": "c", "choice": "1", "name": "A"} | cells)


@pytest.mark.parametrize("colour", ["red", "#0b6623", "#0B66", "#0B6623;"])
def test_a_colour_has_one_spelling(colour: str) -> None:
    with pytest.raises(ValidationError):
        PartyProfile(party="P", colour=colour)
