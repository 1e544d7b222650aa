"""What an audit can find, and how it ends. The errors are drawn in audit/__init__.py."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """How an audit ends, with the exit code of the command; the worst finding decides."""

    VERIFIED = 0
    DIFFERS = 1
    """The log is whole, and a published number is not what it counts to."""
    TAMPERED = 4
    """The log, a signature on it, or the package is not what it was. Not 2, the exit code of a command with a wrong option."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """Something that is wrong: where, and what."""

    verdict: Verdict
    where: str
    """Name of what is wrong, for example `log 3, record 17` or `/v1/areas/34: president in 34.04`."""
    sentence: str

    def __str__(self) -> str:
        return f"{self.where}: {self.sentence}"


class AuditError(Exception):
    """The audit cannot continue, because a source does not answer or a file is missing. This means nothing for the count."""


class GivenError(AuditError):
    """What the auditor was given (a package, a checkpoint, a receipt, an archive) cannot be used."""


class TamperedError(Exception):
    """A finding that ends the audit, because nothing that rests on it could be trusted."""

    def __init__(self, where: str, sentence: str) -> None:
        super().__init__(f"{where}: {sentence}")
        self.discovery = Discovery(Verdict.TAMPERED, where, sentence)


class NotWitnessedError(TamperedError):
    """A checkpoint lacks cosignatures that were asked for. A witness that was away may sign the next one."""
