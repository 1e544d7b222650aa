"""A whole audit of a nation: seconds, CPU seconds, memory and progress of `rekap audit`, and of one that is killed on the way.

    python bench/audit_nation.py [--election president|parties|candidates] [--stations 823000] [--kills 2] [--cache DIR]

1. makes the nation of bench/made_ledger.py or bench/nation/made.py, its logs as the notary writes them, and the answers of a
   server (bench/nation/published.py); kept in the cache
2. audits the archive with `rekap audit`, in processes of its own
3. removes what was checked, and audits again: kills the audit `--kills` times, at equal parts of the time before, and lets the
   last one end

Memory is that of all processes of the audit, each shared page once (PSS). Exit code 0: every audit that was not killed ends
with VERIFIED, and the last needs less CPU time than a whole one.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import orjson
import psutil
from made_ledger import MadeLedger, made_ledger
from nation.made import Kind, MadeNation, made_nation
from nation.published import PublishedNation
from recount import write_archive

from projections.checks.package_checks import problems
from projections.definition.compiled import Definition
from runtime.own_processes import python_module
from runtime.package.reading import load_package

WATCHED_SECONDS = 0.5
RESULTS_PERCENT = 103
"""Results that the president's ledger has for 100 stations, because bench/made_ledger.py corrects some."""


@dataclass
class Run:
    seconds: float
    cpu: float
    memory: int
    """Most bytes of all processes at one moment."""
    silent: float
    """Longest time without a line of progress."""
    code: int
    last: str


def archive_of(options: argparse.Namespace) -> tuple[Path, MadeLedger | MadeNation]:
    """The made nation as an archive, from the cache or made now."""
    made: MadeLedger | MadeNation
    if options.election == "president":
        made = made_ledger(options.cache, options.stations * RESULTS_PERCENT // 100, options.seed)
    else:
        made = made_nation(options.cache, Kind(options.stations, options.seed, options.election == "candidates", False))
    archive: Path = options.cache / f"archive-{made.directory.name}"
    if not archive.exists():
        began = time.monotonic()
        package = load_package(made.package, problems)
        definition = Definition.of(package)
        half = archive.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        write_archive(made, definition, half)
        written = PublishedNation(package, definition, made).write(half / "published.ndjson")
        print(f"{written:,} tallies published")
        half.rename(archive)
        print(f"made the archive in {time.monotonic() - began:.0f} s", flush=True)
    return archive, made


def run_audit(archive: Path, kill_after: float | None = None) -> Run:
    """Audit the archive in processes of their own, and watch them."""
    command = python_module("rekap", "audit", archive, "--archive", archive, "--report", archive / "report")
    began = time.monotonic()
    with tempfile.TemporaryFile() as lines:
        process = subprocess.Popen(command, stdout=lines, stderr=subprocess.STDOUT)
        memory, silent, printed_at, size = 0, 0.0, began, 0
        cpu: dict[int, float] = {}
        while process.poll() is None:
            now = time.monotonic()
            if (written := os.fstat(lines.fileno()).st_size) > size:
                size, printed_at = written, now
            silent = max(silent, now - printed_at)
            memory = max(memory, watch(process.pid, cpu))
            if kill_after is not None and now - began > kill_after:
                process.send_signal(signal.SIGKILL)
            time.sleep(WATCHED_SECONDS)
        lines.seek(0)
        text = lines.read().decode().rstrip().splitlines()
    return Run(
        time.monotonic() - began, sum(cpu.values()), memory, silent, process.returncode, text[-1] if text else ""
    )


def watch(pid: int, cpu: dict[int, float]) -> int:
    """Bytes of the process and those that it started; their CPU seconds so far go into `cpu`."""
    memory = 0
    with suppress(psutil.Error):
        parent = psutil.Process(pid)
        for each in (parent, *parent.children(recursive=True)):
            with suppress(psutil.Error):
                times = each.cpu_times()
                cpu[each.pid] = times.user + times.system
                memory += each.memory_full_info().pss
    return memory


def show(name: str, run: Run, records: int) -> None:
    print(
        f"{name:12}{run.seconds:8.0f} s {run.cpu:8.0f} CPU s {run.cpu / records * 1e6:7.0f} µs a record "
        f"{run.memory / 2**30:6.2f} GiB, silent for {run.silent:.0f} s at most: {run.last}",
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="A whole audit of a nation, and one that is killed on the way")
    parser.add_argument("--election", choices=("president", "parties", "candidates"), default="president")
    parser.add_argument("--stations", type=int, default=823_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "rekap-bench")
    options = parser.parse_args()
    archive, made = archive_of(options)
    shutil.rmtree(archive / "checked", ignore_errors=True)
    whole = run_audit(archive)
    show("whole", whole, made.results)
    facts = orjson.loads((archive / "report.json").read_bytes())
    print("seconds:", ", ".join(f"{name} {seconds:.0f}" for name, seconds in facts["seconds"].items()), flush=True)
    is_right = whole.code == 0
    if options.kills:
        shutil.rmtree(archive / "checked", ignore_errors=True)
        for number in range(options.kills):
            show(f"kill {number + 1}", run_audit(archive, whole.seconds / (options.kills + 1)), made.results)
        rest = run_audit(archive)
        show("the rest", rest, made.results)
        print(f"whole : the rest after the kills = {whole.cpu / rest.cpu:.2f} : 1 in CPU seconds")
        is_right = is_right and rest.code == 0 and rest.cpu < whole.cpu
    return 0 if is_right else 1


if __name__ == "__main__":
    raise SystemExit(main())
