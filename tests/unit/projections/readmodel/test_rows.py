"""From messages to rows of the read model, row by row. Any night, batch and crash: tests/properties/test_recorded_rows.py."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import orjson
import pytest

from projections.area.tally import tally_length
from projections.definition.compiled import Definition
from projections.readmodel.recording import AREA_TALLY, FINANCE_COLUMNS, OFFICE_TALLY, RECORD_COLUMNS, STATION_RESULT
from projections.readmodel.rows import Batch, BlockGapError, Rows, Watermarks, record_rows, rows_of
from schemas.codes import OfficeId
from schemas.derived.blocks import FINANCE, UNATTRIBUTED, AreaTally, Block, RecordRow, StateRow, StationRow, keyframe
from schemas.derived.results import Result
from tests.support.small_election import small_package
from tests.support.small_finance import finance_report

DEFINITION = Definition.of(small_package())
PRESIDENT, COUNCIL = OfficeId("president"), OfficeId("council")
LENGTH = tally_length(3)


def batch(blocks: dict[tuple[str, int], int] | None = None, results: dict[str, tuple[int, ...]] | None = None) -> Batch:
    return Batch(DEFINITION, Watermarks(blocks or {}, results or {}))


def record(offset: int, **more: Any) -> RecordRow:
    row: dict[str, Any] = {
        "offset": offset,
        "event": f"{offset:064x}",
        "type": "result.reported",
        "key": "ab" * 8,
        "station": "1.1.1-1",
        "contest": "president",
        "version": 1,
        "payload": {"seq": offset},
        "leaf": f"{offset:064d}",
        "received_us": 17,
    }
    return row | more  # type: ignore[return-value]


def state(offset: int, name: str = "counted", *rules: str) -> StateRow:
    return {"offset": offset, "state": name, "findings": [{"rule": rule} for rule in rules]}


def station(code: str, through: int, contest: str = "president", contribution: list[int] | None = None) -> StationRow:
    return {
        "station": code,
        "contest": contest,
        "state": "counted",
        "offset": through,
        "event": "ab",
        "version": 1,
        "contribution": contribution,
        "through": through,
    }


def block(
    from_: int,
    through: int,
    *,
    office: OfficeId = PRESIDENT,
    partition: int = 0,
    areas: list[AreaTally] | None = None,
    records: list[RecordRow] | None = None,
    states: list[StateRow] | None = None,
    stations: list[StationRow] | None = None,
) -> bytes:
    rows = (areas or [], records or [], states or [], stations or [])
    return Block("block", office, partition, from_, through, *rows).to_bytes()


def result(
    from_: int, as_of: int, *areas: AreaTally, kind: Literal["change", "keyframe"] = "change", office: str = "president"
) -> Result:
    cut = (as_of,) * 3
    return Result(kind, OfficeId(office), (from_,) * 3, cut, list(areas), [("N", [as_of])], [])


# ── blocks ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_record_is_added_with_its_state_its_areas_and_its_event() -> None:
    made = batch()
    made.add_block(block(-1, 4, partition=2, records=[record(4)], states=[state(4, "held", "F3")]))
    (row,) = rows_of(made).records
    assert dict(zip(RECORD_COLUMNS, row, strict=True)) == {
        "partition": 2,
        "offset": 4,
        "version": 1,
        "received_us": 17,
        "event": bytes.fromhex(f"{4:064x}"),
        "leaf": bytes.fromhex(f"{4:064d}"),
        "office": "president",
        "type": "result.reported",
        "key": "ab" * 8,
        "station": "1.1.1-1",
        "contest": "president",
        "area": "1.1.1",
        "shard": "1.1",
        "payload": '{"seq":4}',
        "state": "held",
        "findings": '[{"rule":"F3"}]',
    }
    assert rows_of(made).blocks == (["president"], [2], [4])


def test_what_an_older_block_or_an_unreadable_record_lacks_is_null() -> None:
    old = record(4)
    for name in ("payload", "leaf", "received_us"):
        del old[name]  # type: ignore[misc]
    made = batch()
    made.add_block(block(-1, 4, records=[old], states=[state(4)]))
    row = dict(zip(RECORD_COLUMNS, rows_of(made).records[0], strict=True))
    assert (row["payload"], row["leaf"], row["received_us"], row["findings"]) == (None, None, 0, "[]")


@pytest.mark.parametrize(
    ("row", "areas"),
    [
        (record(0, station="2.1.2-2"), ("2.1.2", "2.1")),
        (record(0, station=None, payload={"area": "1.1.1"}), ("1.1.1", "1.1")),
        (record(0, station=None, payload={"area": "1.1"}), ("1.1", "1.1")),
        (record(0, station=None, payload={"area": "1"}), ("1", "1")),
        (record(0, station=None, payload={"area": "N"}), ("N", "N")),
        (record(0, station=None, payload={"area": "9"}), (None, None)),
        (record(0, station="9.9.9-9", payload={}), (None, None)),
        (record(0, station=None, payload=None), (None, None)),
    ],
)
def test_the_area_of_a_record_is_that_of_its_station_or_the_one_it_names(
    row: RecordRow, areas: tuple[str | None, str | None]
) -> None:
    made = batch()
    made.records.append((0, "president", row))
    found = dict(zip(RECORD_COLUMNS, record_rows(made)[0], strict=False))
    assert (found["area"], found["shard"]) == areas


def test_where_each_record_of_the_nation_has_one_ledger_key_its_shard_is_the_nation() -> None:
    package = small_package()
    election = package.election.model_copy(update={"shard_level": "nation"})
    made = Batch(Definition.of(replace(package, election=election)), Watermarks({}, {}))
    made.records.append((0, "president", record(0, station="2.1.2-2")))
    found = dict(zip(RECORD_COLUMNS, record_rows(made)[0], strict=False))
    assert (found["area"], found["shard"]) == ("2.1.2", "N")


def test_an_unreadable_record_has_no_area() -> None:
    unreadable = record(3, station=None, contest=None, version=None, type="unreadable")
    del unreadable["payload"]
    made = batch()
    made.add_block(block(-1, 3, office=UNATTRIBUTED, records=[unreadable], states=[state(3, "refused", "M0")]))
    row = dict(zip(RECORD_COLUMNS, rows_of(made).records[0], strict=True))
    assert (row["office"], row["area"], row["shard"], row["payload"]) == ("-", None, None, None)


def test_a_new_state_of_a_record_of_an_earlier_batch_is_a_change() -> None:
    made = batch({("president", 0): 4})
    made.add_block(block(4, 6, records=[record(6)], states=[state(2, "superseded", "V4"), state(6)]))
    rows = rows_of(made)
    assert rows.states == ([0], [2], ["superseded"], ['[{"rule":"V4"}]'])
    assert [row[1] for row in rows.records] == [6]


def test_records_that_were_stored_before_are_not_added_again() -> None:
    made = batch({("president", 0): 4})
    made.add_block(block(2, 6, records=[record(4), record(5)], states=[state(4), state(5)]))
    rows = rows_of(made)
    assert [row[1] for row in rows.records] == [5]
    assert rows.states[1] == [4]


def test_a_block_that_was_stored_before_is_skipped() -> None:
    made = batch({("president", 0): 4})
    made.add_block(block(-1, 4, records=[record(4)], states=[state(4)]))
    made.add_block(keyframe(PRESIDENT, 0, 4, []).to_bytes())
    assert rows_of(made) == Rows([], ([], [], [], []), [], [], [], [], ([], [], []), [])
    assert made.watermarks.blocks == {("president", 0): 4}


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (
            block(5, 8),
            "subtotals of office president, ledger partition 0: a block from 5 through 8 came after 4; the blocks between are "
            "missing",
        ),
        (
            keyframe(PRESIDENT, 0, 8, []).to_bytes(),
            "subtotals of office president, ledger partition 0: a keyframe from -1 through 8 came after 4; the blocks between "
            "are missing",
        ),
        (
            block(5, 8, office=UNATTRIBUTED, partition=1),
            "subtotals of records without an office, ledger partition 1: a block from 5 through 8 came after -1; the blocks "
            "between are missing",
        ),
    ],
)  # fmt: skip
def test_a_missing_block_is_named(value: bytes, sentence: str) -> None:
    made = batch({("president", 0): 4})
    with pytest.raises(BlockGapError) as caught:
        made.add_block(value)
    assert str(caught.value) == sentence
    assert made.watermarks.blocks == {("president", 0): 4}


def test_each_office_and_partition_has_a_watermark_of_its_own() -> None:
    """They are written in the order of office and partition."""
    made = batch({("president", 0): 4, ("council", 1): 7})
    made.add_block(block(-1, 2, partition=2))
    made.add_block(block(-1, 5, partition=1))
    made.add_block(block(-1, 3, office=COUNCIL))
    made.add_block(block(4, 9))
    made.add_block(block(-1, 6, office=UNATTRIBUTED, partition=1))
    made.add_block(block(-1, 8, office=COUNCIL, partition=2))
    assert rows_of(made).blocks == (
        ["-", "council", "council", "president", "president", "president"],
        [1, 0, 2, 0, 1, 2],
        [6, 3, 8, 9, 5, 2],
    )
    assert made.watermarks.blocks[("council", 1)] == 7


def test_stations_are_written_in_the_order_of_the_tables_key_and_the_newest_row_of_each() -> None:
    made = batch()
    made.add_block(
        block(
            -1, 5, stations=[station("1.1.2-1", 2), station("1.1.1-2", 3), station("1.1.1-1", 5, contribution=[1, 2])]
        )
    )
    made.add_block(block(5, 7, stations=[station("1.1.2-1", 7)]))
    made.add_block(block(-1, 6, office=COUNCIL, stations=[station("1.1.2-2", 6, "council-a")]))
    rows = [dict(zip(STATION_RESULT.columns, row, strict=True)) for row in rows_of(made).stations]
    assert [(row["contest"], row["rank"], row["station"], row["through"]) for row in rows] == [
        ("council-a", 3, "1.1.2-2", 6),
        ("president", 0, "1.1.1-1", 5),
        ("president", 1, "1.1.1-2", 3),
        ("president", 2, "1.1.2-1", 7),
    ]
    assert [row["contribution"] for row in rows] == [None, "[1,2]", None, None]
    partition = DEFINITION.stations.partition(0)
    assert {row["partition"] for row in rows} == {partition}
    assert (rows[1]["state"], rows[1]["offset"]) == ("counted", 5)


def test_of_a_block_the_tallies_below_the_shard_level_are_stored() -> None:
    made = batch()
    areas: list[AreaTally] = [("president", "1.1", [1]), ("president", "1.1.1", [2]), ("council-a", "1.1.2", [3])]
    made.add_block(block(-1, 5, areas=areas))
    rows = [dict(zip(AREA_TALLY.columns, row, strict=True)) for row in rows_of(made).tallies]
    assert rows == [
        {"contest": "president", "area": "1.1.1", "tally": "[2]"},
        {"contest": "council-a", "area": "1.1.2", "tally": "[3]"},
    ]


# ── results ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_result_is_stored_with_its_areas_and_offices() -> None:
    made = batch()
    made.add_result(result(-1, 4, ("president", "N", [4])).to_bytes())
    made.add_result(result(4, 6, ("president", "1", [6]), ("president", "N", [7])).to_bytes())
    rows = rows_of(made)
    assert [dict(zip(AREA_TALLY.columns, row, strict=True)) for row in rows.tallies] == [
        {"contest": "president", "area": "N", "tally": "[7]"},
        {"contest": "president", "area": "1", "tally": "[6]"},
    ]
    assert [dict(zip(OFFICE_TALLY.columns, row, strict=True)) for row in rows.office_tallies] == [
        {"office": "president", "area": "N", "tally": "[6]"}
    ]
    assert rows.results == [("president", (6, 6, 6))]


@pytest.mark.parametrize(("from_", "as_of"), [(4, 6), (-1, 3), (3, 3)])
def test_a_result_that_does_not_chain_or_was_stored_before_is_left_out(from_: int, as_of: int) -> None:
    made = batch(results={"president": (3, 3, 3)})
    made.add_result(result(from_, as_of, ("president", "N", [9])).to_bytes())
    rows = rows_of(made)
    assert (rows.tallies, rows.results) == ([], [])
    assert made.watermarks.results == {"president": (3, 3, 3)}


def test_a_keyframe_in_parts_is_stored_when_its_last_part_has_come() -> None:
    frame = result(-1, 4, ("president", "N", [4]), ("president", "1", [5]), kind="keyframe")
    first, *between, last = frame.to_parts("w-1", 1)
    made = batch()
    for offset, value in enumerate((first, *between), start=20):
        made.add_result(value, offset)
        assert rows_of(made).results == []
    assert made.parts.first_offset == 20
    made.add_result(last, 30)
    assert [row[1] for row in rows_of(made).tallies] == ["N", "1"]
    assert made.parts.first_offset is None


def test_a_part_of_a_message_that_was_stored_before_opens_nothing() -> None:
    """Otherwise the recorder would read from its offset again after each restart, because the other parts may not come."""
    made = batch(results={"president": (6, 6, 6)})
    frame = result(-1, 6, ("president", "N", [6]), ("president", "1", [6]), kind="keyframe")
    made.add_result(frame.to_parts("w-1", 1)[0], 20)
    assert made.parts.first_offset is None


def test_the_watermarks_of_results_are_written_in_the_order_of_offices() -> None:
    made = batch()
    offices = ["senate", "president", "house", "council", "assembly", "mayor"]
    for office in offices:
        made.add_result(result(-1, 4, office=office).to_bytes())
    assert rows_of(made).results == [(office, (4, 4, 4)) for office in sorted(offices)]


def test_a_result_gives_up_the_open_messages_that_have_nothing_newer() -> None:
    made = batch()
    for writer, as_of in (("old", 4), ("new", 6)):
        frame = result(-1, as_of, ("president", "N", [as_of]), ("president", "1", [as_of]), kind="keyframe")
        made.add_result(frame.to_parts(f"{writer}-1", 1)[0], as_of)
    made.add_result(result(-1, 4).to_bytes(), 9)
    assert made.parts.first_offset == 6
    assert made.parts.dropped == 0


def test_a_part_of_a_message_that_was_passed_meanwhile_is_left_out() -> None:
    """The head of the last part fits the watermark of before; the whole is judged by that of now."""
    frame = result(2, 6, ("president", "N", [6]), ("president", "1", [6]))
    *rest, last = frame.to_parts("w-1", 1)
    made = batch(results={"president": (3, 3, 3)})
    for value in rest:
        made.add_result(value)
    made.watermarks.results["president"] = (1, 1, 1)
    made.add_result(last)
    assert rows_of(made).results == []


# ── rows of several offices ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_rows_of_several_offices_are_written_at_once() -> None:
    one, two = batch({("president", 0): 1}), batch({("council", 0): 2})
    one.add_block(block(1, 5, records=[record(5)], states=[state(1), state(5)], stations=[station("1.1.2-1", 5)]))
    one.add_result(result(-1, 4, ("president", "N", [4])).to_bytes())
    two.add_block(
        block(
            2,
            6,
            office=COUNCIL,
            records=[record(6)],
            states=[state(2, "held", "F3"), state(6)],
            stations=[station("1.1.1-1", 6, "council-a")],
            areas=[("council-a", "1.1.1", [3])],
        )
    )
    joined = Rows.joined([rows_of(one), rows_of(two)])
    assert [row[1] for row in joined.records] == [5, 6]
    assert joined.states == ([0, 0], [1, 2], ["counted", "held"], ["[]", '[{"rule":"F3"}]'])
    assert [row[0] for row in joined.stations] == ["1.1.1-1", "1.1.2-1"], "in the order of the table's key"
    assert joined.tallies == [*rows_of(one).tallies, *rows_of(two).tallies]
    assert joined.office_tallies == rows_of(one).office_tallies
    assert joined.blocks == (["president", "council"], [0, 0], [5, 6])
    assert joined.results == [("president", (4, 4, 4))]


def test_the_rows_of_no_office_are_none() -> None:
    assert Rows.joined([]) == Rows([], ([], [], [], []), [], [], [], [], ([], [], []), [])


def test_a_payload_that_was_not_parsed_is_stored_as_it_is() -> None:
    made = batch()
    made.add_block(block(-1, 4, records=[record(4, payload=orjson.Fragment(b'{"seq":4}'))], states=[state(4)]))
    assert dict(zip(RECORD_COLUMNS, rows_of(made).records[0], strict=True))["payload"] == '{"seq":4}'


def test_a_finance_report_has_a_row_by_its_account_unless_it_was_not_admitted() -> None:
    made = Batch(DEFINITION, Watermarks({}, {}))
    of_party = finance_report("P1", "1")
    of_candidate = finance_report(None, "N", version=2)
    rows = [
        record(offset, station=None, contest=None, type="finance.reported", payload=payload)
        for offset, payload in enumerate([of_party, of_candidate, of_party, of_party], start=3)
    ]
    states = [state(3, "counted"), state(4, "held", "D1"), state(5, "refused", "K4"), state(6, "duplicate")]
    made.add_block(block(-1, 6, office=FINANCE, records=rows, states=states))
    made.add_block(block(-1, 1, records=[record(1)], states=[state(1)]))
    of_party, of_candidate = (dict(zip(FINANCE_COLUMNS, row, strict=True)) for row in rows_of(made).finance)
    assert of_party == {
        "partition": 0,
        "offset": 3,
        "account": "parties/P1/1",
        "report": "LADK",
        "version": 1,
        "area": "1",
        "party": "P1",
        "contest": None,
    }
    assert list(of_candidate.values()) == [0, 4, "candidates/president/01", "LADK", 2, "N", None, "president"]


def test_a_gap_of_finance_reports_is_named() -> None:
    made = Batch(DEFINITION, Watermarks({}, {}))
    with pytest.raises(BlockGapError, match="subtotals of finance reports, ledger partition 0"):
        made.add_block(block(2, 6, office=FINANCE))
