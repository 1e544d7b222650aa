"""Names and folders of an election's public logs, and the texts of receipts and refusals that a gateway signs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from schemas.canonical import canonical_bytes, sha256_hex
from schemas.definition.package import Election

KEYS_FILE = "keys"
"""File beside the checkpoint with the log's verifier keys, one a line, first the log's own and then that of its clock."""


def origin_of(election: Election, partition: int) -> str:
    """Name of a partition's log, in its checkpoints and in its verifier key."""
    return f"rekap/{election.mode.value}/{election.id}/{partition}"


def clock_name(origin: str) -> str:
    """Name under which a log signs the time of its own checkpoints (C2SP tlog-cosignature)."""
    return f"{origin}/time"


def folder_of(election: Election, partition: int) -> PurePosixPath:
    """Folder of a log's files below the directory of all logs."""
    return PurePosixPath(election.mode.value, election.id, str(partition))


def gateway_name(election: Election, gateway: str) -> str:
    """Name under which a gateway signs receipts."""
    return f"rekap/{election.mode.value}/{election.id}/{gateway}"


def receipt_text(election: str, submission: str, partition: int, offset: int, leaf_hash: str, received_at: str) -> str:
    """Text of a receipt, which a gateway signs (C2SP signed-note): the ledger has this leaf in this partition at this
    offset."""
    return (
        "rekap receipt v1\n"
        f"election {election}\n"
        f"submission {submission}\n"
        f"partition {partition}\n"
        f"offset {offset}\n"
        f"leaf {leaf_hash}\n"
        f"received {received_at}\n"
    )


FINAL_STATUSES = frozenset({401, 403, 409, 413, 422})
"""Statuses of refusals that are final, because sending the same envelope again will not change them. A gateway signs these. Any
other answer, and one without a signature, such as a proxy's or a captive portal's, does not decide about the envelope."""


def refusal_text(election: str, envelope: bytes, problem: Mapping[str, Any]) -> str:
    """Text of a final refusal, which a gateway signs: it names the envelope's bytes, and every field of the problem."""
    signed_fields = {name: value for name, value in problem.items() if name != "signed"}
    return (
        "rekap refusal v1\n"
        f"election {election}\n"
        f"envelope {sha256_hex(envelope)}\n"
        f"status {problem['status']}\n"
        f"problem {sha256_hex(canonical_bytes(signed_fields))}\n"
    )
