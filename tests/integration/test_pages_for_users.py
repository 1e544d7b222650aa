"""Each step of the pages for newsrooms, researchers, observers and portals runs against a real count."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from rekap.operate.stack import EXPORTER, Stack
from tests.support.document import Block, blocks, write
from tests.support.small_election import reported
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

stack = stack_of("for-users", REKAP_REQUESTS_PER_S="0", REKAP_FILES_EVERY_S="1")

PAGES = ("docs/for-newsrooms.md", "docs/for-researchers.md", "docs/for-observers.md", "docs/for-portals.md")
SERVER = "https://results.example"
BODIES = (
    reported("1.1.1-1"),
    reported("1.1.1-2", votes=(7, 0, 1)),
    reported("1.2.1-1", VA=999),  # breaks F3: held
    reported("2.2.2-2", VC=1),  # breaks F4: flagged
)
COUNTED = {"01": 27, "02": 40, "03": 61}
PROGRAMS = {
    "sh": ("bash", "-euo", "pipefail"),
    "spreadsheet": ("bash", "-euo", "pipefail"),
    "python": (sys.executable,),
    "r": ("Rscript",),
}
NEEDS = {"spreadsheet": "soffice", "r": "Rscript"}
SHOWN = {
    ("docs/for-newsrooms.md", "One number, now"): r"'01': 27, '02': 40, '03': 61\} \['03'\] 3 of 16",
    ("docs/for-newsrooms.md", "The candidates, and their money"): r"^president 01 Pair 1$",
    ("docs/for-newsrooms.md", "A map or board that moves by itself"): r"^304$",
    ("docs/for-newsrooms.md", "What was the count at 20:00?"): r"'01': 27, '02': 40, '03': 61\}",
    ("docs/for-newsrooms.md", "When a number goes down"): r"1\.2\.1-1,held,1,",
    ("docs/for-researchers.md", "Get everything, and check it"): r"Z-\w+ \d\d+ files",
    ("docs/for-researchers.md", "Read it right"): r"01 .* 27 ",
    ("docs/for-researchers.md", "Cite it"): r"for-users rehearsal \{'",
    ("docs/for-observers.md", "One station"): r"Z result\.reported 1 counted \w{16}",
    ("docs/for-observers.md", "Compare your own copies"): r"^station 1\.1\.1-1 choice 03: published 30 your copy 31$",
    ("docs/for-observers.md", "What is held, and why"): r"1\.2\.1-1,held,[^\n]*F3",
    ("docs/for-observers.md", "What has changed"): r"1\.1\.1-1,counted,1,",
    ("docs/for-observers.md", "Prove it"): r"VERIFIED",
    ("docs/for-portals.md", "Find out what is there"): r"for-users rehearsal CC0-1\.0 \['president', 'council'\]",
    ("docs/for-portals.md", "Harvest the catalogue"): r"\d+ datasets, cc-zero \d+ files",
    ("docs/for-portals.md", "Mirror the files"): r"mirrored \d+T\d+Z-\w+",
    ("docs/for-portals.md", "Follow what changes"): r"\['snapshot'\]\n\['",
}
"""What the steps under a heading print, together."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(stack: Stack, voices: Voices) -> AsyncIterator[str]:
    """A server whose newest files have the forms of BODIES."""
    await stack.start(EXPORTER)
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
        for body in BODIES:
            (await client.post("/v1/submissions", content=voices.sign(body))).raise_for_status()

        async def has_files() -> bool:
            answer = await client.get("/v1/files/latest/president.nation.area-votes.csv")
            found = dict(re.findall(r",(0\d),[^,]*,[^,]*,(\d+)\r", answer.text)) if answer.is_success else {}
            return {choice: int(votes) for choice, votes in found.items()} == COUNTED

        await eventually(has_files)
    yield stack.url


def _steps(page: str) -> list[Block]:
    return [block for block in blocks(page) if block.language in PROGRAMS or block.file]


async def _run(block: Block, directory: Path, server: str) -> str:
    """Run one step in the directory, as a reader of the page does. Its output."""
    text = block.text.replace(SERVER, server)
    step = directory / f".step.{block.language}"
    step.write_text(text, encoding="utf-8")
    command = Path(sys.executable).parent  # where `rekap` is
    environment = {**os.environ, "PATH": f"{command}{os.pathsep}{os.environ['PATH']}"}
    process = await asyncio.create_subprocess_exec(
        *(*PROGRAMS[block.language], step.name),
        cwd=directory,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 300)
    assert process.returncode == 0, f"{text}\n{out.decode()}"
    return out.decode()


@pytest.mark.parametrize("page", PAGES)
async def test_the_steps_of_a_page_run_one_after_the_other(page: str, server: str, tmp_path: Path) -> None:
    printed: dict[str, str] = {}
    for block in _steps(page):
        if block.file:
            write(block, tmp_path)
        if block.language not in PROGRAMS or _missing(block) is not None:
            continue
        printed[block.section] = printed.get(block.section, "") + await _run(block, tmp_path, server)
    expected = {section: pattern for (of, section), pattern in SHOWN.items() if of == page}
    assert expected
    for section, pattern in expected.items():
        assert re.search(pattern, printed[section], re.MULTILINE), f"{section} printed:\n{printed[section]}"


def _missing(block: Block) -> str | None:
    """The program that the step needs and that is not installed."""
    program = NEEDS.get(block.language)
    return program if program is not None and shutil.which(program) is None else None


@pytest.mark.parametrize("language", sorted(NEEDS))
async def test_steps_for_a_program_that_is_not_everywhere_run_where_it_is(
    language: str, server: str, tmp_path: Path
) -> None:
    found = [(page, block) for page in PAGES for block in _steps(page) if block.language == language]
    assert found, f"no page has a step in {language}"
    if shutil.which(NEEDS[language]) is None:
        pytest.skip(f"{NEEDS[language]} is not installed")
    for page in dict.fromkeys(page for page, _ in found):
        directory = tmp_path / Path(page).stem
        directory.mkdir()
        for block in _steps(page):  # a step reads what the steps before it wrote
            if block.language in PROGRAMS and _missing(block) is None:
                await _run(block, directory, server)
        if language == "spreadsheet":
            assert [*directory.glob("*.csv"), *directory.glob("print/*.pdf")]
