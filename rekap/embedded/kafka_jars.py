"""The jars of Apache Kafka, which Maven copies into a cache, once for each content of pom.xml."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from rekap.embedded.errors import KAFKA_FROM_ELSEWHERE, StartError, ToolMissingError
from rekap.embedded.java import java_environment
from rekap.embedded.leash import run_to_end

logger = logging.getLogger("rekap.embedded")

POM = Path(__file__).with_name("pom.xml")
RESOLVE_DEADLINE_S = 600.0  # 45 MB from a registry, perhaps over a village's line


def cache_directory() -> Path:
    """REKAP_CACHE, else `rekap` in the XDG cache directory."""
    if chosen := os.environ.get("REKAP_CACHE"):
        return Path(chosen).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "rekap"


async def resolve_jars() -> Path:
    """The directory with Kafka's jars. Maven fills a temporary directory, which is then renamed, so that the directory is
    complete whenever it exists. Raises ToolMissingError or StartError."""
    pom = POM.read_bytes()
    found = re.search(rb"<artifactId>kafka_[\d.]+</artifactId>\s*<version>([^<]+)</version>", pom)
    assert found is not None, f"no Kafka in {POM}"
    version = found[1].decode()
    version_directory = cache_directory() / f"kafka-{version}-{hashlib.sha256(pom).hexdigest()[:12]}"
    jars = version_directory / "jars"
    if jars.is_dir():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise ToolMissingError(
            "The embedded Kafka needs Maven once, to fetch its jars, and there is no `mvn`: "
            f"install Maven (on Debian and Ubuntu: apt install maven), {KAFKA_FROM_ELSEWHERE}"
        )
    version_directory.mkdir(parents=True, exist_ok=True)
    logger.info("fetching Apache Kafka %s by Maven, once, into %s", version, version_directory)
    with tempfile.TemporaryDirectory(prefix=".jars-", dir=version_directory) as temporary:
        fresh = Path(temporary) / "jars"
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={fresh}"]
        # Not in the caller's directory, because Maven would read settings in its .mvn/.
        code, output = await run_to_end(
            [maven, "-B", "-q", "-f", str(POM), *goal],
            environment=java_environment(),
            directory=Path(temporary),
            deadline_s=RESOLVE_DEADLINE_S,
        )
        if code != 0 or not any(fresh.glob("kafka_*.jar")):
            raise StartError(
                f"Maven could not fetch Apache Kafka {version} (exit code {code}): is its registry reachable? "
                f"Then start again, {KAFKA_FROM_ELSEWHERE} Its last lines:\n{output}"
            )
        with suppress(OSError):
            fresh.rename(jars)
    assert jars.is_dir(), jars  # renamed by this process, or by another one before it
    return jars
