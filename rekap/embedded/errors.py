"""The errors of the embedded parts, drawn in rekap/__init__.py."""

from __future__ import annotations

from rekap.errors import NotReachedError, UnusableError

KAFKA_FROM_ELSEWHERE = "or use Kafka from elsewhere: `docker compose up`, or its bootstrap servers in REKAP_KAFKA."
POSTGRES_FROM_ELSEWHERE = "or use PostgreSQL from elsewhere: `docker compose up`, or its URL in REKAP_DATABASE."


class EmbeddedError(NotReachedError):
    """A fault of the embedded parts that the operator can mend; the message states how."""


class DataDirectoryError(UnusableError):
    """The directory cannot hold what it is to hold. A second start does not help."""


class DataDirectoryInUseError(EmbeddedError):
    pass


class ToolMissingError(EmbeddedError):
    pass


class StartError(EmbeddedError):
    pass


class NotReadyError(EmbeddedError):
    pass
