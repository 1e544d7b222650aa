"""The function that turns each error into a sentence on standard error and an exit code.

`rekap/cli.py` runs every command inside `explained`. Errors of this package carry their exit code (rekap/errors.py); those of
other packages and libraries are in OUTCOMES. An exception that is in neither is a bug, and its traceback is shown.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from rekap.errors import RekapError
from rekap.exit_codes import ExitCode
from rekap.terminal import complain
from runtime.error_words import in_words
from runtime.settings import SettingsError, read_settings, variable

OUTCOMES: dict[str, ExitCode] = {
    "runtime.settings.SettingsError": ExitCode.UNUSABLE,
    "runtime.package.errors.PackageError": ExitCode.UNUSABLE,
    "runtime.files.key_files.KeyFileError": ExitCode.UNUSABLE,
    "runtime.files.tile_store.NoAccessError": ExitCode.UNUSABLE,
    "runtime.kafka.wanted_topics.TopicMismatchError": ExitCode.UNUSABLE,
    "runtime.http_client.AddressError": ExitCode.UNUSABLE,
    "runtime.http_client.AwayError": ExitCode.NOT_REACHED,
    "runtime.log_source.LogSourceError": ExitCode.NOT_REACHED,
    "audit.findings.GivenError": ExitCode.UNUSABLE,
    "audit.findings.AuditError": ExitCode.NOT_REACHED,
    "asyncpg.exceptions._base.PostgresError": ExitCode.NOT_REACHED,
    "asyncpg.exceptions._base.InterfaceError": ExitCode.NOT_REACHED,
    "aiokafka.errors.KafkaError": ExitCode.NOT_REACHED,
    "httpx.HTTPError": ExitCode.NOT_REACHED,
}
"""Class of an error → exit code, also for the classes below it. The classes are named and not imported, because a command
should not import the libraries of others; the class of an error that was raised has been imported already."""

OF_SEVERAL_LINES = frozenset({"PackageError", "SettingsError", "OpeningError", "EmbeddedError", "RebuildError"})
"""Errors whose message has several lines of our own. Line ends in other messages are data, which `complain` escapes."""


class Outcome(NamedTuple):
    code: ExitCode
    lines: tuple[str, ...]


@contextmanager
def explained() -> Iterator[None]:
    """Run a command. An error ends the process with its sentence and the exit code of the table."""
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(ExitCode.INTERRUPTED) from None
    except Exception as error:
        outcome = outcome_of(error)
        if outcome is None:
            raise
        complain(f"Error: {outcome.lines[0]}", *outcome.lines[1:])
        raise SystemExit(outcome.code) from None


def outcome_of(error: BaseException) -> Outcome | None:
    """Exit code and lines of the sentence; None for an exception that is a bug."""
    if isinstance(error, RekapError):
        return Outcome(error.exit_code, _lines(error))
    for each in type(error).__mro__:
        name = f"{each.__module__}.{each.__qualname__}"
        if name not in OUTCOMES:
            continue
        if name.startswith("aiokafka."):
            return Outcome(OUTCOMES[name], (kafka_sentence(error),))
        if name.startswith("asyncpg."):
            return Outcome(OUTCOMES[name], (database_sentence(error),))
        if name.startswith("httpx."):
            return Outcome(OUTCOMES[name], (f"a server cannot be asked: {in_words(error)}",))
        lines = _lines(error)
        address = getattr(error, "address", "")  # of an AwayError, whose sentence has "there"
        if address and address not in lines[0]:
            return Outcome(OUTCOMES[name], (f"{address}: {lines[0]}", *lines[1:]))
        return Outcome(OUTCOMES[name], lines)
    if (
        isinstance(error, OSError) and error.errno != errno.EPIPE
    ):  # a reader that closed the pipe is click's to end with
        if error.filename is not None:
            return Outcome(ExitCode.UNUSABLE, (f"{error.filename}: {error.strerror}",))
        has_own_words = error.errno is None and str(error)
        return Outcome(ExitCode.NOT_REACHED, (str(error) if has_own_words else in_words(error),))
    return None


def kafka_sentence(error: BaseException) -> str:
    """A sentence without the library's own text, which repeats the class and prints the address as an object."""
    try:
        address = read_settings().kafka
    except SettingsError:
        address = "an address that cannot be read"
    return f"Kafka at {address} ({variable('kafka')}) cannot be used: {in_words(error)}"


def database_sentence(error: BaseException) -> str:
    return f"PostgreSQL ({variable('database')}) cannot be used: {in_words(error)}"


def _lines(error: BaseException) -> tuple[str, ...]:
    text = str(error) or type(error).__name__
    has_lines = any(each.__name__ in OF_SEVERAL_LINES for each in type(error).__mro__)
    return tuple(text.split("\n")) if has_lines else (text,)
