"""What an operator can mend, as one sentence and an exit code instead of a traceback."""

from __future__ import annotations

import asyncio

from aiokafka.errors import KafkaError

from rekap.embedded.processes import EmbeddedError
from rekap.operate.ledger_files import LedgerFilesError
from rekap.operate.opening import OpeningError
from rekap.terminal import complain
from runtime.files.key_files import KeyFileError
from runtime.kafka.wanted_topics import TopicMismatchError
from runtime.package.errors import PackageError
from runtime.settings import SettingsError

EXIT_WRONG_PACKAGE = 1
EXIT_NOT_STARTED = 3


def run_or_explain(work: object) -> None:
    """Run to the end; what the operator can mend is one sentence and an exit code, not a traceback."""
    assert asyncio.iscoroutine(work)
    try:
        asyncio.run(work)
    except PackageError as error:
        complain(*f"Error: {error}".split("\n"))
        raise SystemExit(EXIT_WRONG_PACKAGE) from None
    except KafkaError as error:
        complain(f"Error: Kafka (REKAP_KAFKA, or the embedded one): {error}")
        raise SystemExit(EXIT_NOT_STARTED) from None
    except OpeningError as error:
        complain(*f"Error: {error}.".split("\n"))
        raise SystemExit(EXIT_WRONG_PACKAGE) from None
    except (EmbeddedError, SettingsError, TopicMismatchError, LedgerFilesError, KeyFileError, OSError) as error:
        complain(*f"Error: {error}".split("\n"))
        raise SystemExit(EXIT_NOT_STARTED) from None
