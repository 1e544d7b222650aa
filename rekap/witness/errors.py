"""The errors of a witness.

WitnessError
├── NotStartedError   the witness cannot do its work: logs or address cannot be had
└── StateError        the state cannot be used, or belongs to another witness
"""

from __future__ import annotations


class WitnessError(Exception):
    """The sentence says why, and what to do."""


class NotStartedError(WitnessError):
    pass


class StateError(WitnessError):
    pass
