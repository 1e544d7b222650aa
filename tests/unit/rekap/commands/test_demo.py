"""How `rekap demo` ends."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

import rekap.commands.demo
from rekap.cli import main


def test_ctrl_c_ends_the_night_with_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(rekap.commands.demo, "write_demo", interrupted)
    result = CliRunner().invoke(main, ["demo"])
    assert (result.exit_code, result.stderr) == (0, "stopped\n")
