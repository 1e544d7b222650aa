"""The cut of the read model: what an answer shows is another where the cut of one of its offices is."""

from __future__ import annotations

from api.answers.read_cut import ReadCut

RESULTS = {"president": (3, -1, 7), "council": (2, 2, 2)}
BLOCKS = {("president", 0): 3, ("council", 2): -1}


def test_two_cuts_that_are_the_same_for_the_shown_offices_have_the_same_digest() -> None:
    cut, later = ReadCut(RESULTS, BLOCKS), ReadCut({**RESULTS, "council": (2, 2, 3)}, BLOCKS)
    assert cut.digest(("president",)) == later.digest(("president",))
    for shown in (("council",), ("president", "council"), None):
        assert cut.digest(shown) != later.digest(shown)
        assert cut.digest(shown) == ReadCut(RESULTS, BLOCKS).digest(shown), "another cut of the same moment"
        assert cut.digest(shown) is cut.digest(shown), "made once"
        assert len(cut.digest(shown)) == 16


def test_a_block_below_the_shard_level_changes_what_is_shown_of_its_office_alone() -> None:
    cut, later = ReadCut(RESULTS, BLOCKS), ReadCut(RESULTS, {**BLOCKS, ("president", 1): 0})
    assert cut.digest(("council",)) == later.digest(("council",))
    assert cut.digest(("president",)) != later.digest(("president",))


def test_the_order_in_which_the_offices_were_read_changes_no_digest() -> None:
    turned = ReadCut(dict(reversed(RESULTS.items())), dict(reversed(BLOCKS.items())))
    assert turned.digest(None) == ReadCut(RESULTS, BLOCKS).digest(None)


def test_records_without_an_office_are_among_all() -> None:
    finance = ReadCut(RESULTS, {**BLOCKS, ("-finance", 0): 5})
    assert finance.digest(None) != ReadCut(RESULTS, BLOCKS).digest(None)
    assert finance.digest(("president", "council")) == ReadCut(RESULTS, BLOCKS).digest(("president", "council"))


def test_the_height_grows_with_each_offset_and_with_each_partition_that_begins() -> None:
    assert ReadCut({}, {}).height == 0
    assert ReadCut(RESULTS, {}).height == (3 - 1 + 7) + (2 + 2 + 2)
    assert ReadCut({}, BLOCKS).height == (3 - 1) + 2
    assert ReadCut({}, {**BLOCKS, ("president", 2): 0}).height == ReadCut({}, BLOCKS).height + 1


def test_each_cut_has_a_serial_of_its_own() -> None:
    first, second = ReadCut(RESULTS, BLOCKS), ReadCut(RESULTS, BLOCKS)
    assert second.serial > first.serial
