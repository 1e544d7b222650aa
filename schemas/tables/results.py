"""Tables of results: the counts and the votes of each station, of each area, and of the largest areas over time."""

from __future__ import annotations

from schemas.tables.columns import CodeMeaning, Column, Kind, Meaning, Table, code, count, text

_OFFICE = code("office", "Id of the office", "Id jabatan atau lembaga yang dipilih")
_CONTEST = code("contest", "Id of the contest", "Id kontes (pemilihan di satu daerah pemilihan)")
_STATION = code("station", "Code of the polling station (TPS)", "Kode TPS")
_LEVEL = code("level", "Id of the area's level", "Id tingkat wilayah")
_AREA = code("area", "Code of the area", "Kode wilayah")
_AREA_NAME = text("area_name", "Name of the area", "Nama wilayah")
_CHOICE = code("choice", "Id of the choice, within its contest", "Id pilihan di dalam kontesnya")
_PARTY = code(
    "party", "Id of the choice's party; empty where it has none", "Id partai; kosong bila tanpa partai", nullable=True
)

STATES = (
    CodeMeaning("counted", Meaning("The form counts and breaks no rule", "Formulir dihitung tanpa temuan")),
    CodeMeaning("flagged", Meaning("The form counts and breaks a soft rule", "Formulir dihitung dengan temuan")),
    CodeMeaning(
        "held",
        Meaning(
            "The form breaks a hard rule and is not in any sum", "Formulir melanggar aturan keras dan tidak dijumlahkan"
        ),
    ),
    CodeMeaning("annulled", Meaning("The form is annulled, and no other counts", "Formulir dibatalkan")),
    CodeMeaning("waiting", Meaning("No form counts or is held", "Belum ada formulir yang dihitung atau ditahan")),
)
_STATE = code("state", "State of the station's result in this contest", "Status hasil TPS", codes=STATES)

RESULTS_STATUS = (
    CodeMeaning("pre-election", Meaning("No station has reported", "Belum ada TPS yang melapor")),
    CodeMeaning("unofficial-partial", Meaning("Some stations are not counted", "Sebagian TPS belum dihitung")),
    CodeMeaning("unofficial-complete", Meaning("All stations are counted", "Semua TPS sudah dihitung")),
)
"""ResultsStatus of NIST SP 1500-100, up to certification."""


def _numbers(of: str, dari: str) -> tuple[Column, ...]:
    """The numbers of a form, or their sums."""
    return (
        count("registered_voters", "people", f"Registered voters {of}", f"Pemilih terdaftar {dari}", nullable=True),
        count("voters", "people", f"People who voted {of}", f"Pengguna hak pilih {dari}", nullable=True),
        count("valid", "votes", f"Valid votes {of}", f"Suara sah {dari}", nullable=True),
        count(
            "valid_ballots",
            "ballots",
            f"Valid ballots {of}; another number than the valid votes where a ballot may have several marks",
            f"Surat suara sah {dari}; berbeda dari suara sah bila satu surat boleh ditandai beberapa kali",
            nullable=True,
        ),
        count("invalid", "ballots", f"Invalid ballots {of}", f"Surat suara tidak sah {dari}", nullable=True),
        count(
            "blank",
            "ballots",
            f"Blank ballots {of}; empty where the law does not count them apart",
            f"Surat suara kosong {dari}; kosong bila tidak dihitung tersendiri",
            nullable=True,
        ),
        count(
            "total", "ballots", f"Valid, invalid and blank ballots {of}", f"Jumlah surat suara {dari}", nullable=True
        ),
    )


STATION_COUNTS = Table(
    "station-counts",
    "1.0.0",
    Meaning("Counts of each polling station", "Angka setiap TPS"),
    (
        _OFFICE,
        _CONTEST,
        _STATION,
        text("station_name", "Name of the polling station", "Nama TPS"),
        code("area", "Code of the area that the station lies in", "Kode wilayah tempat TPS"),
        _STATE,
        *_numbers("on the form", "pada formulir"),
        count("version", None, "Version of the form", "Versi formulir", nullable=True),
        Column(
            "received_at",
            Kind.TIME,
            Meaning("Time of receipt of the form by the gateway's clock", "Waktu formulir diterima"),
            nullable=True,
        ),
        Column(
            "event",
            Kind.HASH,
            Meaning(
                "Event id of the form: SHA-256 of the signed bytes", "Id peristiwa: SHA-256 isi yang ditandatangani"
            ),
            nullable=True,
        ),
        count("partition", None, "Ledger partition of the form", "Partisi buku besar", nullable=True),
        count("offset", None, "Offset of the form in its ledger partition", "Posisi di partisi", nullable=True),
    ),
    ("contest", "station"),
)

STATION_VOTES = Table(
    "station-votes",
    "1.0.0",
    Meaning(
        "Votes for each choice at each polling station with a form that is counted or held",
        "Suara setiap pilihan di setiap TPS yang formulirnya dihitung atau ditahan",
    ),
    (
        _OFFICE,
        _CONTEST,
        _STATION,
        _STATE,
        _CHOICE,
        _PARTY,
        count("votes", "votes", "Votes for the choice on the form", "Suara pilihan ini pada formulir"),
    ),
    ("contest", "station", "choice"),
)

_SUMMED = ("of the counted stations that state them", "dari TPS terhitung yang menyatakannya")


def _not_stated(name: str, en: str, id: str) -> Column:
    return count(
        f"{name}_not_stated",
        "stations",
        f"Counted stations whose form does not state {en}, so that the sum does not include them",
        f"TPS terhitung yang tidak menyatakan {id}",
    )


AREA_COUNTS = Table(
    "area-counts",
    "1.0.0",
    Meaning("Counts of each area: sums over its stations", "Angka setiap wilayah: jumlah TPS di dalamnya"),
    (
        _OFFICE,
        _CONTEST,
        _LEVEL,
        _AREA,
        _AREA_NAME,
        code("results_status", "How far the count is", "Kemajuan penghitungan", codes=RESULTS_STATUS),
        count("stations_expected", "stations", "Stations that vote in the contest", "TPS dalam kontes ini"),
        count("stations_reported", "stations", "Stations counted or held", "TPS yang dihitung atau ditahan"),
        count("stations_counted", "stations", "Stations in the sums: clean and flagged", "TPS yang dijumlahkan"),
        count("stations_clean", "stations", "Counted stations without a finding", "TPS terhitung tanpa temuan"),
        count("stations_flagged", "stations", "Counted stations with a finding", "TPS terhitung dengan temuan"),
        count("stations_held", "stations", "Stations held, not in the sums", "TPS ditahan, tidak dijumlahkan"),
        count("stations_annulled", "stations", "Stations annulled", "TPS dibatalkan"),
        count("stations_waiting", "stations", "Stations without a form", "TPS belum melapor"),
        count(
            "registered_voters_expected",
            "people",
            "Registered voters of all expected stations for which the register states them",
            "Pemilih terdaftar di semua TPS menurut daftar pemilih",
            nullable=True,
        ),
        count(
            "registered_voters_expected_not_stated",
            "stations",
            "Expected stations for which the register states no number",
            "TPS yang jumlah pemilihnya tidak dinyatakan",
        ),
        *_numbers(*_SUMMED),
        _not_stated("registered_voters", "the registered voters", "pemilih terdaftar"),
        _not_stated("voters", "the people who voted", "pengguna hak pilih"),
        _not_stated("valid_ballots", "the valid ballots", "surat suara sah"),
        _not_stated("invalid", "the invalid ballots", "surat suara tidak sah"),
        _not_stated("blank", "the blank ballots", "surat suara kosong"),
        _not_stated("total", "the total of ballots", "jumlah surat suara"),
    ),
    ("contest", "area"),
)

AREA_VOTES = Table(
    "area-votes",
    "1.0.0",
    Meaning("Votes for each choice in each area", "Suara setiap pilihan di setiap wilayah"),
    (
        _OFFICE,
        _CONTEST,
        _LEVEL,
        _AREA,
        _AREA_NAME,
        _CHOICE,
        text("choice_name", "Name of the choice", "Nama pilihan"),
        _PARTY,
        count("votes", "votes", "Votes at the counted stations of the area", "Suara di TPS terhitung"),
    ),
    ("contest", "area", "choice"),
)

_TIME = (
    Column(
        "time",
        Kind.TIME,
        Meaning(
            "The row has each station after the last of its records that was received before this time",
            "Baris ini memuat setiap TPS setelah catatan terakhirnya yang diterima sebelum waktu ini",
        ),
    ),
    count(
        "step_minutes",
        "minutes",
        "Minutes between two times of the table; a time at which nothing changed has no row",
        "Menit antara dua waktu di tabel; waktu tanpa perubahan tidak mempunyai baris",
    ),
)

COUNTS_OVER_TIME = Table(
    "counts-over-time",
    "1.0.0",
    Meaning(
        "Counts of the nation and of each area directly below it, minute by minute",
        "Angka nasional dan setiap wilayah tepat di bawahnya, menit demi menit",
    ),
    (*_TIME, *AREA_COUNTS.columns),
    ("contest", "area", "time"),
)

VOTES_OVER_TIME = Table(
    "votes-over-time",
    "1.0.0",
    Meaning(
        "Votes for each choice in the nation and in each area directly below it, minute by minute",
        "Suara setiap pilihan secara nasional dan di setiap wilayah tepat di bawahnya, menit demi menit",
    ),
    (*_TIME, *AREA_VOTES.columns),
    ("contest", "area", "choice", "time"),
)

RESULT_TABLES = (STATION_COUNTS, STATION_VOTES, AREA_COUNTS, AREA_VOTES, COUNTS_OVER_TIME, VOTES_OVER_TIME)
