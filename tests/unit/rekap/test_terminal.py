"""What goes to a terminal: any encoding, one line a line, and data that orders nothing. And what is left behind: nothing."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from rekap.follow.tally_table import tally_table
from runtime.files.temporary import temporary_directory
from runtime.own_processes import python_module
from runtime.package.writing import write_package
from tests.support.small_election import small_package

ASCII = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["submit", "--help"],
        ["outbox", "--help"],
        ["audit", "--help"],
        ["election", "check", "package"],
        ["election", "check", "wrong"],
        ["submit", "form.json", "--key", "nichts-\u00e4.pem"],
        ["submit", "--url", "http://\u00e4.example/\u202e\x1b[31m"],
        ["watch", "--once", "--url", "http://127.0.0.1:1"],
        ["audit", "http://127.0.0.1:1/\u00e4"],
        ["ledger", "export", "\udcff"],
    ],
)
def test_a_terminal_that_knows_only_ascii_gets_every_line(tmp_path: Path, arguments: list[str]) -> None:
    write_package(small_package(), tmp_path / "package")
    write_package(small_package(), tmp_path / "wrong")
    path = tmp_path / "wrong" / "areas.csv"
    path.write_text(path.read_text(encoding="utf-8") + "é,Élysée,\u0394,N\n", encoding="utf-8")
    command = [*python_module("rekap"), *arguments]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, **ASCII}, capture_output=True, timeout=120)
    output = done.stdout + done.stderr
    assert b"UnicodeEncodeError" not in output
    assert b"Traceback" not in output
    assert output.isascii()
    assert b"\x1b" not in output


def test_a_name_in_a_table_is_a_name_and_no_order() -> None:
    tally = {
        "stations": {"counted": 1, "expected": 2, "held": 0},
        "counted": {"votes": {"01": 7}},
        "leaders": ["01"],
        "margin": 7,
    }
    out = io.StringIO()
    names = {"N": "[red]Nation[/red]\x1b[2J\nVERIFIED"}
    choices = {"c": [{"id": "01", "name": "[link=x]A"}]}
    Console(file=out, width=200).print(tally_table({("N", "c"): tally}, names, choices, "[bold]x"))
    output = out.getvalue()
    assert "[red]Nation[/red]\\x1b[2J\\x0aVERIFIED" in output
    assert "[link=x]A" in output
    assert "[bold]x" in output


PROGRAM = """
import sys, time
from runtime.files.temporary import temporary_directory
with temporary_directory("rekap-test-") as directory:
    print(directory, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_temporary_directory_goes_with_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: signal.Signals
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    directory = Path(process.stdout.readline().decode().strip())
    assert directory.is_dir()
    with temporary_directory("rekap-test-") as other:
        assert directory.is_dir(), "its process lives"
        assert other != directory
    process.send_signal(how)
    process.wait(30)
    process.stdout.close()
    if how is not signal.SIGKILL:
        assert not directory.exists()
    with temporary_directory("rekap-test-"):
        assert not directory.exists(), "the next one cleans up after one that was killed"
    assert list(tmp_path.iterdir()) == []


def test_a_temporary_directory_is_deleted_without_a_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with temporary_directory("rekap-test-", waits=False) as directory:
        (directory / "file").write_text("content")
    ends = time.monotonic() + 30
    while directory.exists() and time.monotonic() < ends:
        time.sleep(0.01)
    assert list(tmp_path.iterdir()) == []
