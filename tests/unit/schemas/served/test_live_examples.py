"""Each message and command of the live feed has an example, of its shape."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from schemas.served.live import FROM_CLIENT, FROM_SERVER, FromClient, FromServer
from schemas.served.live_examples import LIVE_EXAMPLES


def _types(union: Any) -> list[str]:
    return [each.model_fields["type"].default for each in get_args(get_args(union)[0])]


def test_there_is_one_of_each_message_and_command() -> None:
    assert LIVE_EXAMPLES.keys() == {*_types(FromClient), *_types(FromServer)}


@pytest.mark.parametrize("name", LIVE_EXAMPLES)
def test_an_example_has_the_shape_of_its_type(name: str) -> None:
    assert LIVE_EXAMPLES[name]["type"] == name
    (FROM_CLIENT if name in _types(FromClient) else FROM_SERVER).validate_python(LIVE_EXAMPLES[name])
