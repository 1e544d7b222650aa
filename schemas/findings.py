"""A finding: a rule that a form breaks, with the rule's id and a sentence in two languages.

A finding is data, not an error: the form that breaks the rule is kept, shown and, where the rule is hard, held.
"""

from __future__ import annotations

from typing import NamedTuple

from schemas.package import Severity


class Finding(NamedTuple):
    """`rule` is an id of DOMAIN 1.2/1.3 or of `projections/rules.py`; sentences name the numbers that disagree."""

    rule: str
    severity: Severity
    sentence_id: str
    sentence_en: str

    def as_json(self) -> dict[str, str]:
        return {
            "rule": self.rule,
            "severity": self.severity.value,
            "sentence_id": self.sentence_id,
            "sentence_en": self.sentence_en,
        }
