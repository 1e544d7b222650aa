"""The catalogue of the newest cut: made once, with the address that the client used."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
from fastapi import FastAPI, Request

from api.catalogue.published import ANSWERS_MAX, BASE, WANTED_OF_ADDRESS_MAX, Catalogues
from api.files.cut_files import CutFiles
from api.limits.limits import CLIENT_ADDRESS
from api.problems import Problem
from projections.catalogue.documents import DATA_PACKAGE, TERMS
from projections.definition.compiled import Definition
from runtime.tables.table_files import Format
from tests.support.catalogue import made_manifest
from tests.support.small_election import small_package

DEFINITION = Definition.of(small_package())


def _request(host: str | None, scheme: str = "http") -> Request:
    headers = [] if host is None else [(b"host", host.encode())]
    return Request(
        {"type": "http", "method": "GET", "path": "/", "query_string": b"", "scheme": scheme, "headers": headers,
         "server": ("127.0.0.1", 8000), "app": FastAPI()}
    )  # fmt: skip


def _publish(directory: Path, cut: str, **changed: Any) -> None:
    manifest = {**made_manifest(DEFINITION, (Format.CSV,)), "documents": [], "left_out": [], **changed}
    (directory / cut).mkdir(parents=True)
    (directory / cut / "manifest.json").write_bytes(orjson.dumps(manifest))
    (directory / "latest.json").write_bytes(orjson.dumps({"cut": cut}))


FIRST, SECOND = "20290214T130000Z-00000001", "20290214T140000Z-00000002"


async def test_a_document_has_the_address_that_it_was_asked_by(tmp_path: Path) -> None:
    _publish(tmp_path, FIRST)
    catalogues = Catalogues(CutFiles(tmp_path), DEFINITION, "")
    for scheme, host in (("http", "a.example"), ("https", "b.example:8443")):
        asked = _request(host, scheme)
        form, media_type = await catalogues.document(asked, DATA_PACKAGE)
        assert BASE.encode() not in form.body
        package = orjson.loads(form.body)
        assert package["resources"][0]["path"].startswith(f"{scheme}://{host}/v1/files/{FIRST}/")
        assert media_type == "application/json"
        assert (await catalogues.document(asked, DATA_PACKAGE))[0] is form
    for number in range(ANSWERS_MAX):
        await catalogues.document(_request(f"{number}.example"), TERMS)
    assert (await catalogues.document(asked, DATA_PACKAGE))[0] is not form


async def test_an_address_that_asks_by_many_hosts_at_once_is_refused_some_and_others_are_not(tmp_path: Path) -> None:
    _publish(tmp_path, FIRST)
    catalogues = Catalogues(CutFiles(tmp_path), DEFINITION, "")
    await catalogues.newest()

    async def ask(address: str, host: str) -> int:
        asked = _request(host)
        asked.scope[CLIENT_ADDRESS] = address
        try:
            await catalogues.document(asked, DATA_PACKAGE)
        except Problem as refused:
            return refused.status
        return 200

    async with catalogues._turns.turn("c"):
        of_one = [asyncio.create_task(ask("a", f"{number}.example")) for number in range(2 * WANTED_OF_ADDRESS_MAX)]
        async with asyncio.timeout(20):
            while sum(each.done() for each in of_one) < WANTED_OF_ADDRESS_MAX:
                await asyncio.sleep(0.01)
        of_another = asyncio.create_task(ask("b", "b.example"))
    assert await of_another == 200
    assert sorted(await asyncio.gather(*of_one)) == [200] * WANTED_OF_ADDRESS_MAX + [429] * WANTED_OF_ADDRESS_MAX


async def test_the_catalogue_is_made_anew_for_another_cut(tmp_path: Path) -> None:
    _publish(tmp_path, FIRST)
    catalogues = Catalogues(CutFiles(tmp_path), DEFINITION, "")
    first = await catalogues.newest()
    assert await catalogues.newest() is first
    before, _ = await catalogues.document(_request("a.example"), TERMS)
    _publish(tmp_path, SECOND, licence="Ask us")
    assert (await catalogues.newest()).cut == SECOND
    after, _ = await catalogues.document(_request("a.example"), TERMS)
    assert orjson.loads(before.body)["data"]["licence"] == "CC0-1.0"
    assert orjson.loads(after.body)["data"]["licence"] == "Ask us"


async def test_a_catalogue_that_could_not_be_made_is_made_again(tmp_path: Path) -> None:
    _publish(tmp_path, FIRST, files=[{}])
    files = CutFiles(tmp_path)
    catalogues = Catalogues(files, DEFINITION, "")
    files._kept[FIRST] = (await _cut(files, tmp_path))._replace(manifest={"as_of": {}})
    with pytest.raises(KeyError):
        await catalogues.newest()
    files._kept.clear()
    assert (await catalogues.newest()).cut == FIRST


async def _cut(files: CutFiles, directory: Path) -> Any:
    manifest = {**made_manifest(DEFINITION, (Format.CSV,)), "documents": [], "left_out": []}
    (directory / FIRST / "manifest.json").write_bytes(orjson.dumps(manifest))
    return await files.cut(FIRST)


async def test_a_document_that_the_cut_does_not_have_is_named(tmp_path: Path) -> None:
    manifest = made_manifest(DEFINITION, (Format.JSON,))
    _publish(tmp_path, FIRST, files=manifest["files"])
    catalogues = Catalogues(CutFiles(tmp_path), DEFINITION, "")
    with pytest.raises(Problem, match=r"has no datapackage\.json") as found:
        await catalogues.document(_request("a.example"), DATA_PACKAGE)
    assert found.value.status == 404


@pytest.mark.parametrize("host", ["results.example", "results.example:8443", "127.0.0.1:8000", "[::1]:8000"])
def test_without_a_setting_the_address_is_that_of_the_request_and_for_nobody_else(tmp_path: Path, host: str) -> None:
    catalogues = Catalogues(CutFiles(tmp_path), DEFINITION, "")
    assert catalogues.base_of(_request(host, "https")) == f"https://{host}"
    assert catalogues.cache_control == "private, no-cache"


@pytest.mark.parametrize("host", [None, "", "a b", "evil.example/x", "a@b", 'a"', "<script>", "a:b", "x" * 300])
def test_a_host_that_is_none_is_refused(tmp_path: Path, host: str | None) -> None:
    with pytest.raises(Problem) as found:
        Catalogues(CutFiles(tmp_path), DEFINITION, "").base_of(_request(host))
    assert (found.value.status, found.value.body["field"]) == (400, "header.host")


def test_with_a_setting_the_address_is_that_of_the_setting(tmp_path: Path) -> None:
    catalogues = Catalogues(CutFiles(tmp_path), DEFINITION, "https://results.example/")
    assert catalogues.base_of(_request("evil.example")) == "https://results.example"
    assert catalogues.cache_control == "public, max-age=60"
