"""A whole nation on this machine: 823,000 stations, five offices, 4.1 million signed results, legislatures with candidates.

    python bench/national.py [--stations 823000] [--parties-only] [--one-of-village] [--rate 3000] [--picture docs/national.svg]

`--parties-only` is the smaller one, without the rows of candidates. With `--one-of-village` one station of each village
reports: a tenth of the results, for all areas of the nation, so messages are as large as they are with all of them.

The results are made and signed once (bench/nation/made.py) and are in the ledger topic of an embedded Kafka before
anything is measured. Then, one after the other:

1. ledger      the records are written into Kafka
2. count       one tabulator and one roll-up, from nothing to all totals, which must be those that were made
3. record      the recorder writes the read model into PostgreSQL, and the notary the public log, at the same time
4. serve       the API starts
5. live        corrections by HTTP at --rate, in batches, with --clients on the live feed
6. recover     kill -9 of each worker; of a tabulator also for good, so that another takes its partitions; and a
               tabulator whose kept states are of other rules, as after an upgrade
7. sizes       what is on disk
8. rebuild     `rekap rebuild` beside the running stack, where the disk has room for a second generation
9. scale       one tabulator, then two, from offset 0 for --window seconds each, roll-up and API stopped: first checking
               every signature, then remembering those that were checked

It prints results/s of each stage, the most memory of each process, sizes on disk, lag and latency, and CPU per result
from the first 100,000 to the last. Exit code 0: all totals are right. 1: one is not, or not in time. For a nation it needs
24 GB of memory, 50 GB of disk (80 with stage 8), and an hour.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import uvloop
from made_ledger import authority_key
from nation.count import cost, count, fill
from nation.live import live, serve
from nation.made import Kind, made_nation
from nation.picture import picture, thinned
from nation.record import record_and_prove
from nation.recover import rebuild, recover
from nation.run import Meter, Run, WrongError
from nation.scale import scale
from nation.sizes import memory, sizes

from rekap.elections.demo import STATIONS_MAX, STATIONS_MIN
from rekap.embedded.ports import free_ports
from rekap.operate.definition_cache import compiled
from rekap.operate.stack import WORKERS, running_stack
from runtime.files.key_files import load_or_make_key_file
from runtime.settings import read_settings, variable

KEPT_TO_RECOVER = 500
"""Corrections for the recoveries: some for each try to be accepted, of which one in five is for the first office."""
LIMITS = ("requests_per_s", "submissions_per_s", "submissions_of_key_per_s")
"""Turned off: the bench is one address with the keys of all regencies."""


@asynccontextmanager
async def _directory(keep: Path | None) -> AsyncIterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep
    else:
        with tempfile.TemporaryDirectory(prefix="rekap-national-") as temporary:
            yield Path(temporary)


async def main(arguments: argparse.Namespace) -> int:
    kind = Kind(arguments.stations, arguments.seed, not arguments.parties_only, arguments.one_of_village)
    made = made_nation(arguments.cache, kind)
    sent, kept = arguments.rate * arguments.seconds, len(made.later()) - KEPT_TO_RECOVER
    if sent > kept:
        raise WrongError(
            f"--rate times --seconds: {sent:,} corrections, and of so few --stations only {kept:,} are made"
        )
    async with _directory(arguments.keep) as directory:
        os.environ[variable("state_directory")] = str(directory / "state")
        compiled(made.package, directory / "state")
        # A notary that is started where the ledger has records takes no new key.
        load_or_make_key_file(directory / "data" / "log-key.pem")
        async with running_stack(
            made.package,
            directory / "data",
            authority_key(),
            log_directory=directory,
            settings=dict.fromkeys(map(variable, LIMITS), "0"),
            workers=(),
            metrics_port=free_ports(len(WORKERS))[0],
        ) as stack:
            assert stack.definition.hash == made.definition, f"{made.directory} is of another version: delete it"
            settings = read_settings(stack.environment)
            async with Meter(stack) as meter:
                run = Run(stack, made, settings, meter, directory)
                run.show("results", f"{made.results:,} of {arguments.stations:,} stations, {os.cpu_count()} cores")
                stages: dict[str, Callable[[], Awaitable[None]]] = {
                    "ledger": partial(fill, run),
                    "count": partial(count, run),
                    "record": partial(record_and_prove, run),
                    "serve": partial(serve, run),
                    "live": lambda: live(run, arguments.rate, arguments.seconds, arguments.clients),
                    "recover": partial(recover, run),
                    "sizes": partial(sizes, run),
                    "rebuild": partial(rebuild, run),
                    "scale": lambda: scale(run, arguments.window),
                }
                for name, stage in stages.items():
                    await stage()
                    if name == arguments.until:
                        break
                memory(run)
        points = cost(run)
        if points:
            costs = " ".join(f"{results / 1e6:.1f}M:{cost:.0f}" for results, cost in thinned(points))
            run.show("cost: tabulator CPU µs a result", costs)
            if arguments.picture:
                arguments.picture.write_text(picture(points, arguments.stations))
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stations", type=int, default=823_000)
    parser.add_argument("--parties-only", action="store_true", help="legislative forms without the rows of candidates")
    parser.add_argument("--one-of-village", action="store_true", help="one station of each village reports, not all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=int, default=3_000, help="corrections a second on the live stack")
    parser.add_argument("--seconds", type=int, default=30, help="of these")
    parser.add_argument("--clients", type=int, default=20, help="on the live feed")
    parser.add_argument("--until", help="stop after this stage")
    parser.add_argument("--window", type=int, default=40, help="seconds for which 1 and 2 tabulators are compared")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "rekap-bench")
    parser.add_argument("--keep", type=Path, help="leave logs and data in this directory")
    parser.add_argument("--picture", type=Path, help="write the cost curve there, as SVG")
    options = parser.parse_args()
    if not STATIONS_MIN <= options.stations <= STATIONS_MAX:
        parser.error(f"--stations: expected {STATIONS_MIN:,} to {STATIONS_MAX:,}, got {options.stations:,}")
    try:
        sys.exit(uvloop.run(main(options)))
    except WrongError as error:
        print(f"\nError: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
