"""The shapes of everything that is said, as JSON Schema (also under docs/reference/)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from schemas.reference import event_schemas

router = APIRouter(prefix="/v1", tags=["reference"])


@router.get("/schemas/events", summary="JSON Schema of every event")
async def schemas_of_events() -> dict[str, Any]:
    return event_schemas()
