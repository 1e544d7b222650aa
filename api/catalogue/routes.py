"""GET: the catalogue of the newest cut in each standard, and a page for each dataset."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from api.answers.responses import Sent, response_of
from api.catalogue.page import PAGE_POLICY, dataset_page
from api.catalogue.published import Catalogues, at_base
from api.described import OBJECT, TEXT, Responses, described_as
from api.problems import Problem
from projections.catalogue.documents import DATA_PACKAGE, DCAT_JSON_LD, DCAT_TURTLE, SCHEMA_ORG, SITEMAP, TERMS

router = APIRouter(tags=["catalogue"])

DatasetName = Annotated[str, Path(pattern=r"^[a-z0-9\-]{1,100}$", description="`name` of a dataset of the catalogue")]


def _described(description: str, *media_types: str) -> Responses:
    content = {each: OBJECT if each.endswith("json") else TEXT for each in media_types}
    return described_as(description, content, (404, 406, 503))


def catalogues_of(request: Request) -> Catalogues:
    found: Catalogues = request.app.state.catalogues
    return found


@router.get(
    "/v1/catalog",
    summary="The catalogue as DCAT",
    response_class=Response,
    responses=_described("DCAT-AP 3.0", "application/ld+json", "text/turtle"),
)
async def catalog(request: Request) -> Response:
    """The catalogue in Turtle where `Accept` names `text/turtle`, otherwise in JSON-LD."""
    wants_turtle = "text/turtle" in request.headers.get("accept", "")
    response = await _document(request, DCAT_TURTLE if wants_turtle else DCAT_JSON_LD)
    response.headers["Vary"] = "Accept, Accept-Encoding"
    return response


@router.get(
    "/v1/catalog.jsonld",
    summary="The catalogue as DCAT in JSON-LD",
    response_class=Response,
    responses=_described("DCAT-AP 3.0", "application/ld+json"),
)
async def catalog_json_ld(request: Request) -> Response:
    """The bulk files of the newest cut: a dataset for each table, and in it a distribution for each format. `accessURL` is the
    file of the newest cut at any time; `downloadURL`, size and checksum are those of this cut."""
    return await _document(request, DCAT_JSON_LD)


@router.get(
    "/v1/catalog.ttl",
    summary="The catalogue as DCAT in Turtle",
    response_class=Response,
    responses=_described("DCAT-AP 3.0", "text/turtle"),
)
async def catalog_turtle(request: Request) -> Response:
    """The graph of `/v1/catalog.jsonld`, in Turtle."""
    return await _document(request, DCAT_TURTLE)


@router.get(
    "/v1/datapackage.json",
    summary="The CSV files as a Data Package",
    response_class=Response,
    responses=_described("A Frictionless Data Package, with the Table Schema of each file.", "application/json"),
)
async def data_package(request: Request) -> Response:
    return await _document(request, DATA_PACKAGE)


@router.get(
    "/v1/dataset.jsonld",
    summary="The election as a dataset of schema.org",
    response_class=Response,
    responses=_described("A `Dataset` of schema.org with a part for each table.", "application/ld+json"),
)
async def schema_org(request: Request) -> Response:
    return await _document(request, SCHEMA_ORG)


@router.get(
    "/v1/terms.json",
    summary="Terms of use",
    response_class=Response,
    responses=_described("Licence of data and code, how to name the source, and personal data.", "application/json"),
)
async def terms_of_use(request: Request) -> Response:
    return await _document(request, TERMS)


@router.get(
    "/sitemap.xml",
    summary="Addresses for search engines",
    response_class=Response,
    responses=_described("sitemaps.org 0.9", "application/xml"),
)
async def sitemap_xml(request: Request) -> Response:
    return await _document(request, SITEMAP)


@router.get(
    "/v1/datasets/{name}",
    summary="A page about a dataset",
    response_class=Response,
    responses=_described(
        "Files and columns of the dataset, with the dataset of schema.org for search engines.", "text/html"
    ),
)
async def dataset(request: Request, name: DatasetName) -> Response:
    catalogues = catalogues_of(request)
    base = catalogues.base_of(request)
    newest = await catalogues.newest()
    if name not in newest.datasets:
        raise Problem(
            404, "No such dataset", f"There is no dataset {name!r}; GET /v1/catalog lists them.", field="path.name"
        )
    page = dataset_page(newest.facts, newest.datasets[name], newest.at)
    return Response(
        at_base(page.encode(), base),
        media_type="text/html; charset=utf-8",
        headers={
            "Cache-Control": catalogues.cache_control,
            "Content-Security-Policy": PAGE_POLICY,
            "X-Content-Type-Options": "nosniff",
        },
    )


async def _document(request: Request, name: str) -> Response:
    catalogues = catalogues_of(request)
    form, media_type = await catalogues.document(request, name)
    response = response_of(form, sent=Sent(media_type))
    response.headers["Cache-Control"] = catalogues.cache_control
    return response
