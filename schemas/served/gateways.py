"""Shape of the API's answer about the gateway that gives it."""

from __future__ import annotations

from schemas.served.shape import Shape


class GatewayAbout(Shape):
    gateway_key: str
    """Verifier key (C2SP signed-note) of this gateway's receipts and final refusals."""
