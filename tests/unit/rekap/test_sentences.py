"""What a command prints where it cannot go on: lines that a person reads, and a meaningful exit code."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from projections.definition.compiled import Definition
from rekap.failures import run_or_explain
from rekap.operate.opening import _check_confirmed  # Kafka is asked before it
from runtime.files.key_files import write_key_file
from runtime.kafka.seals import make_seal_keys
from runtime.own_processes import python_module
from runtime.package.writing import write_package
from schemas.definition.package import Mode
from tests.support.ledger import private_key
from tests.support.small_election import small_package

NOBODY = "127.0.0.1:9"
KAFKA_AWAY = f"Error: Kafka at {NOBODY} (REKAP_KAFKA) cannot be used: KafkaConnectionError"


def _rekap(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("REKAP_")},
        "REKAP_PACKAGE": str(place / "election"),
        "REKAP_KAFKA": NOBODY,
        "REKAP_DATABASE": f"postgresql://{NOBODY}/rekap",
        "REKAP_WORKERS_KEY": str(place / "workers-key.txt"),
    }
    return subprocess.run(
        [*python_module("rekap"), *arguments], cwd=place, env=environment, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["open", "--key", "authority.pem"], 3), (["doctor"], 3), (["rebuild"], 3), (["ledger", "export", "files"], 1)],
)
def test_kafka_that_is_away_is_one_sentence_of_ours(tmp_path: Path, arguments: Sequence[str], code: int) -> None:
    write_package(small_package(), tmp_path / "election")
    write_key_file(private_key("authority"), tmp_path / "authority.pem")
    make_seal_keys(tmp_path / "workers-key.txt")
    done = _rekap(tmp_path, *arguments)
    assert done.returncode == code
    assert done.stderr.rstrip(".\n").split("\n")[-1] == KAFKA_AWAY
    assert "Unclosed" not in done.stderr
    assert "AIOKafka" not in done.stderr


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


def test_what_stands_for_ever_is_shown_line_by_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package = small_package()
    live = replace(package, election=package.election.model_copy(update={"mode": Mode.LIVE}))

    async def opening() -> None:
        _check_confirmed(Definition(live), private_key("authority"), None)

    with pytest.raises(SystemExit, match="1"):
        run_or_explain(opening())
    lines = capsys.readouterr().err.splitlines()
    assert "  mode        LIVE: every result that counts is a real one" in lines
    assert lines[-1] == f"Where all of it is right, open it with --confirm {live.election.id}."
