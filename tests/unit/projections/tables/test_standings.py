"""A station's result as a row of the read model, and as a line that COPY writes."""

from __future__ import annotations

from projections.tables.standings import StationStanding, standing_of, standings

COUNTED = StationStanding("president", 3, "counted", [1, 201, 7], 2, 9, 1, 17, "00ff", has_history=False)
WAITING = StationStanding("president", 4, "waiting", None, 2, None, None, None, None, has_history=True)


def test_a_copied_line_is_a_result_and_whether_the_station_has_a_history() -> None:
    lines = [
        b"president\t3\tcounted\t[1,201,7]\t2\t9\t1\t17\t00ff\tf\n",
        b"president\t4\twaiting\t\\N\t2\t\\N\t\\N\t\\N\t\\N\tt\n",
    ]
    assert list(standings(lines)) == [COUNTED, WAITING]


def test_a_row_of_the_read_model_is_a_result_of_which_no_history_is_known() -> None:
    row = COUNTED._asdict() | {"station": "1.1.2-2", "contribution": "[1,201,7]"}
    assert standing_of(row) == COUNTED
    assert standing_of(WAITING._asdict()) == WAITING._replace(has_history=False)
