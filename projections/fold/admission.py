"""Whether a record may count at all: the checks before the fold, in their order. Each refusal has a rule id.

M0                the record is an event in a signed envelope
E1 to E4, K1, K3  this election, and a key whose role may submit the event (authority.py)
K2                the signature is the key's
S1, S2, K4, E5    the station, its contest and the key's scope; the genesis (authority.py)
E8, S3, K4        the account of a finance report (authority.py)
E6                the record is in the partition of its station, or of its account's area
"""

from __future__ import annotations

from projections.definition.compiled import Definition
from projections.definition.tree import partition_of
from projections.fold.authority import Refusal, check_election, check_key, check_scope
from projections.fold.records import Record
from projections.station.submissions import ResultState
from schemas.definition.package import Severity
from schemas.findings import Finding
from schemas.ledger.events import AnnulmentWithdrawn, FinanceReported, ResultAnnulled, ResultReviewed
from schemas.ledger.reports import LedgerEvent, Report

SIGNED = frozenset({"S1", "S2", "S3", "K4", "E6", "E8"})
"""Rules whose refusal leaves an event the key's own: the key signed it, for this election."""


def refusal_of(record: Record, *, signature_holds: bool, definition: Definition, partition: int) -> Refusal | None:
    """Why the record must not count: the first check that it fails. None where it passes all."""
    event = record.event
    if event is None:
        return Refusal("M0", "record", f"Tidak terbaca: {record.problem}.", f"Unreadable: {record.problem}.")
    key = definition.keys.get(record.key_id)
    refusal = check_election(event, definition) or check_key(event, key, record.key_id, definition)
    if refusal is not None:
        return refusal
    if not signature_holds:
        return Refusal(
            "K2",
            "signatures.0.sig",
            "Tanda tangan tidak cocok dengan isi.",
            "The signature does not fit the payload.",
        )
    assert key is not None
    return check_scope(event, key, definition) or _check_partition(event, definition, partition)


def _check_partition(event: LedgerEvent, definition: Definition, partition: int) -> Refusal | None:
    """E6."""
    if isinstance(event, FinanceReported):
        home = partition_of(event.area, definition.partitions)
        if home == partition:
            return None
        return Refusal(
            "E6",
            "area",
            f"Laporan wilayah {event.area} termasuk partisi {home}, bukan {partition}.",
            f"A report of area {event.area} belongs to partition {home}, not {partition}.",
        )
    if not isinstance(event, (Report, ResultReviewed, ResultAnnulled, AnnulmentWithdrawn)):
        return None
    home = definition.stations.partition(definition.stations.number[event.station])
    if home == partition:
        return None
    return Refusal(
        "E6",
        "station",
        f"TPS {event.station} termasuk partisi {home}, bukan {partition}.",
        f"Station {event.station} belongs to partition {home}, not {partition}.",
    )


def state_of(refusal: Refusal) -> ResultState:
    """An unknown station may become known by an amendment: such a form is held, all else is refused (DESIGN 3)."""
    return ResultState.HELD if refusal.rule == "S1" else ResultState.REFUSED


def finding_of(refusal: Refusal) -> Finding:
    return Finding(refusal.rule, Severity.HARD, refusal.sentence_id, refusal.sentence_en)


def already_open() -> Finding:
    return Finding(
        "E7", Severity.HARD, "Pemilu ini sudah dibuka di offset 0.", "This election was opened at offset 0 already."
    )
