"""The tables of the register: all that the election package states, in the words of the package."""

from __future__ import annotations

from schemas.definition.package import TABLES as PACKAGE_TABLES
from schemas.definition.package import Role
from schemas.tables.register import KEYS, REGISTER_TABLES


def test_the_register_has_all_that_the_package_states() -> None:
    renamed = {"code": None, "id": None, "key_id": None}
    for table in REGISTER_TABLES:
        if table.name in PACKAGE_TABLES:
            fields = PACKAGE_TABLES[table.name].model_fields.keys() - renamed.keys()
            assert fields <= set(table.column_names), table.name


def test_a_code_list_has_each_value_that_the_package_can_have() -> None:
    (role,) = [column for column in KEYS.columns if column.name == "role"]
    assert [each.code for each in role.codes] == [each.value for each in Role]
