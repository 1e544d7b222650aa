"""Requests to CKAN's action API: their parameters, and the errors that answer a wrong one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Parameters = Mapping[str, Any]
"""Parameters from the query of a GET, where all values are texts, or from the JSON object of a POST."""


class CkanError(Exception):
    """An error as CKAN states it: the HTTP status, and `error` of the answer."""

    def __init__(self, status: int, type: str, **fields: Any) -> None:
        super().__init__(type)
        self.status = status
        self.error: dict[str, Any] = {"__type": type, **fields}


def not_found(what: str) -> CkanError:
    return CkanError(404, "Not Found Error", message=f"Not found: {what}")


def invalid(field: str, sentence: str) -> CkanError:
    return CkanError(409, "Validation Error", **{field: [sentence]})


def required(parameters: Parameters, name: str) -> str:
    value = parameters.get(name)
    if not isinstance(value, str) or not value:
        raise invalid(name, "Missing value")
    return value


def whole(parameters: Parameters, name: str, default: int) -> int:
    value = parameters.get(name)
    if value is None or value == "":
        return default
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9:
        return int(value)
    raise invalid(name, "Must be a natural number")
