"""Text as searches compare it."""

from __future__ import annotations

from projections.shown.folded_text import folded


def test_names_are_compared_without_case_and_accents() -> None:
    assert folded("ÑUSA Straße İ") == folded("nusa STRASSE i") == "nusa strasse i"


def test_capitals_of_which_a_character_consists_are_compared_without_case() -> None:
    assert folded("℡ Ⅻ") == folded("Tel xii") == "tel xii"
