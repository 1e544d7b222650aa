"""The server's answers, one line each in `published.ndjson`: written as they come, and read again when they are compared.

The answers of a nation are gigabytes, so memory holds only where each line begins. An audit that was interrupted has left
`published.half.ndjson`; the next one continues in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from audit.findings import AuditError
from audit.sources.archive import Archive

PUBLISHED = "published.ndjson"
HALF = "published.half.ndjson"
CONTINUED_SECONDS_MAX = 3600
"""How old the answers of an interrupted audit may be. They stay comparable, each at its own `as_of`; but what is published
now is what an auditor asks about."""
PARTS_MAX = 100_000
"""Parts of one answer, each some megabytes. A server that announces more would keep the auditor busy for ever."""


class Published:
    """Answers of the server, or those that were kept with an archive."""

    def __init__(self, archive: Archive, *, continues: bool = False, files: Mapping[str, str] | None = None) -> None:
        """`continues` takes the answers of an interrupted audit too. `files` has the answers that an archive has as files, by
        path. Raises AuditError."""
        self._archive = archive
        self._files = files or {}
        self._file = HALF if archive.is_live else PUBLISHED
        if archive.is_live and not (continues and archive.age(HALF) < CONTINUED_SECONDS_MAX):
            archive.remove(HALF)
        self._begins: dict[str, int] = {}
        """Path → where the line of its answer begins."""
        end = 0
        for begin, line in archive.lines(self._file):
            if archive.is_live and not line.endswith(b"\n"):
                break  # the audit was stopped within this line
            self._begins[_path_of(line)] = begin
            end = begin + len(line)
        self.continued = len(self._begins) if archive.is_live else 0
        """How many answers are an interrupted audit's."""
        if archive.is_live:
            archive.cut(HALF, end)

    def ask(self, path: str) -> dict[str, Any]:
        """Raises AuditError where there is no answer, or none that is JSON."""
        begin = self._begins.get(path)
        if begin is not None:
            return self.answer(begin)
        if path in self._files:
            return self._read(path, self._archive.kept(self._files[path]))
        if not self._archive.is_live:
            raise AuditError(f"the archive has no answer of {path}; audit the server, or an archive of an audit of it")
        answer = self._read(path, self._archive.newest(path))
        # Encoded anew and not copied: whatever the answer looks like, it stays one line.
        line = b'{"path":%b,"answer":%b}\n' % (orjson.dumps(path), orjson.dumps(answer))
        self._begins[path] = self._archive.append(HALF, line)
        return answer

    @staticmethod
    def _read(path: str, data: bytes | None) -> dict[str, Any]:
        if data is None:
            raise AuditError(f"there is no {path}")
        try:
            return _object(path, orjson.loads(data))
        except ValueError:
            raise AuditError(f"{path}: the answer is not JSON") from None

    def line_of(self, path: str) -> int:
        """Offset at which the line of an answer that was asked for begins, for `answer`."""
        return self._begins[path]

    def answer(self, begin: int) -> dict[str, Any]:
        """The answer whose line begins there. Raises AuditError."""
        try:
            entry = orjson.loads(self._archive.line_at(self._file, begin))
            return _object(entry["path"], entry["answer"])
        except (ValueError, KeyError, TypeError):
            raise AuditError(f"{self._file} is not a file of kept answers") from None

    def parts(self, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """An answer that may come in several parts: the path and the answer of each. Raises AuditError."""
        answer = self.ask(path)
        yield path, answer
        parts = answer.get("parts")
        if type(parts) is not int or not 1 <= parts <= PARTS_MAX:
            raise AuditError(f"{path}: expected 1 to {PARTS_MAX} parts, got {parts!r}")
        for number in range(2, parts + 1):
            yield f"{path}?part={number}", self.ask(f"{path}?part={number}")

    def station(self, code: str) -> dict[str, Any]:
        """A station as its first page shows it, with its whole history up to what that page is as of: later entries belong to
        another count. Raises AuditError."""
        path = f"v1/stations/{code}"
        answer = self.ask(path)
        reach: dict[str, int] = {}
        for cut in answer["shard_as_of"].values():
            for partition, offset in cut.items():
                reach[partition] = max(offset, reach.get(partition, -1))
        history, after = list(answer["history"]), answer["next"]
        last = max(map(_position, history), default=(-1, -1))
        while after is not None and last[0] <= max(reach.values(), default=-1):
            query = f"{path}?after={after}"
            page = self.ask(query)
            positions = list(map(_position, page["history"]))
            if not positions or min(positions) <= last:
                raise AuditError(f"{query}: the page does not begin after {after}")
            history += [each for each in page["history"] if each["offset"] <= reach.get(str(each["partition"]), -1)]
            last, after = max(positions), page["next"]
        return {**answer, "history": history}

    def keep(self) -> None:
        """Give the file its name, because all answers are in it."""
        if self._archive.is_live:
            self._archive.rename(HALF, PUBLISHED)
            self._file = PUBLISHED


def _object(path: str, answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise AuditError(f"{path}: the answer is not an object")
    return answer


def _path_of(line: bytes) -> str:
    """The path of a kept answer, without reading the answer where the line is as `ask` writes it."""
    name, found, _ = line.partition(b',"answer":')
    try:
        entry = orjson.loads(name + b"}" if found else line)
        path = entry["path"]
    except (ValueError, KeyError, TypeError):
        raise AuditError(f"{PUBLISHED} is not a file of kept answers") from None
    if not isinstance(path, str):
        raise AuditError(f"{PUBLISHED} is not a file of kept answers")
    return path


def _position(entry: Mapping[str, Any]) -> tuple[int, int]:
    return int(entry["offset"]), int(entry["partition"])
