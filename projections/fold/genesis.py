"""What must be at offset 0 of each ledger partition: the genesis of this election, with this definition (DESIGN 3).

Checked before anything is opened, served or folded, because another package than the one that the election was opened with
gives other sums, and a genesis of another election can never be taken back.
"""

from __future__ import annotations

from projections.definition.compiled import Definition, KeyEntry
from projections.fold.authority import check_election, check_key, check_scope
from projections.fold.records import read_record, signature_holds
from proofs.signatures import load_public_key
from schemas.definition.package import Role
from schemas.ledger.events import ElectionOpened


def genesis_problem(definition: Definition, value: bytes) -> str | None:
    """Why a record's bytes are not the genesis of this election, as a sentence without a full stop; None where they are."""
    record = read_record(0, value)
    event = record.event
    if event is None:
        return f"it cannot be read ({record.problem})"
    if not isinstance(event, ElectionOpened):
        return f"it is a {event.type}, not an election.opened"
    if event.election == definition.election.id and event.definition != definition.hash:
        return (
            f"the election was opened with definition {event.definition}, and this package has {definition.hash}: "
            "it was changed since, or is another version"
        )
    key = definition.keys.get(record.key_id)
    refusal = check_election(event, definition) or check_key(event, key, record.key_id, definition)
    if refusal is not None:
        return refusal.sentence_en.removesuffix(".")
    assert key is not None
    if not signature_holds(record, {key.key_id: load_public_key(key.public_key)}):
        return f"its signature is not that of key {key.key_id}"
    refusal = check_scope(event, key, definition)
    return None if refusal is None else refusal.sentence_en.removesuffix(".")


def opening_key_problem(definition: Definition, key_id: str) -> str | None:
    """Why a key cannot open this election, as a sentence without a full stop; None where it can."""
    root = definition.tree.codes[definition.tree.root]
    fit = [key.key_id for key in definition.keys.values() if _may_open(key, root)]
    instead = f"keys.csv registers for that: {', '.join(fit) or 'none'}"
    key = definition.keys.get(key_id)
    if key is None:
        return f"key {key_id} is not registered in election {definition.election.id}; {instead}"
    if key.role != Role.AUTHORITY:
        return f"key {key_id} is registered as {key.role}, and only an {Role.AUTHORITY} opens an election; {instead}"
    if key.scope != root:
        return f"key {key_id} is registered for {key.scope}, and opening needs the whole election ({root}); {instead}"
    return None


def _may_open(key: KeyEntry, root: str) -> bool:
    return key.role == Role.AUTHORITY and key.scope == root
