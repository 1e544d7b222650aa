"""The three roots of this package's errors. The whole tree is drawn in rekap/__init__.py.

A message states what is wrong, where, and what to do. rekap/failures.py prints it and ends the command with the exit code.
"""

from __future__ import annotations

from typing import ClassVar

from rekap.exit_codes import ExitCode


class RekapError(Exception):
    """A fault that the user of the command can mend."""

    exit_code: ClassVar[ExitCode]


class UnusableError(RekapError):
    """What the command was given cannot be used."""

    exit_code = ExitCode.UNUSABLE


class NotReachedError(RekapError):
    """What the command needs cannot be reached or started."""

    exit_code = ExitCode.NOT_REACHED


class BadOutcomeError(RekapError):
    """The command did its work, and the outcome is bad."""

    exit_code = ExitCode.BAD_OUTCOME
