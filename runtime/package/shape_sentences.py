"""pydantic's errors of shape as sentences for people: the field, what was expected, and what came.

The only code that turns an error of pydantic into words. Files, commands, the API and the live feed use it."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from schemas.codes import CODE_PATTERN, ELECTION_PATTERN, KEY_ID_PATTERN, SHA256_PATTERN
from schemas.definition.finance_settings import CURRENCY_PATTERN
from schemas.definition.package import Key, RuleSetting
from schemas.definition.profiles import COLOUR_PATTERN
from schemas.definition.rows import LANGUAGE_PATTERN, TEXT_PATTERN
from schemas.ledger.envelope import Envelope
from schemas.ledger.events import REASON_PATTERN, TIME_PATTERN
from schemas.ledger.finance import DAY_PATTERN
from schemas.texts import WEB_ADDRESS_PATTERN, written

SHOWN_CHARACTERS_MAX = 60
"""Limit for the quoted part of a wrong value."""

PATTERN_SENTENCES: Mapping[str, str] = {
    CODE_PATTERN: "a code: 1 to 64 letters (A-Z), digits, dots, underscores or hyphens, a letter or digit first",
    ELECTION_PATTERN: "an election id: 1 to 48 lower-case letters, digits or hyphens, a letter or digit first",
    LANGUAGE_PATTERN: "a language tag as BCP 47 writes it, such as en, pt-BR or zh-Hant",
    TEXT_PATTERN: "a text for people: it holds a line end, a control or a direction character",
    WEB_ADDRESS_PATTERN: "a web address: http:// or https://, a host, and no spaces",
    COLOUR_PATTERN: "a colour in capital letters, such as #0B6623",
    TIME_PATTERN: "a time such as 2029-02-14T13:05:00+07:00, with a day and hour that exist",
    KEY_ID_PATTERN: "a key id: 16 hexadecimal digits in lower case",
    SHA256_PATTERN: "a SHA-256 hash: 64 hexadecimal digits in lower case",
    DAY_PATTERN: "a day such as 2029-02-14",
    CURRENCY_PATTERN: "a currency of ISO 4217: three capital letters, such as IDR",
    REASON_PATTERN: "a reason: 1 to 32 capital letters, digits, hyphens or underscores, a letter first",
    Envelope.model_json_schema()["properties"]["payloadType"]["pattern"]: "the type of our events, "
    "application/vnd.rekap.event+json",
    RuleSetting.model_json_schema()["properties"]["id"]["pattern"]: "a rule id, such as F3",
    Key.model_json_schema()["properties"]["public_key"]["pattern"]: "a public key: 32 bytes in base64, 44 characters",
}


def sentence(error: ErrorDetails | Mapping[str, Any], fields: Collection[str] = ()) -> str:
    """One error as a sentence. `fields` are the fields that the object may have, for an error about an unknown field."""
    value, context = error["input"], error.get("ctx", {})
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            name = str(error["loc"][-1])
            return f"there is no field {name!r} here{did_you_mean(difflib.get_close_matches(name, sorted(fields), 1))}"
        case "string_pattern_mismatch":
            return _pattern_sentence(value, context["pattern"])
        case "string_too_short" if value:
            return f"has {len(value):,} characters, at least {context['min_length']:,} are needed"
        case "string_too_short":
            return "is empty"
        case "string_too_long":
            return f"has {len(value):,} characters, at most {context['max_length']:,} are allowed"
        case "enum" | "literal_error":
            allowed = [each.strip("'") for each in context["expected"].replace(" or ", ", ").split(", ")]
            near = difflib.get_close_matches(value.strip().lower(), allowed, 1) if isinstance(value, str) else []
            return f"{_shown(value)} is not one of {', '.join(allowed)}{did_you_mean(near)}"
        case "greater_than_equal":
            return f"is {_shown(value)}, must be at least {context['ge']:,}"
        case "less_than_equal":
            return f"is {_shown(value)}, must be at most {context['le']:,}"
        case "too_short":
            return f"has {context['actual_length']:,} entries, at least {context['min_length']:,} are needed"
        case "too_long":
            return f"has more than {context['max_length']:,} entries"
        case "int_type" | "int_parsing" | "int_from_float" | "int_parsing_size":
            return f"expected a whole number, got {_shown(value)}"
        case "string_type":
            return f"expected a text, got {_shown(value)}"
        case "list_type" | "tuple_type":
            return f"expected a list, got {_shown(value)}"
        case "model_type" | "dict_type" | "model_attributes_type":
            return f"expected an object, got {_shown(value)}"
        case "bool_type" | "bool_parsing":
            return f"expected true or false, got {_shown(value)}"
        case "json_invalid":
            return f"expected JSON, got {_shown(value)}"
        case "union_tag_invalid":
            tags = context["expected_tags"].replace("'", "")
            return f"{_shown(context['tag'])} is not one of {tags}"
        case "union_tag_not_found":
            return f"has no field {context['discriminator']}"
        case "value_error":  # a sentence of our own
            return str(context["error"])
        case kind if kind.startswith(("datetime", "timezone")):
            return f"expected a time such as 2029-02-14T13:05:00+07:00, got {_shown(value)}"
        case kind if kind.startswith("date"):
            return f"expected a date such as 2029-02-14, got {_shown(value)}"
        case kind:
            return f"{_shown(value)} does not fit here ({kind.replace('_', ' ')})"


def first_sentence(error: ValidationError) -> str:
    """The first mistake as a sentence, after the path of its field."""
    first = error.errors(include_url=False)[0]
    field = field_of(first)
    return f"{field}: {sentence(first)}" if field else sentence(first)


def field_of(error: Mapping[str, Any], without: Collection[str] = ()) -> str:
    """The path of the field at fault, without the tags of a union that pydantic has in it: those with a dot, and `without`."""
    return ".".join(str(part) for part in error["loc"] if "." not in str(part) and part not in without)


def did_you_mean(near: list[str]) -> str:
    return f"; did you mean {near[0]!r}?" if near else ""


def _pattern_sentence(value: str, pattern: str) -> str:
    if not value:
        return "is empty"
    hint = " (there is a space before or after it)" if value != value.strip() else ""
    return f"{_shown(value)} is not {PATTERN_SENTENCES.get(pattern, f'of the form {pattern}')}{hint}"


def _shown(value: Any) -> str:
    text = written(value)
    return text if len(text) <= SHOWN_CHARACTERS_MAX else text[: SHOWN_CHARACTERS_MAX - 1] + "…"
