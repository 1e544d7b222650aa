"""`rekap export`: bulk files of results and register and the maps, all of one cut."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterable
from pathlib import Path

import click

from consumers.exporter.cut import CopiedCut, copy_cut
from consumers.exporter.map_files import built_maps
from consumers.exporter.writing import Wanted, write_files
from projections.definition.compiled import Definition
from projections.nist.report_plan import REPORT_TABLE
from projections.readmodel.queries import schema_of
from projections.tables.file_plan import ALL_TABLES
from rekap.errors import UnusableError
from rekap.operate.configuration import load_with_database
from rekap.operate.database import connected
from rekap.operate.stack_settings import with_data
from rekap.progress import shown_progress
from rekap.terminal import complain, print_lines
from runtime.files.temporary import temporary_directory
from runtime.kafka.generations import current_generation
from runtime.logs import start_logs
from runtime.package.errors import PackageError
from runtime.settings import Settings
from runtime.tables.table_files import Format


@click.command("export")
@with_data
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice([each.value for each in Format]),
    help="this format; may be repeated",
)
@click.option("--office", "offices", multiple=True, help="this office, by its id; may be repeated")
@click.option(
    "--table",
    "tables",
    multiple=True,
    type=click.Choice([*(table.name for table in ALL_TABLES), REPORT_TABLE]),
    help="this table, or the result reports of NIST SP 1500-100 (as JSON and XML); may be repeated",
)
@click.option("--address", help="web address at which DIRECTORY will be published, for sitemap.xml")
def export(
    directory: Path, formats: tuple[str, ...], offices: tuple[str, ...], tables: tuple[str, ...], address: str | None
) -> None:
    """Write the results of each station and area and the register as files in DIRECTORY, a new or empty one.

    Without options, all offices and tables are written in all formats, and the maps of the package. All files are of one cut,
    which manifest.json names, with size, SHA-256, rows and schema version of each file; columns.csv and codes.csv are the
    data dictionary. DIRECTORY appears whole or not at all. Exit codes: 0 written; 2 an option, the settings, the package or
    the directory cannot be used; 3 Kafka or PostgreSQL cannot be reached.

    \b
    Examples:
      rekap export open-data
      rekap export open-data --data rekap-data
      rekap export --format csv --office president --table area-votes open-data
    """
    start_logs()
    settings, definition = load_with_database()
    wanted = Wanted(
        [Format(each) for each in formats] or list(Format),
        _known_offices(definition, offices) or None,
        tables or None,
        None if address is None else f"{address.rstrip('/')}/",
    )
    if directory.exists() and any(directory.iterdir()):
        raise UnusableError(f"{directory} holds files; give a new or an empty directory")
    directory.parent.mkdir(parents=True, exist_ok=True)
    unfinished = directory.with_name(f".{directory.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    try:
        with temporary_directory("rekap-export-") as copied, shown_progress() as report:
            cut = asyncio.run(_copied(settings, definition, wanted, copied))
            maps = None
            if wanted.tables is None:
                try:
                    maps = built_maps(definition, settings.package, copied / "maps", report)
                except PackageError as error:  # no number depends on a border
                    complain(f"Note: the maps are left out: {str(error).splitlines()[0]}")
            manifest = write_files(definition, settings.package, cut, unfinished, wanted, report, maps=maps)
        unfinished.replace(directory)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    size = sum(each["bytes"] for each in manifest["files"])
    print_lines(f"{directory}: {len(manifest['files'])} files, {size:,} bytes, the cut of {manifest['taken_at']}")


def _known_offices(definition: Definition, offices: Iterable[str]) -> list[str]:
    """Raises UnusableError."""
    known = definition.ballots.office_number
    for office in offices:
        if office not in known:
            raise UnusableError(f"--office: this election has {', '.join(known)}, got {office!r}")
    return list(offices)


async def _copied(settings: Settings, definition: Definition, wanted: Wanted, directory: Path) -> CopiedCut:
    generation = settings.generation or await current_generation(settings, definition.election, definition.hash)
    connection = await connected(settings, schema_of(definition.election, generation))
    try:
        offices = [each for each in definition.ballots.offices if wanted.offices is None or each.id in wanted.offices]
        return await copy_cut(connection, definition, offices, directory)
    finally:
        await connection.close()
