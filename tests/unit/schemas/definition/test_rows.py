"""Values of a package's tables: days, and texts in several languages."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.definition.package import Area, Contest, Office
from schemas.definition.rows import Day, LocalText, text_fields

DAY: TypeAdapter[Any] = TypeAdapter(Day)


@pytest.mark.parametrize("value", ["14-02-2029", "2029-02-30", "2029-02-14T00:00:00", 1_865_721_600, 1.5, None, True])
def test_a_day_is_written_in_one_way(value: object) -> None:
    with pytest.raises(ValidationError, match="expected a date such as 2029-02-14"):
        DAY.validate_python(value)
    assert DAY.validate_python("2029-02-14").isoformat() == "2029-02-14"
    assert DAY.validate_python(DAY.validate_python("2028-02-29")).isoformat() == "2028-02-29"


def test_a_text_is_given_in_the_language_or_else_in_the_first() -> None:
    text = LocalText({"gn": "Mburuvicha", "pt-BR": "Presidente"})
    assert text.preferred("pt-BR") == "Presidente"
    assert text.preferred("en") == "Mburuvicha"


def test_a_text_has_one_to_forty_languages() -> None:
    codes = [f"{first}{second}" for first in "abcd" for second in "abcdefghijk"]
    LocalText(dict.fromkeys(codes[:1], "Presidente"))
    LocalText(dict.fromkeys(codes[:40], "Presidente"))
    for count in (0, 41):
        with pytest.raises(ValidationError):
            LocalText(dict.fromkeys(codes[:count], "Presidente"))


def test_texts_in_several_languages_are_known_also_where_they_may_be_missing() -> None:
    assert text_fields(Office) == {"name"}
    assert text_fields(Contest) == {"name"}
    assert text_fields(Area) == frozenset()
