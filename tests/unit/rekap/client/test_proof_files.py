"""Proof files on a disk, and the command that checks one: sentences and exit codes."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

import rekap.client.proof_files as proof_files
from rekap.cli import main
from rekap.client.errors import ProofFileError
from rekap.client.proof_files import as_bytes, read
from rekap.exit_codes import ExitCode
from runtime.package.writing import write_package
from tests.support.ledger import MemoryLedger
from tests.support.proof_files import WITNESS, log_key, proof_file
from tests.support.small_election import reported, small_package

LEDGER = MemoryLedger(small_package())
PARTITION, _ = LEDGER.append_as("officer", reported("1.1.1-1"))
FILE = proof_file(LEDGER, PARTITION, [1])
NESTED = b"[" * 1_000 + b"]" * 1_000
KEY = str(log_key(LEDGER, PARTITION))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "station.proof.json"
    path.write_bytes(as_bytes(FILE))
    return path


def test_a_file_is_read_as_it_was_written(file: Path) -> None:
    assert read(file) == FILE


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is not JSON"),
        (b"\xff", "it is not JSON"),
        (b"[]", "expected an object"),
        (b"{}", "format: is missing"),
        (b'{"format": %b}' % NESTED, "format: [[[[[...]]]]] is not one of rekap-proof/v1"),
        (b'{"format": "rekap-proof/v1", "subject": %b}' % NESTED, "subject: expected a text, got [[[["),
        (b'{"format": "rekap-proof/v1", "subject": "1", "package": %b}' % NESTED, "package: expected an object"),
        (NESTED, "expected an object, got [[[["),
        (as_bytes(FILE).replace(b"rekap-proof/v1", b"rekap-proof/v2"), "format: 'rekap-proof/v2' is not one of"),
        (as_bytes(FILE).replace(b'"offset": 1', b'"offset": -1'), "records.0.offset: is -1, must be at least 0"),
        (as_bytes(FILE).replace(b'"offset": 1', b'"offset": "1"'), "records.0.offset: expected a whole number"),
    ],
)
def test_what_is_not_a_proof_file_is_refused_by_its_field(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ProofFileError, match="is not a proof file") as raised:
        read(path)
    assert why in str(raised.value)


def test_a_file_is_read_up_to_its_bound(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = file.stat().st_size
    monkeypatch.setattr(proof_files, "FILE_BYTES_MAX", size)
    assert read(file) == FILE
    monkeypatch.setattr(proof_files, "FILE_BYTES_MAX", size - 1)
    with pytest.raises(ProofFileError, match=rf"has more than {size - 1:,} bytes"):
        read(file)
    with pytest.raises(ProofFileError, match="cannot be read: No such file"):
        read(file.parent / "none")


def test_verify_states_what_is_proved_and_what_is_not(file: Path, tmp_path: Path) -> None:
    write_package(small_package(), tmp_path / "election")
    given = ("verify", str(file), "--key", KEY)
    result = CliRunner().invoke(main, given)
    assert result.exit_code == ExitCode.DONE
    lines = result.stdout.splitlines()
    assert lines[0] == f"{KEY.split('+')[0]} record 1: result.reported station 1.1.1-1 contest president version 1"
    assert "PROVED: the log has this record, unchanged, where the file states." in lines
    assert sum(line.startswith("Not proved: ") for line in lines) == 3
    whole = CliRunner().invoke(main, (*given, "--witness", str(WITNESS), "--package", str(tmp_path / "election")))
    assert "  cosigned by witness-1 at 2029-02-17T" in whole.stdout
    assert ", station_officer of N" in whole.stdout
    assert sum(line.startswith("Not proved: ") for line in whole.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (
            (),
            ExitCode.UNUSABLE,
            f"--key is missing: without the log's key from another source, a file proves nothing. The file itself names {KEY}",
        ),
        (("--key", "x"), ExitCode.UNUSABLE, "--key: 'x' is not a verifier key: expected name+hash+key"),
        (("--key", KEY, "--witness", "x"), ExitCode.UNUSABLE, "--witness: 'x' is not a verifier key"),
        (("--key", str(log_key(LEDGER, PARTITION, "thief"))), ExitCode.BAD_OUTCOME, "is not signed by"),
        (("--key", KEY, "--witnesses-min", "1"), ExitCode.BAD_OUTCOME, "0 of the given witnesses have cosigned"),
    ],
)
def test_verify_ends_with_the_code_of_the_table(
    file: Path, options: tuple[str, ...], code: ExitCode, sentence: str
) -> None:
    result = CliRunner().invoke(main, ("verify", str(file), *options))
    assert result.exit_code == code
    assert sentence in result.stderr
    assert "PROVED" not in result.stdout


def test_a_changed_file_is_not_proved(file: Path) -> None:
    whole = orjson.loads(file.read_bytes())
    whole["records"][0]["offset"] = 0
    file.write_bytes(orjson.dumps(whole))
    result = CliRunner().invoke(main, ("verify", str(file), "--key", KEY))
    assert result.exit_code == ExitCode.BAD_OUTCOME
    assert result.stderr == f"Error: record 0 of log {KEY.split('+')[0]}: leaf 0 is not under this root\n"
