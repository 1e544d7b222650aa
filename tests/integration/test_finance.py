"""Campaign finance through the real parts: handed in, judged, listed, linked, audited, and without effect on a vote."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from rekap.operate.stack import Stack
from runtime.tables.table_files import MEDIA_TYPES, Format
from schemas.served.finance import FinanceAccount, FinanceKinds, FinancePage
from schemas.tables.finance import FINANCE_REPORTS, FINANCE_TABLES
from tests.support.bulk_files import rows_of
from tests.support.small_election import reported
from tests.support.small_finance import finance_package, finance_report
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

STATION = "1.1.1-1"

stack = stack_of("financed", package=finance_package, REKAP_CHECKPOINT_MS="200")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(stack: Stack) -> Any:
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def handed_in(stack: Stack, client: httpx.AsyncClient) -> dict[str, str]:
    """A vote before and after, a report that counts, one that is late, one held, and one that was corrected. By name, event
    ids."""
    voices = Voices(stack)

    async def submit(body: dict[str, Any], key: str = "finance") -> str:
        answer = await client.post("/v1/submissions", content=voices.sign(body, key))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["submission"])

    await submit(reported(STATION), "officer")
    ids = {
        "counts": await submit(finance_report("P1", "1")),
        "late": await submit(finance_report("P1", "2", submitted="2028-12-09")),
    }
    ids["held"] = await submit(finance_report("P2", "1.1", closing=5))
    first = await submit(finance_report(None, "N"))
    ids["corrects"] = await submit(
        finance_report(None, "N", version=2, opening=2_000, closing=13_000, supersedes=first)
    )
    await submit(reported(STATION, (1, 2, 3), version=2), "officer")

    async def is_listed() -> bool:
        page = (await client.get("/v1/finance?contest=president&state=counted")).json()
        tally = (await client.get("/v1/contests/president")).json()["tally"]
        return bool(page["reports"]) and tally["counted"]["votes"]["01"] == 1

    await eventually(is_listed)
    return ids


async def _page(client: httpx.AsyncClient, query: str = "") -> FinancePage:
    return FinancePage.model_validate((await client.get(f"/v1/finance{query}")).raise_for_status().json())


async def test_the_list_has_what_counts_or_is_held(client: httpx.AsyncClient, handed_in: dict[str, str]) -> None:
    page = await _page(client)
    assert [(each.account, each.version, each.state, each.rules) for each in page.reports] == [
        ("candidates/president/01", 2, "counted", []),
        ("parties/P1/1", 1, "counted", []),
        ("parties/P1/2", 1, "counted", ["D4"]),
        ("parties/P2/1.1", 1, "held", ["D1"]),
    ]
    assert (page.currency, page.decimals, page.next) == ("IDR", 0, None)
    assert [each.event for each in page.reports] == [handed_in[name] for name in ("corrects", "counts", "late", "held")]
    assert page.reports[3].closing_calculated == 12_000


@pytest.mark.parametrize(
    ("query", "accounts"),
    [
        ("?party=P1", ["parties/P1/1", "parties/P1/2"]),
        ("?area=1.1", ["parties/P2/1.1"]),
        ("?contest=president", ["candidates/president/01"]),
        ("?rule=D4", ["parties/P1/2"]),
        ("?state=held", ["parties/P2/1.1"]),
        ("?state=superseded", ["candidates/president/01"]),
        ("?report=LPPDK", []),
        ("?since=2099-01-01T00:00:00Z", []),
    ],
)
async def test_filters(client: httpx.AsyncClient, query: str, accounts: list[str]) -> None:
    assert [each.account for each in (await _page(client, query)).reports] == accounts


async def test_pages_follow_each_other(client: httpx.AsyncClient) -> None:
    found, query = [], "?limit=1"
    while True:
        page = await _page(client, query)
        found += [each.account for each in page.reports]
        if page.next is None:
            break
        query = f"?limit=1&cursor={page.next}"
    assert found == [each.account for each in (await _page(client)).reports]


async def test_an_account_has_its_versions_and_what_it_lacks(client: httpx.AsyncClient) -> None:
    found = FinanceAccount.model_validate((await client.get("/v1/finance/candidates/president/01")).json())
    assert [(each.version, each.state) for each in found.reports] == [(1, "superseded"), (2, "counted")]
    assert (found.counting, found.lacking) == (["LADK"], ["LPPDK", "OTHER"])
    held = FinanceAccount.model_validate((await client.get("/v1/finance/parties/P2/1.1")).json())
    assert (held.counting, [each.state for each in held.reports]) == ([], ["held"])


async def test_profiles_events_and_proofs_link_to_each_other(client: httpx.AsyncClient) -> None:
    line = (await _page(client, "?contest=president")).reports[0]
    profile = (await client.get(line.links.profile)).raise_for_status().json()
    assert profile["links"]["finance"] == line.links.self
    event = (await client.get(line.links.event)).raise_for_status().json()
    assert (event["type"], event["role"], event["area"], event["state"]) == (
        "finance.reported",
        "finance",
        "N",
        "counted",
    )
    party = (await client.get("/v1/parties/P1")).json()
    listed = FinancePage.model_validate((await client.get(party["links"]["finance"])).json())
    assert len(listed.reports) == 2
    assert line.links.result is not None
    assert (await client.get(line.links.result)).status_code == 200
    kinds = FinanceKinds.model_validate((await client.get("/v1/finance/kinds")).json())
    assert [kind.id for kind in kinds.spending] == ["meetings", "advertising"]

    async def is_proved() -> bool:
        return (await client.get(line.links.proof)).status_code == 200

    await eventually(is_proved)


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/v1/finance?party=P9", 404, "query.party"),
        ("/v1/finance?area=9", 404, "area"),
        ("/v1/finance?contest=mayor", 404, "contest"),
        ("/v1/finance?report=LXX", 404, "query.report"),
        ("/v1/finance?cursor=abc", 422, "query.cursor"),
        ("/v1/finance?state=lost", 422, "query.state"),
        ("/v1/finance/parties/P9/1", 404, "path.party"),
        ("/v1/finance/parties/P1/9", 404, "area"),
        ("/v1/finance/candidates/president/09", 404, "path.choice"),
    ],
)
async def test_what_is_not_there_is_named(client: httpx.AsyncClient, path: str, status: int, field: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["field"]) == (status, field)


async def test_a_report_that_does_not_fit_is_refused_with_the_field(stack: Stack, client: httpx.AsyncClient) -> None:
    voices = Voices(stack)
    for body, key, status, rule, field in (
        (finance_report("P9"), "finance", 422, "S3", "party"),
        (finance_report(area="2"), "finance-1", 403, "K4", "area"),
        (finance_report(), "officer", 403, "K3", "type"),
        (finance_report(report="LXX"), "finance", 422, "D5", "report"),
        (finance_report(closing=1.5), "finance", 422, None, "closing"),
    ):
        answer = await client.post("/v1/submissions", content=_signed(voices, body, key))
        assert (answer.status_code, answer.json().get("rule"), answer.json()["field"]) == (status, rule, field)


def _signed(voices: Voices, body: dict[str, Any], key: str) -> bytes:
    """An envelope; that of an amount with a fraction is made of a whole one, because a signer refuses fractions."""
    if isinstance(body["closing"], float):
        envelope = json.loads(voices.sign(body | {"closing": 777}, key))
        payload = base64.b64decode(envelope["payload"]).replace(b":777,", b":1.5,")
        return json.dumps(envelope | {"payload": base64.b64encode(payload).decode()}).encode()
    return voices.sign(body, key)


@pytest.mark.parametrize("format", [each for each in Format if each is not Format.JSON])
async def test_a_page_is_a_table_in_each_format(client: httpx.AsyncClient, tmp_path: Path, format: Format) -> None:
    listed = (await _page(client)).reports
    for table in FINANCE_TABLES:
        answer = await client.get(f"/v1/finance?format={format}&table={table.name}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, MEDIA_TYPES[format])
        assert f"{table.name}.{format}" in answer.headers["content-disposition"]
        assert "next" not in answer.links
        (tmp_path / f"page.{format}").write_bytes(answer.content)
        rows = rows_of(tmp_path / f"page.{format}", table)
        if table is FINANCE_REPORTS:
            stated = [(row["event"], row["state"], row["closing"], row["income"]) for row in rows]
            assert stated == [(each.event, each.state, each.closing, each.income_total) for each in listed]
        else:
            lines = {(each.event, line.kind, line.amount) for each in listed for line in each.income}
            lines |= {(each.event, line.kind, line.amount) for each in listed for line in each.spending}
            assert {(row["event"], row["kind"], row["amount"]) for row in rows} == lines
    first = await client.get(f"/v1/finance?format={format}&limit=1")
    following = await client.get(first.links["next"]["url"])
    assert following.status_code == 200
    assert following.content != first.content


@pytest.mark.parametrize("format", list(Format))
async def test_bulk_files_have_all_versions(stack: Stack, tmp_path: Path, format: Format) -> None:
    code, output = await _run(
        stack, "export", "--format", format, "--table", "finance-reports", str(tmp_path / "files")
    )
    assert code == 0, output
    rows = rows_of(tmp_path / "files" / f"finance-reports.{format}", FINANCE_REPORTS)
    assert [(row["account"], row["version"], row["state"]) for row in rows] == [
        ("candidates/president/01", 1, "superseded"),
        ("candidates/president/01", 2, "counted"),
        ("parties/P1/1", 1, "counted"),
        ("parties/P1/2", 1, "counted"),
        ("parties/P2/1.1", 1, "held"),
    ]
    manifest = json.loads((tmp_path / "files" / "manifest.json").read_text())
    assert sum(offset >= 0 for offset in manifest["as_of"]["-finance"].values()) >= 1


async def test_the_doctor_finds_the_same_reports_in_the_ledger(stack: Stack) -> None:
    code, output = await _run(stack, "doctor")
    assert code == 0, output
    (line,) = [each.split() for each in output.splitlines() if each.startswith("finance_report")]
    assert line == ["finance_report", "5", "0"]


async def test_an_audit_checks_the_reports_and_counts_votes_without_them(stack: Stack, tmp_path: Path) -> None:
    code, output = await _run(stack, "audit", stack.url, "--report", str(tmp_path / "report"))
    assert code == 0, output
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["verdict"] == "VERIFIED"
    assert report["records"]["finance.reported"] == 5
    assert report["finance"] == {"changes_the_verdict": False, "reports": 5, "accounts": 4, "out_of_balance": 1}


async def _run(stack: Stack, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rekap", *arguments),
        env=stack.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode or 0, output.decode() + errors.decode()


async def test_a_replay_of_the_log_gives_the_pages_that_the_api_lists(stack: Stack, client: httpx.AsyncClient) -> None:
    async def replay(*options: str) -> tuple[int, bytes]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "rekap", "replay", stack.url, "--finance", *options),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT if "--json" not in options else asyncio.subprocess.DEVNULL,
        )
        out, _ = await process.communicate()
        return process.returncode or 0, out

    served = (await client.get("/v1/finance")).content

    async def is_published() -> bool:
        return await replay("--json") == (0, served)

    await eventually(is_published)
    code, shown = await replay()
    assert code == 0
    assert "parties/P2/1.1" in shown.decode()
    assert (await replay("--after", "x"))[0] == 2
    assert (await replay("--area", "N"))[0] == 2
