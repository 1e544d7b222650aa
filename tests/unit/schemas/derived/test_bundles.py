from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.derived.bundles import blocks_in, bundled


def test_one_block_is_a_message_as_it_is() -> None:
    block = b'{"kind":"block","office":"president"}\n{}'
    assert bundled([block]) == block
    assert blocks_in(block) == [block]


@given(st.lists(st.binary(min_size=1), min_size=2, max_size=20))
def test_blocks_come_out_as_they_went_in(blocks: list[bytes]) -> None:
    assert blocks_in(bundled(blocks)) == blocks


@pytest.mark.parametrize(
    "message",
    [
        b'{"blocks":[]}\n',
        b'{"blocks":[1,1]}\nabc',
        b'{"blocks":[1,1]}\na',
        b'{"blocks":[0,1]}\na',
        b'{"blocks":[-1,2]}\na',
        b'{"blocks":[true]}\na',
        b'{"blocks":[1.0]}\na',
        b'{"blocks":["1"]}\na',
        b'{"blocks":[1]',
    ],
)
def test_a_bundle_that_is_not_whole_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        blocks_in(message)
