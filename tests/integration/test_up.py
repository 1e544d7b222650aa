"""What `rekap up` shows: a healthy start without a warning, a trouble once and its end, and where everything is."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from rekap.embedded.ports import free_port
from rekap.operate.stack import WORKERS_APART
from runtime.files.key_files import write_key_file
from runtime.package.writing import write_package
from tests.support.ledger import private_key
from tests.support.small_election import small_package
from tests.support.stacks import eventually

AWAY_S = 6.0
LINES_OF_A_PROCESS_MAX = 8
"""The library's line and one of each check that needs Kafka, and for each the line that it is over."""


async def test_a_healthy_start_warns_of_nothing_and_a_kafka_that_is_away_is_a_few_lines(tmp_path: Path) -> None:
    write_package(small_package(), tmp_path / "election")
    write_key_file(private_key("authority"), tmp_path / "authority.pem")
    data, port = tmp_path / "data", free_port()
    with (tmp_path / "terminal").open("wb") as terminal:
        up = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "rekap", "up", tmp_path / "election", "--key", tmp_path / "authority.pem"),
            *("--data", data, "--port", str(port)),
            stdout=terminal,
            stderr=subprocess.STDOUT,
            env={**os.environ, "REKAP_FILES_EVERY_S": "0"},
        )

    def lines() -> list[str]:
        return (tmp_path / "terminal").read_text().splitlines()

    async def shows(text: str, times: int = 1) -> bool:
        assert up.returncode is None, lines()
        return sum(text in line for line in lines()) >= times

    try:
        await eventually(lambda: shows(f"ready: http://127.0.0.1:{port}/v1/election"))
        assert [line for line in lines() if " INFO " not in line and not line.startswith("rekap  ")] == []
        for text in ("Kafka: 127.0.0.1:", "PostgreSQL: postgresql://", f"--data {data}", f"log: {data / 'rekap.log'}"):
            assert await shows(text)

        doctor = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "rekap", "doctor", "--data", data), stdout=subprocess.PIPE
        )
        output, _ = await doctor.communicate()
        assert (doctor.returncode, output.decode().splitlines()[-1]) == (0, "all is as in the ledger")

        before, ends = len(lines()), time.monotonic() + AWAY_S
        while time.monotonic() < ends:
            for process_id in _processes_in(data / "kafka"):
                os.kill(process_id, signal.SIGKILL)
            await asyncio.sleep(0.1)
        await eventually(lambda: shows("aiokafka trouble-over", 5))
        per_process: dict[str, int] = {}
        for line in lines()[before:]:
            if " INFO " not in line and not line.startswith("kafka "):
                per_process[line.split()[0]] = per_process.get(line.split()[0], 0) + 1
        assert set(per_process) <= {*WORKERS_APART}
        assert max(per_process.values()) <= LINES_OF_A_PROCESS_MAX, lines()[before:]
        left_out = [int(count) for line in lines() for count in re.findall(r"lines_left_out=(\d+)", line)]
        assert sum(left_out) > 1_000, "the libraries wrote little by themselves, so this test shows nothing"
    finally:
        if up.returncode is None:
            up.send_signal(signal.SIGINT)
        assert await up.wait() == 0
    kept = (data / "rekap.log").read_text().splitlines()
    *shown, last = lines()
    assert [line.partition(" ")[2] for line in kept] == shown
    assert last == f"stopped; the same command continues with what is kept in {data}"


def _processes_in(directory: Path) -> list[int]:
    """Processes whose working directory is this one."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            if (each / "cwd").readlink() == directory:
                found.append(int(each.name))
        except OSError:
            continue
    return found
