"""A number changed in the read model, as a bug or a hand would."""

from __future__ import annotations


def number_changed(table: str, column: str, index: int, by: int | str, where: str) -> str:
    """The statement that makes the number with this index (the first is 0) of a JSON array larger by `by`, a number or `$1`.
    All else stays as it is, to the byte."""
    more = f"number::bigint + CASE each WHEN {index + 1} THEN {by} ELSE 0 END"
    return (
        f"UPDATE {table} SET {column} = (SELECT '[' || string_agg(({more})::text, ',' ORDER BY each) || ']' "  # noqa: S608
        f"FROM json_array_elements_text({column}::json) WITH ORDINALITY AS numbers (number, each)) WHERE {where}"
    )
