"""Tables of the lists that the API answers from filters: the columns of the bulk files, and what the filters are about."""

from __future__ import annotations

from schemas.tables.columns import Column, Kind, Meaning, Table, text
from schemas.tables.results import AREA_COUNTS, STATION_COUNTS

STATION_LIST = Table(
    "station-list",
    "1.0.0",
    Meaning("Results of polling stations, as a filter found them", "Hasil TPS menurut saringan"),
    (
        *STATION_COUNTS.columns,
        text(
            "rules",
            "Ids of the rules that the form breaks, with spaces between; empty where it breaks none",
            "Id aturan yang dilanggar formulir, dipisah spasi",
            nullable=True,
        ),
        Column(
            "changed_at",
            Kind.TIME,
            Meaning(
                "Time of receipt of the event that last changed the result",
                "Waktu penerimaan peristiwa yang terakhir mengubah hasil",
            ),
            nullable=True,
        ),
    ),
    ("contest", "station"),
)

AREA_LIST = Table(
    "area-list",
    "1.0.0",
    Meaning("Counts of areas, as a filter found them", "Angka wilayah menurut saringan"),
    AREA_COUNTS.columns,
    ("contest", "area"),
)

LIST_TABLES = (STATION_LIST, AREA_LIST)
