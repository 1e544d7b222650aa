"""What an audit costs: records checked and counted again, per CPU second, beside the limit of one signature check.

    python bench/recount.py [--results 200000] [--seed 1]

The signed results of bench/made_ledger.py are written as the archive of an election: logs with tiles and checkpoints as the
notary writes them, and the package. Then, as `rekap audit` does with an archive:

1. records      every bundle against its tile, every signature, the roots        two processes and a few threads
2. recount      rules, versions and refusals of all records, by SQL
3. numbers      holes, numbers used twice and wrong prev, of all keys
4. all sums     every area, and every station, at the last cut

The limit is Ed25519 alone: the same signatures checked in this process, per CPU second. Exit code 0: the sum is the one that
was made with the results.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from itertools import islice
from pathlib import Path

from count import genesis_record
from made_ledger import MadeLedger, authority_key, made_ledger
from nation.made import MadeNation

from audit.count.recount import Recount
from audit.count.values import Cut
from audit.logs.heads import open_head
from audit.logs.keys import Keys
from audit.logs.records import check_logs
from audit.sources.archive import Archive
from audit.sources.package import Package, read_package
from projections.checks.package_checks import problems
from projections.definition.compiled import Definition
from projections.fold.records import read_record
from proofs.growing_log import GrowingLog
from proofs.notes import ED25519, Checkpoint, Note, VerifierKey, sign
from proofs.signatures import load_public_key, verify
from runtime.files.tile_store import TileStore
from runtime.package.reading import load_package
from runtime.package.writing import pack
from schemas.served.logs import KEYS_FILE, origin_of

LIMIT_RECORDS = 5_000


def write_archive(made: MadeLedger | MadeNation, definition: Definition, directory: Path) -> None:
    """The public files of the made election."""
    directory.mkdir(parents=True)
    (directory / "package.zip").write_bytes(pack(made.package))
    key = authority_key()
    for partition in range(definition.partitions):
        store, log = TileStore(directory / "log" / str(partition)), GrowingLog()
        log.append(genesis_record(definition))
        for _, value in made.records(partition):
            log.append(value)
        store.keep(log.take_full())
        store.keep(log.partial())
        origin = origin_of(definition.election, partition)
        checkpoint = Checkpoint(origin, log.size, log.root())
        store.replace("checkpoint", Note(checkpoint.text, (sign(checkpoint.text, origin, key),)).to_bytes())
        public = VerifierKey(origin, ED25519, key.public_key().public_bytes_raw())
        store.replace(KEYS_FILE, f"{public}\n".encode())


def signature_checks_per_second(made: MadeLedger, definition: Definition) -> float:
    records = [read_record(1, value) for _, value in islice(made.records(0), LIMIT_RECORDS)]
    keys = {key_id: load_public_key(key.public_key) for key_id, key in definition.keys.items()}
    began = time.process_time()
    assert all(verify(keys[record.key_id], record.signature, record.payload) for record in records)
    return len(records) / (time.process_time() - began)


def check_records(directory: Path, work: Path, package: Package) -> tuple[list[Path], Cut]:
    """1: the rows of all records, and the cut that holds them all."""
    archive = Archive(directory, None)
    heads = [open_head(archive, package, number, Keys((), (), 0))[0] for number in range(package.partitions)]
    rows = check_logs(archive, work, package, heads, lambda _: None)
    assert rows is not None
    return rows, tuple((head.partition, head.size - 1) for head in heads)


def count_all(recount: Recount, package: Package, cut: Cut) -> None:
    """4."""
    for office in (row["id"] for row in package.tables["offices"]):
        recount.count(office, cut, None)
        recount.sums([row["code"] for row in package.tables["areas"]])
        for contest in (row["id"] for row in package.tables["contests"] if row["office"] == office):
            recount.stations(contest)


class Clock:
    """Prints what each step took: seconds, and CPU seconds of this process and of those that it started and that ended."""

    def __init__(self, results: int) -> None:
        self._results = results
        self._last = self._began = (time.perf_counter(), _cpu_seconds())

    def step(self, name: str) -> None:
        now = (time.perf_counter(), _cpu_seconds())
        self._print(name, now[0] - self._last[0], now[1] - self._last[1])
        self._last = now

    def whole(self) -> float:
        """CPU seconds of all steps."""
        cpu = _cpu_seconds() - self._began[1]
        self._print("whole", time.perf_counter() - self._began[0], cpu)
        return cpu

    def _print(self, name: str, seconds: float, cpu: float) -> None:
        print(f"{name:10}{seconds:8.1f} s {cpu:8.1f} CPU s {cpu / self._results * 1e6:8.1f} µs a record", flush=True)


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> int:
    parser = argparse.ArgumentParser(description="Records audited per second, beside the limit of signature checks")
    parser.add_argument("--results", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "rekap-bench")
    options = parser.parse_args()
    made = made_ledger(options.cache, options.results, options.seed)
    definition = Definition.of(load_package(made.package, problems))
    limit = signature_checks_per_second(made, definition)
    with tempfile.TemporaryDirectory(prefix="rekap-bench-") as temporary:
        directory, work = Path(temporary) / "archive", Path(temporary) / "work"
        write_archive(made, definition, directory)
        package = read_package(directory / "package.zip")
        assert package.definition == definition.hash, "the two definition hashes differ"
        clock = Clock(made.results)
        rows, cut = check_records(directory, work, package)
        clock.step("records")
        recount = Recount(package, rows)
        clock.step("recount")
        recount.numbering()
        clock.step("numbers")
        count_all(recount, package, cut)
        clock.step("all sums")
        cpu = clock.whole()
        root = next(row["code"] for row in package.tables["areas"] if row["parent"] is None)
        (sums,) = recount.sums([root]).values()
    votes = [
        sum(each)
        for each in zip(*(sums.tiers[tier].votes for tier in ("clean", "flagged") if tier in sums.tiers), strict=True)
    ]
    print(f"most memory of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")
    print(f"audit : Ed25519 checks alone = {made.results / cpu / limit:.2f} : 1 per CPU second ({limit:,.0f} checks)")
    if votes != [made.votes[choice] for choice in sorted(made.votes)]:
        print(f"expected {made.votes}, got {votes}")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
