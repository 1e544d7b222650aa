"""Files of results name the body that publishes them."""

from __future__ import annotations

import pytest

from projections.tables.publisher import publisher_of
from schemas.definition.package import Key, Role
from tests.support.ledger import key_row
from tests.support.small_election import small_package

ELECTION = small_package().election


def _keys(*holders: tuple[Role, str | None]) -> list[Key]:
    return [key_row(role, role, "N").model_copy(update={"holder": holder}) for role, holder in holders]


@pytest.mark.parametrize(
    ("holders", "publisher"),
    [
        (
            [(Role.COURT, "The court"), (Role.AUTHORITY, "The commission"), (Role.AUTHORITY, "Another")],
            "The commission",
        ),
        ([(Role.AUTHORITY, None), (Role.AUTHORITY, "The commission")], "The commission"),
        ([(Role.AUTHORITY, None), (Role.COURT, "The court")], "KPU"),
    ],
)
def test_the_publisher_is_the_first_holder_of_an_authority_key_or_the_source(
    holders: list[tuple[Role, str | None]], publisher: str
) -> None:
    assert publisher_of(ELECTION.model_copy(update={"source": "KPU"}), _keys(*holders)) == publisher


def test_without_a_holder_and_a_source_the_title_is_in_their_place() -> None:
    assert publisher_of(ELECTION, _keys((Role.COURT, "The court"))) == "Pemilu kecil"
