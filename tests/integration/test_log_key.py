"""The key that signs the public logs is made once; a lost or swapped one is an error, never a new log without a word."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from projections.definition.compiled import Definition
from proofs.notes import ED25519, VerifierKey
from rekap.operate.opening import open_with_key
from runtime.files.key_files import KeyFileError, load_key_file
from runtime.files.tile_store import TileStore
from runtime.kafka.genesis import write_genesis
from runtime.log_key import log_key
from runtime.settings import Settings, read_settings
from schemas.definition.package import ElectionPackage
from schemas.served.logs import KEYS_FILE, folder_of, origin_of
from tests.conftest import Parts
from tests.support.ledger import private_key
from tests.support.small_election import small_package


async def _opened(parts: Parts, directory: Path, name: str) -> tuple[Settings, ElectionPackage]:
    package = small_package()
    package = replace(package, election=package.election.model_copy(update={"id": name}))
    settings = replace(read_settings(parts), log_key=directory / "log-key.pem", log_directory=directory / "log")
    await open_with_key(settings, Definition.of(package), private_key("authority"))
    return settings, package


async def test_it_is_made_while_there_is_only_the_genesis(parts: Parts, tmp_path: Path) -> None:
    settings, package = await _opened(parts, tmp_path, "log-key-made")
    made = await log_key(settings, package.election)
    assert _public(made) == _public(load_key_file(settings.log_key))
    assert _public(await log_key(settings, package.election)) == _public(made)


async def test_where_there_are_records_a_missing_key_is_an_error(parts: Parts, tmp_path: Path) -> None:
    settings, package = await _opened(parts, tmp_path, "log-key-lost")
    await write_genesis(settings, package.election, b"any record", [1])
    with pytest.raises(
        KeyFileError, match=r"is missing, and the ledger has 4 records: its logs were signed with a key"
    ):
        await log_key(settings, package.election)
    assert not settings.log_key.exists()


async def test_another_key_than_the_one_in_the_files_of_the_log_is_an_error(parts: Parts, tmp_path: Path) -> None:
    settings, package = await _opened(parts, tmp_path, "log-key-other")
    before = Ed25519PrivateKey.generate()
    store = TileStore(settings.log_directory / folder_of(package.election, 2))
    store.replace(KEYS_FILE, f"{VerifierKey(origin_of(package.election, 2), ED25519, _public(before))}\n".encode())
    with pytest.raises(KeyFileError, match=r"is not the key of log 2: .* Put the right file back"):
        await log_key(settings, package.election)


def _public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()
