"""GET: the maps of the election, and each of them as GeoJSON, TopoJSON, SVG or PNG, with results where they are asked for."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Request, Response

from api.answers.content_codings import GZIP, IDENTITY
from api.answers.file_response import WholeFile, length_of, opened
from api.answers.kept_answers import Key, Kind
from api.answers.responses import response_of
from api.described import BYTES, described_as, problem_answers
from api.limits.limits import CLIENT_ADDRESS
from api.maps.answers import MapAnswers
from api.maps.map_answer import AskedMap, Counted, map_bytes
from api.maps.map_files import LoadedMap, MapFiles, MapSet, gone
from api.problems import Problem
from api.read.snapshots import coding_of, not_in_election, snapshots_of
from projections.definition.ballots import OfficeEntry
from projections.definition.compiled import Definition
from projections.maps.plan import MapKind, areas_within
from projections.maps.results import MapResults
from runtime.files.files_below import descriptor_below
from schemas.codes import CODE_PATTERN
from schemas.maps.files import MapFormat, Resolution
from schemas.served.maps import MapCollection, MapIndex

router = APIRouter(prefix="/v1/maps", tags=["maps"])

FEATURES_MAX = 1_000
"""Limit for the features of a map with results, of a picture, and of a part of a map. At double, making one takes 100 ms of the
process."""
FORMATS = "geojson|topojson|svg|png"
NAME_PATTERN = rf"^[A-Za-z0-9][A-Za-z0-9._\-]{{0,63}}\.({FORMATS})$"
MEDIA_TYPES = {
    **{each.value: each.media_type for each in MapFormat},
    "svg": "image/svg+xml",
    "png": "image/png",
}
CACHE_CONTROL = "public, max-age=300, stale-while-revalidate=3600"
"""How a map without results is cached. A corrected border is seen after five minutes."""
RESULTS_CACHE_CONTROL = "public, max-age=2, stale-while-revalidate=5, stale-if-error=3600"

Results = Annotated[
    str | None,
    Query(pattern=CODE_PATTERN, description="join the results of this office to the properties, or colour by them"),
]
Detail = Annotated[
    Resolution | None,
    Query(description="details of the borders (default: `low`, and `medium` within an area)"),
]
_MAP = described_as(
    "The map, with a strong ETag.",
    {
        "application/geo+json": {"schema": MapCollection.model_json_schema()},
        "application/json": {"schema": {"type": "object", "description": "TopoJSON 1.0 with the object `areas`"}},
        "image/svg+xml": BYTES,
        "image/png": BYTES,
    },
)


@router.get("", summary="The maps of the election", responses={200: {"model": MapIndex}, **problem_answers(404)})
async def maps(request: Request) -> Response:
    """A map for each level of areas and for the contests of each office, with its files by resolution and format. Levels and
    electoral districts without borders of their own are joined from the areas that they consist of."""
    found = await _files(request).newest()
    key: Key = (Kind.MAP, found.digest, "index")
    answer, _ = await _answers(request).get(
        key, _address(request), _nothing, partial(_index, _definition(request), found)
    )
    form = await _answers(request).form(key, answer, coding_of(request)(len(answer.body)))
    response = response_of(form)
    response.headers["Cache-Control"] = "public, max-age=60"
    return response


@router.get("/offices/{name}", responses=_MAP, response_class=Response, summary="The electoral districts of an office")
async def office_map(
    request: Request,
    name: Annotated[str, Path(pattern=NAME_PATTERN, description="OFFICE.geojson, .topojson, .svg or .png")],
    results: Results = None,
    resolution: Detail = None,
) -> Response:
    """The electorate of each contest of the office. Results are those of this office."""
    office_id, _, format = name.rpartition(".")
    snapshots_of(request).office(office_id)
    if results not in (None, office_id):
        raise not_in_election("query.results", f"The contests of {office_id} have no results of {results}.")
    return await _answer(request, MapKind.CONTESTS, office_id, format, results, resolution or Resolution.LOW, None)


@router.get("/{name}", responses=_MAP, response_class=Response, summary="All areas of a level")
async def map(
    request: Request,
    name: Annotated[str, Path(pattern=NAME_PATTERN, description="LEVEL.geojson, .topojson, .svg or .png")],
    results: Results = None,
    resolution: Detail = None,
) -> Response:
    """The areas of a level of the election. An area without a border is a feature without a geometry, so that none is lost. A
    level with more than 1,000 areas has results and pictures only for the areas within one area."""
    level, _, format = name.rpartition(".")
    _known_level(request, level)
    return await _answer(request, MapKind.LEVEL, level, format, results, resolution or Resolution.LOW, None)


@router.get("/{area}/{name}", responses=_MAP, response_class=Response, summary="The areas of a level within an area")
async def area_map(
    request: Request,
    area: Annotated[str, Path(pattern=CODE_PATTERN, description="code of an area")],
    name: Annotated[str, Path(pattern=NAME_PATTERN, description="LEVEL.geojson, .topojson, .svg or .png")],
    results: Results = None,
    resolution: Detail = None,
) -> Response:
    """The areas of a level that lie in an area, such as the districts of a province."""
    level, _, format = name.rpartition(".")
    _known_level(request, level)
    number = snapshots_of(request).area(area)
    return await _answer(request, MapKind.LEVEL, level, format, results, resolution or Resolution.MEDIUM, number)


async def _answer(
    request: Request,
    kind: MapKind,
    of: str,
    format: str,
    results: str | None,
    resolution: Resolution,
    within: int | None,
) -> Response:
    found = await _files(request).newest()
    office = None if results is None else snapshots_of(request).office(results)
    if office is None and within is None and format in ("geojson", "topojson"):
        return await _whole(request, found, kind, of, resolution, MapFormat(format))
    found.joinable(kind, of, resolution)
    definition = _definition(request)
    codes = None if within is None else areas_within(definition.tree, of, within, FEATURES_MAX + 1)
    if (found.features(kind, of) if codes is None else len(codes)) > FEATURES_MAX:
        raise Problem(
            422,
            "Map too large",
            f"This map has more than {FEATURES_MAX:,} areas; with results, as a picture or in part, no more are sent. "
            f"Ask for the areas within one area: /v1/maps/AREA/{of}.{format}.",
            field="path",
        )

    async def read() -> tuple[AskedMap, Counted | None]:
        loaded = await _files(request).loaded(found, kind, of, resolution)
        numbers = list(range(len(loaded.features))) if codes is None else loaded.numbers_of(codes)
        asked = AskedMap(kind, _title(definition, kind, of, within), found.digest, format, loaded, numbers)
        if office is None:
            return asked, None
        joined = await _map_results(request, office, loaded, numbers)
        wanted = joined.wanted(kind)
        moment = await snapshots_of(request).read.moment_of(wanted.lines, wanted.areas)
        return asked, Counted(joined, moment)

    key: Key = (Kind.MAP, found.digest, kind.value, of, format, results, resolution.value, within)
    answers = _answers(request)
    coding = coding_of(request)
    is_packed = format == "png"
    answer, age_s = await answers.get(key, _address(request), read, lambda read: map_bytes(definition, *read))
    form = await answers.form(key, answer, IDENTITY if is_packed else coding(len(answer.body)))
    headers = {
        "ETag": form.etag,
        "Vary": "Accept-Encoding",
        "Cache-Control": RESULTS_CACHE_CONTROL if office is not None else CACHE_CONTROL,
        **({} if age_s is None else {"Age": str(int(age_s)), "Cache-Control": "no-cache"}),
        **({} if form.coding == IDENTITY else {"Content-Encoding": form.coding}),
        **_name_header(definition, of, format),
    }
    return Response(form.body, headers=headers, media_type=MEDIA_TYPES[format])


async def _whole(
    request: Request, found: MapSet, kind: MapKind, of: str, resolution: Resolution, format: MapFormat
) -> Response:
    """A map as the exporter has written it."""
    file = found.file(kind, of, resolution, format)
    is_packed = coding_of(request, (GZIP, IDENTITY))(file["bytes"]) == GZIP
    name, digest = (f"{file['name']}.gz", file["gzip_sha256"]) if is_packed else (file["name"], file["sha256"])
    try:
        body = await opened(request, partial(descriptor_below, found.root, found.path_of(name)))
    except FileNotFoundError:
        raise gone() from None
    headers = {
        "ETag": f'"{digest[:32]}"',
        "Vary": "Accept-Encoding",
        "Cache-Control": CACHE_CONTROL,
        **({"Content-Encoding": GZIP} if is_packed else {}),
        **_name_header(_definition(request), of, format.value),
    }
    return WholeFile(body, length_of(body), file["media_type"], headers)


async def _map_results(request: Request, office: OfficeEntry, loaded: LoadedMap, numbers: list[int]) -> MapResults:
    names = [loaded.features[number].id for number in numbers]
    parties: dict[str, str] = {}
    if len(office.contests) > 1:
        try:
            parties = (await request.app.state.profiles.get()).short_names
        except Problem:
            parties = {}  # results do not depend on profiles; a party is then named by its id
    return MapResults(_definition(request), office, names, parties)


def _title(definition: Definition, kind: MapKind, of: str, within: int | None) -> str:
    if kind is MapKind.CONTESTS:
        return "by electoral district"
    level = next(each for each in definition.election.levels if each.id == of)
    place = "" if within is None else f" in {definition.tree.names[within]}"
    return f"by {level.name.preferred('en')}{place}"


def _known_level(request: Request, level: str) -> None:
    levels = _definition(request).tree.level_ids[:-1]
    if level not in levels:
        raise not_in_election("path.name", f"There is no level {level!r} with maps; there are: {', '.join(levels)}.")


def _name_header(definition: Definition, of: str, format: str) -> dict[str, str]:
    """The header with the name under which a browser saves the map. A map that is opened is shown, and not saved at once."""
    return {"Content-Disposition": f'inline; filename="{definition.election.id}-{of}.{format}"'}


def _url(entry: dict[str, Any]) -> str:
    return f"/v1/maps/offices/{entry['of']}" if entry["kind"] == MapKind.CONTESTS else f"/v1/maps/{entry['of']}"


async def _nothing() -> None:
    """What is read for the index, which has no results."""


def _index(definition: Definition, found: MapSet, _: None) -> bytes:
    election = definition.election
    return orjson.dumps(
        {
            "election": election.id,
            "mode": election.mode.value,
            "licence": election.licence,
            "source": election.source,
            "results_features_max": FEATURES_MAX,
            **{name: found.index[name] for name in ("definition", "digest", "sources")},
            "maps": [
                {
                    **entry,
                    "files": [
                        {**file, "url": f"{_url(entry)}.{file['format']}?resolution={file['resolution']}"}
                        for file in entry["files"]
                    ],
                }
                for entry in found.index["maps"]
            ],
        }
    )


def _answers(request: Request) -> MapAnswers:
    answers: MapAnswers = request.app.state.map_answers
    return answers


def _address(request: Request) -> str:
    address: str = request.scope.get(CLIENT_ADDRESS, "")
    return address


def _files(request: Request) -> MapFiles:
    files: MapFiles = request.app.state.maps
    return files


def _definition(request: Request) -> Definition:
    return snapshots_of(request).definition
