"""A seal holds for its message in its topic partition, and for nothing else."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from runtime.files.key_files import KeyFileError
from runtime.kafka import seals as module
from runtime.kafka.seals import (
    HEADER,
    KEY_BYTES,
    NO_SEAL,
    TWO_SEALS,
    UNKNOWN_KEY,
    WRONG_SEAL,
    SealError,
    SealKey,
    Seals,
    make_seal_keys,
    new_seal_key,
    read_seal_keys,
    write_seal_keys,
)

DEFINITION = "d" * 64


@dataclass(frozen=True)
class Message:
    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    make_seal_keys(tmp_path / "keys")
    return tmp_path / "keys"


@pytest.fixture
def sealed(path: Path) -> Message:
    headers = Seals(path, DEFINITION).headers("a.subtotals", 3, b"key", b"value")
    return Message("a.subtotals", 3, b"key", b"value", tuple(headers))


def _flaw(seals: Seals, message: Message) -> str | None:
    try:
        seals.check(message)
    except SealError as error:
        return str(error)
    return None


def test_what_was_sealed_is_believed(path: Path, sealed: Message) -> None:
    assert _flaw(Seals(path, DEFINITION), sealed) is None
    [(name, seal)] = sealed.headers
    assert seal is not None
    assert len(name) + len(seal) < 64, "each message of the topics is so much longer"


@pytest.mark.parametrize(
    "change",
    [
        {"topic": "a.results"},
        {"topic": "a.subtotals.2"},
        {"partition": 2},
        {"key": None},
        {"key": b""},
        {"key": b"keyvalue", "value": b""},
        {"value": b"valu3"},
        {"value": b""},
        {"value": None},
    ],
    ids=str,
)
def test_a_seal_holds_for_nothing_else(path: Path, sealed: Message, change: dict[str, Any]) -> None:
    assert _flaw(Seals(path, DEFINITION), replace(sealed, **change)) == WRONG_SEAL


def test_absent_and_empty_are_two_things(path: Path) -> None:
    seals = Seals(path, DEFINITION)
    message = Message("t", 0, None, b"v", tuple(seals.headers("t", 0, None, b"v")))
    assert _flaw(seals, message) is None
    assert _flaw(seals, replace(message, key=b"")) == WRONG_SEAL


def test_a_seal_of_another_election_does_not_hold(path: Path, sealed: Message) -> None:
    assert _flaw(Seals(path, "e" * 64), sealed) == WRONG_SEAL


@pytest.mark.parametrize(
    ("headers", "flaw"),
    [
        ((), NO_SEAL),
        (((HEADER.upper(), b"x"),), NO_SEAL),
        (((HEADER, b""),), UNKNOWN_KEY),
        (((HEADER, None),), UNKNOWN_KEY),
        (((HEADER, b"\x00" * 40),), UNKNOWN_KEY),
    ],
)
def test_what_is_no_seal_is_named(
    path: Path, sealed: Message, headers: tuple[tuple[str, bytes | None], ...], flaw: str
) -> None:
    assert _flaw(Seals(path, DEFINITION), replace(sealed, headers=headers)) == flaw


def test_cut_longer_or_doubled_it_does_not_hold(path: Path, sealed: Message) -> None:
    seals = Seals(path, DEFINITION)
    [(_, seal)] = sealed.headers
    assert seal is not None
    for wrong in (seal[:-1], seal + b"\x00", seal[:8]):
        assert _flaw(seals, replace(sealed, headers=((HEADER, wrong),))) == WRONG_SEAL
    assert _flaw(seals, replace(sealed, headers=sealed.headers * 2)) == TWO_SEALS
    assert _flaw(seals, replace(sealed, headers=(("other", b"x"), *sealed.headers))) is None


def test_a_note_beside_a_committed_offset_holds_there_only(path: Path) -> None:
    seals = Seals(path, DEFINITION)
    left = seals.metadata("group", ("ledger", 1), 120, "stopped at 120: a reason")
    assert seals.note("group", ("ledger", 1), 120, left) == "stopped at 120: a reason"
    for group, partition, offset in (("other", 1, 120), ("group", 2, 120), ("group", 1, 121)):
        with pytest.raises(SealError, match=WRONG_SEAL):
            seals.note(group, ("ledger", partition), offset, left)
    for text, flaw in (("", NO_SEAL), ("stopped at 120: a lie", NO_SEAL), (left + "x", WRONG_SEAL)):
        with pytest.raises(SealError, match=flaw):
            seals.note("group", ("ledger", 1), 120, text)


def test_keys_change_by_overlap_without_a_start(path: Path, sealed: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = Seals(path, DEFINITION), Seals(path, DEFINITION)
    [old], new = read_seal_keys(path), new_seal_key()
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.0)

    def sealed_again() -> Message:
        return replace(sealed, headers=tuple(writer.headers("a.subtotals", 3, b"key", b"value")))

    write_seal_keys(path, [old, new])
    assert sealed_again() == sealed
    write_seal_keys(path, [new, old])
    fresh = sealed_again()
    assert fresh != sealed
    # A reader that has not looked since meets a key that it does not know, and looks.
    assert _flaw(reader, fresh) is None
    assert _flaw(reader, sealed) is None
    write_seal_keys(path, [new])
    assert _flaw(Seals(path, DEFINITION), sealed) == UNKNOWN_KEY


def test_a_file_that_is_wrong_for_a_moment_changes_nothing(path: Path, sealed: Message) -> None:
    seals = Seals(path, DEFINITION)
    path.write_text("half a key")
    assert _flaw(seals, replace(sealed, headers=((HEADER, b"\x00" * 40),))) == UNKNOWN_KEY
    assert _flaw(seals, sealed) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has 0 keys; expected 1 to 16"),
        ("# only a comment\n", "has 0 keys"),
        ("ab" * (KEY_BYTES - 1), "line 1: expected a key, 64 hexadecimal digits"),
        ("# first\n" + "zz" * KEY_BYTES, "line 2: expected a key"),
        ("\n".join("ab" * KEY_BYTES for _ in range(17)), "has 17 keys"),
    ],
)
def test_a_file_without_good_keys_is_refused_by_line(path: Path, text: str, sentence: str) -> None:
    path.write_text(text)
    with pytest.raises(KeyFileError, match=sentence):
        read_seal_keys(path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_a_file_that_others_may_read_or_write_is_refused(path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        Seals(path, DEFINITION)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match=r"cannot be read: No such file or directory; all workers .* share one"):
        Seals(tmp_path / "nowhere", DEFINITION)


def test_a_file_is_made_once_and_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "below" / "keys"
    make_seal_keys(path)
    before = path.read_text()
    make_seal_keys(path)
    assert path.read_text() == before
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert [key.id for key in read_seal_keys(path)] == [SealKey.of(bytes.fromhex(before)).id]
