"""The last lines of the doctor, also about what it could not compare."""

from __future__ import annotations

import pytest

from rekap.operate.doctor.report import LOG_FILE, PUBLIC_LOG, STATES, Report, exit_code_of, last_lines_of


def _report(*missing: tuple[str, str], different: str = "") -> Report:
    report = Report()
    report.compare("record", "0/1", 1, 1)
    if different:
        report.compare(different, "0/2", 1, 2)
    for kind, name in missing:
        report.miss(kind, name)
    return report


@pytest.mark.parametrize(
    ("report", "left_out", "code", "last"),
    [
        (_report(), (), 0, "all is as in the ledger"),
        (
            _report((STATES, "partition 0 of state"), (STATES, "partition 1 of state")),
            (),
            5,
            "what was compared is as in the ledger; the rest was NOT compared, because it is not here: the tabulator's "
            "states (partition 0 of state, and 1 more)",
        ),
        (
            _report((STATES, "partition 0 of state"), (PUBLIC_LOG, "log/0/checkpoint")),
            (STATES,),
            5,
            "what was compared is as in the ledger; the rest was NOT compared, because it is not here: the public log "
            "(log/0/checkpoint); the tabulator's states (partition 0 of state)",
        ),
        (
            _report((STATES, "partition 0 of state")),
            (STATES, PUBLIC_LOG),
            0,
            "what was compared is as in the ledger; the rest was NOT compared (left out as asked), because it is not "
            "here: the tabulator's states (partition 0 of state)",
        ),
        (
            _report((PUBLIC_LOG, "log/0/checkpoint"), different="record"),
            (PUBLIC_LOG,),
            1,
            "the rest was NOT compared (left out as asked), because it is not here: the public log (log/0/checkpoint)",
        ),
        (
            _report(different=LOG_FILE),
            (),
            1,
            "1 differences, also in the public log: delete nothing, and find out whether the log or the ledger was changed",
        ),
    ],
)
def test_the_last_line_and_the_exit_code_name_what_was_not_compared(
    report: Report, left_out: tuple[str, ...], code: int, last: str
) -> None:
    assert exit_code_of(report, left_out) == code
    assert last_lines_of(report, left_out)[-1] == last
