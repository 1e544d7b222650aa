"""The demo's profiles fit its package, and leave some candidates out."""

from __future__ import annotations

from projections.checks.profile_checks import profile_problems
from projections.definition.compiled import Definition
from rekap.elections.demo import demo_package, key_slots
from rekap.elections.demo_profiles import demo_profiles
from schemas.definition.package import ChoiceKind
from tests.support.ledger import private_key


def test_profiles_of_the_demo_are_right_and_have_gaps() -> None:
    public = {slot: private_key(str(slot)).public_key().public_bytes_raw() for slot in key_slots()}
    package = demo_package(stations=1_000, seed=1, public_keys=public)
    profiles = demo_profiles(package)
    assert profile_problems(Definition.of(package).ballots, {party.id for party in package.parties}, profiles) == []
    described = {(each.contest, each.choice) for each in profiles.candidates}
    candidates = {(each.contest, each.id) for each in package.choices if each.kind is ChoiceKind.CANDIDATE}
    assert 0 < len(candidates - described) < len(candidates) / 20
    assert len({profile.colour for profile in profiles.party_profiles}) == len(package.parties)
    assert {each.person for each in profiles.candidates if each.contest == "presiden"} <= {1, 2}
