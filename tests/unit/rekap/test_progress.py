"""Progress where nobody looks at a terminal."""

from __future__ import annotations

from rekap.progress import LINE_SECONDS, ProgressLines


def test_a_step_has_a_line_at_its_beginning_every_few_seconds_and_at_its_end() -> None:
    now = 100.0
    lines: list[str] = []
    progress = ProgressLines(lambda: now, lines.append)
    for done in range(0, 12_001, 1_000):
        progress("records", done, 12_000)
        now += LINE_SECONDS / 4
    progress("recount", 0, 0)
    assert lines == [
        "records: 0 of 12,000 (0 %), 0 s",
        "records: 4,000 of 12,000 (33 %), 5 s",
        "records: 8,000 of 12,000 (66 %), 10 s",
        "records: 12,000 of 12,000 (100 %), 15 s",
        "recount: 0 of 0, 16 s",
    ]
