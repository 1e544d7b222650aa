"""A patch makes one version of a row from another, whatever the two are, or there is none."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from schemas.canonical import canonical_bytes
from schemas.served.row_patches import applied, difference

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from(["", "a"])
    | st.lists(st.integers(0, 2), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
rows = st.dictionaries(st.sampled_from("abcd"), values, max_size=4)


@given(rows, rows)
@example({"a": 1}, {"a": True})
@example({"a": None}, {"a": {"b": None}})
@example({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}})
@example({"a": [1]}, {"a": [True]})
def test_a_patch_makes_the_newer_row_of_the_older_and_names_only_what_changed(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    kept = canonical_bytes(before)
    patch = difference(before, after)
    assert (patch is None) == (not before.keys() <= after.keys())
    if patch is not None:
        assert canonical_bytes(applied(before, patch)) == canonical_bytes(after)
        assert (patch == {}) == (canonical_bytes(before) == canonical_bytes(after))
    assert canonical_bytes(before) == kept


@given(st.lists(rows, min_size=2, max_size=5))
def test_patches_one_after_the_other_are_the_patch_of_them_all(versions: list[dict[str, Any]]) -> None:
    row = versions[0]
    for before, after in pairwise(versions):
        patch = difference(before, after)
        row = after if patch is None else applied(row, patch)
    assert canonical_bytes(row) == canonical_bytes(versions[-1])
