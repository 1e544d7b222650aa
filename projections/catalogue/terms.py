"""Terms of use: the licence of the data and of the code, how to name the source, and what is not in the data."""

from __future__ import annotations

from typing import Any

from projections.catalogue.facts import CatalogueFacts
from schemas.licences import CODE_LICENCE, Licence, licence_of


def terms(facts: CatalogueFacts) -> dict[str, Any]:
    title = next(iter(facts.title.values()))
    return {
        "election": facts.election,
        "title": dict(facts.title),
        "is_test": facts.is_test,
        "data": {
            **_licence(facts.licence),
            "publisher": facts.publisher,
            "source": facts.source,
            "attribution": f"{facts.publisher}, {title}, {facts.date}",
        },
        "code": {**_licence(licence_of(CODE_LICENCE)), "name": "Rekap"},
        "personal_data": {
            "en": "The names of candidates as the public lists have them. No column can hold other personal data.",
            "id": "Nama calon sebagaimana dalam daftar publik. Tidak ada kolom untuk data pribadi lain.",
        },
    }


def _licence(licence: Licence) -> dict[str, Any]:
    return {"licence": licence.id or licence.title, "licence_title": licence.title, "licence_url": licence.url}
