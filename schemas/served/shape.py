"""What all shapes of answers have in common, and the head of each answer about the election."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from schemas.codes import PartitionNumber, Whole

PartitionOffsets = dict[PartitionNumber, Whole]
"""Ledger partition → offset of the last event that is counted in."""
Texts = dict[str, str]
"""Language tag (BCP 47) → text, in the languages of the election package, which are at least one."""


class Shape(BaseModel):
    """The docstring below a field is its description in OpenAPI."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class ElectionAnswer(Shape):
    """The members that `projections/shown/published.py: answer_bytes` puts at the head of an answer."""

    election: str
    """Id of the election."""
    mode: Literal["rehearsal", "live"]
    """`rehearsal`, of which no number is a result, or `live`."""
    definition: str
    """Definition hash of the election package."""
    licence: str
    """Licence under which the numbers may be used."""
