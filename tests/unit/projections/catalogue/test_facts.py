"""What catalogues state of a cut: names that last, titles in all languages, and nothing that is not in the manifest."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from projections.catalogue.facts import (
    NAME_CHARACTERS_MAX,
    Addresses,
    CatalogueFacts,
    DatasetFacts,
    FileFacts,
    catalogue_facts,
)
from projections.definition.compiled import Definition
from runtime.tables.table_files import Format
from schemas.definition.package import ElectionPackage, Mode
from schemas.definition.rows import LocalText
from schemas.licences import licence_of
from tests.support.catalogue import few_facts, made_manifest, small_definition, small_facts
from tests.support.small_election import small_package
from tests.support.small_finance import with_finance

REHEARSAL_ID = "Ini simulasi: tidak ada angka di dalamnya yang merupakan hasil."
REHEARSAL_EN = "This is a rehearsal: no number in it is a result."
OPEN_ID = "Hasil setiap TPS dan wilayah, dan data pokok pemilihan, sebagai data terbuka."
OPEN_EN = "Results of every polling station and area, and the register of the election, as open data."


def _dataset(stem: str) -> DatasetFacts:
    return next(each for each in small_facts().datasets if each.stem == stem)


def _facts_of(package: ElectionPackage) -> CatalogueFacts:
    definition = Definition.of(package)
    return catalogue_facts(definition, made_manifest(definition))


def test_a_catalogue_states_what_the_definition_and_the_manifest_have() -> None:
    facts = few_facts()
    assert facts._replace(datasets=()) == CatalogueFacts(
        election="small",
        title={"id": "Pemilu kecil", "en": "Small election"},
        description={"id": f"{OPEN_ID} {REHEARSAL_ID}", "en": f"{OPEN_EN} {REHEARSAL_EN}"},
        date="2029-02-14",
        publisher="Komisi Pemilihan Umum",
        source=None,
        licence=licence_of("CC0-1.0"),
        is_test=True,
        area="Nation",
        taken_at="2029-02-14T13:00:00.000Z",
        definition=small_definition().hash,
        offices={
            "president": {"id": "Presiden", "en": "President"},
            "council": {"id": "Dewan", "en": "Council"},
        },
        datasets=(),
        languages=["id", "en"],
    )
    title = {
        "id": "Pemilu kecil: Suara setiap pilihan di setiap wilayah, Presiden, nation",
        "en": "Small election: Votes for each choice in each area, President, nation",
    }
    (votes,) = (each for each in facts.datasets if each.stem == "president.nation.area-votes")
    assert votes.table is not None
    assert votes == DatasetFacts(
        name="small-president-nation-area-votes",
        id=UUID("f723acff-b97c-5be8-97b9-2109f203fd76"),
        stem="president.nation.area-votes",
        title=title,
        description={"id": f"{title['id']}. {REHEARSAL_ID}", "en": f"{title['en']}. {REHEARSAL_EN}"},
        keywords=["election", "pemilu", "area-votes", "president", "nation"],
        office="president",
        table=votes.table,
        schema_version="1.0.0",
        rows=3,
        conforms_to=None,
        files=[
            FileFacts(
                "president.nation.area-votes.csv",
                "csv",
                "text/csv; charset=utf-8; header=present",
                1003,
                "edc6016cd47f48968597ad068b2903aeeb4859fd3dadb6f4bb2db480f9b33a49",
            ),
            FileFacts(
                "president.nation.area-votes.ndjson",
                "ndjson",
                "application/x-ndjson",
                1003,
                "2b339fcf0cdaa2d09906581ccd7209a3b1612e61f5019673de6def24f73f957b",
            ),
        ],
    )
    assert votes.table.name == "area-votes"


def test_there_is_a_dataset_for_each_table_and_a_file_for_each_format() -> None:
    manifest = made_manifest(small_definition())
    stems = {each["name"].rpartition(".")[0] for each in manifest["files"]}
    assert {each.stem for each in small_facts().datasets} == stems
    counts = _dataset("president.province.area-counts")
    assert [file.format for file in counts.files] == list(Format)
    report = _dataset("president.district.nist-report")
    assert (report.table, [file.format for file in report.files]) == (None, ["json", "xml"])
    assert report.conforms_to == "https://doi.org/10.6028/NIST.SP.1500-100r2"
    assert report.title["en"] == (
        "Small election: Results in the common data format of NIST SP 1500-100, President, district"
    )


def test_a_table_of_the_register_or_of_finance_is_of_no_office() -> None:
    choices = _dataset("choices")
    assert (choices.office, choices.keywords) == (None, ["election", "pemilu", "choices", "register"])
    assert choices.title["en"] == "Small election: Choices on the ballot of each contest"
    lines = next(each for each in _facts_of(with_finance(small_package())).datasets if each.stem == "finance-lines")
    assert (lines.office, lines.keywords) == (None, ["election", "pemilu", "finance-lines", "finance"])


def test_names_last_from_cut_to_cut_and_are_given_once() -> None:
    manifest = made_manifest(small_definition())
    later = catalogue_facts(small_definition(), {**manifest, "taken_at": "2029-02-15T00:00:00.000Z"})
    names = [(each.name, each.id) for each in small_facts().datasets]
    assert [(each.name, each.id) for each in later.datasets] == names
    assert len(set(names)) == len(names)


def test_a_live_count_is_no_rehearsal_and_has_other_datasets() -> None:
    package = small_package()
    live = _facts_of(replace(package, election=package.election.model_copy(update={"mode": Mode.LIVE})))
    assert {each.id for each in live.datasets}.isdisjoint(each.id for each in small_facts().datasets)
    assert live.description == {"id": OPEN_ID, "en": OPEN_EN}
    assert live.datasets[0].description["en"] == f"{live.datasets[0].title['en']}."
    assert not live.is_test


def test_only_the_offices_of_a_cut_are_stated() -> None:
    manifest = made_manifest(small_definition())
    of_council = catalogue_facts(small_definition(), {**manifest, "as_of": {"council": {}}})
    assert of_council.offices == {"council": {"id": "Dewan", "en": "Council"}}


def test_stems_that_are_the_same_or_too_long_in_a_portal_get_digits() -> None:
    package = small_package()
    ids = ("a.b", "a-b", "x" * 64)
    offices = (*package.offices, *(package.offices[0].model_copy(update={"id": each}) for each in ids))
    contests = (
        *package.contests,
        *(package.contests[0].model_copy(update={"id": f"c-{each}"[:64], "office": each}) for each in ids),
    )
    election = package.election.model_copy(update={"id": "e" * 40})
    datasets = _facts_of(replace(package, election=election, offices=offices, contests=contests)).datasets
    names = {each.stem: each.name for each in datasets}
    assert len(set(names.values())) == len(names)
    assert names["a.b.nation.area-votes"] == f"{'e' * 40}-a-b-nation-area-votes"
    assert names["a-b.nation.area-votes"] == f"{'e' * 40}-a-b-nation-area-votes-1bb70152871a"
    assert max(map(len, names.values())) == NAME_CHARACTERS_MAX


def test_a_name_may_be_as_long_as_portals_allow() -> None:
    package = small_package()
    for length, expected in ((100 - len("-choices"), "-choices"), (101 - len("-choices"), "-e7602e218b93")):
        election = package.election.model_copy(update={"id": "e" * length})
        names = [
            each.name for each in _facts_of(replace(package, election=election)).datasets if each.stem == "choices"
        ]
        assert names == [f"{'e' * (NAME_CHARACTERS_MAX - len(expected))}{expected}"]


def test_a_language_that_a_text_lacks_has_its_first_one() -> None:
    package = small_package()
    election = package.election.model_copy(update={"title": LocalText(jv="Pilihan"), "source": "KPU"})
    facts = _facts_of(replace(package, election=election))
    assert list(facts.languages) == ["jv", "id", "en"]
    assert dict(facts.title) == {"jv": "Pilihan", "id": "Pilihan", "en": "Pilihan"}
    assert facts.offices["president"] == {"jv": "Presiden", "id": "Presiden", "en": "President"}
    assert facts.source == "KPU"
    assert facts.description["jv"] == f"{OPEN_EN} {REHEARSAL_EN}"
    first = facts.datasets[0].title
    assert first["jv"] == "Pilihan: Counts of each polling station, Presiden, station"


def test_addresses_are_whole_for_the_api_and_relative_beside_the_files() -> None:
    assert Addresses.of_api("https://results.example", "CUT") == Addresses(
        "https://results.example/v1/catalog",
        "https://results.example/v1/datasets/",
        "https://results.example/v1/files/latest/",
        "https://results.example/v1/files/CUT/",
        "https://results.example",
    )
    assert Addresses.beside() == Addresses("catalog", "catalog#dataset-", "", "", None)
    base = "https://files.example/2029/"
    assert Addresses.beside(base) == Addresses(f"{base}catalog", f"{base}catalog#dataset-", base, base, None)
