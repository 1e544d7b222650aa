"""The problems and warnings that are found while a package is read, in terms of its files and lines."""

from __future__ import annotations

from runtime.package.file_names import ELECTION_FILE, READ_FILES
from schemas.definition.problems import PROBLEMS_MAX, PackageProblem, more_sentence


class FileProblems:
    """Keeps the first PROBLEMS_MAX problems and counts the rest."""

    def __init__(self) -> None:
        self.warnings: list[PackageProblem] = []
        self.dropped = 0
        self._kept: list[PackageProblem] = []

    def add(self, file: str, line: int | None, column: str | None, words: str, *, always: bool = False) -> None:
        """Add a problem. With `always`, it is kept even after PROBLEMS_MAX others."""
        if len(self._kept) < PROBLEMS_MAX or always:
            self._kept.append(PackageProblem(file, line, column, words))
        else:
            self.dropped += 1

    def warn(self, file: str, line: int | None, words: str) -> None:
        self.warnings.append(PackageProblem(file, line, None, words))

    def cells(self) -> set[tuple[str, int | None, str | None]]:
        """(file, line, column) of each problem that is kept."""
        return {(problem.file, problem.line, problem.column) for problem in self._kept}

    def listed(self) -> tuple[PackageProblem, ...]:
        """All kept problems in the order of files and lines, those of maps last, and if some were dropped, one more with
        their number."""
        order = {name: number for number, name in enumerate(READ_FILES)}
        problems = sorted(self._kept, key=lambda each: (order.get(each.file, len(order)), each.line or 0))
        if self.dropped:
            problems.append(PackageProblem(ELECTION_FILE, None, None, more_sentence(self.dropped)))
        return tuple(problems)
