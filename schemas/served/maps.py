"""Shapes of the index of maps, and of a map with results."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from schemas.served.shape import PartitionOffsets, Shape, Texts


class MapFile(Shape):
    """A map in one resolution and format."""

    name: str
    """Name of the file; among the bulk files it has `map.` before it."""
    url: str
    """Path of this API."""
    resolution: Literal["low", "medium", "high"]
    """How many details the borders have."""
    format: Literal["geojson", "topojson"]
    """GeoJSON (RFC 7946) or TopoJSON 1.0."""
    media_type: str
    """Media type (RFC 6838)."""
    smallest_detail: int
    """Side of the smallest square that is not left out, in 100,000ths of a degree; 0 where nothing is."""
    bytes: int
    """Size in bytes."""
    sha256: str
    """SHA-256 of the bytes, hexadecimal."""
    gzip_bytes: int
    """Size of the compressed form."""
    gzip_sha256: str
    """SHA-256 of the compressed form, hexadecimal."""


class MapEntry(Shape):
    """The map of a level of areas, or of the contests of an office."""

    kind: Literal["level", "contests"]
    """Whether it shows the areas of a level, or the electorates of an office."""
    of: str
    """Id of the level or office."""
    joined_from: str | None
    """The level of whose areas the shapes were joined; null where the package has borders of this level."""
    features: int
    """Number of its areas or contests."""
    not_drawn: list[str]
    """Areas or contests of which no border is known, or not of all their parts."""
    bbox: list[float] | None
    """West, south, east, north; west is greater than east where the map crosses the 180th meridian."""
    files: list[MapFile]
    """The map in each resolution and format."""


class MapIndex(Shape):
    """The maps of the election."""

    election: str
    """Id of the election."""
    mode: Literal["rehearsal", "live"]
    """Whether the numbers are results or those of a rehearsal."""
    definition: str
    """Definition hash."""
    digest: str
    """Digest of all maps together; another one where a border was corrected."""
    sources: dict[str, str]
    """File of the package → its SHA-256."""
    licence: str
    """Licence of the data."""
    source: str | None
    """Source of the data."""
    results_features_max: int
    """A map with more `features` has results and pictures for the areas within one area only (`/v1/maps/AREA/LEVEL.FORMAT`)."""
    maps: list[MapEntry]
    """Levels from the root down, and then offices."""


class MapChoiceLine(Shape):
    """A choice, or a party, by which the areas of a map are compared."""

    id: str
    """Key of `votes`."""
    name: str
    """Name of the choice, or short name of the party."""


class MapProperties(BaseModel):
    """What is known of an area, and its results where they were asked for. An area also has `code`, `name`, `level` and
    `parent`; a contest has `contest`, `office`, `electorate`, `name` and `seats`."""

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)

    drawn: Literal["whole", "in-part", "not"]
    """How much of its border is known."""
    results_status: str | None = None
    """ResultsStatus of NIST SP 1500-100."""
    stations_expected: int | None = None
    """Stations that vote here."""
    stations_reported: int | None = None
    """Stations whose form is counted or held."""
    stations_counted: int | None = None
    """Stations whose form is counted."""
    stations_held: int | None = None
    """Stations whose form is held for review."""
    counted_share: float | None = None
    """Share of the expected stations that are counted, cut off after four decimals, so that 1 means all."""
    votes_total: int | None = None
    """Sum of `votes`."""
    leader: str | None = None
    """Id of the choice with the most votes; null where there are no votes, or several choices have equally many, which `tied`
    then names."""
    leader_name: str | None = None
    """Name of the leader."""
    leader_votes: int | None = None
    """Votes of the leader."""
    leader_share: float | None = None
    """Share of the leader in `votes_total`, rounded to four decimals."""
    margin: int | None = None
    """Votes between the leader and the next choice."""
    tied: list[str] | None = None
    """Choices with equally many votes, ahead of all others; empty where there is a leader."""
    votes: dict[str, int] | None = None
    """Votes by the ids of `choices`."""


class MapFeature(Shape):
    """An area or contest (RFC 7946, 3.2)."""

    type: Literal["Feature"]
    """Type of the object in GeoJSON (RFC 7946, 3.2)."""
    id: str
    """Code of the area, or id of the contest."""
    bbox: list[float] | None = None
    """West, south, east, north; absent without a geometry."""
    properties: MapProperties
    """What is known of it."""
    geometry: dict[str, Any] | None
    """A Polygon or MultiPolygon; null where no border is known."""


class MapCollection(Shape):
    """A map as GeoJSON (RFC 7946), with what it states of itself as members beside the features."""

    type: Literal["FeatureCollection"]
    """Type of the object in GeoJSON (RFC 7946, 3.3)."""
    bbox: list[float] | None = None
    """West, south, east, north; absent where nothing is drawn."""
    features: list[MapFeature]
    """The areas or contests, also those without a border."""
    election: str
    """Id of the election."""
    title: Texts
    """Title of the election."""
    mode: Literal["rehearsal", "live"]
    """Whether the numbers are results or those of a rehearsal."""
    definition: str
    """Definition hash."""
    maps: str
    """Digest of all maps of the election."""
    licence: str
    """Licence of the data."""
    source: str | None
    """Source of the data."""
    office: str | None = None
    """The office whose results are joined."""
    compared_by: Literal["choice", "party"] | None = None
    """Whether `choices` are choices of the office's one contest, or parties."""
    choices: list[MapChoiceLine] | None = None
    """What the votes are for, in the order of the ballot."""
    as_of: PartitionOffsets | None = None
    """The cut of the office from the shard level up."""
    shard_as_of: PartitionOffsets | None = None
    """The cut of the office below the shard level."""
