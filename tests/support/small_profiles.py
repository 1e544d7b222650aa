"""Profiles of some candidates and one party of the small election."""

from __future__ import annotations

from projections.definition.compiled import Definition
from projections.shown.profiles import ProfileIndex
from schemas.definition.profiles import Candidate, PartyProfile, Profiles
from tests.support.small_election import small_package

PACKAGE = small_package()
DEFINITION = Definition.of(PACKAGE)
FULL = {"sex": "female", "residence": "Sleman", "photo": "https://kpu.example/1.jpg", "web": "https://kpu.example/1"}
PROFILES = Profiles(
    (
        Candidate(contest="president", choice="01", person=2, name="Budi Contoh"),
        Candidate.model_validate({"contest": "president", "choice": "01", "name": "Siti Ñusa"} | FULL),
        Candidate.model_validate({"contest": "council-b", "choice": "P2-1", "name": "Ayu"} | FULL),
    ),
    (PartyProfile(party="P2", colour="#0B6623"),),
)
INDEX = ProfileIndex(DEFINITION, PROFILES, PACKAGE.parties, PACKAGE.districts)
