"""What each role may do at Kafka, in one table from which users and access control lists are made (`rekap kafka-roles`).

A role is a Kafka user. A process may do only what it needs. So an attacker who takes over a gateway, which is open to the
world, can append to the ledger, where every record is checked, and write to no other topic; one who takes over a feed or a
process of the read role can write nothing. No role may delete from a ledger.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from runtime.kafka.topics import generations_topic, group_of, topics_of
from schemas.definition.package import Election


class Resource(enum.IntEnum):
    """Kinds of resource, as Kafka numbers them (org.apache.kafka.common.resource.ResourceType)."""

    TOPIC = 2
    GROUP = 3


class Operation(enum.IntEnum):
    """Operations, as Kafka numbers them (org.apache.kafka.common.acl.AclOperation). Read and Write imply Describe."""

    READ = 3
    WRITE = 4
    CREATE = 5
    DELETE = 6
    DESCRIBE = 8
    DESCRIBE_CONFIGS = 10
    ALTER_CONFIGS = 11


class Grant(NamedTuple):
    resource: Resource
    name: str
    is_prefix: bool
    """Whether the grant is for all names that begin with this name, so for every generation."""
    operations: tuple[Operation, ...]


ROLES = ("operator", "api", "gateway", "feed", "read", "tabulator", "rollup", "recorder", "notary", "auditor")
"""The operator opens an election, rebuilds, examines, exports and imports; the auditor reads the ledger. `api` is a process
with the roles gateway, feed and read together."""

_LOOK = (Operation.DESCRIBE, Operation.DESCRIBE_CONFIGS)
_READ = (Operation.READ, Operation.DESCRIBE_CONFIGS)
_WRITE = (Operation.WRITE, Operation.DESCRIBE_CONFIGS)
_ALL_BUT_DELETE = (
    Operation.CREATE,
    Operation.READ,
    Operation.WRITE,
    Operation.DESCRIBE_CONFIGS,
    Operation.ALTER_CONFIGS,
)

_TOPICS: dict[str, dict[str, tuple[Operation, ...]]] = {
    "operator": {
        "ledger": _ALL_BUT_DELETE,
        "generations": _ALL_BUT_DELETE,
        "subtotals": (*_ALL_BUT_DELETE, Operation.DELETE),
        "results": (*_ALL_BUT_DELETE, Operation.DELETE),
    },
    "api": {
        "ledger": (Operation.READ, Operation.WRITE, Operation.DESCRIBE_CONFIGS),
        "generations": _READ,
        "subtotals": _READ,
        "results": _READ,
    },
    "gateway": {
        "ledger": (Operation.READ, Operation.WRITE, Operation.DESCRIBE_CONFIGS),
        "generations": _READ,
        "subtotals": _LOOK,
        "results": _LOOK,
    },
    "feed": {"ledger": _READ, "generations": _READ, "subtotals": _READ, "results": _READ},
    "read": {"ledger": _READ, "generations": _READ, "subtotals": _LOOK, "results": _LOOK},
    "tabulator": {"ledger": _READ, "generations": _READ, "subtotals": _WRITE, "results": _LOOK},
    "rollup": {"ledger": _READ, "generations": _READ, "subtotals": _READ, "results": _WRITE},
    "recorder": {"ledger": _READ, "generations": _READ, "subtotals": _READ, "results": _READ},
    "notary": {"ledger": _READ, "generations": _LOOK, "subtotals": _LOOK, "results": _LOOK},
    "auditor": {"ledger": (Operation.READ,)},
}
_GROUPS: dict[str, dict[str, tuple[Operation, ...]]] = {
    "operator": {"tabulator": (Operation.READ,), "rollup": (Operation.READ,)},
    **{
        role: {"tabulator": (Operation.DESCRIBE,), "rollup": (Operation.DESCRIBE,)}
        for role in ("api", "gateway", "feed", "read")
    },
    "tabulator": {"tabulator": (Operation.READ,)},
    "rollup": {"rollup": (Operation.READ,)},
}


def grants(election: Election, role: str) -> list[Grant]:
    """All that a role may do."""
    topics = {**topics_of(election)._asdict(), "generations": generations_topic(election)}
    of_each_generation = ("subtotals", "results")
    return [
        *(
            Grant(Resource.TOPIC, topics[name], name in of_each_generation, operations)
            for name, operations in _TOPICS[role].items()
        ),
        *(
            Grant(Resource.GROUP, group_of(election, name), True, operations)
            for name, operations in _GROUPS.get(role, {}).items()
        ),
    ]


def table() -> str:
    """The table in docs/operations.md; a test compares the two."""
    names = ("ledger", "generations", "subtotals", "results")
    lines = [f"| role | {' | '.join(names)} | groups |", "|---" * (len(names) + 2) + "|"]
    for role in ROLES:
        cells = [_words(_TOPICS[role].get(name, ())) for name in names]
        groups = "; ".join(f"{name}: {_words(operations)}" for name, operations in _GROUPS.get(role, {}).items())
        lines.append(f"| {role} | {' | '.join(cells)} | {groups or '–'} |")
    return "\n".join(lines)


def _words(operations: tuple[Operation, ...]) -> str:
    return ", ".join(operation.name.lower().replace("_", " ") for operation in operations) or "–"
