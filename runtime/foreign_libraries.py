"""Private parts of foreign libraries that this program uses or replaces. They are in one file for each library
(runtime/kafka/aiokafka_patches.py, streams/faust_patches.py), which takes each attribute from here."""

from __future__ import annotations

import inspect
from typing import Any

from runtime.errors import OutsideError


class LibraryChangedError(OutsideError):
    """An attribute of a foreign library that a patch replaces or uses is gone; the message states which."""


def attribute_of(owner: Any, name: str, *, parameter: str = "") -> Any:
    """An attribute, and where `parameter` is given, one that is called with a parameter of this name. Raises
    LibraryChangedError."""
    described = owner if isinstance(owner, type) else type(owner)
    where = f"{described.__module__}.{described.__qualname__}"
    found = getattr(owner, name, None)
    if found is None:
        raise LibraryChangedError(
            f"{where} has no {name}, which this program uses: install the versions in the lock file"
        )
    if parameter and parameter not in inspect.signature(found).parameters:
        raise LibraryChangedError(
            f"{where}.{name} has no parameter {parameter}, which this program sets: install the versions in the lock file"
        )
    return found
