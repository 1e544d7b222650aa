"""Profiles of the demo's candidates and parties. All are made up, and some are left out, so that the demo shows what a register
lacks."""

from __future__ import annotations

import colorsys
from collections.abc import Iterator

from schemas.definition.package import Choice, ChoiceKind, ElectionPackage
from schemas.definition.profiles import Candidate, PartyProfile, Profiles, Sex

LEFT_OUT_EVERY = 50
"""One candidate of 50 has no profile."""


def demo_profiles(package: ElectionPackage) -> Profiles:
    candidates = [choice for choice in package.choices if choice.kind is ChoiceKind.CANDIDATE]
    return Profiles(
        tuple(
            person
            for number, choice in enumerate(candidates, start=1)
            if number % LEFT_OUT_EVERY
            for person in _persons(number, choice)
        ),
        tuple(
            PartyProfile(
                party=party.id,
                web=f"https://{party.id.lower()}.example/",
                colour=_colour(number / len(package.parties)),
            )
            for number, party in enumerate(package.parties)
        ),
    )


def _persons(number: int, choice: Choice) -> Iterator[Candidate]:
    """A pair where the choice has no party, as for the president; otherwise one person."""
    roles = ("Ketua", "Wakil") if choice.party is None else ("",)
    for person, role in enumerate(roles, start=1):
        yield Candidate(
            contest=choice.contest,
            choice=choice.id,
            person=person,
            name=f"{choice.name} {role}".strip(),
            sex=(Sex.FEMALE, Sex.MALE)[(number + person) % 2],
        )


def _colour(hue: float) -> str:
    red, green, blue = (round(255 * part) for part in colorsys.hls_to_rgb(hue, 0.42, 0.6))
    return f"#{red:02X}{green:02X}{blue:02X}"
