"""Shape of the API's answer about the gateway that gives it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class GatewayAbout(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    gateway_key: str
    """Verifier key (C2SP signed-note) of this gateway's receipts and final refusals."""
