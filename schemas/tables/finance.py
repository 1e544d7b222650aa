"""Tables of campaign finance: the reports of parties and candidates, and the lines of each."""

from __future__ import annotations

from schemas.tables.columns import CodeMeaning, Column, Kind, Meaning, Table, amount, code, count, day, text

_STATES = (
    CodeMeaning("counted", Meaning("The report counts and breaks no rule", "Laporan berlaku tanpa temuan")),
    CodeMeaning("flagged", Meaning("The report counts and breaks a soft rule", "Laporan berlaku dengan temuan")),
    CodeMeaning("held", Meaning("The report waits for a correction", "Laporan ditahan menunggu perbaikan")),
    CodeMeaning("superseded", Meaning("A later version counts", "Digantikan versi yang lebih baru")),
)
_OPINIONS = (
    CodeMeaning("compliant", Meaning("Complies with the law", "Patuh")),
    CodeMeaning("not_compliant", Meaning("Does not comply", "Tidak patuh")),
    CodeMeaning("unqualified", Meaning("Unqualified", "Wajar tanpa pengecualian")),
    CodeMeaning("qualified", Meaning("Qualified", "Wajar dengan pengecualian")),
    CodeMeaning("adverse", Meaning("Adverse", "Tidak wajar")),
    CodeMeaning("disclaimer", Meaning("No opinion is given", "Tidak menyatakan pendapat")),
)
_SIDES = (
    CodeMeaning("income", Meaning("Income, by kind of donor", "Penerimaan")),
    CodeMeaning("spending", Meaning("Spending", "Pengeluaran")),
)
_EVENT = Column("event", Kind.HASH, Meaning("Event id of the report", "Id peristiwa laporan"))
_ACCOUNT = (
    text(
        "account",
        "parties/PARTY/AREA or candidates/CONTEST/CHOICE",
        "parties/PARTAI/WILAYAH atau candidates/KONTES/PILIHAN",
    ),
    code("party", "Id of the party; empty for a candidate", "Id partai; kosong untuk calon", nullable=True),
    code("contest", "Id of the contest; empty for a party", "Id kontes; kosong untuk partai", nullable=True),
    code("choice", "Id of the candidate's choice; empty for a party", "Id pilihan; kosong untuk partai", nullable=True),
    code("area", "Area of the account", "Wilayah rekening"),
    code("report", "Kind of report, such as LADK, LPSDK or LPPDK", "Jenis laporan, misalnya LADK, LPSDK, LPPDK"),
    count("version", None, "Version of the report", "Versi laporan"),
    code("state", "What became of the report", "Keadaan laporan", codes=_STATES),
)

FINANCE_REPORTS = Table(
    "finance-reports",
    "1.0.1",
    Meaning("Campaign finance reports, all versions", "Laporan dana kampanye, semua versi"),
    (
        _EVENT,
        *_ACCOUNT,
        text(
            "rules", "Rules that the report breaks, with a space between them", "Aturan yang dilanggar", nullable=True
        ),
        day("begins", "First day of the period", "Hari pertama periode"),
        day("ends", "Last day of the period", "Hari terakhir periode"),
        day("submitted", "Day on which the report was handed in", "Hari penyampaian"),
        day("due", "Day on which it was due", "Batas waktu", nullable=True),
        code("currency", "Currency of the amounts (ISO 4217)", "Mata uang (ISO 4217)"),
        count("decimals", None, "Digits of the minor unit in which amounts are", "Digit satuan terkecil"),
        amount("opening", "Balance before the period", "Saldo awal"),
        amount("income", "Sum of the income", "Jumlah penerimaan"),
        amount("spending", "Sum of the spending", "Jumlah pengeluaran"),
        amount("closing", "Balance after the period, as stated", "Saldo akhir sebagaimana tertulis"),
        amount("closing_calculated", "Opening balance and income, less spending", "Saldo akhir menurut perhitungan"),
        code("opinion", "The accountant's opinion", "Opini auditor", codes=_OPINIONS, nullable=True),
        Column("document_hash", Kind.HASH, Meaning("SHA-256 of the document", "SHA-256 dokumen")),
        text("document_url", "Web address of the document", "Alamat dokumen", nullable=True),
        count("partition", None, "Ledger partition of the event", "Partisi buku besar"),
        count("offset", None, "Its offset in the partition", "Offset dalam partisi"),
        Column("received_at", Kind.TIME, Meaning("Time of receipt", "Waktu penerimaan"), nullable=True),
    ),
    ("event",),
)
FINANCE_LINES = Table(
    "finance-lines",
    "1.0.1",
    Meaning("Lines of campaign finance reports, all versions", "Rincian laporan dana kampanye, semua versi"),
    (
        _EVENT,
        count("line", None, "Number of the line in the report, from 1", "Nomor baris dalam laporan"),
        *_ACCOUNT,
        code("side", "Income or spending", "Penerimaan atau pengeluaran", codes=_SIDES),
        code("kind", "Kind of donor or of spending", "Jenis penyumbang atau pengeluaran"),
        amount("amount", "Amount in the minor unit of the currency", "Jumlah dalam satuan terkecil"),
        count("donors", "donors", "How many gave", "Jumlah penyumbang", nullable=True),
        amount("largest", "The most that one of them gave", "Sumbangan terbesar satu penyumbang", nullable=True),
    ),
    ("event", "line"),
)
FINANCE_TABLES = (FINANCE_REPORTS, FINANCE_LINES)
