"""What a process keeps for itself is believed only where nobody else could have written it; and no process runs what lies in
its working directory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.files.own_files import NotOwnError, is_secret, read_own_file
from runtime.files.state_files import CheckedFiles, StateFiles
from runtime.own_processes import python_module


@pytest.fixture
def states(tmp_path: Path) -> StateFiles:
    """In a directory that a careless umask would let others write."""
    before = os.umask(0)
    states = StateFiles(tmp_path / "state" / "small" / "generation-1")
    states.write(0, 7, [b"votes"])
    os.umask(before)
    return states


def test_what_was_written_is_read_whatever_the_umask(states: StateFiles) -> None:
    path = states.newest(0, at_most=7)
    assert path is not None
    assert states.read(path) == b"votes"


@pytest.mark.parametrize("level", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("mode", [0o020, 0o002])
def test_a_state_that_others_could_have_written_is_not_believed(states: StateFiles, level: int, mode: int) -> None:
    path = states.newest(0, at_most=7)
    assert path is not None
    other = [path, *path.parents][level]
    other.chmod(other.stat().st_mode | mode)
    with pytest.raises(NotOwnError, match=f"others may write {other}"):
        states.read(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_state_that_belongs_to_another_user_is_not_believed(states: StateFiles) -> None:
    path = states.newest(0, at_most=7)
    assert path is not None
    os.chown(path, 65534, 65534)
    with pytest.raises(NotOwnError):
        states.read(path)


def test_a_link_and_a_pipe_are_not_believed(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        with pytest.raises(OSError, match=name):
            read_own_file(tmp_path / name, 1)


def test_checked_signatures_that_others_could_have_written_are_checked_again(tmp_path: Path) -> None:
    checked = CheckedFiles(tmp_path / "state" / "small" / "checked")
    checked.write(0, b"these hold")
    assert checked.read(0) == b"these hold"
    (tmp_path / "state" / "small").chmod(0o777)
    assert checked.read(0) == b""


@pytest.mark.parametrize("module", ["rekap", "consumers.tabulator.signature_process"])
def test_a_process_runs_no_module_of_its_working_directory(tmp_path: Path, module: str) -> None:
    for name in ("schemas", "asyncio", "struct", "rekap", "consumers", "click", "sitecustomize", "usercustomize"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r})\n")
    command = python_module(module, *(["--help"] if module == "rekap" else []))
    done = subprocess.run(command, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "ran").exists()


def test_every_process_of_ours_is_started_so() -> None:
    root = Path(__file__).parents[4]
    for folder in ("api", "audit", "bench", "consumers", "rekap", "runtime", "streams"):
        for source in (root / folder).rglob("*.py"):
            if source.name != "own_processes.py":
                text = source.read_text()
                assert 'sys.executable, "-m", "rekap' not in text, f"{source}: start it with runtime.own_processes"
                assert 'sys.executable, "-m", "consumers' not in text, f"{source}: start it with runtime.own_processes"
    assert python_module("rekap")[:2] == [sys.executable, "-P"]


@pytest.mark.parametrize(
    ("owner", "mode", "process", "secret"),
    [
        (1000, 0o600, 1000, True),
        (1000, 0o640, 1000, False),
        (1000, 0o604, 1000, False),
        # As Kubernetes and systemd hand out secrets.
        (0, 0o440, 1000, True),
        (0, 0o460, 1000, False),
        (0, 0o444, 1000, False),
        (0, 0o440, 0, False),
        (0, 0o600, 0, True),
    ],
)
def test_a_secret_file_is_one_that_only_its_owner_reads(
    owner: int, mode: int, process: int, secret: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: process)
    assert is_secret(os.stat_result((0o100000 | mode, 0, 0, 1, owner, 1000, 0, 0, 0, 0))) is secret
