"""rekap/embedded/log_files.py: log files are bounded while they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from rekap.embedded import log_files
from rekap.embedded.log_files import BoundedLogFile
from rekap.embedded.supervisor import Supervisor


def test_a_log_file_and_the_one_before_it_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_files, "LOG_FILE_BYTES_MAX", 100)
    path, before = tmp_path / "logs" / "rekap.log", tmp_path / "logs" / "rekap.log.1"
    for begin in (0, 500):  # a second process continues
        log_file = BoundedLogFile(path)
        for number in range(begin, begin + 500):
            log_file.write(b"line %03d" % number)
        log_file.close()
    assert path.stat().st_size <= 100
    assert before.stat().st_size <= 100
    lines = [*before.read_text().splitlines(), *path.read_text().splitlines()]
    assert lines == [f"line {number:03}" for number in range(1_000 - len(lines), 1_000)]
    assert len(lines) >= 11
    assert sorted(each.name for each in path.parent.iterdir()) == ["rekap.log", "rekap.log.1"]


def test_a_line_longer_than_the_bound_is_kept_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_files, "LOG_FILE_BYTES_MAX", 10)
    log_file = BoundedLogFile(tmp_path / "rekap.log")
    log_file.write(b"a" * 30)
    log_file.write(b"b")
    log_file.close()
    assert (tmp_path / "rekap.log").read_bytes() == b"b\n"


async def test_what_the_terminal_shows_is_in_the_file_with_its_time(tmp_path: Path) -> None:
    with (tmp_path / "terminal").open("w") as terminal:
        supervisor = Supervisor(terminal=terminal, log_file=tmp_path / "rekap.log")
        supervisor.write_line("rekap", "ready")
        await supervisor.stop()
        supervisor.write_line("rekap", "after the end")
    assert (tmp_path / "terminal").read_text() == "rekap      | ready\nrekap      | after the end\n"
    time, _, line = (tmp_path / "rekap.log").read_text().partition(" ")
    assert (len(time), line) == (len("2026-11-28T20:08:00+0000"), "rekap      | ready\n")
