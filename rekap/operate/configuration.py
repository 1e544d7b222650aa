"""Settings and election, which every process of an operator reads first."""

from __future__ import annotations

import difflib
import gc
import os
from collections.abc import Iterable, Iterator

from api.limits.client_address import TrustedProxies
from projections.definition.compiled import Definition
from rekap.operate.definition_cache import compiled
from rekap.terminal import complain
from runtime.kafka.security import client_options
from runtime.package.errors import UnreadablePackageError
from runtime.settings import Settings, SettingsError, read_settings, settings_help, variable
from runtime.witnesses import parse_witnesses

NEARLY = 0.9
"""How like a setting a name must be. At 0.85 Compose's own names, such as REKAP_DATABASE_HOST, would be taken for mistakes."""
GC_ALLOCATIONS = 100_000
"""New objects between two runs of the garbage collector. A batch makes fewer; at half, the collector walks each batch once."""


def load() -> tuple[Settings, Definition]:
    """Settings and the election. Raises SettingsError, PackageError."""
    settings = read_settings()
    note_mistyped_settings()
    parse_witnesses(settings.witnesses)
    client_options(settings)
    TrustedProxies.parse(settings.trusted_proxies)
    try:
        definition = compiled(settings.package, settings.state_directory)
    except UnreadablePackageError as error:
        raise UnreadablePackageError(f"{variable('package')}: {error}") from None
    spare_the_collector()
    return settings, definition


def load_with_database() -> tuple[Settings, Definition]:
    """Settings that name a database, and the election. Raises SettingsError, PackageError."""
    settings, definition = load()
    if not settings.database:
        raise SettingsError(f"{variable('database')}: expected the address of a PostgreSQL database, got nothing")
    return settings, definition


def mistyped_settings(environment: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Variables of the environment that are nearly a setting, each with a note. They would be ignored without a word."""
    known = [name for name, _, _ in settings_help()]
    for name in environment:
        if name.startswith("REKAP_") and name not in known:
            for near in difflib.get_close_matches(name, known, 1, cutoff=NEARLY):
                yield name, f"{name} is not a setting and was ignored; did you mean {near}?"


def note_mistyped_settings() -> None:
    """Print a note for each such variable, and leave the variable out of the environment of the processes that this one starts,
    so that none of them prints the note again."""
    for name, note in list(mistyped_settings(os.environ)):
        complain(f"note: {note}")
        del os.environ[name]


def spare_the_collector() -> None:
    """Let the garbage collector run rarely and leave the election out. A batch makes some 60,000 objects, none of them in a
    cycle, and drops them again. With Python's threshold of 700, the collector walked these objects and the election so often
    that it took a third of the tabulator's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_ALLOCATIONS, 20, 50)
