"""What catalogues state of a cut: names that last, titles in all languages, and nothing that is not in the manifest."""

from __future__ import annotations

from dataclasses import replace

from projections.catalogue.data_package import data_package, schema_document, schema_name, tables_of
from projections.catalogue.documents import documents
from projections.catalogue.facts import NAME_CHARACTERS_MAX, Addresses, catalogue_facts
from projections.catalogue.schema_org import dataset_document
from projections.catalogue.sitemap import ADDRESSES_MAX, sitemap, sitemap_index
from projections.catalogue.terms import terms
from projections.definition.compiled import Definition
from projections.tables.file_plan import ALL_TABLES
from runtime.tables.table_files import Format
from schemas.definition.package import Mode
from schemas.definition.rows import LocalText
from schemas.tables.finance import FINANCE_TABLES
from tests.support.catalogue import made_manifest
from tests.support.small_election import small_package

PACKAGE = small_package()
DEFINITION = Definition.of(PACKAGE)
MANIFEST = made_manifest(DEFINITION)
FACTS = catalogue_facts(DEFINITION, MANIFEST)


def test_there_is_a_dataset_for_each_table_and_a_file_for_each_format() -> None:
    stems = {each["name"].rpartition(".")[0] for each in MANIFEST["files"]}
    assert {each.stem for each in FACTS.datasets} == stems
    by_stem = {each.stem: each for each in FACTS.datasets}
    counts = by_stem["president.province.area-counts"]
    assert [file.format for file in counts.files] == list(Format)
    assert counts.name == "small-president-province-area-counts"
    assert dict(counts.title) == {
        "id": "Pemilu kecil: Angka setiap wilayah: jumlah TPS di dalamnya, Presiden, province",
        "en": "Small election: Counts of each area: sums over its stations, President, province",
    }
    assert counts.description["en"].endswith("This is a rehearsal: no number in it is a result.")
    assert counts.description["id"].endswith("Ini simulasi: tidak ada angka di dalamnya yang merupakan hasil.")
    assert (counts.office, counts.conforms_to) == ("president", None)
    report = by_stem["president.district.nist-report"]
    assert (report.table, [file.format for file in report.files]) == (None, ["json", "xml"])
    assert report.conforms_to is not None
    assert by_stem["choices"].office is None
    assert "register" in by_stem["choices"].keywords


def test_names_last_from_cut_to_cut_and_are_given_once() -> None:
    later = catalogue_facts(DEFINITION, {**MANIFEST, "taken_at": "2029-02-15T00:00:00.000Z"})
    assert [(each.name, each.id) for each in later.datasets] == [(each.name, each.id) for each in FACTS.datasets]
    live = Definition.of(replace(PACKAGE, election=PACKAGE.election.model_copy(update={"mode": Mode.LIVE})))
    of_live = catalogue_facts(live, made_manifest(live))
    assert {each.id for each in of_live.datasets}.isdisjoint(each.id for each in FACTS.datasets)
    assert of_live.datasets[0].description["en"] == f"{of_live.datasets[0].title['en']}."


def test_stems_that_are_the_same_or_too_long_in_a_portal_get_digits() -> None:
    long = "x" * 64
    offices = (*PACKAGE.offices, *(PACKAGE.offices[0].model_copy(update={"id": each}) for each in ("a.b", "a-b", long)))
    contests = (
        *PACKAGE.contests,
        *(
            PACKAGE.contests[0].model_copy(update={"id": f"c-{each}"[:64], "office": each})
            for each in ("a.b", "a-b", long)
        ),
    )
    election = PACKAGE.election.model_copy(update={"id": "e" * 40})
    definition = Definition.of(replace(PACKAGE, election=election, offices=offices, contests=contests))
    names = [each.name for each in catalogue_facts(definition, made_manifest(definition)).datasets]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) == NAME_CHARACTERS_MAX


def test_a_language_that_a_text_lacks_has_its_first_one() -> None:
    election = PACKAGE.election.model_copy(update={"title": LocalText(jv="Pilihan"), "source": "KPU"})
    definition = Definition.of(replace(PACKAGE, election=election))
    facts = catalogue_facts(definition, made_manifest(definition))
    assert list(facts.languages) == ["jv", "id", "en"]
    assert dict(facts.title) == {"jv": "Pilihan", "id": "Pilihan", "en": "Pilihan"}
    assert facts.offices["president"] == {"jv": "Presiden", "id": "Presiden", "en": "President"}
    assert facts.source == "KPU"
    assert "rehearsal" in facts.description["jv"]


def test_addresses_are_whole_for_the_api_and_relative_beside_the_files() -> None:
    assert Addresses.of_api("https://results.example", "CUT") == Addresses(
        "https://results.example/v1/catalog",
        "https://results.example/v1/datasets/",
        "https://results.example/v1/files/latest/",
        "https://results.example/v1/files/CUT/",
        "https://results.example",
    )
    assert Addresses.beside() == Addresses("catalog", "catalog#dataset-", "", "", None)


def test_a_directory_has_a_sitemap_where_its_address_is_known() -> None:
    named = {each.name: each for each in documents(FACTS, "https://files.example/2029/")}
    without = {each.name for each in documents(FACTS, None)}
    assert named.keys() - without == {"sitemap.xml"}
    assert without == {
        "catalog.jsonld",
        "catalog.ttl",
        "dataset.jsonld",
        "datapackage.json",
        "terms.json",
        *(schema_name(table) for table in ALL_TABLES if table not in FINANCE_TABLES),
    }
    assert b"<loc>https://files.example/2029/president.nation.area-votes.csv</loc>" in named["sitemap.xml"].content
    assert sitemap(FACTS, ["https://a.example/?x=1&y=2"] * (ADDRESSES_MAX + 1)).count("x=1&amp;y=2") == ADDRESSES_MAX


def test_a_data_package_has_the_csv_files_with_their_schemas() -> None:
    package = data_package(FACTS, Addresses.beside())
    assert package is not None
    assert len(package["resources"]) == sum(each["format"] == "csv" for each in MANIFEST["files"])
    votes = next(each for each in package["resources"] if each["name"] == "president.nation.area-votes")
    entry = next(each for each in MANIFEST["files"] if each["name"] == "president.nation.area-votes.csv")
    assert (votes["path"], votes["bytes"], votes["hash"]) == (
        entry["name"],
        entry["bytes"],
        f"sha256:{entry['sha256']}",
    )
    assert votes["schema"] == "area-votes.schema.json"
    assert package["licenses"] == [
        {
            "name": "CC0-1.0",
            "title": "Creative Commons Zero 1.0 Universal",
            "path": "https://creativecommons.org/publicdomain/zero/1.0/",
        }
    ]
    table = next(each for each in ALL_TABLES if each.name == "area-votes")
    assert schema_document(table)["version"] == table.version
    without = catalogue_facts(DEFINITION, made_manifest(DEFINITION, (Format.JSON,)))
    assert data_package(without, Addresses.beside()) is None
    assert tables_of(without) == []
    assert "datapackage.json" not in {each.name for each in documents(without, None)}


def test_a_dataset_of_schema_org_has_its_columns_and_leads_to_the_election() -> None:
    at = Addresses.of_api("https://results.example", "CUT")
    votes = next(each for each in FACTS.datasets if each.stem == "president.nation.area-votes")
    found = dataset_document(FACTS, votes, at)
    assert found["isPartOf"] == {"@id": "https://results.example/v1/catalog#election"}
    assert {"@type": "PropertyValue", "name": "votes", "unitText": "votes"}.items() <= found["variableMeasured"][
        -1
    ].items()
    assert (
        found["distribution"][0]["contentUrl"]
        == "https://results.example/v1/files/latest/president.nation.area-votes.csv"
    )


def test_terms_name_the_licences_of_data_and_code() -> None:
    found = terms(FACTS)
    assert (found["data"]["licence"], found["code"]["licence"]) == ("CC0-1.0", "Apache-2.0")
    assert found["data"]["attribution"] == "Komisi Pemilihan Umum, Pemilu kecil, 2029-02-14"
    own = catalogue_facts(DEFINITION, {**MANIFEST, "licence": "Ask us"})
    assert (terms(own)["data"]["licence"], terms(own)["data"]["licence_url"]) == ("Ask us", None)
    package = data_package(own, Addresses.beside())
    assert package is not None
    assert package["licenses"] == [{"name": "other", "title": "Ask us"}]


def test_an_index_names_each_sitemap() -> None:
    assert sitemap_index(["https://a.example/x?a=1&b=2", "https://a.example/y"]) == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        "  <sitemap><loc>https://a.example/x?a=1&amp;b=2</loc></sitemap>\n"
        "  <sitemap><loc>https://a.example/y</loc></sitemap>\n"
        "</sitemapindex>\n"
    )
