"""The body that publishes an election's results."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.definition.package import Election, Key, Role


def publisher_of(election: Election, keys: Iterable[Key]) -> str:
    """The holder of the first key of the electoral authority; the source where no such key names its holder; and the title of
    the election where the package has neither."""
    for key in keys:
        if key.role is Role.AUTHORITY and key.holder is not None:
            return key.holder
    return election.source or next(iter(election.title.root.values()))
