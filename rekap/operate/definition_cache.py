"""The compiled election of a large package, kept beside the tabulators' states, so that a worker that is restarted publishes
again within seconds. A nation's package takes 14 s to read and check, and 0.4 s to read from the cache."""

from __future__ import annotations

import hashlib
import logging
import pickle
import sys
import time
from pathlib import Path

from projections.checks.package_checks import problems
from projections.definition.compiled import Definition
from runtime.files.own_files import NotOwnError, read_own_file, write_own_file
from runtime.files.state_files import hash_of_code
from runtime.logs import log_line
from runtime.package.errors import UnreadablePackageError
from runtime.package.reading import load_package
from runtime.package.writing import content_digest

logger = logging.getLogger("rekap.definition")

WORTH_SECONDS = 2.0
"""An election that is compiled faster is not kept."""
_DIGEST_BYTES = 32


def compiled(package: Path, directory: Path) -> Definition:
    """The definition of the package (directory or zip). Raises PackageError.

    The cache is used only if package, code and Python are the same. Unpickling runs code, so the file is used only if no other
    user could have written it; then it is trusted as the `__pycache__` next to the sources.
    """
    began = time.monotonic()
    name = _name(package)
    kept = None if name is None else directory / name
    if kept is not None and (definition := _read(kept)) is not None:
        return definition
    definition = Definition.of(load_package(package, problems))
    if kept is not None and time.monotonic() - began > WORTH_SECONDS:
        try:
            _write(kept, definition)
        except OSError as error:
            logger.warning(log_line("definition-not-kept", reason=error))
    return definition


def _name(package: Path) -> str | None:
    """Name of the kept file. None if the package cannot be read, for which load_package has the better message."""
    digest = hashlib.sha256(f"{sys.version} {hash_of_code('projections', 'schemas', 'proofs', 'runtime')}".encode())
    try:
        digest.update(content_digest(package))
    except UnreadablePackageError:
        return None
    return f"definition-{digest.hexdigest()[:32]}.pickle"


def _read(kept: Path) -> Definition | None:
    try:
        content = read_own_file(kept, 1)
    except NotOwnError as error:
        logger.warning(log_line("definition-not-used", reason=error))
        return None
    except OSError:
        return None
    body = memoryview(content)[_DIGEST_BYTES:]
    if hashlib.sha256(body).digest() != content[:_DIGEST_BYTES]:
        logger.warning(log_line("definition-not-used", reason=f"{kept.name} is damaged"))
        return None
    definition = pickle.loads(body)
    assert isinstance(definition, Definition)
    return definition


def _write(kept: Path, definition: Definition) -> None:
    body = pickle.dumps(definition, protocol=pickle.HIGHEST_PROTOCOL)
    write_own_file(kept, [hashlib.sha256(body).digest(), body])
