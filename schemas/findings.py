"""Findings: rules that a form breaks, each with the rule's id and a sentence in two languages.

A finding is data and not an error. The form that breaks a rule stays in the ledger and is shown, and a hard rule holds it.
"""

from __future__ import annotations

from typing import NamedTuple

from schemas.definition.package import Severity

FINDINGS_OF_RULE_MAX = 5
"""Findings of one rule in one form. One more has the number of the others. A legislative form whose columns are swapped
breaks one rule in each of its 234 rows, which would be 41 kB of sentences, and a reviewer needs only the first few. At half,
not every typing error of a form with a few would be named; at double, wrong forms would be twice as large."""
SENTENCE_CHARACTERS_MAX = 1_000
"""Limit for one sentence. The longest sentence of a rule names ten codes of 64 characters, but a record may hold texts of any
length."""


class Finding(NamedTuple):
    """`rule` is an id of DOMAIN 1.2 and 1.3 or of `projections/form/rules.py`. The sentences name the numbers that disagree."""

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
    """Findings of one rule in one form, from its sentences (Indonesian, English): the first ones, and one with the number of
    the others."""
    found = [Finding(rule, severity, shortened(id), shortened(en)) for id, en in sentences[:FINDINGS_OF_RULE_MAX]]
    more = len(sentences) - len(found)
    if more > 0:
        found.append(
            Finding(
                rule,
                severity,
                f"Aturan ini dilanggar di {more} tempat lain pada formulir ini.",
                f"This form breaks the rule {more} more {'time' if more == 1 else 'times'}.",
            )
        )
    return found
