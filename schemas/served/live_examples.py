"""An example of each message and command of the live feed, for the AsyncAPI document. A test reads each with its model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_CURSOR = "WzEsImZmMmE0MDMzZmYyYTQwMzMiLDQxMixbOTAsODhdXQ"
_CUTS = {"as_of": {"0": 3659, "1": 3796}, "shard_as_of": {"0": 3661, "1": 3796}}
_CHANNEL = {"channel": "president/area/ID/choices", "office": "president"}
_ROW = {
    "contest": "president",
    "area": "ID.34",
    "results_status": "unofficial-partial",
    "stations": {"expected": 11781, "counted": 412},
    "counted": {"total": 88301, "valid": 86514, "invalid": 1787, "votes": {"01": 41020, "02": 45494}},
    "leaders": ["02"],
    "margin": 4474,
}
_ELECTION = {"election": "pemilu-2029", "mode": "rehearsal", "definition": "ff2a4033" * 8}

LIVE_EXAMPLES: Mapping[str, dict[str, Any]] = {
    "subscribe": {"type": "subscribe", "id": "map", "office": "president", "area": "ID", "fields": "choices"},
    "follow": {"type": "follow", "bulletin": "checkpoints"},
    "unsubscribe": {"type": "unsubscribe", "id": "map"},
    "hello": {"type": "hello", **_ELECTION, "licence": "CC-BY-4.0", "heartbeat_s": 10},
    "snapshot": {
        "type": "snapshot",
        "id": "map",
        **_CHANNEL,
        **_CUTS,
        "cursor": _CURSOR,
        "areas": [_ROW],
        "offices": [],
        "contests": [],
        "below_complete": True,
    },
    "change": {
        "type": "change",
        **_CHANNEL,
        **_CUTS,
        "cursor": _CURSOR,
        "areas": [_ROW],
        "offices": [],
        "contests": [],
    },
    "delta": {
        "type": "delta",
        "channel": "president/area/ID/deltas",
        "office": "president",
        **_CUTS,
        "from_as_of": {"0": 3652, "1": 3796},
        "from_shard_as_of": {"0": 3655, "1": 3796},
        "cursor": _CURSOR,
        "areas": [],
        "offices": [],
        "contests": [],
        "area_patches": [
            {
                "contest": "president",
                "area": "ID.34",
                "margin": 4480,
                "counted": {"votes": {"02": 45500}, "valid": 86520},
            }
        ],
    },
    "gap": {
        "type": "gap",
        **_CHANNEL,
        "reason": "slow-client",
        "sentence": "The connection was read too slowly; the newest state of all that changed follows.",
    },
    "heartbeat": {
        "type": "heartbeat",
        "cursor": _CURSOR,
        "as_of": {"president": {"0": 3659, "1": 3796}},
        "waiting": [],
    },
    "health": {"type": "health", "channel": "health", "health": {"status": "ok"}},
    "checkpoints": {
        "type": "checkpoints",
        "channel": "checkpoints",
        "logs": [
            {
                "partition": 0,
                "origin": "rekap/rehearsal/pemilu-2029/0",
                "size": 3660,
                "root": "7ead63bc" * 8,
                "note": "rekap/rehearsal/pemilu-2029/0\n3660\nfq1jvH6tY7x+rWO8fq1jvH6tY7x+rWO8fq1jvH6tY7w=\n\n— …\n",
            }
        ],
    },
    "unsubscribed": {"type": "unsubscribed", "id": "map", "channel": "president/area/ID/choices"},
    "error": {
        "type": "error",
        "id": "map",
        "status": 404,
        "field": "area",
        "sentence": "there is no area 'XX' in this election",
    },
}
"""Example of each message and command, by its type."""
