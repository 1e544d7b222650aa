"""Settings of the stack that runs in a data directory, kept in a file there, so that other commands find its Kafka, its
PostgreSQL and its files by the directory alone (`--data`).

The file may contain the password of a database from elsewhere, so only its owner can read it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

import click
import orjson

from rekap.embedded.errors import EmbeddedError
from runtime.files.atomic_write import replace_file
from runtime.files.own_files import NotOwnError, read_own_file
from runtime.package.errors import UnreadablePackageError
from runtime.settings import SettingsError, read_settings, settings_help, variable

FILE = "settings.json"
_NOT_KEPT = frozenset({"REKAP_INSTANCE", "REKAP_GENERATION", "REKAP_METRICS_PORT", "REKAP_FRONT"})
"""Settings of single processes of the stack, which a command beside it must not take over."""

Command = Callable[..., Any]


class NothingRunsError(EmbeddedError):
    """No stack runs in the data directory."""


def keep_settings(data: Path, environment: Mapping[str, str]) -> None:
    """Write the settings with which a command finds this stack. Raises OSError."""
    kept = {name: environment[name] for name, _, _ in settings_help() if name in environment and name not in _NOT_KEPT}
    replace_file(data / FILE, [orjson.dumps(kept, option=orjson.OPT_INDENT_2)], mode=0o600)


def where_parts_are(data: Path, environment: Mapping[str, str], *, database_is_ours: bool) -> tuple[str, ...]:
    """Lines for the terminal. The address of a database from elsewhere is left out, because it may contain a password."""
    settings = read_settings(environment)
    user = f" as user {settings.kafka_user}, password in {settings.kafka_password}" if settings.kafka_user else ""
    database = settings.database if database_is_ours else f"as {variable('database')} names it"
    return (
        f"Kafka: {settings.kafka}{user}",
        f"PostgreSQL: {database}",
        f"other commands find both by: --data {data}",
    )


def settings_in(data: Path) -> dict[str, str]:
    """The settings of the stack that runs in a data directory. Raises NothingRunsError."""
    start = f"start it with `rekap up … --data {data}`"
    try:
        kept: dict[str, str] = orjson.loads(read_own_file(data / FILE, 1))
    except NotOwnError as error:
        raise NothingRunsError(f"{error}: it names the Kafka and the database to use, so it is not believed") from None
    except FileNotFoundError:
        raise NothingRunsError(f"--data {data}: no stack has run there; {start}") from None
    if not _is_held(data):
        raise NothingRunsError(f"--data {data}: no stack runs there now, so its Kafka cannot be reached; {start}")
    return kept


def with_data(command: Command) -> Command:
    """The option `--data` of a command, which sets the settings of this process before the command reads them."""

    @click.option(
        "--data", type=click.Path(path_type=Path, file_okay=False),
        help="data directory of a running `rekap up`, whose Kafka, database and files are used",
    )  # fmt: skip
    @wraps(command)
    def with_its_settings(*arguments: Any, data: Path | None, **options: Any) -> Any:
        if data is not None:
            os.environ.update(settings_in(data))
            return command(*arguments, **options)
        try:
            return command(*arguments, **options)
        except (SettingsError, UnreadablePackageError) as error:
            if os.environ.get(variable("database")):
                raise
            raise SettingsError(f"{error}; beside a running `rekap up`, --data DIRECTORY finds all settings") from None

    return with_its_settings


def _is_held(data: Path) -> bool:
    """Whether a process owns the data directory (rekap/embedded/data_directory.py)."""
    try:
        descriptor = os.open(data / "lock", os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
