"""What a command prints where it cannot continue: lines that a person reads, and a meaningful exit code."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from projections.definition.compiled import Definition
from rekap.failures import explained
from rekap.operate.opening import _check_confirmed  # Kafka is asked before it
from runtime.kafka.seals import make_seal_keys
from runtime.own_processes import python_module
from runtime.package.writing import write_package
from schemas.definition.package import Mode
from tests.support.ledger import private_key
from tests.support.small_election import small_package

NOBODY = "127.0.0.1:9"


def _rekap(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("REKAP_")},
        "REKAP_PACKAGE": str(directory / "election"),
        "REKAP_KAFKA": NOBODY,
        "REKAP_DATABASE": f"postgresql://{NOBODY}/rekap",
        "REKAP_WORKERS_KEY": str(directory / "workers-key.txt"),
    }
    return subprocess.run(
        [*python_module("rekap"), *arguments],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_command_that_fails_leaves_nothing_open(tmp_path: Path) -> None:
    write_package(small_package(), tmp_path / "election")
    make_seal_keys(tmp_path / "workers-key.txt")
    done = _rekap(tmp_path, "doctor")
    assert done.returncode == 3
    assert done.stderr == (
        f"Error: Kafka at {NOBODY} (REKAP_KAFKA) cannot be used: no broker answers there (KafkaConnectionError)\n"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "'nowhere' is neither an http address, nor kafka://…, nor a directory"),
        (["http://127.0.0.1:9", "--witness", "nonsense"], "'nonsense' is not a verifier key: expected name+hash+key"),
        (["http://127.0.0.1:9", "--key", "nonsense"], "'nonsense' is not a verifier key: expected name+hash+key"),
    ],
)
def test_a_typing_error_of_an_audit_is_none_of_its_verdicts(
    tmp_path: Path, arguments: Sequence[str], sentence: str
) -> None:
    done = _rekap(tmp_path, "audit", *arguments)
    assert done.returncode == 2
    assert done.stderr.endswith(f"Error: {sentence}\n")


def test_what_will_be_for_ever_is_shown_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    package = small_package()
    live = replace(package, election=package.election.model_copy(update={"mode": Mode.LIVE}))

    with pytest.raises(SystemExit, match="2"), explained():
        _check_confirmed(Definition.of(live), private_key("authority"), None)
    lines = capsys.readouterr().err.splitlines()
    assert "  mode        LIVE: every result that counts is a real one" in lines
    assert lines[-1] == f"If all of it is right, open it with --confirm {live.election.id}"
