"""Some stations, and nothing else: their history as the server shows it, each record proved to be in the log."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from audit.count.recount import Recount
from audit.count.values import StationCount
from audit.findings import AuditError, Discovery, Verdict
from audit.logs.heads import Head
from audit.logs.tree import log_hashes
from audit.published.compare import ballots_of, first_difference
from audit.published.tallies import station_line
from audit.sources.archive import Archive
from audit.sources.extract import Ballots, read_row, write_rows
from audit.sources.package import Package, canonical
from proofs.merkle import ProofError, check_inclusion, inclusion_proof, leaf_hash
from proofs.tiles import TILE_WIDTH, TileError, entries_path, read_bundle

WAITING = StationCount("waiting", None, None, None, None)


def audit_stations(
    archive: Archive, package: Package, heads: Sequence[Head], answers: Mapping[str, dict[str, Any]]
) -> tuple[int, list[Discovery]]:
    """How many counts of stations were compared, and what is wrong. `answers` has the snapshot of each station."""
    found: list[Discovery] = []
    rows: dict[tuple[int, int], dict[str, Any]] = {}
    ballots = Ballots(package)
    for station, answer in answers.items():
        for entry in answer["history"]:
            partition, offset = int(entry["partition"]), int(entry["offset"])
            try:
                record = _proved(archive, heads[partition], offset)
            except (ProofError, TileError) as error:
                found.append(Discovery(Verdict.TAMPERED, f"log {partition}, record {offset}", str(error)))
                continue
            row = rows[partition, offset] = read_row(ballots, partition, offset, record, leaf_hash(record))
            if (row["event"], row.get("station")) != (entry["event"], station):
                where = f"/v1/stations/{station}, history"
                sentence = f"record {offset} of log {partition} is event {row['event']}, not {entry['event']}"
                found.append(Discovery(Verdict.DIFFERS, where, sentence))
    with tempfile.TemporaryDirectory(prefix="rekap-audit-") as directory:
        file = Path(directory) / "sample.parquet"
        write_rows(rows.values(), file)
        recount = Recount(package, [file])
        compared, differences = 0, []
        for station, answer in answers.items():
            for difference in _compare(recount, package, station, answer):
                differences.append(difference)
            compared += len(answer["contests"])
    return compared, found + differences


def _proved(archive: Archive, head: Head, offset: int) -> bytes:
    """A record, and that it is in the tree. Raises ProofError, TileError, AuditError."""
    if offset >= head.size:
        raise ProofError(f"the log has only {head.size} records")
    index, within = divmod(offset, TILE_WIDTH)
    width = min(TILE_WIDTH, head.size - index * TILE_WIDTH)
    for each in (width, TILE_WIDTH):
        data = archive.immutable(f"log/{head.partition}/{entries_path(index, each)}")
        if data is not None:
            record = read_bundle(data, each)[within]
            proof = inclusion_proof(offset, head.size, log_hashes(archive, head))
            check_inclusion(leaf_hash(record), offset, head.size, proof, head.root)
            return record
    raise AuditError(f"log {head.partition} has no file {entries_path(index, width)}")


def _compare(recount: Recount, package: Package, station: str, answer: dict[str, Any]) -> Iterator[Discovery]:
    ballots = {contest: [row["id"] for row in ballot] for contest, ballot in ballots_of(package).items()}
    area = answer["station"]["area"]
    offices = {row["id"]: row["office"] for row in package.tables["contests"]}
    for published in answer["contests"]:
        office = offices[published["contest"]]
        cut = tuple(sorted((int(partition), offset) for partition, offset in answer["shard_as_of"][office].items()))
        recount.count(office, cut, [area])
        count = recount.stations(published["contest"]).get(station, WAITING)
        counts_blank = office in package.offices_with_blank_ballots
        own = station_line(station, published["contest"], count, ballots[published["contest"]], counts_blank)
        del own["station"]
        if canonical(own) != canonical(published):
            yield Discovery(
                Verdict.DIFFERS, f"/v1/stations/{station}, {published['contest']}", first_difference(published, own)
            )
