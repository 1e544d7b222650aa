"""The start page names the election, warns of a rehearsal, and each of its links leads somewhere."""

from __future__ import annotations

import re
from dataclasses import replace

from fastapi import FastAPI

from api.app import create_app
from api.limits.limits import Limits
from api.page.start import LINKS, POLICY, page
from api.problems import allowed_methods
from projections.definition.compiled import Definition
from runtime.settings import Settings
from schemas.definition.package import Mode
from schemas.definition.rows import LocalText
from tests.support.small_election import small_package

PACKAGE = small_package()
DEFINITION = Definition.of(PACKAGE)


def _with(**changes: object) -> str:
    election = PACKAGE.election.model_copy(update=changes)
    return page(Definition.of(replace(PACKAGE, election=election)))


def test_each_link_is_a_route() -> None:
    app: FastAPI = create_app(Settings(), DEFINITION, Limits(Settings()))
    for address, _, _ in LINKS:
        assert "GET" in allowed_methods(app, {"type": "http", "path": address, "root_path": ""}), address
    assert all(f'href="{address}"' in page(DEFINITION) for address, _, _ in LINKS)


def test_a_rehearsal_is_named_and_a_live_election_is_not_called_one() -> None:
    assert "no number here is a result" in _with(mode=Mode.REHEARSAL)
    assert "no number here is a result" not in _with(mode=Mode.LIVE)


def test_texts_of_the_package_are_escaped_and_every_language_is_shown() -> None:
    shown = _with(title=LocalText({"id": "<b>Pemilu</b>", "en": "Election & more"}), source="<i>")
    assert "<b>" not in shown
    assert "<i>" not in shown
    assert '<p lang="en">Election &amp; more</p>' in shown


def test_the_page_runs_nothing() -> None:
    assert "script" not in page(DEFINITION).lower()
    assert re.fullmatch(r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]+'; .*frame-ancestors 'none'", POLICY)
