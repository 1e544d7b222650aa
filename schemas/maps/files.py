"""Names of the files of maps: formats, resolutions, and the index."""

from __future__ import annotations

from enum import StrEnum

INDEX = "maps.json"
"""The index of the maps; beside their directories, the index of the newest."""

DIRECTORY_PREFIX = "maps-"
"""The directory of the files of one version of the maps has this name and their digest."""
DOCUMENT_PREFIX = "map."
"""Among the bulk files, the file of a map has this before its name."""


class MapFormat(StrEnum):
    GEOJSON = "geojson"
    TOPOJSON = "topojson"

    @property
    def media_type(self) -> str:
        return "application/geo+json" if self is MapFormat.GEOJSON else "application/json"


class Resolution(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
