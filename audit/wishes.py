"""What an auditor asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Wishes:
    """What to audit, and against what."""

    source: str
    brokers: str = ""
    """Kafka to take the records from; the archive is then filled from there."""
    package: Path | None = None
    keys: tuple[str, ...] = ()
    witnesses: tuple[str, ...] = ()
    witnesses_min: int = 0
    checkpoints: tuple[Path, ...] = ()
    receipts: tuple[Path, ...] = ()
    since: tuple[Path, ...] = ()
    sample: int = 0
    seed: int = 0
    stations: bool = True
    areas_max: int | None = None
    """How many areas besides the root are compared, chosen by chance; None for all."""
    client: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """How Kafka is reached, in aiokafka's words; with a password."""
