"""Parameters of CKAN's actions: which values count, and the error that names the parameter of a wrong one."""

from __future__ import annotations

from typing import Any

import pytest

from projections.catalogue.ckan_requests import CkanError, required, whole


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, 10),
        ("", 10),
        (0, 0),
        ("0", 0),
        (7, 7),
        ("007", 7),
        (1_000_000_000, 1_000_000_000),
        ("9" * 9, 999_999_999),
    ],
)
def test_a_natural_number_is_read_from_json_and_from_text(value: Any, expected: int) -> None:
    assert whole({"rows": value}, "rows", 10) == expected
    assert whole({}, "rows", 10) == 10


@pytest.mark.parametrize("value", [-1, "-1", 1.0, "1.0", True, False, [1], "9" * 10, "٣", "²", " 1", "many"])
def test_other_values_than_natural_numbers_are_refused(value: Any) -> None:
    with pytest.raises(CkanError) as found:
        whole({"rows": value}, "rows", 10)
    assert found.value.status == 409
    assert found.value.error == {"__type": "Validation Error", "rows": ["Must be a natural number"]}


@pytest.mark.parametrize("parameters", [{}, {"id": None}, {"id": ""}, {"id": 7}, {"id": ["a"]}])
def test_a_required_parameter_is_a_text_that_is_not_empty(parameters: dict[str, Any]) -> None:
    assert required({"id": "a"}, "id") == "a"
    with pytest.raises(CkanError) as found:
        required(parameters, "id")
    assert found.value.status == 409
    assert found.value.error == {"__type": "Validation Error", "id": ["Missing value"]}
    assert str(found.value) == "Validation Error"
