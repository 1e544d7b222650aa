"""Settings of every process, read once from the environment. `.env.example` and the docs are made from this table."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from runtime.errors import OutsideError
from schemas.texts import WEB_ADDRESS_PATTERN


class SettingsError(OutsideError, ValueError):
    """A setting is missing or invalid; the sentence names the variable, what was expected and what was found."""


def _setting(default: Any, help: str) -> Any:
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a process; each field is the environment variable `REKAP_<FIELD>` in capitals."""

    kafka: str = _setting("127.0.0.1:9092", "bootstrap servers of Kafka, host:port, separated by commas")
    kafka_user: str = _setting("", "Kafka user of this process; empty where Kafka has no users")
    kafka_password: Path = _setting(
        Path("kafka-password.txt"), "file with that user's password, one line, that no other user may read"
    )
    kafka_mechanism: str = _setting(
        "SCRAM-SHA-512", "how the password is shown: SCRAM-SHA-512, or PLAIN with TLS or on this machine"
    )
    kafka_ca: str = _setting(
        "", "file of certificates by which Kafka is known, or system for those of this machine; without TLS where empty"
    )
    database: str = _setting("", "address of PostgreSQL, postgresql://user:password@host:port/name")
    package: Path = _setting(Path("election"), "directory or zip of the election package")
    host: str = _setting("127.0.0.1", "address the API, or the front, listens on")
    port: int = _setting(8000, "port the API, or the front, listens on")
    public_url: str = _setting(
        "",
        "address at which readers find the API, such as https://results.example; that of each request where empty",
    )
    front: str = _setting(
        "",
        "UNIX socket at which `rekap run front` hands connections to the API's processes of this machine; empty for none",
    )
    peers: str = _setting(
        "", "addresses of API processes with other roles whose health this one adds to its own, separated by commas"
    )
    trusted_proxies: str = _setting(
        "", "addresses and networks of reverse proxies whose X-Forwarded-For is believed, separated by commas"
    )
    connections: int = _setting(4096, "most connections of one API process; raised descriptor limits permitting")
    connections_of_address: int = _setting(
        512, "most connections of one address (IPv6: of a /64); a whole newsroom may share one"
    )
    requests_per_s: int = _setting(
        200,
        "requests a second of one address, but for submissions and the live feed; ten times as many at once; 0 for no limit",
    )
    submissions_per_s: int = _setting(
        500,
        "submissions a second of one address, a wrong one counted as ten; ten times as many at once; 0 for no limit",
    )
    submissions_of_key_per_s: int = _setting(
        500, "submissions a second with one key; ten times as many at once; 0 for no limit"
    )
    gateway: str = _setting("gateway-1", "name of this gateway in receipts")
    gateway_key: Path = _setting(Path("gateway-key.pem"), "private key that signs receipts; made where there is none")
    workers_key: Path = _setting(
        Path("workers-key.txt"),
        "keys with which workers seal messages in Kafka, see `rekap keys workers`; all workers of an election share them",
    )
    instance: str = _setting(
        "", "lasting name of this worker: started again under it, it has its partitions back at once"
    )
    generation: int = _setting(
        0, "generation of the derived data to work on, see `rekap rebuild`; 0 for the one that is served"
    )
    replication: int = _setting(1, "copies of each topic; 3 on a cluster of three or more brokers")
    keyframe_ms: int = _setting(
        5000, "milliseconds between a tabulator's keyframes: how long a gap of the roll-up can last at most"
    )
    results_keyframe_ms: int = _setting(
        60_000, "milliseconds between the roll-up's keyframes: how long a gap of its readers can last at most"
    )
    gather_ms: int = _setting(
        5, "milliseconds for which, on a quiet night, a gateway gathers submissions and a tabulator records"
    )
    record_ms: int = _setting(250, "milliseconds the recorder gathers messages for one transaction")
    publish_ms: int = _setting(15, "milliseconds the roll-up gathers blocks before it publishes")
    check_processes: int = _setting(2, "processes that check signatures for a tabulator")
    batch_records: int = _setting(1000, "most ledger records in one block")
    fold_retry_s: int = _setting(
        60,
        "seconds until a partition whose fold stopped at a record is tried again; other partitions continue meanwhile",
    )
    state_directory: Path = _setting(
        Path("state"), "directory in which tabulators keep their state, so that a start need not fold everything again"
    )
    state_records: int = _setting(5000, "ledger records of a partition between two states kept of it; 0 keeps none")
    kafka_wait_ms: int = _setting(5000, "milliseconds a submission may wait for Kafka before it is answered with 503")
    database_connections: int = _setting(
        4, "most connections of one API process to PostgreSQL for snapshots and the gateway"
    )
    list_connections: int = _setting(2, "most connections of one API process to PostgreSQL for lists")
    files_directory: Path = _setting(
        Path("files"), "directory of the bulk files, which the exporter writes and the API serves"
    )
    files_every_s: int = _setting(
        900, "seconds between two cuts of the bulk files, at least; 0 for no exporter in `rekap up`"
    )
    files_keep_s: int = _setting(
        86_400, "seconds for which a cut of the bulk files stays after it was taken; the newest always stays"
    )
    files_mb_max: int = _setting(
        50_000, "most megabytes of all cuts of the bulk files; the oldest ones are deleted before it is reached"
    )
    metrics_port: int = _setting(
        0, "port at which a worker serves its metrics to Prometheus; 0 for none; the API has /metrics"
    )
    log_directory: Path = _setting(Path("log"), "directory of the public logs' files")
    log_key: Path = _setting(
        Path("log-key.pem"), "private key that signs checkpoints; made while the ledger has nothing but its genesis"
    )
    witnesses: str = _setting("", "witnesses of the logs, each as its URL, a space and its key, separated by commas")
    checkpoint_ms: int = _setting(1000, "milliseconds between two checkpoints of a log that grows")
    heartbeat_s: int = _setting(10, "seconds between two checkpoints of a log that does not")
    live_tick_ms: int = _setting(
        100,
        "most milliseconds the live feed gathers changes before it sends them; half as long as sending takes, if less",
    )
    live_heartbeat_s: int = _setting(10, "seconds between heartbeats on the live feed")
    live_clients: int = _setting(2000, "most clients on the live feed of one API process")
    live_clients_per_address: int = _setting(
        500,
        "most of them from one address (an IPv6 /64), so that none takes all; 0 for no such bound, behind a proxy that has one",
    )
    live_joins_per_s: int = _setting(
        300,
        "most clients that join the live feed of one API process in a second; others are each given a time to come back at; "
        "0 for no limit",
    )


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process. Raises SettingsError."""
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    for each in fields(Settings):
        name = variable(each.name)
        text = environment.get(name)
        if text is None or text == "":
            continue
        if isinstance(each.default, int):
            if not text.isascii() or not text.isdigit():
                raise SettingsError(f"{name}: expected a whole number ({each.metadata['help']}), got {text!r}")
            values[each.name] = int(text)
        elif isinstance(each.default, Path):
            values[each.name] = Path(text)
        else:
            values[each.name] = text
    if "public_url" in values:
        _check_public_url(values["public_url"])
    return Settings(**values)


def _check_public_url(text: str) -> None:
    """Check the address that becomes part of each address in catalogues and pages. Raises SettingsError."""
    if not re.fullmatch(WEB_ADDRESS_PATTERN, text) or "?" in text or "#" in text:
        raise SettingsError(
            f"{variable('public_url')}: expected a web address without ? and #, such as https://results.example, got {text!r}"
        )


def variable(field_name: str) -> str:
    return f"REKAP_{field_name.upper()}"


def settings_help() -> list[tuple[str, str, str]]:
    """Variable, default and help of each setting."""
    return [(variable(each.name), str(each.default), each.metadata["help"]) for each in fields(Settings)]
