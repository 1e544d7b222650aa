"""The private key that signs the public logs, which is made once, at the beginning, and never again without the operator.

Auditors and witnesses pin the key when they first see it, so with a new key the log would be another log to all of them. After
a restore that lacks the key's file, a key that is made automatically would do this unnoticed. So a key is made only while the
ledger has nothing but its genesis. Later, an operator who has lost the key for good puts a new one there.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiokafka import TopicPartition
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from proofs.notes import ED25519, VerifierKey
from runtime.files.key_files import KeyFileError, load_or_make_key_file
from runtime.files.tile_store import TileStore
from runtime.kafka.clients import plain_consumer, stop_consumer
from runtime.kafka.topics import topics_of
from runtime.settings import Settings
from schemas.definition.package import Election
from schemas.served.logs import KEYS_FILE, folder_of, origin_of

ASK_SECONDS_MAX = 30.0
"""Limit for asking Kafka how many records the ledger has."""


async def log_key(settings: Settings, election: Election) -> Ed25519PrivateKey:
    """The key in the file that the settings name, which is made while the ledger has nothing but its genesis.

    Raises KeyFileError where the key is missing, or is not the key that the logs were signed with; KafkaError, TimeoutError."""
    if not settings.log_key.exists():
        records = await _records(settings, election)
        if records > election.partitions:
            raise KeyFileError(missing_log_key(settings.log_key, f"the ledger has {records:,} records"))
    key = load_or_make_key_file(settings.log_key)
    for partition in range(election.partitions):
        store = TileStore(settings.log_directory / folder_of(election, partition))
        lines = (store.read(KEYS_FILE) or b"").decode(errors="replace").splitlines()
        own = str(VerifierKey(origin_of(election, partition), ED25519, key.public_key().public_bytes_raw()))
        if lines and lines[0] != own:
            raise KeyFileError(
                f"{settings.log_key} (REKAP_LOG_KEY) is not the key of log {partition}: {store.path_of(KEYS_FILE)} names "
                f"{lines[0]}, and this is {own}. Put the right file back. Only where it is lost for good, remove the files "
                f"`{KEYS_FILE}`: to auditors and witnesses that begins a different log"
            )
    return key


def missing_log_key(path: Path, why: str) -> str:
    """The sentence for a missing log key."""
    return (
        f"{path} (REKAP_LOG_KEY) is missing, and {why}: its logs were signed with a key. Put that file there. Only where it "
        "is lost for good, put another there (`rekap keys new` makes one): to auditors and witnesses that is a different log"
    )


async def _records(settings: Settings, election: Election) -> int:
    """Number of records in the ledger, the genesis of each partition included."""
    topic_partitions = [
        TopicPartition(topics_of(election).ledger, partition) for partition in range(election.partitions)
    ]
    consumer = plain_consumer(settings)
    try:
        await consumer.start()
        async with asyncio.timeout(ASK_SECONDS_MAX):
            return sum((await consumer.end_offsets(topic_partitions)).values())
    finally:
        await stop_consumer(consumer)
