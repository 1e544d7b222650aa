"""Names of the files of maps."""

from __future__ import annotations

from schemas.maps.files import MapFormat


def test_geojson_has_its_own_media_type() -> None:
    assert [each.media_type for each in MapFormat] == ["application/geo+json", "application/json"]
