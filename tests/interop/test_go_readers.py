"""Other people's readers, in Go, take our log for what it is: a transparency log in the layout of C2SP tlog-tiles."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from consumers.notary import own_signatures
from proofs.growing_log import GrowingLog
from proofs.notes import ED25519, Checkpoint, Note, VerifierKey
from proofs.tiles import CHECKPOINT, entries_path, tile_path
from runtime.files.tile_store import TileStore
from tests.support.go_programs import build
from tests.support.ledger import private_key

ORIGIN = "rekap/rehearsal/interop/0"
KEY = private_key("log")
VERIFIER = str(VerifierKey(ORIGIN, ED25519, KEY.public_key().public_bytes_raw()))
AT = 1_865_768_403


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("reader", tmp_path_factory.mktemp("go"))


def _entry(offset: int) -> bytes:
    return b'{"offset":%d}' % offset * (1 + offset % 7)


def _write(directory: Path, sizes: Sequence[int]) -> list[Path]:
    """A log as the notary writes it, published at these sizes; gives the checkpoints, the newest last."""
    store, log, notes = TileStore(directory), GrowingLog(), []
    for size in sizes:
        for offset in range(log.size, size):
            log.append(_entry(offset))
        full = log.take_full()
        store.keep(full)
        for path in full:
            store.drop_partial(path)
        store.keep(log.partial())
        checkpoint = Checkpoint(ORIGIN, size, log.root())
        note = Note(checkpoint.text, tuple(own_signatures(checkpoint, KEY, AT))).to_bytes()
        store.replace(CHECKPOINT, note)
        notes.append(directory.parent / f"{directory.name}-{size}.note")
        notes[-1].write_bytes(note)
    return notes


def _read(reader: Path, directory: Path, *older: Path, key: str = VERIFIER) -> subprocess.CompletedProcess[str]:
    return subprocess.run([reader, directory, key, *older], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("sizes", "records"),
    [
        ([1], [0]),
        ([2], [0, 1]),
        ([1, 255, 256], [0, 255]),
        ([255, 256, 257], [0, 255, 256, 256]),
        ([700, 1_000, 1_024], [0, 255, 256, 1_023]),
        ([300, 65_536, 66_100], [0, 255, 256, 65_535, 65_536, 66_099]),
    ],
    ids=lambda each: "-".join(map(str, each)),
)
def test_a_reader_in_go_finds_records_and_growth_proved(
    reader: Path, tmp_path: Path, sizes: list[int], records: list[int]
) -> None:
    *older, _ = _write(tmp_path / "log", sizes)
    answer = _read(reader, tmp_path / "log", *older)
    assert answer.returncode == 0, answer.stderr
    log = GrowingLog()
    for offset in range(sizes[-1]):
        log.append(_entry(offset))
    assert json.loads(answer.stdout) == {
        "size": sizes[-1],
        "root": base64.b64encode(log.root()).decode(),
        "records": records,
        "older": sizes[:-1],
    }


@pytest.mark.parametrize("path", [tile_path(0, 0), tile_path(1, 0, 3), entries_path(1), CHECKPOINT])
def test_the_reader_sees_one_changed_byte(reader: Path, tmp_path: Path, path: str) -> None:
    _write(tmp_path / "log", [800])
    file = tmp_path / "log" / path
    data = bytearray(file.read_bytes())
    data[40] ^= 1
    file.write_bytes(data)
    assert _read(reader, tmp_path / "log").returncode == 1


def test_the_reader_refuses_another_key_and_another_history(reader: Path, tmp_path: Path) -> None:
    _write(tmp_path / "log", [800])
    other_key = str(VerifierKey(ORIGIN, ED25519, private_key("other").public_key().public_bytes_raw()))
    assert _read(reader, tmp_path / "log", key=other_key).returncode == 1
    checkpoint = Checkpoint(ORIGIN, 300, b"\1" * 32)
    other = tmp_path / "other.note"
    other.write_bytes(Note(checkpoint.text, tuple(own_signatures(checkpoint, KEY, AT))).to_bytes())
    assert _read(reader, tmp_path / "log", other).returncode == 1
