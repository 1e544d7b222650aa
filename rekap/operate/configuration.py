"""What every process of an operator begins with: its settings and the election."""

from __future__ import annotations

import gc

from aiokafka.errors import KafkaError

from api.limits.client_address import TrustedProxies
from projections.definition.compiled import Definition
from rekap.operate.definition_cache import compiled
from rekap.terminal import complain
from runtime.kafka.security import client_options
from runtime.package.errors import PackageError
from runtime.settings import Settings, SettingsError, read_settings
from runtime.witnesses import parse_witnesses

EXIT_CONFIGURATION = 2
GC_ALLOCATIONS = 100_000
"""New objects between two looks of the garbage collector: more than a batch makes. At half it walks each batch once."""


def away(settings: Settings, error: Exception) -> str:
    """The sentence for a command that could not reach Kafka or PostgreSQL, or read a file."""
    if isinstance(error, KafkaError):
        return kafka_away(settings, error)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return f"PostgreSQL (REKAP_DATABASE) cannot be used: {error or type(error).__name__}"


def kafka_away(settings: Settings, error: Exception) -> str:
    """Without the library's own words: they repeat the class and name the address as its objects print it."""
    return f"Kafka at {settings.kafka} (REKAP_KAFKA) cannot be used: {type(error).__name__}"


def load() -> tuple[Settings, Definition]:
    """Settings and the election. Ends the process with a sentence where one is wrong."""
    try:
        settings = read_settings()
        parse_witnesses(settings.witnesses)
        client_options(settings)
        TrustedProxies.parse(settings.trusted_proxies)
        definition = compiled(settings.package, settings.state_directory)
    except (SettingsError, PackageError) as error:
        complain(*f"Error: {error}".split("\n"))
        raise SystemExit(EXIT_CONFIGURATION) from None
    spare_the_collector()
    return settings, definition


def spare_the_collector() -> None:
    """A batch makes some 60,000 objects and drops them again; none is in a cycle. With Python's threshold of 700 the
    collector walked them, and the election, over and over: a third of the tabulator's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_ALLOCATIONS, 20, 50)
