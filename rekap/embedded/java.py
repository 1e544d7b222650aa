"""Java of this machine, which the embedded Kafka needs."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from rekap.embedded.errors import KAFKA_FROM_ELSEWHERE, ToolMissingError
from rekap.embedded.leash import run_to_end

JAVA_VERSION_MIN = 17  # Kafka 4 brokers, KIP-1013


@dataclass(frozen=True, slots=True)
class Java:
    path: str
    version: str


async def find_java() -> Java:
    """The `java` of JAVA_HOME, else of PATH. Raises ToolMissingError where Java is missing or too old."""
    install = f"install Java {JAVA_VERSION_MIN} or newer (on Debian and Ubuntu: apt install openjdk-17-jre-headless)"
    home = os.environ.get("JAVA_HOME")
    path = (shutil.which("java", path=str(Path(home, "bin"))) if home else None) or shutil.which("java")
    if path is None:
        raise ToolMissingError(f"The embedded Kafka needs Java, and there is none: {install}, {KAFKA_FROM_ELSEWHERE}")
    code, output = await run_to_end([path, "-version"], deadline_s=30.0)
    found = re.search(r'version "((\d+)[^"]*)"', output)
    if code != 0 or found is None or int(found[2]) < JAVA_VERSION_MIN:
        flaw = f"is version {found[1]}" if code == 0 and found else "does not run"
        raise ToolMissingError(
            f"The embedded Kafka needs a newer Java, {path} {flaw}: {install}, {KAFKA_FROM_ELSEWHERE}"
        )
    return Java(path, found[1])


def java_environment() -> dict[str, str]:
    """The environment of a Java process. In the C locale Java would not find a directory named Jérôme, because it reads file
    names in the locale's encoding."""
    return {**os.environ, "LC_ALL": "C.UTF-8"}
