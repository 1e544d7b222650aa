"""A finding: a rule that a form breaks, with the rule's id and a sentence in two languages.

A finding is data, not an error: the form that breaks the rule is kept, shown and, where the rule is hard, held.
"""

from __future__ import annotations

from typing import NamedTuple

from schemas.definition.package import Severity

FINDINGS_OF_RULE_MAX = 5
"""Places of one form at which one rule is said to be broken; how many more there are is the last finding. A legislative form
whose columns are swapped breaks one rule for each of its 234 rows: 41 kB of sentences, which a reviewer needs no more than
the first of. At half, a form with a few typing errors no longer names them all; at double, wrong forms are twice as large."""
SENTENCE_CHARACTERS_MAX = 1_000
"""Limit for one sentence. The longest that the rules make names ten codes of 64 characters; what a record says of
itself may be any length."""


class Finding(NamedTuple):
    """`rule` is an id of DOMAIN 1.2/1.3 or of `projections/form/rules.py`; sentences name the numbers that disagree."""

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


def shortened(sentence: str) -> str:
    if len(sentence) <= SENTENCE_CHARACTERS_MAX:
        return sentence
    return f"{sentence[: SENTENCE_CHARACTERS_MAX - 1]}…"


def of_rule(rule: str, severity: Severity, sentences: list[tuple[str, str]]) -> list[Finding]:
    """Findings of one rule in one form, from its sentences (Indonesian, English): the first ones, and how many more."""
    found = [Finding(rule, severity, shortened(id), shortened(en)) for id, en in sentences[:FINDINGS_OF_RULE_MAX]]
    more = len(sentences) - len(found)
    if more > 0:
        found.append(
            Finding(
                rule,
                severity,
                f"Aturan ini dilanggar di {more} tempat lain pada formulir ini.",
                f"This rule is broken at {more} more places of this form.",
            )
        )
    return found
