"""rekap/operate/stack_settings.py: other commands find a running stack by its data directory."""

from __future__ import annotations

import os
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from rekap.embedded.data_directory import hold_data_directory
from rekap.operate.stack_settings import FILE, NothingRunsError, keep_settings, settings_in, where_parts_are, with_data

RUNNING = {
    "REKAP_KAFKA": "127.0.0.1:4711",
    "REKAP_KAFKA_USER": "rekap",
    "REKAP_KAFKA_PASSWORD": "data/kafka-password.txt",
    "REKAP_DATABASE": "postgresql://rekap:secret@database/rekap",
    "REKAP_INSTANCE": "tabulator-1",
    "HOME": "/root",
}


def test_what_a_stack_keeps_is_found_while_it_runs(tmp_path: Path) -> None:
    keep_settings(tmp_path, RUNNING)
    with hold_data_directory(tmp_path):
        found = settings_in(tmp_path)
    assert found == {name: RUNNING[name] for name in sorted(RUNNING) if name not in ("REKAP_INSTANCE", "HOME")}
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    with pytest.raises(NothingRunsError, match=r"no stack runs there now.*rekap up … --data"):
        settings_in(tmp_path)


def test_a_directory_without_a_stack_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NothingRunsError, match="no stack has run there; start it with `rekap up"):
        settings_in(tmp_path / "elsewhere")


def test_settings_that_another_user_could_have_written_are_not_believed(tmp_path: Path) -> None:
    keep_settings(tmp_path, RUNNING)
    (tmp_path / FILE).chmod(0o666)
    with hold_data_directory(tmp_path), pytest.raises(NothingRunsError, match=f"others may write {tmp_path / FILE}"):
        settings_in(tmp_path)


def test_the_option_sets_the_settings_of_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {**os.environ, "REKAP_KAFKA": "elsewhere:9092"})
    keep_settings(tmp_path, RUNNING)

    @click.command()
    @with_data
    def show() -> None:
        click.echo(os.environ["REKAP_KAFKA"])

    with hold_data_directory(tmp_path):
        assert CliRunner().invoke(show, ["--data", str(tmp_path)]).output == "127.0.0.1:4711\n"


def test_the_terminal_shows_where_the_parts_are_and_no_password() -> None:
    kafka, database, how = where_parts_are(Path("data"), RUNNING, database_is_ours=False)
    assert kafka == "Kafka: 127.0.0.1:4711 as user rekap, password in data/kafka-password.txt"
    assert database == "PostgreSQL: as REKAP_DATABASE names it"
    assert how == "other commands find both by: --data data"
    embedded = {"REKAP_KAFKA": "broker:9092", "REKAP_DATABASE": "postgresql://rekap@/rekap?host=/data/socket"}
    assert where_parts_are(Path("data"), embedded, database_is_ours=True)[:2] == (
        "Kafka: broker:9092",
        "PostgreSQL: postgresql://rekap@/rekap?host=/data/socket",
    )
