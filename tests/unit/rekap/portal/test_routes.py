"""The portal serves each reading path of the API, or states why an archive does not have it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from api.app import create_app
from api.limits.limits import Limits
from projections.definition.compiled import Definition
from rekap.archive.parts import PACKAGE
from rekap.portal.archived_election import NOT_IN_ARCHIVES, archived_app, close_archived_app
from rekap.portal.archived_read_model import ArchivedReadModel
from rekap.portal.read_model_file import new_read_model
from runtime.package.writing import pack, write_package
from runtime.settings import Settings
from tests.support.small_election import small_package

DEFINITION = Definition.of(small_package())


def _paths(app: FastAPI) -> set[tuple[str, str]]:
    """Methods and paths. A path that has GET has HEAD."""
    return {
        (method, str(context.path))
        for context in iter_route_contexts(app.routes)
        for method in (context.methods or {"WEBSOCKET"}) - {"HEAD"}
    }


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[set[tuple[str, str]]]:
    cut = tmp_path_factory.mktemp("cut")
    write_package(small_package(), cut / "election")
    (cut / PACKAGE).write_bytes(pack(cut / "election"))
    with new_read_model(cut / "read.sqlite"):
        pass
    read = ArchivedReadModel(cut / "read.sqlite", DEFINITION)
    app = archived_app(cut, cut / "package.zip", {}, DEFINITION, read, base="/elections/small", public_url="", parts=1)
    yield _paths(app)
    close_archived_app(app)
    read.close()


@pytest.fixture(scope="module")
def of_api() -> set[tuple[str, str]]:
    return _paths(create_app(Settings(), DEFINITION, Limits(Settings())))


def test_each_path_of_the_api_is_served_or_has_a_reason(
    of_api: set[tuple[str, str]], archived: set[tuple[str, str]]
) -> None:
    assert ("GET", "/v1/areas/{area}") in archived
    missing = {path for _, path in of_api - archived}
    assert missing == NOT_IN_ARCHIVES.keys()


def test_an_archive_has_no_path_that_the_api_does_not_have(
    of_api: set[tuple[str, str]], archived: set[tuple[str, str]]
) -> None:
    assert archived - of_api == set()


def test_each_reason_is_a_sentence() -> None:
    assert all(len(reason.split()) >= 3 for reason in NOT_IN_ARCHIVES.values())
