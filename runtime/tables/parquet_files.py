"""Parquet files that are made beside the process that writes the CSV files, one after the other."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import orjson

from runtime.own_processes import python_module
from schemas.tables.columns import Table


class ParquetFiles:
    """Files are begun in any number and made in this order. The process is started with the first one, and ends with the
    block."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="parquet")
        self._process: subprocess.Popen[bytes] | None = None
        self._is_ended = False

    def __enter__(self) -> ParquetFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Files that are not complete are given up."""
        self._is_ended = True
        if self._process is not None:
            self._process.kill()
        self._thread.shutdown(cancel_futures=True)
        if self._process is not None:
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                with suppress(OSError):  # bytes of a question that the process did not read
                    pipe.close()

    def begin(self, csv: Path, parquet: Path, table: Table, about: Mapping[str, str]) -> Future[None]:
        """Have a Parquet file made of a complete CSV file. The future raises OSError where it cannot be made."""
        question = {
            "csv": str(csv),
            "parquet": str(parquet),
            "columns": [(column.name, column.kind.value) for column in table.columns],
            "about": dict(about),
        }
        return self._thread.submit(self._ask, orjson.dumps(question, option=orjson.OPT_APPEND_NEWLINE))

    def _ask(self, question: bytes) -> None:
        if self._process is None and not self._is_ended:
            command = python_module("runtime.tables.parquet_process")
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise OSError("the process that makes Parquet files is ended")
        process.stdin.write(question)
        process.stdin.flush()
        answer = process.stdout.readline()
        if not answer:
            raise OSError(f"the process that makes Parquet files has ended: exit code {process.poll()}")
        problem = orjson.loads(answer)
        if problem is not None:
            raise OSError(problem)
