"""Who may submit what: each check with its rule, its field and its sentence."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from projections.definition.compiled import Definition
from projections.fold.authority import MAY_SUBMIT, Refusal, check_election, check_key, check_scope
from schemas.definition.package import Role
from schemas.ledger.events import ACCEPTED_TYPES, EVENT_TYPES, LEDGER_EVENT
from schemas.ledger.reports import LedgerEvent
from tests.support.ledger import CREATED_AT, key_row
from tests.support.small_election import annulled, reported, reviewed, small_package, withdrawn
from tests.support.small_finance import finance_package, finance_report

DEFINITION = Definition.of(small_package())
ID = "ab" * 32
OPENED = {"type": "election.opened", "partitions": 3}
COPIED = {**reported("1.1.1-1"), "type": "result.copied"}
OF_STATION = [
    reported("1.1.1-1"),
    reviewed("1.1.1-1", ID, "accepted"),
    annulled("1.1.1-1", 1),
    withdrawn("1.1.1-1", ID),
]


def event(body: dict[str, Any], **more: Any) -> LedgerEvent:
    frame = {
        "election": "small",
        "mode": "rehearsal",
        "definition": DEFINITION.hash,
        "seq": 0,
        "created_at": CREATED_AT,
    }
    return LEDGER_EVENT.validate_json(orjson.dumps({**frame, **body, **more}))


def key_of(name: str) -> Any:
    return DEFINITION.keys[key_row(name, Role.WITNESS, "N").key_id]


@pytest.mark.parametrize(
    ("more", "refusal"),
    [
        ({}, None),
        ({"election": "big"}, Refusal("E1", "election", "Pemilu big bukan small.", "The election is big, expected small.")),
        (
            {"mode": "live"},
            Refusal("E2", "mode", "Mode live bukan rehearsal.", "The mode is live, expected rehearsal."),
        ),
        (
            {"definition": ID},
            Refusal(
                "E3",
                "definition",
                f"Definisi {ID} bukan {DEFINITION.hash}.",
                f"The definition is {ID}, expected {DEFINITION.hash}.",
            ),
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("body", [OPENED, *OF_STATION], ids=lambda body: body["type"])
def test_an_event_is_of_this_election_in_this_mode_with_this_definition(
    body: dict[str, Any], more: dict[str, Any], refusal: Refusal | None
) -> None:
    assert check_election(event(body, **more), DEFINITION) == refusal


def test_a_type_for_later_is_refused() -> None:
    assert check_election(event(COPIED), DEFINITION) == Refusal(
        "E4",
        "type",
        "Jenis peristiwa result.copied belum diterima oleh versi ini.",
        "Events of type result.copied are not accepted by this version.",
    )


def test_an_unknown_key_is_refused() -> None:
    assert check_key(event(OPENED), None, "cd" * 8, DEFINITION) == Refusal(
        "K1",
        "signatures.0.keyid",
        f"Kunci {'cd' * 8} tidak terdaftar dalam pemilu ini.",
        f"Key {'cd' * 8} is not registered in this election.",
    )


@pytest.mark.parametrize("body", [OPENED, *OF_STATION, COPIED], ids=lambda body: body["type"])
@pytest.mark.parametrize("role", list(Role))
def test_a_role_may_submit_the_types_of_the_table(body: dict[str, Any], role: Role) -> None:
    kind = body["type"]
    key = key_of("officer")._replace(role=role)
    refusal = check_key(event(body), key, key.key_id, DEFINITION)
    if role in MAY_SUBMIT[kind]:
        assert refusal is None
        return
    assert refusal is not None
    assert (refusal.rule, refusal.field) == ("K3", "type")
    allowed = ", ".join(sorted(MAY_SUBMIT[kind]))
    assert refusal.sentence_id == f"Peran {role} tidak boleh menyampaikan {kind}; yang boleh: {allowed}."
    assert refusal.sentence_en == f"Role {role} may not submit {kind}; allowed: {allowed}."


@pytest.mark.parametrize("kind", MAY_SUBMIT)
def test_the_roles_that_may_submit_a_type_are_named_in_order(kind: str) -> None:
    """Sets of words have another order in each process."""
    body = SimpleNamespace(type=kind)
    key = key_of("officer")._replace(role="nobody")
    refusal = check_key(cast("LedgerEvent", body), key, key.key_id, DEFINITION)
    assert refusal is not None
    assert refusal.sentence_en.endswith("allowed: " + ", ".join(sorted(MAY_SUBMIT[kind])) + ".")


def test_each_type_of_event_has_roles_that_may_submit_it() -> None:
    assert MAY_SUBMIT.keys() == set(EVENT_TYPES)


def test_the_roles_of_each_accepted_type() -> None:
    assert {kind: MAY_SUBMIT[kind] for kind in ACCEPTED_TYPES} == {
        "election.opened": {"authority"},
        "result.reported": {"station_officer"},
        "result.reviewed": {"reviewer"},
        "result.annulled": {"supervisor", "court"},
        "annulment.withdrawn": {"supervisor", "court"},
        "finance.reported": {"finance"},
    }


@pytest.mark.parametrize("body", OF_STATION, ids=lambda body: body["type"])
def test_an_event_names_a_station_and_a_contest_within_the_scope_of_its_key(body: dict[str, Any]) -> None:
    key = key_of("officer-1")
    assert check_scope(event(body), key, DEFINITION) is None
    assert check_scope(event(body, station="9.9.9-9"), key, DEFINITION) == Refusal(
        "S1",
        "station",
        "TPS 9.9.9-9 tidak ada dalam definisi pemilu ini.",
        "Station 9.9.9-9 is not in this election's definition.",
    )
    for contest in ("mayor", "council-c"):
        assert check_scope(event(body, contest=contest), key, DEFINITION) == Refusal(
            "S2",
            "contest",
            f"Pemilihan {contest} tidak diadakan di TPS 1.1.1-1.",
            f"Contest {contest} is not held at station 1.1.1-1.",
        )
    assert check_scope(event(body, station="2.1.1-1"), key, DEFINITION) == Refusal(
        "K4",
        "station",
        f"Kunci {key.key_id} hanya berlaku untuk 1.",
        f"Key {key.key_id} may sign only for 1.",
    )


def test_a_genesis_has_the_packages_partitions_and_a_key_of_the_whole_election() -> None:
    key = key_of("authority")
    assert check_scope(event(OPENED), key, DEFINITION) is None
    assert check_scope(event(OPENED, partitions=4), key, DEFINITION) == Refusal(
        "E5", "partitions", "Jumlah partisi 4 bukan 3.", "The number of partitions is 4, expected 3."
    )
    refusal = check_scope(event(OPENED), key._replace(scope="1"), DEFINITION)
    assert refusal is not None
    assert (refusal.rule, refusal.field) == ("K4", "scope")


def test_a_type_that_was_accepted_without_a_scope_is_a_bug() -> None:
    with pytest.raises(AssertionError, match=r"result\.copied is an accepted type and has no scope"):
        check_scope(event(COPIED), key_of("officer"), DEFINITION)


FINANCE = Definition.of(finance_package())
FINANCE_KEY = FINANCE.keys[key_row("finance-1", Role.FINANCE, "1").key_id]


@pytest.mark.parametrize(
    "body", [finance_report(), finance_report(area="1.1"), finance_report("P2", "1.2.2")], ids=lambda body: body["area"]
)
def test_a_finance_key_may_report_parties_in_its_scope(body: dict[str, Any]) -> None:
    assert check_scope(event(body), FINANCE_KEY, FINANCE) is None


def test_a_finance_key_may_report_candidates_whose_voters_are_all_in_its_scope() -> None:
    body = finance_report(None, "1.1", contest="council-a", choice="P1-1")
    assert check_scope(event(body), FINANCE_KEY, FINANCE) is None


@pytest.mark.parametrize(
    ("body", "rule", "field", "sentence"),
    [
        (finance_report(area="9"), "S3", "area", "Area 9 is not in this election's definition."),
        (finance_report("P-9"), "S3", "party", "Party P-9 is not in this election's definition."),
        (
            finance_report(None, "1", contest="mayor"),
            "S3",
            "contest",
            "Contest mayor is not in this election's definition.",
        ),
        (finance_report(None, "N", choice="09"), "S3", "choice", "Contest president has no candidate 09."),
        (
            finance_report(None, "1.1", contest="council-a", choice="P1-0"),
            "S3",
            "choice",
            "Contest council-a has no candidate P1-0.",
        ),
        (
            finance_report(None, "1.1", contest="president"),
            "S3",
            "area",
            "The account of a candidate of contest president is in area N, not 1.1.",
        ),
        (finance_report(area="N"), "K4", "area", f"Key {FINANCE_KEY.key_id} may sign only for 1."),
        (finance_report(area="2.1"), "K4", "area", f"Key {FINANCE_KEY.key_id} may sign only for 1."),
    ],
)
def test_a_finance_report_names_an_account_within_the_scope_of_its_key(
    body: dict[str, Any], rule: str, field: str, sentence: str
) -> None:
    refusal = check_scope(event(body), FINANCE_KEY, FINANCE)
    assert refusal is not None
    assert (refusal.rule, refusal.field, refusal.sentence_en) == (rule, field, sentence)
    assert refusal.sentence_id


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (finance_report(area="9"), "Wilayah 9 tidak ada dalam definisi pemilu ini."),
        (finance_report("P-9"), "Partai P-9 tidak ada dalam definisi pemilu ini."),
        (finance_report(None, "1", contest="mayor"), "Pemilihan mayor tidak ada dalam definisi pemilu ini."),
    ],
)
def test_what_is_not_in_the_definition_is_named_in_indonesian(body: dict[str, Any], sentence: str) -> None:
    refusal = check_scope(event(body), FINANCE_KEY, FINANCE)
    assert refusal is not None
    assert refusal.sentence_id == sentence


def test_a_finance_key_whose_scope_is_a_station_may_report_nothing() -> None:
    refusal = check_scope(event(finance_report(area="1.1.1")), FINANCE_KEY._replace(scope="1.1.1-1"), FINANCE)
    assert refusal is not None
    assert refusal.rule == "K4"


def test_a_package_without_finance_has_no_finance_reports() -> None:
    assert check_scope(event(finance_report()), FINANCE_KEY, DEFINITION) == Refusal(
        "E8",
        "type",
        "Paket pemilu ini tidak memuat dana kampanye.",
        "This election's package does not describe campaign finance.",
    )
