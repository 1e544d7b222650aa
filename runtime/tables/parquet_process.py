"""A process that makes Parquet files of CSV files for an exporter (parquet_files.py), so that the memory of DuckDB and that
of the compiled election are not in one process, and so that both work at once.

A question is a line: a JSON object with the arguments of `write_parquet`. The answer is a line: `null`, or the reason why the
file could not be made. The process ends when its input ends, and so whenever the exporter has ended, for whatever reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import orjson

from runtime.own_processes import serve_standard_input
from runtime.tables.parquet_table import write_parquet
from schemas.tables.columns import Kind


def serve(questions: Iterable[bytes], answers: BinaryIO) -> None:
    for line in questions:
        asked = orjson.loads(line)
        columns = [(name, Kind(kind)) for name, kind in asked["columns"]]
        try:
            write_parquet(Path(asked["csv"]), Path(asked["parquet"]), columns, asked["about"])
            answer = None
        except OSError as error:
            answer = str(error)
        answers.write(orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE))
        answers.flush()


if __name__ == "__main__":
    serve_standard_input(serve)
