"""The public logs of an election: their names, where their files are, and what a gateway signs: receipts and refusals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from schemas.canonical import canonical_bytes, sha256_hex
from schemas.definition.package import Election

KEYS_FILE = "keys"
"""Beside the checkpoint: the log's verifier keys, one a line, its own first and then that of its clock."""


def origin_of(election: Election, partition: int) -> str:
    """The name of a partition's log, in its checkpoints and of its key."""
    return f"rekap/{election.mode.value}/{election.id}/{partition}"


def clock_name(origin: str) -> str:
    """The name under which a log signs the time of its own checkpoints (C2SP tlog-cosignature)."""
    return f"{origin}/time"


def folder_of(election: Election, partition: int) -> PurePosixPath:
    """Where a log's files are below the directory of all logs."""
    return PurePosixPath(election.mode.value, election.id, str(partition))


def gateway_name(election: Election, gateway: str) -> str:
    """The name under which a gateway signs receipts."""
    return f"rekap/{election.mode.value}/{election.id}/{gateway}"


def receipt_text(election: str, submission: str, partition: int, offset: int, leaf_hash: str, received_at: str) -> str:
    """What a gateway signs (C2SP signed-note): that the ledger has this leaf at this place."""
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
"""Answers that sending the same envelope again will not change. A gateway signs these; any other, or one that nobody
signed (a proxy's, a captive portal's), says nothing of the envelope."""


def refusal_text(election: str, envelope: bytes, problem: Mapping[str, Any]) -> str:
    """What a gateway signs where it refuses an envelope for good: these bytes, and all that the problem says."""
    said = {name: value for name, value in problem.items() if name != "signed"}
    return (
        "rekap refusal v1\n"
        f"election {election}\n"
        f"envelope {sha256_hex(envelope)}\n"
        f"status {problem['status']}\n"
        f"problem {sha256_hex(canonical_bytes(said))}\n"
    )
