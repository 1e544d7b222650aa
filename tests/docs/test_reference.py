"""Documents that are made from the code are up to date, and their examples have the shapes they document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rekap.reference import documents
from schemas.served.examples import EXAMPLES

ROOT = Path(__file__).parents[2]
DOCUMENTS = documents()


@pytest.mark.parametrize("path", sorted(DOCUMENTS))
def test_a_document_made_from_the_code_is_up_to_date(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == DOCUMENTS[path], f"{path} is out of date; run `make reference`"


@pytest.mark.parametrize("model", EXAMPLES, ids=lambda model: model.__name__)
def test_an_example_has_the_shape_it_is_an_example_of(model: Any) -> None:
    model.model_validate(EXAMPLES[model])


def test_every_answer_of_the_api_is_described() -> None:
    import json

    paths = json.loads((ROOT / "docs/reference/openapi.json").read_text())["paths"]
    assert {"/v1/submissions", "/v1/submissions:batch", "/v1/areas/{area}", "/v1/live", "/v1/health"} <= paths.keys()
    for path, methods in paths.items():
        for method, operation in methods.items():
            assert operation["summary"], f"{method} {path} has no summary"
            assert {"200", "201"} & operation["responses"].keys(), f"{method} {path} does not state what it answers"
