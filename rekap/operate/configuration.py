"""Settings and election, which every process of an operator reads first."""

from __future__ import annotations

import gc

from api.limits.client_address import TrustedProxies
from projections.definition.compiled import Definition
from rekap.operate.definition_cache import compiled
from runtime.kafka.security import client_options
from runtime.settings import Settings, SettingsError, read_settings, variable
from runtime.witnesses import parse_witnesses

GC_ALLOCATIONS = 100_000
"""New objects between two runs of the garbage collector. A batch makes fewer; at half, the collector walks each batch once."""


def load() -> tuple[Settings, Definition]:
    """Settings and the election. Raises SettingsError, PackageError."""
    settings = read_settings()
    parse_witnesses(settings.witnesses)
    client_options(settings)
    TrustedProxies.parse(settings.trusted_proxies)
    definition = compiled(settings.package, settings.state_directory)
    spare_the_collector()
    return settings, definition


def load_with_database() -> tuple[Settings, Definition]:
    """Settings that name a database, and the election. Raises SettingsError, PackageError."""
    settings, definition = load()
    if not settings.database:
        raise SettingsError(f"{variable('database')}: expected the address of a PostgreSQL database, got nothing")
    return settings, definition


def spare_the_collector() -> None:
    """Let the garbage collector run rarely and leave the election out. A batch makes some 60,000 objects, none of them in a
    cycle, and drops them again. With Python's threshold of 700, the collector walked these objects and the election so often
    that it took a third of the tabulator's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_ALLOCATIONS, 20, 50)
