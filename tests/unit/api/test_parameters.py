"""A parameter that would be ignored is refused, and the sentence names those that the path has."""

from __future__ import annotations

from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI, Query

from api.parameters import only_known_parameters
from api.problems import install_problems


def _app() -> FastAPI:
    app = FastAPI(dependencies=[Depends(only_known_parameters)])
    install_problems(app)

    @app.get("/areas/{area}")
    async def area(area: str, office: Annotated[str, Query()] = "", part: Annotated[int, Query()] = 1) -> str:
        return f"{area} {office} {part}"

    @app.get("/plain")
    async def plain() -> str:
        return "plain"

    return app


async def _get(path: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path)


@pytest.mark.parametrize("path", ["/areas/1", "/areas/1?office=mayor&part=2", "/plain"])
async def test_known_parameters_pass(path: str) -> None:
    assert (await _get(path)).status_code == 200


REFUSED = [
    (
        "/areas/1?ofice=x",
        "query.ofice",
        "This path has no parameter 'ofice'. Did you mean 'office'? It has: office, part.",
    ),
    ("/areas/1?zzz=x", "query.zzz", "This path has no parameter 'zzz'. It has: office, part."),
    ("/plain?part=1", "query.part", "This path has no parameter 'part'. It has none."),
    ("/areas/1?part=1&part=1", "query.part", "query.part: is given more than once; give it once."),
    ("/areas/1?office=a%00b", "query.office", "query.office: has the control character U+0000 at character 2."),
    ("/areas/1?office=%ff", "query.office", "query.office: has bytes that are not UTF-8 at character 1."),
    ("/areas/a%01", "path.area", "path.area: has the control character U+0001 at character 2."),
]


@pytest.mark.parametrize(("path", "field", "detail"), REFUSED)
async def test_others_are_refused_with_the_field_and_the_reason(path: str, field: str, detail: str) -> None:
    answer = await _get(path)
    assert answer.status_code == 422
    assert (answer.json()["field"], answer.json()["detail"]) == (field, detail)
