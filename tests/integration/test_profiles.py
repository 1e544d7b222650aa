"""Profiles over HTTP: corrected while the count continues, and linked with results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from rekap.operate.stack import Stack
from runtime.package.writing import write_package
from runtime.tables.table_files import MEDIA_TYPES, Format
from schemas.definition.profiles import Candidate, PartyProfile, Profiles
from schemas.served.cursors import cursor_text
from schemas.served.election_lists import ContestList, ElectionList, OfficeList
from schemas.served.profiles import (
    CandidatePage,
    CandidateSnapshot,
    Completeness,
    DistrictPage,
    PartyPage,
    SparseCandidatePage,
)
from schemas.served.snapshots import ContestSnapshot
from schemas.tables.columns import Table
from schemas.tables.lists import FOUND_NAMES
from schemas.tables.register import CANDIDATES, PARTIES
from tests.conftest import Parts
from tests.support.bulk_files import rows_of
from tests.support.small_election import small_package
from tests.support.stacks import eventually, small_stack, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

SITI = Candidate(contest="president", choice="01", name="Siti Contoh", residence="Sleman")
stack = stack_of("profiled")


async def test_profiles_follow_their_files_while_the_definition_stays(
    stack: Stack, directory: Path, client: httpx.AsyncClient
) -> None:
    before = CandidatePage.model_validate((await client.get("/v1/candidates?contest=president")).json())
    assert [(line.name, line.lacking) for line in before.candidates] == [(f"Pair {n}", ["persons"]) for n in (1, 2, 3)]
    package = directory / "election"
    (package / "candidates.csv").write_text("contest,choice,name,residence\npresident,01,Siti Contoh,Sleman\n")

    async def described() -> CandidateSnapshot | None:
        found = CandidateSnapshot.model_validate((await client.get("/v1/candidates/president/01")).json())
        return found if found.persons else None

    found = await eventually(described)
    assert (found.persons[0].name, found.lacking) == ("Siti Contoh", ["sex", "photo", "web"])
    assert found.profiles == Profiles((SITI,)).digest() != before.profiles
    assert found.definition == before.definition == stack.definition.hash
    zipped = await client.get("/v1/package.zip")
    assert zipped.status_code == 200
    assert b"candidates.csv" in zipped.content

    (package / "candidates.csv").write_text("contest,choice,name\npresident,09,Siti Contoh\n")
    (package / "party_profiles.csv").write_text("party,colour\nP1,#0B6623\n")
    log = next(directory.glob("api.log"))

    async def refused() -> bool:
        assert (await client.get("/v1/parties")).status_code == 200
        return "candidates.csv:2: choice: '09' is not a choice" in log.read_text()

    await eventually(refused)
    kept = CandidateSnapshot.model_validate((await client.get("/v1/candidates/president/01")).json())
    assert kept == found, "the profiles before the mistake are still served"


async def test_results_and_profiles_link_to_each_other(client: httpx.AsyncClient) -> None:
    contest = (await client.get("/v1/contests/council-b")).json()
    page = CandidatePage.model_validate((await client.get(contest["links"]["candidates"])).json())
    line = page.candidates[1]
    assert line.choice in contest["tally"]["counted"]["votes"]
    assert (await client.get(line.links.result)).json()["contest"] == "council-b"
    assert line.links.party is not None
    parties = PartyPage.model_validate((await client.get("/v1/parties?limit=1")).json())
    assert (await client.get(line.links.party)).json()["party"] == "P2"
    assert (await client.get(f"/v1/parties?cursor={parties.next}")).json()["parties"][0]["party"] == "P2"
    districts = DistrictPage.model_validate((await client.get("/v1/districts")).json())
    assert [each.district for each in districts.districts] == ["a", "b", "c"]
    assert (await client.get(districts.districts[0].links.self)).json()["areas"] == ["1.1"]
    complete = Completeness.model_validate((await client.get("/v1/completeness?area=2")).json())
    assert (complete.candidates.expected, complete.candidates.described) == (2, 0)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/candidates?contest=nowhere", "contest"),
        ("/v1/candidates?party=P9", "query.party"),
        ("/v1/candidates?office=nowhere", "office"),
        ("/v1/candidates?area=9", "area"),
        ("/v1/candidates/president/09", "path.choice"),
        ("/v1/parties/P9", "path.party"),
        ("/v1/parties?office=nowhere", "office"),
        ("/v1/districts/N", "path.district"),
        ("/v1/completeness?area=9", "area"),
    ],
)
async def test_what_is_not_in_the_election_is_named(client: httpx.AsyncClient, path: str, field: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["field"]) == (404, field)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/candidates?cursor=x", "query.cursor"),
        (f"/v1/candidates?cursor={cursor_text(['ballot', 'president', '09'])}", "query.cursor"),
        (f"/v1/candidates?cursor={cursor_text(['ballot', 'none', '01'])}", "query.cursor"),
        (f"/v1/candidates?sort=name&cursor={cursor_text(['ballot', 'president', '01'])}", "query.cursor"),
        (f"/v1/parties?cursor={cursor_text(['ballot', 'P9'])}", "query.cursor"),
        (f"/v1/districts?cursor={cursor_text(['ballot', 'N'])}", "query.cursor"),
        ("/v1/candidates?fields=name,birthday", "query.fields"),
        ("/v1/candidates?format=csv&fields=lacking", "query.fields"),
        ("/v1/candidates?sort=votes", "query.sort"),
        ("/v1/search?q=pair&cursor=x", "query.cursor"),
        ("/v1/search?q=pair&fields=none", "query.fields"),
    ],
)
async def test_what_a_list_does_not_have_is_named(client: httpx.AsyncClient, path: str, field: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text


LISTS: list[tuple[str, str, Table]] = [
    ("/v1/candidates?sort=name&", "candidates", CANDIDATES),
    ("/v1/candidates?area=1.1.1&", "candidates", CANDIDATES),
    ("/v1/parties?", "parties", PARTIES),
    ("/v1/search?q=district&kind=area&", "found", FOUND_NAMES),
]


@pytest.mark.parametrize("format", [each for each in Format if each is not Format.JSON])
@pytest.mark.parametrize(("path", "name", "table"), LISTS)
async def test_each_format_has_all_pages_of_a_list(
    client: httpx.AsyncClient, tmp_path: Path, path: str, name: str, table: Table, format: Format
) -> None:
    lines = (await client.get(f"{path}limit=100")).raise_for_status().json()[name]
    url, found, pages = f"{path}limit=1&format={format}", list[dict[str, Any]](), 0
    while True:
        answer = (await client.get(url)).raise_for_status()
        assert answer.headers["content-type"] == MEDIA_TYPES[format]
        assert answer.headers["content-disposition"] == f'attachment; filename="profiled.{table.name}.{format}"'
        assert "link" in answer.headers["access-control-expose-headers"].lower()
        file = tmp_path / f"{pages}.{format}"
        file.write_bytes(answer.content)
        found += rows_of(file, table)
        pages += 1
        again = await client.get(url, headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304 or format in (Format.XLSX, Format.PARQUET)
        if "next" not in answer.links:
            break
        url = answer.links["next"]["url"]
    assert pages == len(lines) > 1
    key = [column for column in table.key if column != "person"]
    properties = {"party": "party", "kind": "kind", "code": "code", "contest": "contest", "choice": "choice"}
    assert [[str(row[each]) for each in key] for row in found] == [
        [str(line[properties[each]]) for each in key] for line in lines
    ]


async def test_fields_are_properties_of_json_and_columns_of_tables(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/v1/candidates?contest=president&fields=choice,name&limit=1")).json()
    assert answer["candidates"] == [{"choice": "01", "name": "Pair 1"}]
    SparseCandidatePage.model_validate(answer)
    table = await client.get("/v1/candidates?contest=council-b&fields=ballot_name,party&format=csv")
    assert table.text.splitlines() == ["ballot_name,party", "P1 1,P1", "P2 1,P2"]
    found = (await client.get("/v1/search?q=pair+1&fields=code,kind")).json()
    assert found["found"] == [{"code": "president/01", "kind": "candidate"}]


async def test_filters_of_candidates(client: httpx.AsyncClient) -> None:
    async def ids(query: str) -> list[str]:
        page = (await client.get(f"/v1/candidates?{query}")).raise_for_status().json()
        return [f"{line['contest']}/{line['choice']}" for line in page["candidates"]]

    presidents = ["president/01", "president/02", "president/03"]
    assert await ids("office=president") == presidents
    assert await ids("area=1.1") == [*presidents, "council-a/P1-1", "council-a/P2-1"]
    assert await ids("area=1.1&office=council&party=P2") == ["council-a/P2-1"]
    assert await ids("contest=council-a&office=president") == []
    assert "president/01" not in await ids("lacking=persons")
    assert (await client.get("/v1/parties?office=president")).json()["parties"] == []


async def test_wrong_profiles_are_a_mistake_of_the_profiles_alone(tmp_path: Path, parts: Parts) -> None:
    """A server that starts with them counts and shows results, and names the mistake where profiles are asked for."""
    write_package(small_package(), tmp_path / "other", Profiles((SITI,), (PartyProfile(party="P9"),)))
    wrong = (tmp_path / "other" / "party_profiles.csv").read_bytes()
    async with small_stack(tmp_path, "unprofiled", parts) as stack, httpx.AsyncClient(base_url=stack.url) as client:
        (tmp_path / "election" / "party_profiles.csv").write_bytes(wrong)
        answer = await client.get("/v1/parties")
        assert answer.status_code == 503
        assert "party_profiles.csv:2: party: 'P9' is not a party" in answer.json()["detail"]
        assert (await client.get("/v1/contests/president")).status_code == 200


async def test_the_start_page_and_the_lists_lead_to_every_contest(client: httpx.AsyncClient) -> None:
    start = await client.get("/")
    assert (start.status_code, start.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert 'href="/v1/offices"' in start.text
    assert (await client.head("/")).headers["content-length"] == str(len(start.content))
    (election,) = ElectionList.model_validate((await client.get("/v1/elections")).json()).elections
    assert (await client.get(election.links.self)).json()["definition"] == election.definition
    found = []
    for office in OfficeList.model_validate((await client.get("/v1/offices")).json()).offices:
        assert (await client.get(office.links.result)).status_code == 200
        address: str | None = f"{office.links.contests}&limit=2"
        while address is not None:
            page = ContestList.model_validate((await client.get(address)).json())
            found += [line.contest for line in page.contests]
            address = None if page.next is None else f"{office.links.contests}&limit=2&after={page.next}"
        for line in page.contests:
            result = ContestSnapshot.model_validate((await client.get(line.links.result)).json())
            assert result.shares.counted == "0.00 %"
    assert found == ["president", "council-a", "council-b", "council-c"]
    for query in ("office=nowhere", "after=nowhere", "limit=0", "office=council&after=nowhere"):
        answer = await client.get(f"/v1/contests?{query}")
        assert answer.status_code in {404, 422}
        assert answer.json()["field"]
