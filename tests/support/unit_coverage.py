"""What the unit tests cover: printed for each package, and required of the pure modules. A plugin of pytest, beside pytest-cov.

    python -m pytest -p tests.support.unit_coverage --cov --cov-report=

Only unit tests are traced. Tracing makes a property test six times as slow (Python 3.11), and an integration test measures what
its processes do and not which lines this process runs. So the whole suite pays for the unit tests alone.

A pure module counts as covered by the unit tests of its own root package, because a line that only a caller's test runs has
no test that would name what is wrong. For that each root package is a context of the measurement.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.pure_modules import pure_modules

PACKAGES = ("schemas", "projections", "proofs", "runtime", "consumers", "streams", "api", "audit", "rekap")
PURE = pure_modules()
"""Root package → those modules of it of which each statement and each branch is covered by the unit tests in
tests/unit/<root package>."""
PURE_MIN = 100
"""Percent."""
UNIT = Path(__file__).parents[1] / "unit"


def _root_of(item: pytest.Item) -> str:
    """The root package that a unit test is for; empty for any other test."""
    return item.path.relative_to(UNIT).parts[0] if item.path.is_relative_to(UNIT) else ""


class UnitCoverage:
    """Traces the unit tests, and reports on what they cover. One for each process of a run."""

    def __init__(self, controller: Any) -> None:
        self._controller = controller
        self._is_traced = True
        """Collection is traced, because imports run the statements of a module."""
        self._report = ""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[Any]:
        root = _root_of(item)
        if self._is_traced and not root:
            self._controller.pause()
        elif root and not self._is_traced:
            self._controller.resume()
        self._is_traced = bool(root)
        if root:
            self._controller.cov.switch_context(root)
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Iterator[Any]:
        result = yield  # when this ends, pytest-cov has combined what all processes have measured
        if not hasattr(session.config, "workerinput"):
            missing = self._missing()
            self._report = self._of_packages() + missing
            if missing:
                session.testsfailed += 1  # the exit code
        return result

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        terminalreporter.write_sep("=", "statements and branches that unit tests cover")
        terminalreporter.write(self._report)

    def _of_packages(self) -> str:
        lines = [f"{package:12} {self._percent([f'{package}/*'])[0]:6.1f} %" for package in PACKAGES]
        return "\n".join([*lines, f"{'all':12} {self._percent(None)[0]:6.1f} %", ""])

    def _missing(self) -> str:
        """The pure modules that their own unit tests do not cover; empty where there is none."""
        missing = ""
        for root, modules in PURE.items():
            percent, table = self._percent(list(modules), contexts=["^$", f"^{root}$"])
            if percent < PURE_MIN:
                missing += f"pure modules of {root} that their own unit tests do not cover:\n{table}"
        return missing

    def _percent(self, include: list[str] | None, contexts: list[str] | None = None) -> tuple[float, str]:
        table = io.StringIO()
        percent = self._controller.cov.report(
            include=include, contexts=contexts, show_missing=True, skip_covered=True, file=table, ignore_errors=True
        )
        return percent, table.getvalue()


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    plugin = session.config.pluginmanager.getplugin("_cov")
    assert plugin is not None, "run with --cov"
    session.config.pluginmanager.register(UnitCoverage(plugin.cov_controller), "unit coverage")
