"""Shape of the answer of `/v1/health`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.served.shape import Shape


class HealthStage(Shape):
    """One stage of the flow. What a stage does not have is absent."""

    lag_records: int | None
    """Records or messages that it has not processed yet; null where that is not known."""
    workers: int = 0
    """Processes that do its work."""
    stopped: list[str] = Field(default=[])
    """What it has stopped at, and why: partitions of the tabulator, offices of the other stages."""
    ledger_records: int = 0
    """Records in the ledger (`gateway`)."""
    state: Literal["beginning", "following"] = "following"
    """Whether the feed shows changes already (`live`)."""
    clients: int = 0
    """Connections (`live`)."""
    checkpoint_age_s: float = 0
    """Seconds since the oldest of the newest checkpoints was signed (`notary`)."""


class HealthAnswer(Shape):
    """Whether the count is up to date, and what is wrong where it is not."""

    status: Literal["ok", "degraded", "stopped"]
    """`stopped` where the numbers of a partition or an office change no more; `degraded` where anything else is named below."""
    roles: list[str]
    """Roles of the process that answers."""
    election: str
    """Id of the election."""
    mode: Literal["rehearsal", "live"]
    """`rehearsal`, of which no number is a result, or `live`."""
    definition: str
    """Definition hash of the election package."""
    generation: int
    """Number of the generation that is served; a rebuild makes the next one."""
    kafka: str
    """`ok`, or `unreachable` with the reason."""
    database: str
    """`ok`, or `unreachable` with the reason."""
    newest_record_age_s: float | None
    """Age in seconds of the newest record that is in what is served, by its gateway's clock; null where there is none."""
    lagging: list[str]
    """Stages that lag."""
    without_worker: list[str]
    """Stages for which no process works."""
    alarms: list[str]
    """Sentences about what somebody must look at."""
    refusing: list[str]
    """Bounds at which clients are refused now."""
    peers: dict[str, str]
    """Address of another process of the API → its status, or why it does not answer."""
    stages: dict[str, HealthStage]
    """Name of a stage → what is known of it, in the order in which the data flows."""
