"""Addresses of a portal: a redirect leads to the election's own server, however the address is written."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from rekap.portal.app import create_portal
from rekap.portal.configuration import ElectionEntry, PortalConfiguration
from rekap.portal.election_state import State

LIVE, ARCHIVED = "pemilu-2029", "pemilu-2019"
SERVER = "https://count.example:8443"


@pytest.fixture
def portal(tmp_path: Path) -> FastAPI:
    """A portal with a live election, and one whose archive is served by an app of its own."""
    entries = ElectionEntry(LIVE, None, SERVER), ElectionEntry(ARCHIVED, tmp_path, None)
    app = create_portal(PortalConfiguration("Pemilu", tmp_path / "state", entries))
    archived = app.state.elections[ARCHIVED]
    archived.app, archived.state = FastAPI(), State.SERVED
    archived.app.add_api_route("/v1/election", lambda: ARCHIVED)
    return app


async def _get(portal: FastAPI, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(portal)
    async with httpx.AsyncClient(transport=transport, base_url="http://portal.example") as client:
        return await client.get(path)


@pytest.mark.parametrize(
    ("path", "location"),
    [
        (f"/elections/{LIVE}/v1/areas/34?office=dpr", f"{SERVER}/v1/areas/34?office=dpr"),
        (f"/elections/{LIVE}//elsewhere.example/", f"{SERVER}//elsewhere.example/"),
        (f"/elections/{LIVE}/v1/a%2Fb", f"{SERVER}/v1/a%2Fb"),
    ],
)
async def test_a_live_election_is_answered_by_its_own_server(portal: FastAPI, path: str, location: str) -> None:
    answer = await _get(portal, path)
    assert (answer.status_code, answer.headers["location"]) == (307, location)


@pytest.mark.parametrize(
    "path",
    [
        f"/elections/{LIVE}%2F@elsewhere.example/",
        f"/elections/{LIVE}%2f@elsewhere.example/v1/election",
        f"/elections%2F{LIVE}/v1/election",
        f"/%65lections/{LIVE}/v1/election",
        "/elections/pemilu%2D2029/v1/election",
    ],
)
async def test_no_spelling_of_an_address_leads_elsewhere(portal: FastAPI, path: str) -> None:
    answer = await _get(portal, path)
    assert answer.status_code == 404
    assert "location" not in answer.headers


@pytest.mark.parametrize("path", [f"/elections/{ARCHIVED}%2Fv1/election", "/elections/pemilu%2D2019/v1/election"])
async def test_an_archived_election_has_one_spelling_too(portal: FastAPI, path: str) -> None:
    assert (await _get(portal, f"/elections/{ARCHIVED}/v1/election")).json() == ARCHIVED
    answer = await _get(portal, path)
    assert (answer.status_code, answer.json()["title"]) == (404, "Not in this portal")
