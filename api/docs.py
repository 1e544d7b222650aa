"""The documentation of the API: OpenAPI, and a page that is made of it without scripts, so also without scripts of others."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from typing import Any

import orjson
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute

from api.described import UNCHANGED
from api.page.policy import policy_with
from api.problems import PROBLEM_RESPONSES, PROBLEM_SCHEMA

router = APIRouter(include_in_schema=False)

PARAMETERS = {
    "area": "Code of an area, as `/v1/areas` lists them.",
    "candidate": "Id of a candidate.",
    "choice": "Id of a choice of the contest.",
    "contest": "Id of a contest.",
    "cursor": "Position after which to continue, instead of beginning with a snapshot.",
    "district": "Id of an electoral district.",
    "event": "Id of an event.",
    "key": "Id of a key.",
    "last-event-id": "The `id` of the last message that the client has; a browser sends it by itself.",
    "offset": "Offset of a record in the partition.",
    "office": "Id of an office, as `/v1/election` lists them.",
    "partition": "Number of a ledger partition, from 0.",
    "party": "Id of a party.",
    "path": "Path of a file of the log (C2SP tlog-tiles).",
    "station": "Code of a polling station (TPS).",
    "submission": "The event id in the receipt.",
}
"""Descriptions of parameters of which the route has none, because they mean the same everywhere."""


def operation_id(route: APIRoute) -> str:
    """The name of a route in generated clients: `get_area`, `submit`."""
    return f"get_{route.name}" if "GET" in (route.methods or ()) else route.name


def describe(app: FastAPI) -> None:
    """Complete the app's OpenAPI document with what all routes have in common, and with the schemas that it refers to."""
    of_routes = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = of_routes()
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            _hoist(document["paths"], schemas)
            schemas["Problem"] = PROBLEM_SCHEMA
            for name in ("HTTPValidationError", "ValidationError"):  # FastAPI's own; this API answers with problems
                schemas.pop(name, None)
            for methods in document["paths"].values():
                for method, operation in methods.items():
                    _complete(method, operation["responses"])
                    _refer_to_problems(operation["responses"], document["components"].setdefault("responses", {}))
                    for parameter in operation.get("parameters", ()):
                        parameter.setdefault("description", PARAMETERS.get(parameter["name"], ""))
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation has it


def _complete(method: str, responses: dict[str, Any]) -> None:
    """Add the answers of api/parameters.py, api/answers/reading.py and api/dispatcher.py, and remove JSON where a route has
    another type."""
    content = responses.get("200", {}).get("content", {})
    is_stream = "text/event-stream" in content
    responses["422"] = PROBLEM_RESPONSES[422]
    if not is_stream:  # an event stream is never refused, because a browser would not come back
        responses["429"] = PROBLEM_RESPONSES[429]
        responses["503"] = PROBLEM_RESPONSES[503]
    if content.get("application/json") == {"schema": {}} and len(content) > 1:
        del content["application/json"]
    if method == "get" and not is_stream:
        responses.setdefault("304", UNCHANGED)
        responses["412"] = PROBLEM_RESPONSES[412]


def _refer_to_problems(responses: dict[str, Any], shared: dict[str, Any]) -> None:
    """Describe each problem once in `shared`, the document's components, and refer to it in the answers of an operation."""
    for status, answer in responses.items():
        if answer == PROBLEM_RESPONSES.get(int(status)):
            shared[f"Problem{status}"] = answer
            responses[status] = {"$ref": f"#/components/responses/Problem{status}"}


def _hoist(node: Any, schemas: dict[str, Any]) -> None:
    """Move the schemas that a schema defines in itself (`$defs`) to where the references of the document find them."""
    if isinstance(node, list):
        for each in node:
            _hoist(each, schemas)
    elif isinstance(node, dict):
        for name, schema in node.pop("$defs", {}).items():
            known = schemas.setdefault(name, schema)
            _hoist(schema, schemas)  # before the comparison, because the known one was hoisted too
            assert known == schema, f"two schemas are called {name}"
        if isinstance(reference := node.get("$ref"), str):
            node["$ref"] = reference.replace("#/$defs/", "#/components/schemas/")
        for each in node.values():
            _hoist(each, schemas)


_STYLE = """
body { max-width: 60rem; margin: 0 auto; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif; color: #222; background: #fff }
h2 { margin-top: 3rem; border-bottom: 1px solid #ccc } h3 { margin-top: 2rem }
code, pre { font: .9rem/1.4 ui-monospace, monospace } code { overflow-wrap: anywhere }
pre { background: #f5f5f5; padding: .6rem; max-height: 24rem; overflow: auto }
table { border-collapse: collapse } th, td { text-align: left; vertical-align: top; padding: .2rem 1rem .2rem 0 }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #111 } a { color: #8cf } pre { background: #222 } }
"""
POLICY = policy_with(_STYLE)


@router.get("/openapi.json")
async def openapi(request: Request) -> Response:
    return Response(orjson.dumps(request.app.openapi()), media_type="application/json")


@router.get("/docs")
async def docs(request: Request) -> Response:
    headers = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"}
    return Response(page(request.app.openapi()), headers=headers, media_type="text/html; charset=utf-8")


def page(openapi: dict[str, Any]) -> str:
    """An OpenAPI document as HTML, operations by their tag."""
    info, shared = openapi["info"], openapi["components"]["responses"]
    by_tag: dict[str, list[str]] = {}
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            tag = (operation.get("tags") or ["other"])[0]
            answers = {
                status: shared[answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
                for status, answer in operation["responses"].items()
            }
            by_tag.setdefault(tag, []).append(_operation(path, method, {**operation, "responses": answers}))
    contents = ", ".join(f'<a href="#{_escaped(tag)}">{_escaped(tag)}</a>' for tag in by_tag)
    sections = [f'<h2 id="{_escaped(tag)}">{_escaped(tag)}</h2>{"".join(parts)}' for tag, parts in by_tag.items()]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_escaped(info['title'])} API</title><style>{_STYLE}</style></head><body>"
        f"<h1>{_escaped(info['title'])} API</h1>{_text(info.get('description', ''))}"
        f'<p>For programs: <a href="openapi.json">openapi.json</a>. Here: {contents}.</p>{"".join(sections)}</body></html>'
    )


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    parameters = operation.get("parameters", [])
    name = f"{method.upper()} {path}"
    needs_nothing = method == "get" and not any(each.get("required") for each in parameters)
    shown = f'<a href="{_escaped(path)}">{_escaped(name)}</a>' if needs_nothing else _escaped(name)
    parts = [f'<h3 id="{_escaped(operation["operationId"])}"><code>{shown}</code></h3>']
    parts.append(f"<p><b>{_escaped(operation.get('summary', ''))}.</b></p>{_text(operation.get('description', ''))}")
    if parameters:
        parts.append(_table(("parameter", "", "what"), (_parameter(each) for each in parameters)))
    body = operation.get("requestBody")
    if body is not None:
        parts.append(
            _text(f"Body: {', '.join(f'`{kind}`' for kind in body['content'])}. {body.get('description', '')}")
        )
    parts.append(
        _table(
            ("status", "as", "what"),
            (
                (status, ", ".join(answer.get("content", {})), answer.get("description", ""))
                for status, answer in sorted(operation["responses"].items())
            ),
        )
    )
    parts += [f"<pre>{_escaped(example)}</pre>" for example in _examples(operation["responses"])]
    return "".join(parts)


def _parameter(parameter: dict[str, Any]) -> tuple[str, str, str]:
    schema = parameter["schema"]
    is_required = "required" if parameter.get("required") else ""
    limits = [
        f"{name} {schema[name]}" for name in ("default", "minimum", "maximum") if schema.get(name) not in (None, "")
    ]
    one_of = [str(each) for each in schema.get("enum", [])]
    about = [parameter.get("description", ""), *limits, *(["one of " + ", ".join(one_of)] if one_of else [])]
    return f"{parameter['name']} ({parameter['in']})", is_required, "; ".join(each for each in about if each)


def _examples(responses: dict[str, Any]) -> Iterable[str]:
    for status in ("200", "201"):
        for answer in responses.get(status, {}).get("content", {}).values():
            if "example" in answer:
                yield json.dumps(answer["example"], indent=1, ensure_ascii=False)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    cells = "".join(f"<th>{_escaped(each)}</th>" for each in head)
    lines = "".join(f"<tr>{''.join(f'<td>{_with_code(each)}</td>' for each in row)}</tr>" for row in rows)
    return f"<table><tr>{cells}</tr>{lines}</table>"


def _text(text: str) -> str:
    return "".join(f"<p>{_with_code(each)}</p>" for each in text.split("\n\n") if each.strip())


def _with_code(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", _escaped(text))


def _escaped(text: str) -> str:
    return html.escape(text)
