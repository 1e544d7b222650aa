"""Tables of the register: what the election package states of areas, stations, offices, contests, ballots and keys.

They have what a public list has and nothing else: of people, the candidates as the public list of candidates describes them; of
keys, a role and a body.
"""

from __future__ import annotations

from enum import StrEnum

from schemas.definition.package import BlankBallots, ChoiceKind, Method, Role, Severity
from schemas.definition.profiles import Sex
from schemas.tables.columns import CodeMeaning, Column, Kind, Meaning, Table, code, count, text


def _listed(values: type[StrEnum], **meanings: tuple[str, str]) -> tuple[CodeMeaning, ...]:
    """A code list of all values, whose names are the keywords in capitals."""
    return tuple(CodeMeaning(each.value, Meaning(*meanings[each.name.lower()])) for each in values)


_BLANK = _listed(
    BlankBallots,
    with_invalid=("Counted as invalid ballots", "Dihitung sebagai tidak sah"),
    apart=("Counted apart", "Dihitung tersendiri"),
)
_METHODS = _listed(
    Method,
    plurality=("Most votes", "Suara terbanyak"),
    absolute_majority_with_spread=(
        "More than half, and a share in more than half of the provinces",
        "Lebih dari setengah, dengan sebaran di lebih dari setengah provinsi",
    ),
    sainte_lague=("Seats shared out by Sainte-Laguë", "Kursi dibagi menurut Sainte-Laguë"),
    most_votes=("As many with the most votes as there are seats", "Suara terbanyak sebanyak kursi"),
)
_KINDS = _listed(
    ChoiceKind,
    candidate=("A candidate, or a pair of candidates", "Calon atau pasangan calon"),
    party=("The party itself", "Partai itu sendiri"),
    option=("An option of a question", "Jawaban atas pertanyaan"),
)
_SEVERITIES = _listed(
    Severity,
    hard=("A form that breaks the rule is held", "Formulir yang melanggar ditahan"),
    soft=("A form that breaks the rule counts and is flagged", "Formulir yang melanggar dihitung dengan temuan"),
    info=("A broken rule is only shown", "Pelanggaran hanya ditampilkan"),
)
_SEXES = _listed(Sex, male=("Man", "Laki-laki"), female=("Woman", "Perempuan"))
_ROLES = _listed(
    Role,
    authority=("Electoral authority", "Penyelenggara (KPU)"),
    station_officer=("Reports results of stations", "Melaporkan hasil TPS (KPPS)"),
    witness=("Witness of a party", "Saksi"),
    observer=("Observer", "Pemantau"),
    reviewer=("Accepts or rejects held results", "Menerima atau menolak hasil yang ditahan"),
    supervisor=("Election supervisor", "Pengawas (Bawaslu)"),
    court=("Court that decides disputes over results", "Mahkamah"),
    recapitulator=("Declares the recapitulation of an area", "Menetapkan rekapitulasi wilayah"),
    finance=("Reports campaign finance", "Melaporkan dana kampanye"),
    gateway=("Signs receipts", "Menandatangani tanda terima"),
)

AREAS = Table(
    "areas",
    "1.0.0",
    Meaning("Areas above the polling stations", "Wilayah di atas TPS"),
    (
        code("area", "Code of the area", "Kode wilayah"),
        text("name", "Name of the area", "Nama wilayah"),
        code("level", "Id of the area's level", "Id tingkat wilayah"),
        code("parent", "Code of the area above; empty for the root", "Kode wilayah di atasnya", nullable=True),
        text("path", "Codes from the root to the area, with / between them", "Kode dari puncak sampai wilayah ini"),
    ),
    ("area",),
)
STATIONS = Table(
    "stations",
    "1.0.0",
    Meaning("Polling stations with their registered voters", "TPS dengan pemilih terdaftarnya"),
    (
        code("station", "Code of the polling station (TPS)", "Kode TPS"),
        text("name", "Name of the polling station", "Nama TPS"),
        code("area", "Code of the area that the station lies in", "Kode wilayah tempat TPS"),
        text("path", "Codes from the root to that area, with / between them", "Kode dari puncak sampai wilayah itu"),
        count("registered_men", "people", "Men in the register (DPT)", "Pemilih laki-laki (DPT)", nullable=True),
        count("registered_women", "people", "Women in the register (DPT)", "Pemilih perempuan (DPT)", nullable=True),
        count("registered_voters", "people", "Voters in the register (DPT)", "Pemilih terdaftar (DPT)", nullable=True),
        count("partition", None, "Ledger partition of the station's events", "Partisi buku besar TPS"),
    ),
    ("station",),
)
OFFICES = Table(
    "offices",
    "1.0.0",
    Meaning("Offices and bodies that are elected", "Jabatan dan lembaga yang dipilih"),
    (
        code("office", "Id of the office", "Id jabatan atau lembaga"),
        text("name", "Name, in the first language of the package", "Nama, dalam bahasa pertama paket"),
        code("blank_ballots", "How blank ballots are counted", "Cara menghitung surat suara kosong", codes=_BLANK),
    ),
    ("office",),
)
CONTESTS = Table(
    "contests",
    "1.0.0",
    Meaning("Contests: one race of an office in one electorate", "Kontes: pemilihan satu jabatan di satu daerah"),
    (
        code("contest", "Id of the contest", "Id kontes"),
        code("office", "Id of the office", "Id jabatan"),
        code("electorate", "Area code or electoral district of its voters", "Kode wilayah atau daerah pemilihan"),
        code("area", "Smallest area that holds all its voters", "Wilayah terkecil yang memuat semua pemilihnya"),
        text("name", "Name, in the first language of the package", "Nama, dalam bahasa pertama paket", nullable=True),
        count("seats", "seats", "Seats", "Kursi"),
        count("votes_per_ballot", "votes", "Most marks on one ballot", "Jumlah tanda terbanyak pada satu surat suara"),
        code("method", "How seats or the office are awarded", "Cara penetapan kursi", codes=_METHODS),
    ),
    ("contest",),
)
DISTRICTS = Table(
    "districts",
    "1.0.0",
    Meaning("Areas of each electoral district", "Wilayah setiap daerah pemilihan"),
    (
        code("district", "Id of the electoral district", "Id daerah pemilihan"),
        text("name", "Name of the electoral district", "Nama daerah pemilihan"),
        code("area", "Code of an area, or of a station, that belongs to it", "Kode wilayah di dalamnya"),
    ),
    ("district", "area"),
)
PARTIES = Table(
    "parties",
    "1.1.0",
    Meaning("Parties", "Partai politik"),
    (
        code("party", "Id of the party", "Id partai"),
        text("name", "Name of the party", "Nama partai"),
        text("short_name", "Short name", "Nama singkat", nullable=True),
        count("number", None, "Number on the ballot", "Nomor urut", nullable=True),
        text("web", "Web address of the party", "Situs partai", nullable=True),
        text("logo", "Web address of its logo", "Alamat lambang", nullable=True),
        code("colour", "Colour for charts, as #RRGGBB", "Warna untuk grafik, #RRGGBB", nullable=True),
    ),
    ("party",),
)
CHOICES = Table(
    "choices",
    "1.0.0",
    Meaning("Choices on the ballot of each contest", "Pilihan pada surat suara setiap kontes"),
    (
        code("contest", "Id of the contest", "Id kontes"),
        code("choice", "Id of the choice, within its contest", "Id pilihan di dalam kontesnya"),
        text("name", "Name of the choice", "Nama pilihan"),
        code("kind", "What the choice is", "Jenis pilihan", codes=_KINDS),
        code("party", "Id of its party; empty where it has none", "Id partai; kosong bila tanpa", nullable=True),
        count("order", None, "Number on the ballot", "Nomor urut pada surat suara"),
    ),
    ("contest", "choice"),
)
CANDIDATES = Table(
    "candidates",
    "1.0.0",
    Meaning("Candidates, as the public list describes them", "Calon menurut daftar calon tetap"),
    (
        code("contest", "Id of the contest", "Id kontes"),
        code("choice", "Id of the choice that the person is of", "Id pilihan pada surat suara"),
        count(
            "person",
            None,
            "Position within the choice: of a pair, 1 is the first and 2 the second; 1 where the list describes nobody",
            "Urutan dalam pasangan calon; 1 bila tidak ada dalam daftar",
        ),
        text(
            "name",
            "Name of the person on the list; empty where the list describes nobody",
            "Nama dalam daftar calon; kosong bila tidak ada",
            nullable=True,
        ),
        code("sex", "Sex on the list", "Jenis kelamin dalam daftar", codes=_SEXES, nullable=True),
        text(
            "residence",
            "Regency or city of residence on the list",
            "Kabupaten atau kota tempat tinggal dalam daftar",
            nullable=True,
        ),
        text("photo", "Web address of the picture on the list", "Alamat foto dalam daftar", nullable=True),
        text("web", "Page about the person at the authority", "Laman calon di penyelenggara", nullable=True),
        text("ballot_name", "Name of the choice on the ballot", "Nama pada surat suara"),
        code("party", "Id of the party; empty where there is none", "Id partai; kosong bila tanpa", nullable=True),
        code("office", "Id of the office", "Id jabatan atau lembaga"),
        code("electorate", "Area code or electoral district of the contest", "Kode wilayah atau daerah pemilihan"),
        count("order", None, "Number on the ballot", "Nomor urut pada surat suara"),
    ),
    ("contest", "choice", "person"),
)
RULES = Table(
    "rules",
    "1.0.0",
    Meaning("Rules that the election turns on", "Aturan yang dipakai pemilihan ini"),
    (
        code("rule", "Id of the rule", "Id aturan"),
        code(
            "office",
            "Id of an office that it applies to; empty for all",
            "Id jabatan; kosong untuk semua",
            nullable=True,
        ),
        code("severity", "Effect of a broken rule", "Akibat pelanggaran", codes=_SEVERITIES),
        count("tolerance", None, "Largest difference that does not break the rule", "Selisih yang masih diizinkan"),
        text(
            "parameters", "Other settings of the rule, as a JSON object", "Pengaturan lain, objek JSON", nullable=True
        ),
    ),
    ("rule", "office"),
)
KEYS = Table(
    "keys",
    "1.1.0",
    Meaning("Public keys that may sign events, with their roles", "Kunci publik dan perannya"),
    (
        Column("key", Kind.HASH, Meaning("Key id", "Id kunci")),
        text("public_key", "Ed25519 public key in base64", "Kunci publik Ed25519, base64"),
        code("role", "Role of the key", "Peran kunci", codes=_ROLES),
        code("scope", "Area or station that it may sign for", "Wilayah atau TPS kewenangannya"),
        text("holder", "Office or body that holds the key", "Lembaga pemegang kunci", nullable=True),
    ),
    ("key",),
)
TEXTS = Table(
    "texts",
    "1.0.0",
    Meaning("Names in each language", "Nama dalam setiap bahasa"),
    (
        code("subject", "What is named: election, level, office or contest", "Yang dinamai"),
        code("id", "Its id", "Id-nya"),
        code("language", "Language tag (BCP 47)", "Tag bahasa (BCP 47)"),
        text("text", "Name or title", "Nama atau judul"),
    ),
    ("subject", "id", "language"),
)

REGISTER_TABLES = (AREAS, STATIONS, OFFICES, CONTESTS, DISTRICTS, PARTIES, CHOICES, CANDIDATES, RULES, KEYS, TEXTS)
TABLES_WITH_PROFILES = (PARTIES, CANDIDATES)
"""Tables that also have what the package's profiles state, which can be corrected while the definition stays the same."""
