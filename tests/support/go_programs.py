"""The programs in Go (tests/interop), built for a test."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

PROGRAMS = Path(__file__).parents[1] / "interop"
ELSEWHERE = "/usr/local/go/bin"
"""Where Go's own installer puts it, which is not always in the path."""
FETCH_SECONDS_MAX = 120
BUILD_SECONDS_MAX = 300


def _missing(reason: str) -> NoReturn:
    if "CI" in os.environ:
        pytest.fail(f"{reason}; CI is set, so the test is not skipped")
    pytest.skip(reason)


def build(name: str, directory: Path) -> Path:
    """Build a program into a directory. Without Go or its modules the test is skipped, or fails if `CI` is set."""
    go = shutil.which("go") or shutil.which("go", path=ELSEWHERE)
    if go is None:
        _missing(f"Go is not installed: {name} cannot be built")
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly"}
    try:
        fetched = subprocess.run(
            [go, "mod", "download"],
            cwd=PROGRAMS / name, env=environment, capture_output=True, text=True, timeout=FETCH_SECONDS_MAX,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        _missing("the Go modules did not come in time")
    if fetched.returncode != 0:
        _missing(f"the Go modules cannot be fetched, or need a newer Go: {fetched.stderr.strip()[-300:]}")
    binary = directory / name
    subprocess.run(
        [go, "build", "-o", str(binary), "."],
        cwd=PROGRAMS / name,
        env=environment,
        check=True,
        timeout=BUILD_SECONDS_MAX,
    )
    return binary
