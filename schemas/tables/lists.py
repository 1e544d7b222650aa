"""Tables of the lists that the API answers from filters: the columns of the bulk files, and what the filters are about."""

from __future__ import annotations

from schemas.tables.columns import CodeMeaning, Column, Kind, Meaning, Table, code, text
from schemas.tables.results import AREA_COUNTS, STATION_COUNTS

_KINDS = (
    CodeMeaning("area", Meaning("An area", "Wilayah")),
    CodeMeaning("station", Meaning("A polling station", "TPS")),
    CodeMeaning("party", Meaning("A party", "Partai politik")),
    CodeMeaning("candidate", Meaning("A candidate, or a pair of candidates", "Calon atau pasangan calon")),
)

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

FOUND_NAMES = Table(
    "found-names",
    "1.0.0",
    Meaning("Names that a search found", "Nama yang ditemukan pencarian"),
    (
        code("kind", "What has the name", "Yang bernama", codes=_KINDS),
        code(
            "code",
            "Code of an area or station, id of a party, or contest/choice of a candidate",
            "Kode wilayah atau TPS, id partai, atau kontes/pilihan calon",
        ),
        text("name", "Name in the register", "Nama dalam data pokok", nullable=True),
        text(
            "within",
            "Names of the areas above, the smallest first, with / between; for a candidate the contest",
            "Nama wilayah di atasnya, dari yang terkecil, dipisah /; kontes untuk calon",
            nullable=True,
        ),
        text("link", "Path of its results or its profile", "Jalur hasil atau profilnya"),
    ),
    ("kind", "code"),
)

LIST_TABLES = (STATION_LIST, AREA_LIST, FOUND_NAMES)
