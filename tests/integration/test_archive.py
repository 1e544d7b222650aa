"""`rekap archive` beside the real parts: each answer in it is the API's, the audit accepts it and names what is damaged."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import orjson
import pytest
import pytest_asyncio

from rekap.operate.stack import Stack
from schemas.maps.files import DOCUMENT_PREFIX
from tests.support.archives import damage, ended, list_again, listed, started
from tests.support.small_election import annulled, reported
from tests.support.small_maps import write_village_map
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

VERIFIED, DIFFERS, UNUSABLE, TAMPERED = 0, 1, 2, 4
VERSIONS = 270
"""More than a bundle has, so that the log has full and partial files."""

stack = stack_of("archived", witnesses=1, REKAP_CHECKPOINT_MS="100", REKAP_REQUESTS_PER_S="0")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def voted(stack: Stack) -> None:
    voices = Voices(stack)
    lines = [voices.sign(reported("1.1.1-1", (n % 90, 1, 1), version=1 + n)) for n in range(VERSIONS)]
    lines += [voices.sign(reported(station)) for station in ("1.1.1-2", "1.2.1-1", "2.1.1-1", "2.2.2-2")]
    lines += [voices.sign(reported("2.1.2-1", VA=7)), voices.sign(annulled("2.2.2-2", 1), "supervisor")]
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
        answer = await client.post("/v1/submissions:batch", content=b"\n".join(lines))
        assert {orjson.loads(line)["status"] for line in answer.text.splitlines()} == {201}

        async def is_counted() -> bool:
            tally = (await client.get("/v1/contests/president")).json()["tally"]
            return bool(tally["stations"]["reported"] == 5 and tally["stations"]["annulled"] == 1)

        await eventually(is_counted)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def written(stack: Stack, voted: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with all records."""
    directory = tmp_path_factory.mktemp("archive")
    write_village_map(Path(stack.environment["REKAP_PACKAGE"]))
    run = await ended(stack, "archive", str(directory))
    assert run.code == 0, run.err
    assert Path(run.out.strip()) == (directory / "latest").resolve()
    return directory


@pytest.fixture
def copied(written: Path, tmp_path: Path) -> Path:
    """A copy of the archive, to be damaged."""
    shutil.copytree(written / "latest", tmp_path / "copy")
    return tmp_path / "copy"


async def test_each_answer_in_the_archive_is_what_the_api_answers(
    stack: Stack, written: Path, client: httpx.AsyncClient
) -> None:
    answers = {entry["answers"]: entry["name"] for entry in listed(written / "latest") if "answers" in entry}
    for address, name in answers.items():
        assert (await client.get(address)).content == (written / "latest" / name).read_bytes(), address
    kinds = {address.split("/")[2].split("?")[0] for address in answers}
    assert kinds == {
        "election", "offices", "contests", "areas", "candidates", "parties", "districts", "completeness",
    }  # fmt: skip
    assert (await client.get("/v1/package.zip")).content == (written / "latest/package.zip").read_bytes()


async def test_the_audit_accepts_the_archive_and_writes_nothing_into_it(written: Path, tmp_path: Path) -> None:
    def state() -> list[tuple[str, int]]:
        return sorted((str(each), each.stat().st_mtime_ns) for each in written.rglob("*"))

    before = state()
    manifest = orjson.loads((written / "latest/manifest.json").read_bytes())
    witness = manifest["witnesses"][0]
    run = await ended(None, "audit", str(written), "--witness", witness, "--report", str(tmp_path / "report"))
    assert run.code == VERIFIED, run.out + run.err
    assert "VERIFIED" in run.out
    assert state() == before
    report = orjson.loads((tmp_path / "report.json").read_bytes())
    assert not any("list does not name" in note for note in report["notes"])


async def test_the_maps_of_the_package_are_in_the_archive(written: Path) -> None:
    names = {Path(entry["name"]).name for entry in listed(written / "latest")}
    assert {f"{DOCUMENT_PREFIX}level.{level}.low.geojson" for level in ("village", "province")} <= names


async def test_the_hashes_are_those_that_sha256sum_computes(written: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *("sha256sum", "--check", "--quiet", "--strict", "SHA256SUMS"),
        cwd=written / "latest",
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert (process.returncode, out) == (0, b"")
    entries = listed(written / "latest")
    there = {str(each.relative_to(written / "latest")) for each in (written / "latest").rglob("*") if each.is_file()}
    assert there == {entry["name"] for entry in entries} | {"manifest.json", "files.ndjson", "SHA256SUMS"}


async def test_every_link_of_a_page_leads_to_a_file(written: Path) -> None:
    pages = sorted((written / "latest").rglob("*.html"))
    assert len(pages) > 5
    for page in pages:
        text = page.read_text()
        assert "<script" not in text
        for link in text.split('href="')[1:]:
            assert (page.parent / link.split('"')[0]).is_file(), (page, link[:80])


OF_EACH_PART = (
    "package.zip",
    "log/0/checkpoint",
    "log/0/tile/entries/000",
    "log/0/keys",
    "v1/areas/N.json",
    "v1/stations/president/1.json",
    "v1/candidates/1.json",
    "v1/files/latest.json",
    "index.html",
    "files.ndjson",
    "SHA256SUMS",
)


@pytest.mark.parametrize("name", OF_EACH_PART)
async def test_a_file_that_is_damaged_or_missing_is_named(copied: Path, tmp_path: Path, name: str) -> None:
    file = next(each for each in sorted(copied.rglob("*")) if str(each.relative_to(copied)).startswith(name))
    damage(file)
    found = str(file.relative_to(copied))
    run = await ended(None, "audit", str(copied), "--report", str(tmp_path / "report"))
    assert (run.code, found in run.out) == (TAMPERED, True), run.out + run.err
    file.unlink()
    run = await ended(None, "audit", str(copied), "--report", str(tmp_path / "report"))
    assert run.code == TAMPERED, run.out + run.err
    assert f"{found}: is missing" in run.out


async def test_a_manifest_that_is_damaged_or_missing_is_named(copied: Path, tmp_path: Path) -> None:
    manifest = orjson.loads((copied / "manifest.json").read_bytes())
    (copied / "manifest.json").write_bytes(orjson.dumps({**manifest, "cut": "another"}))
    run = await ended(None, "audit", str(copied), "--report", str(tmp_path / "report"))
    assert run.code == TAMPERED, run.out + run.err
    assert "TAMPERED: manifest.json: has the SHA-256" in run.out
    (copied / "manifest.json").unlink()
    run = await ended(None, "audit", str(copied), "--report", str(tmp_path / "report"))
    assert run.code == UNUSABLE
    assert "manifest.json is missing" in run.err


async def test_a_changed_number_differs_from_the_count_also_where_all_lists_name_it(
    copied: Path, tmp_path: Path
) -> None:
    file = copied / "v1/areas/1.1.json"
    answer = orjson.loads(file.read_bytes())
    answer["offices"][0]["contests"][0]["counted"]["valid"] += 1
    file.unlink()
    file.write_bytes(orjson.dumps(answer))
    list_again(copied)
    run = await ended(None, "audit", str(copied), "--report", str(tmp_path / "report"))
    assert run.code == DIFFERS, run.out + run.err
    assert "/v1/areas/1.1" in run.out


async def test_a_record_that_was_changed_is_found_also_where_all_lists_name_it(copied: Path, tmp_path: Path) -> None:
    damage(next(each for each in sorted(copied.glob("log/0/tile/entries/**/*")) if each.is_file()))
    list_again(copied)
    run = await ended(None, "audit", str(copied), "--report", str(tmp_path / "report"))
    assert run.code == TAMPERED, run.out + run.err
    assert "log 0, record" in run.out


async def test_a_file_that_the_list_does_not_name_is_noted(copied: Path, tmp_path: Path) -> None:
    (copied / "v1/files/president-final.csv").write_text("station,votes\n")
    run = await ended(None, "audit", str(copied), "--report", str(tmp_path / "report"))
    assert run.code == VERIFIED
    assert "does not name these files: v1/files/president-final.csv" in run.err


@asynccontextmanager
async def _archiving(stack: Stack, directory: Path, *options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await started(stack, "archive", "--every", "1", *options, str(directory))
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.communicate()


async def test_archives_follow_the_count_also_after_a_kill(
    stack: Stack, voices: Voices, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    directory = tmp_path / "new"
    seen: list[Path] = []

    async def has_moved() -> bool:
        if not (directory / "latest").exists() or (directory / "latest").resolve() in seen:
            return False
        answer = await client.get("/v1/contests/president")
        return answer.content == (directory / "latest/v1/contests/president.json").read_bytes()

    for number in range(2):
        async with _archiving(stack, directory, "--keep", "2"):  # killed at the end
            for station in ("1.1.2-1", "2.1.1-2", "2.2.1-1")[number : number + 2]:
                await eventually(has_moved)
                seen.append((directory / "latest").resolve())
                answer = await client.post(
                    "/v1/submissions", content=voices.sign(reported(station, version=7 + number))
                )
                assert answer.status_code == 201, answer.text
    assert len(set(seen)) == len(seen) == 4
    cuts = [each for each in (directory / "cuts").iterdir() if not each.name.startswith(".")]
    assert len(cuts) <= 3
    for cut in cuts:
        run = await ended(None, "audit", str(cut), "--no-stations", "--report", str(tmp_path / "report"))
        assert run.code == VERIFIED, run.out + run.err


async def test_what_has_not_changed_is_the_same_file_and_no_archive_without_a_change(
    stack: Stack, written: Path, voices: Voices, client: httpx.AsyncClient
) -> None:
    before = (written / "latest").resolve()
    answer = await client.post("/v1/submissions", content=voices.sign(reported("2.2.1-2", version=3)))
    assert answer.status_code == 201, answer.text

    async def is_archived() -> bool:
        run = await ended(stack, "archive", "--keep", "5", str(written))
        assert run.code == 0, run.err
        return (written / "latest").resolve() != before

    await eventually(is_archived)
    after = (written / "latest").resolve()
    same = [name for name in _names(before) & _names(after) if os.path.samefile(before / name, after / name)]
    assert any(name.startswith("log/0/tile/entries/000") for name in same)
    assert "package.zip" in same
    run = await ended(stack, "archive", str(written))

    async def rests() -> bool:
        newest = (written / "latest").resolve()
        again = await ended(stack, "archive", "--keep", "5", str(written))
        return again.code == 0 and (written / "latest").resolve() == newest

    assert run.code == 0
    await eventually(rests)


def _names(cut: Path) -> set[str]:
    return {entry["name"] for entry in listed(cut)}
