"""11,781 real polling stations through the folds give the published totals, at every level. (Through HTTP and Kafka:
test_import_2019.py.)"""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from typing import Literal

from projections.area.tally import HEAD, INVALID, STATIONS, TOTAL, VALID, TallyView
from rekap.elections.importers.kawalpemilu_2019 import CONTEST, OFFICE, ROOT, read
from schemas.codes import OfficeId
from schemas.definition.package import Role
from tests.support.ledger import MemoryLedger, fold, key_row, rolled_up
from tests.support.shared_data import DIY_2019, needs_diy_2019


def _count(reading: Literal["kpu", "crowd"], arithmetic: Literal["soft", "hard"]) -> dict[str, TallyView]:
    imported = read(DIY_2019, arithmetic=arithmetic)
    keys = (
        key_row("authority", Role.AUTHORITY, ROOT),
        key_row("officer", Role.STATION_OFFICER, ROOT),
    )
    ledger = MemoryLedger(imported.package(reading, keys))
    for body in imported.kpu_reading() if reading == "kpu" else imported.crowd_reading():
        ledger.append_as("officer", body)
    blocks = []
    villages = {}
    for partition in range(ledger.definition.partitions):
        _, partition_blocks = fold(ledger, partition, cuts=range(0, 12_000, 700))
        blocks += partition_blocks
    for block in blocks:
        for _, area, tally in block.areas:
            villages[area] = TallyView.of(tally)
    result = rolled_up(ledger, blocks).offices[OfficeId(OFFICE)].take_change()
    assert result is not None
    return villages | {area: TallyView.of(tally) for contest, area, tally in result.areas if contest == CONTEST}


@needs_diy_2019
def test_kpu_reading_with_soft_rules_gives_every_published_total() -> None:
    tallies = _count("kpu", "soft")
    province = tallies[ROOT].counted
    assert province[HEAD:] == (1_640_789, 735_789)
    assert (province[VALID], province[INVALID], province[TOTAL]) == (2_367_447, 56_781, 2_416_579)
    compared: Counter[int] = Counter()
    with gzip.open(DIY_2019 / "region_totals.csv.gz", "rt") as rows:
        for row in csv.DictReader(rows):
            counted = tallies[row["child_id"]].counted
            expected = [int(float(row[f"kpu_{name}"])) for name in ("pas1", "pas2", "sah", "tSah", "jum")]
            assert [*counted[HEAD:], counted[VALID], counted[INVALID], counted[TOTAL]] == expected, row["name"]
            compared[len(tallies)] += 1
    assert sum(compared.values()) == 1 + 5 + 78 + 438


@needs_diy_2019
def test_kpu_reading_with_hard_rules_holds_exactly_the_705_that_break_them() -> None:
    province = _count("kpu", "hard")[ROOT]
    assert province.held[STATIONS] == 705
    counted = province.counted
    assert counted[STATIONS] == 11_076
    assert counted[HEAD:] == (1_541_975, 688_253)
    assert (counted[VALID], counted[INVALID], counted[TOTAL]) == (2_230_228, 48_890, 2_279_118)


@needs_diy_2019
def test_crowd_reading_counts_the_last_version_of_each_station() -> None:
    counted = _count("crowd", "soft")[ROOT].counted
    assert counted[STATIONS] == 11_733
    assert counted[HEAD:] == (1_641_328, 735_876)
    assert (counted[VALID], counted[INVALID]) == (2_372_272, 55_214)
