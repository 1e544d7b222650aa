"""What an audit can find, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """How an audit ends, with the exit code of the command; the worst finding decides."""

    VERIFIED = 0
    DIFFERS = 1
    """The log is whole, and a published number is not what it counts to."""
    TAMPERED = 4
    """The log, a signature on it, or the package is not what it was. Not 2, with which every command ends at a typing error."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """Something that is wrong: where, and what."""

    verdict: Verdict
    where: str
    """For example `log 3, record 17` or `/v1/areas/34: president in 34.04`."""
    sentence: str

    def __str__(self) -> str:
        return f"{self.where}: {self.sentence}"


class AuditError(Exception):
    """The audit cannot go on: a source that does not answer, a file that is missing. Says nothing about the count."""


class TamperedError(Exception):
    """Found on the way; what follows from there on cannot be trusted."""

    def __init__(self, where: str, sentence: str) -> None:
        super().__init__(f"{where}: {sentence}")
        self.discovery = Discovery(Verdict.TAMPERED, where, sentence)


class NotWitnessedError(TamperedError):
    """A checkpoint lacks cosignatures that were asked for; a witness that was away may sign the next."""
