"""How `rekap demo` ends."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import rekap.commands.demo
from projections.checks.package_checks import problems
from projections.definition.compiled import Definition
from rekap.cli import main
from rekap.operate.opening import check_opening_key
from runtime.files.key_files import load_key_file
from runtime.package.reading import load_package
from tests.support.repository import ROOT


def test_a_night_that_is_kept_can_be_served_again_and_is_not_written_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(rekap.commands.demo, "_night", interrupted)
    data = tmp_path / "a night"
    arguments = ["demo", "--stations", "1000", "--data", str(data)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    command = shlex.split(result.stderr.removeprefix("stopped; to serve what was counted: "))
    assert command == ["rekap", "up", f"{data}/election", "--key", f"{data}/authority.pem", "--data", f"{data}/data"]
    check_opening_key(Definition.of(load_package(Path(command[2]), problems)), load_key_file(Path(command[4])))
    again = CliRunner().invoke(main, arguments)
    assert again.exit_code == 2
    assert again.stderr.startswith(f"Error: {data} has an election already; name a new directory")
    assert result.stderr.removeprefix("stopped; ") in again.stderr


def test_a_directory_that_cannot_be_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = CliRunner().invoke(main, ["demo", "--data", str(tmp_path / "file")])
    assert (result.exit_code, result.stderr) == (2, f"Error: --data {tmp_path}/file cannot be made: File exists\n")


ON_A_TERMINAL = """
import os, pty, sys

def read(terminal):
    piece = os.read(terminal, 1024)
    if b"begun" in piece:
        os.write(terminal, b"\\x03")
    return piece

sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:], read)))
"""
"""Runs a command on a terminal of its own, and types Ctrl-C once the command has begun."""


def test_ctrl_c_at_make_demo_ends_with_0(tmp_path: Path) -> None:
    """Make ends with an error where the terminal sends Ctrl-C to make too."""
    if shutil.which("make") is None or shutil.which("bash") is None:
        pytest.skip("no make or no bash")
    command = tmp_path / "venv/bin/rekap"
    command.parent.mkdir(parents=True)
    command.write_text("#!/bin/sh\ntrap 'echo stopped $1; exit 0' INT\necho begun\nwhile :; do sleep 0.05; done\n")
    command.chmod(0o755)
    (tmp_path / "venv/.installed").touch()
    make = ("make", "--no-print-directory", "-C", str(ROOT), "demo", f"VENV={tmp_path / 'venv'}")
    done = subprocess.run(
        [sys.executable, "-c", ON_A_TERMINAL, *make],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done
    assert b"stopped demo" in done.stdout


def test_ctrl_c_ends_the_night_with_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(rekap.commands.demo, "write_demo", interrupted)
    result = CliRunner().invoke(main, ["demo"])
    assert (result.exit_code, result.stderr) == (0, "stopped\n")
