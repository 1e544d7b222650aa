"""The borders of DI Yogyakarta's areas beside the extract of KawalPemilu 2019, as maps of the package.

The files `geojson/regencies.geojson`, `districts.geojson` and `villages.geojson` name an area by the ids from its province
down, such as P41863.41864.41865; the last id is its code.
"""

from __future__ import annotations

from pathlib import Path

import orjson

from rekap.errors import UnusableError
from runtime.files.atomic_write import replace_file
from runtime.package.maps import FILE_BYTES_MAX, map_file
from schemas.definition.package import ElectionPackage

_FILES = {"regency": "regencies.geojson", "district": "districts.geojson", "village": "villages.geojson"}


def write_maps(extract: Path, package: ElectionPackage, directory: Path) -> int:
    """Write the maps of the package whose borders the extract has into its directory, and return how many. Areas without a
    border get a feature without a geometry. Raises UnusableError."""
    written = 0
    for level, name in _FILES.items():
        path = extract / "geojson" / name
        if not path.is_file():
            continue
        if path.stat().st_size > FILE_BYTES_MAX:
            raise UnusableError(f"{path} has more than {FILE_BYTES_MAX:,} bytes")
        try:
            features = orjson.loads(path.read_bytes())["features"]
            geometry = {each["properties"]["key"].rpartition(".")[2]: each["geometry"] for each in features}
            orjson.dumps(geometry)  # what is nested deeper than JSON can be written is none of a border
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise UnusableError(f"{path} is not a map of the extract: {type(error).__name__}: {error}") from None
        target = directory / map_file(level)
        target.parent.mkdir(exist_ok=True)
        collection = {
            "type": "FeatureCollection",
            "features": [
                {
                    "type": "Feature",
                    "id": area.code,
                    "properties": {"name": area.name},
                    "geometry": geometry.get(area.code),
                }
                for area in package.areas
                if area.level == level
            ],
        }
        replace_file(target, [orjson.dumps(collection), b"\n"], mode=0o666)
        written += 1
    return written
