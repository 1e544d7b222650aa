"""How `rekap demo` ends."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import pytest
from click.testing import CliRunner

import rekap.commands.demo


def test_ctrl_c_ends_the_night_with_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(work: Coroutine[Any, Any, None]) -> None:
        work.close()
        raise KeyboardInterrupt

    monkeypatch.setattr(rekap.commands.demo, "run_or_explain", interrupted)
    result = CliRunner().invoke(rekap.commands.demo.demo, [])
    assert (result.exit_code, result.stderr) == (130, "stopped\n")
