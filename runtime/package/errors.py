"""Errors of reading an election package:

PackageError                 the package is wrong; `problems` lists everything that is wrong with it
└── UnreadablePackageError   there is no package to read: no such path, neither a directory nor a zip, no access
"""

from __future__ import annotations

from collections.abc import Sequence

from runtime.errors import OutsideError
from schemas.definition.problems import PackageProblem


class PackageError(OutsideError, ValueError):
    """The package cannot be used. `problems` has everything that is wrong with it, in the order of files and lines."""

    def __init__(self, problems: Sequence[PackageProblem], sentence: str | None = None) -> None:
        self.problems = tuple(problems)
        super().__init__(sentence or "\n".join(str(problem) for problem in problems))


class UnreadablePackageError(PackageError):
    """The package cannot be opened, or is over a limit; the message is one sentence, and `problems` is empty."""

    def __init__(self, sentence: str) -> None:
        super().__init__((), sentence)
