"""Bulk files of a real count: in each format the numbers that the API answers, for each station and area."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import sys
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio

from projections.tables.file_plan import ALL_TABLES
from rekap.operate.stack import Stack
from runtime.tables.table_files import Format
from schemas.tables.finance import FINANCE_TABLES
from schemas.tables.results import (
    AREA_COUNTS,
    AREA_VOTES,
    COUNTS_OVER_TIME,
    STATION_COUNTS,
    STATION_VOTES,
    VOTES_OVER_TIME,
)
from tests.support.bulk_files import rows_of
from tests.support.nist import checked_json, checked_xml, counts_of_json, counts_of_xml
from tests.support.shared_data import needs_nist
from tests.support.small_election import annulled, reported
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

stack = stack_of("bulk", REKAP_REQUESTS_PER_S="0", REKAP_FILES_EVERY_S="1")

NUMBERS = ("registered_voters", "voters", "valid", "valid_ballots", "invalid", "blank", "total")


async def _export(stack: Stack, *arguments: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "rekap", "export", *arguments),
        env={**os.environ, **stack.environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def files(stack: Stack, voices: Voices, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a count in which stations are counted, flagged, held, annulled and waiting."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
        bodies = [
            reported("1.1.1-1"),
            reported("1.1.1-2", votes=(7, 0, 1)),
            reported("1.1.1-2", votes=(7, 0, 2), version=2),
            reported("1.2.1-1", VA=999),  # breaks F3: held
            reported("2.2.2-2", VC=1),  # breaks F4: flagged
            reported("2.1.1-1"),
            {
                "type": "result.reported",
                "station": "1.1.2-1",
                "contest": "president",
                "version": 1,
                "form": {"votes": {"01": 5}},
            },
        ]
        for body in bodies:
            (await client.post("/v1/submissions", content=voices.sign(body))).raise_for_status()
        order = annulled("2.1.1-1", 1)
        (await client.post("/v1/submissions", content=voices.sign(order, "supervisor"))).raise_for_status()

        async def is_counted() -> bool:
            office = (await client.get("/v1/areas/N")).json()["offices"][0]
            stations = office["contests"][0]["stations"]
            return bool(
                stations["reported"] == 5 and stations["annulled"] == 1 and office["as_of"] == office["shard_as_of"]
            )

        await eventually(is_counted)
    directory = tmp_path_factory.mktemp("bulk") / "files"
    code, out, err = await _export(stack, str(directory))
    assert code == 0, err
    assert "files" in out
    return directory


def _manifest(files: Path) -> Any:
    return orjson.loads((files / "manifest.json").read_bytes())


def _rows(files: Path, table: Any, format: Format) -> Iterator[dict[str, Any]]:
    for entry in _manifest(files)["files"]:
        if entry["table"] == table.name and entry["format"] == format:
            rows = rows_of(files / entry["name"], table)
            assert len(rows) == entry["rows"]
            yield from rows


FORMATS = tuple(Format)


@pytest.mark.parametrize("format", FORMATS)
async def test_each_area_has_the_numbers_of_the_api(
    stack: Stack, files: Path, client: httpx.AsyncClient, format: Format
) -> None:
    counts = {(row["area"], row["contest"]): row for row in _rows(files, AREA_COUNTS, format)}
    votes: dict[tuple[str, str], dict[str, int]] = {}
    for row in _rows(files, AREA_VOTES, format):
        votes.setdefault((row["area"], row["contest"]), {})[row["choice"]] = row["votes"]
    answered = []
    for area in stack.definition.tree.codes:
        for office in (await client.get(f"/v1/areas/{area}")).json()["offices"]:
            answered += office["contests"]
    assert counts.keys() == votes.keys() == {(tally["area"], tally["contest"]) for tally in answered}
    for tally in answered:
        row = counts[tally["area"], tally["contest"]]
        counted = tally["counted"]
        assert votes[tally["area"], tally["contest"]] == counted["votes"]
        assert {name: row[name] for name in NUMBERS} == {name: counted[name] for name in NUMBERS}
        stated = {name: row[f"{name}_not_stated"] for name in NUMBERS if name != "valid"}
        assert {name: number for name, number in stated.items() if number} == counted["not_stated"]
        assert {name: row[f"stations_{name}"] for name in tally["stations"]} == tally["stations"]
        assert row["results_status"] == tally["results_status"]
        assert row["registered_voters_expected"] == tally["registered_voters_expected"]


@pytest.mark.parametrize("format", FORMATS)
async def test_each_station_has_the_numbers_of_the_api(
    stack: Stack, files: Path, client: httpx.AsyncClient, format: Format
) -> None:
    counts = {(row["station"], row["contest"]): row for row in _rows(files, STATION_COUNTS, format)}
    votes: dict[tuple[str, str], dict[str, int]] = {}
    for row in _rows(files, STATION_VOTES, format):
        votes.setdefault((row["station"], row["contest"]), {})[row["choice"]] = row["votes"]
    states = set()
    for station in stack.definition.stations.codes:
        answer = (await client.get(f"/v1/stations/{station}")).json()
        for standing in answer["contests"]:
            key = station, standing["contest"]
            row, numbers = counts.pop(key), standing["numbers"]
            states.add(row["state"])
            for name in ("state", "offset", "event", "version"):
                assert row[name] == standing[name]
            assert {name: row[name] for name in NUMBERS} == {name: numbers and numbers[name] for name in NUMBERS}
            assert votes.pop(key, None) == (numbers and numbers["votes"])
            form = [each for each in answer["history"] if each["event"] == row["event"]]
            assert row["received_at"] == (form[0]["received_at"] if form else None)
    assert not counts
    assert not votes
    assert states == {"counted", "flagged", "held", "annulled", "waiting"}


@pytest.mark.parametrize("format", FORMATS)
async def test_a_file_of_one_area_has_its_rows_of_the_bulk_files(
    stack: Stack, files: Path, client: httpx.AsyncClient, tmp_path: Path, format: Format
) -> None:
    tree, stations = stack.definition.tree, stack.definition.stations
    for table in (AREA_COUNTS, AREA_VOTES, STATION_COUNTS, STATION_VOTES):
        of_bulk = list(_rows(files, table, format))
        for area, office in (("N", "president"), ("1.1", "president"), ("2.1.1", "council"), ("1", "council")):
            answer = await client.get(f"/v1/files/areas/{area}/{table.name}.{format}?office={office}")
            assert answer.status_code == 200, answer.text
            name = f"{stack.definition.election.id}-{office}-{area}-{table.name}.{format}"
            assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
            (tmp_path / name).write_bytes(answer.content)
            number = tree.number[area]
            areas = {tree.codes[each] for each in (number, *tree.children[number])}
            within = {
                code for code, at in zip(stations.codes, stations.area, strict=True) if number in tree.lineage[at]
            }
            expected = [
                row
                for row in of_bulk
                if row["office"] == office
                and (row.get("station") in within or (row.get("level") and row["area"] in areas))
            ]
            assert expected or table is STATION_VOTES  # no form of the council was reported
            key = itemgetter(*table.key)
            assert sorted(rows_of(tmp_path / name, table), key=key) == sorted(expected, key=key)
            again = await client.get(str(answer.url), headers={"If-None-Match": answer.headers["etag"]})
            assert again.status_code == 304


async def test_a_file_of_one_area_that_cannot_be_made_is_refused(client: httpx.AsyncClient) -> None:
    for path, status, field in (
        ("9/area-counts.csv?office=president", 404, "area"),
        ("N/area-counts.csv?office=mayor", 404, "office"),
        ("N/area-counts.csv", 422, "office"),
        ("N/area-counts.pdf?office=president", 422, "format"),
        ("N/people.csv?office=president", 422, "table"),
        ("N/area-counts.csv?office=president&sort=x", 422, "sort"),
    ):
        answer = await client.get(f"/v1/files/areas/{path}")
        assert answer.status_code == status, path
        assert field in answer.text


@pytest.mark.parametrize("format", FORMATS)
async def test_over_time_the_last_row_of_an_area_is_the_cut(files: Path, format: Format) -> None:
    for over_time, table, names in (
        (COUNTS_OVER_TIME, AREA_COUNTS, ("contest", "area")),
        (VOTES_OVER_TIME, AREA_VOTES, ("contest", "area", "choice")),
    ):
        newest = {tuple(row[name] for name in names): row for row in _rows(files, over_time, format)}
        cut = {tuple(row[name] for name in names): row for row in _rows(files, table, format)}
        assert {row["level"] for row in newest.values()} == {"nation", "province"}
        assert {row["step_minutes"] for row in newest.values()} == {1}
        for key, row in newest.items():
            assert {name: row[name] for name in table.column_names} == cut[key]
        reported_at = {key for key, row in cut.items() if row.get("stations_reported", row.get("votes"))}
        assert {key for key in reported_at if cut[key]["level"] in ("nation", "province")} <= newest.keys()


async def test_the_manifest_names_the_cut_and_each_file(stack: Stack, files: Path, client: httpx.AsyncClient) -> None:
    manifest = _manifest(files)
    offices = {office["office"]: office for office in (await client.get("/v1/areas/N")).json()["offices"]}
    assert manifest["as_of"] == {office: answer["as_of"] for office, answer in offices.items()}
    assert manifest["definition"] == stack.definition.hash
    assert (manifest["mode"], manifest["is_test"], manifest["licence"]) == ("rehearsal", True, "CC0-1.0")
    assert manifest["status"] == {"president": "unofficial-partial", "council": "pre-election"}
    names = {entry["name"] for entry in manifest["files"]}
    documents = {entry["name"] for entry in manifest["documents"]}
    assert names | documents | {"manifest.json"} == {path.name for path in files.iterdir()}
    assert documents == {
        *(
            f"{table.name}.{ending}"
            for table in ALL_TABLES
            for ending in ("xsd", "schema.json")
            if table not in FINANCE_TABLES
        ),
        *("catalog.jsonld", "catalog.ttl", "dataset.jsonld", "datapackage.json", "terms.json"),
    }
    assert manifest["left_out"] == []
    for entry in (*manifest["files"], *manifest["documents"]):
        content = (files / entry["name"]).read_bytes()
        assert (entry["bytes"], entry["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


@needs_nist
async def test_reports_of_the_standard_have_the_numbers_of_the_api(
    stack: Stack, files: Path, client: httpx.AsyncClient
) -> None:
    definition = stack.definition
    for office in ("president", "council"):
        bulk: dict[tuple[str, str], int] = {}
        for format, read, counts_of in (
            ("json", checked_json, counts_of_json),
            ("xml", checked_xml, counts_of_xml),
        ):
            found = counts_of(read((files / f"{office}.station.nist-report.{format}").read_bytes()))
            assert bulk in ({}, found)
            bulk = found
            of_areas: dict[tuple[str, str], int] = {}
            for area in definition.tree.codes:
                answer = await client.get(f"/v1/areas/{area}/results/nist.{format}", params={"office": office})
                assert answer.status_code == 200, answer.text
                assert answer.headers["content-type"].split(";")[0] == f"application/{format}"
                of_area = counts_of(read(answer.content))
                assert (
                    of_areas.items() & of_area.items()
                    == {key: of_areas[key] for key in of_areas.keys() & of_area.keys()}.items()
                )
                of_areas |= of_area
            assert of_areas == bulk
    report = (await client.get("/v1/areas/N/results/nist.json?office=president")).json()
    tally = (await client.get("/v1/areas/N")).json()["offices"][0]["contests"][0]
    (contest,) = report["Election"][0]["Contest"]
    assert (contest["SubUnitsReported"], contest["TotalSubUnits"]) == (
        tally["stations"]["counted"],
        tally["stations"]["expected"],
    )
    assert (report["IsTest"], report["Status"]) == (True, "unofficial-partial")


async def test_a_report_that_cannot_be_made_is_refused_by_name(
    client: httpx.AsyncClient, stack: Stack, files: Path
) -> None:
    for path, status, field in (
        ("/v1/areas/N/results/nist.json", 422, "query.office"),
        ("/v1/areas/N/results/nist.json?office=mayor", 404, "office"),
        ("/v1/areas/X/results/nist.xml?office=president", 404, "area"),
        ("/v1/areas/N/results/nist.xml?office=president&part=2", 404, "part"),
    ):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["field"]) == (status, field), path
    etag = (await client.get("/v1/areas/N/results/nist.xml?office=president")).headers["etag"]
    again = await client.get("/v1/areas/N/results/nist.xml?office=president", headers={"If-None-Match": etag})
    assert again.status_code == 304


async def test_the_register_is_the_package(stack: Stack, files: Path) -> None:
    rows = [orjson.loads(line) for line in (files / "stations.ndjson").read_bytes().splitlines()]
    assert [row["station"] for row in rows] == list(stack.definition.stations.codes)
    assert rows[0]["path"] == "N/1/1.1/1.1.1"


async def test_one_office_and_table_in_one_format(stack: Stack, tmp_path: Path) -> None:
    target = tmp_path / "new" / "files"
    options = (
        "--office",
        "council",
        "--table",
        "area-votes",
        "--format",
        "csv",
        "--address",
        "https://files.example/a",
    )
    code, _, err = await _export(stack, *options, str(target))
    assert code == 0, err
    assert sorted(path.name for path in target.iterdir()) == [
        "area-votes.schema.json",
        *("catalog.jsonld", "catalog.ttl"),
        *(f"council.{level}.area-votes.csv" for level in ("district", "nation", "province", "village")),
        *("datapackage.json", "dataset.jsonld", "manifest.json", "sitemap.xml", "terms.json"),
    ]
    assert b"<loc>https://files.example/a/council.nation.area-votes.csv</loc>" in (target / "sitemap.xml").read_bytes()
    assert list((tmp_path / "new").iterdir()) == [target]


async def test_what_cannot_be_used_is_named(stack: Stack, files: Path, tmp_path: Path) -> None:
    for arguments, sentence in (
        ((str(files),), "holds files; give a new or an empty directory"),
        (("--office", "mayor", str(tmp_path / "a")), "--office: this election has president, council, got 'mayor'"),
        (("--table", "people", str(tmp_path / "a")), "'people'"),
        (("--format", "pdf", str(tmp_path / "a")), "'pdf'"),
    ):
        code, _, err = await _export(stack, *arguments)
        assert code == 2, err
        assert sentence in err
    assert not (tmp_path / "a").exists()


async def test_the_csv_files_are_valid_by_their_table_schemas(files: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "frictionless", "validate", "--json", "datapackage.json"),
        cwd=files,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    report = orjson.loads(out)
    assert report["valid"], report
    assert report["stats"]["tasks"] == sum(each["format"] == "csv" for each in _manifest(files)["files"])


# ── the exporter and what is served ──────────────────────────────────────────────────────────────────────────────────


async def _catalogue(client: httpx.AsyncClient, *, not_cut: str = "") -> Any:
    """The catalogue, once it names another cut than this one."""

    async def found() -> Any:
        answer = await client.get("/v1/files")
        return answer.json() if answer.status_code == 200 and answer.json()["cut"] != not_cut else None

    return await eventually(found)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def exporting(stack: Stack, files: Path) -> Stack:
    """The stack with an exporter."""
    async with httpx.AsyncClient(base_url=stack.url) as client:
        none = await client.get("/v1/files")
        assert (none.status_code, none.headers["retry-after"]) == (503, "60")
    await stack.start("exporter")
    return stack


async def test_the_served_files_are_those_of_the_command(
    exporting: Stack, files: Path, client: httpx.AsyncClient
) -> None:
    catalogue = await _catalogue(client)
    own = _manifest(files)
    assert {name: catalogue[name] for name in ("as_of", "definition", "status", "licence", "mode")} == {
        name: own[name] for name in ("as_of", "definition", "status", "licence", "mode")
    }
    assert catalogue["cuts"][0] == {"cut": catalogue["cut"], "manifest": catalogue["manifest"]}
    assert {each["name"] for each in catalogue["files"]} == {each["name"] for each in own["files"]}
    for entry in (*catalogue["files"], *catalogue["documents"]):
        answer = await client.get(entry["url"])
        assert hashlib.sha256(answer.content).hexdigest() == entry["sha256"], entry["name"]
        if entry.get("table", "") in {table.name for table in ALL_TABLES}:  # a report and a catalogue state their time
            assert answer.content == (files / entry["name"]).read_bytes(), entry["name"]
        digest = base64.b64encode(hashlib.sha256(answer.content).digest()).decode()
        assert answer.headers["repr-digest"] == answer.headers["content-digest"] == f"sha-256=:{digest}:"
        assert answer.headers["content-disposition"] == (
            f'attachment; filename="bulk-{catalogue["cut"]}-{entry["name"]}"'
        )
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        if not answer.content:  # a table without rows as NDJSON
            continue
        part = await client.get(entry["url"], headers={"Range": "bytes=-5"})
        assert (part.status_code, part.content) == (206, answer.content[-5:])
        assert part.headers["repr-digest"] == answer.headers["repr-digest"]
        assert "content-digest" not in part.headers
    latest = await client.get("/v1/files/latest/choices.csv")
    assert latest.content == (files / "choices.csv").read_bytes()
    assert latest.headers["content-location"] == f"/v1/files/{catalogue['cut']}/choices.csv"


async def test_a_cut_that_has_moved_is_exported_and_the_old_one_stays_as_it_is(
    exporting: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    first = await _catalogue(client)
    name = "president.station.station-counts.ndjson"
    url = next(each["url"] for each in first["files"] if each["name"] == name)
    before = (await client.get(url)).content
    (await client.post("/v1/submissions", content=voices.sign(reported("2.2.1-1")))).raise_for_status()
    second = await _catalogue(client, not_cut=first["cut"])
    assert second["cut"] > first["cut"]
    assert [each["cut"] for each in second["cuts"]][:2] == [second["cut"], first["cut"]]
    assert (await client.get(url)).content == before
    rows = (await client.get(f"/v1/files/latest/{name}")).content.splitlines()
    states = {row["station"]: row["state"] for row in map(orjson.loads, rows)}
    assert states["2.2.1-1"] == "counted"
    directory = Path(exporting.environment["REKAP_FILES_DIRECTORY"])
    for same, is_same in (("choices.csv", True), ("council.nation.area-votes.csv", True), (name, False)):
        inodes = {(directory / cut["cut"] / same).stat().st_ino for cut in (first, second)}
        assert (len(inodes) == 1) == is_same, same


async def test_an_exporter_that_is_killed_in_a_cut_leaves_only_whole_ones(
    exporting: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    directory = Path(exporting.environment["REKAP_FILES_DIRECTORY"])
    for number, station in enumerate(("1.2.1-2", "1.2.2-1", "1.2.2-2", "2.1.2-1")):
        before = await _catalogue(client)
        (await client.post("/v1/submissions", content=voices.sign(reported(station)))).raise_for_status()
        await asyncio.sleep(0.4 + 0.3 * number)  # before, in, or after the next cut
        await exporting.supervisor.kill("exporter")
        await _catalogue(client, not_cut=before["cut"])
        for cut in (each for each in directory.iterdir() if not each.name.startswith(".") and each.is_dir()):
            manifest = orjson.loads((cut / "manifest.json").read_bytes())
            names = {each["name"] for each in (*manifest["files"], *manifest["documents"])}
            assert names | {"manifest.json"} == {path.name for path in cut.iterdir()}


async def test_what_is_not_there_is_named(exporting: Stack, client: httpx.AsyncClient) -> None:
    cut = (await _catalogue(client))["cut"]
    for path, status, field in (
        ("/v1/files/20290214T130000Z-00000000/choices.csv", 404, "cut"),
        ("/v1/files/elsewhere/choices.csv", 422, "cut"),
        (f"/v1/files/{cut}/people.csv", 404, "name"),
        (f"/v1/files/{cut}/.lock", 422, "name"),
        (f"/v1/files/{cut}/..%2F..%2Flog-key.pem", 404, None),
    ):
        answer = await client.get(path)
        assert answer.status_code == status, path
        assert answer.headers["content-type"] == "application/problem+json"
        if field is not None:
            assert field in answer.text
