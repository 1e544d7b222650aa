"""Pass 2 of reading a package: the text of `election.json` to an Election, with each mistake in its line."""

from __future__ import annotations

import difflib
import json
import re
import zoneinfo
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from pydantic import ValidationError

from runtime.package.file_names import ELECTION_FILE
from runtime.package.json_lines import json_lines
from runtime.package.problem_list import FileProblems
from runtime.package.shape_sentences import did_you_mean, sentence
from runtime.package.texts import CONTROL
from schemas.definition.finance_settings import DonorKind, FinanceSettings, ReportKind, SpendingKind
from schemas.definition.package import Election, Level, RuleSetting
from schemas.definition.rows import Row

JSON_DEPTH_MAX = 32
_NOT_TEXT = re.compile(f"{CONTROL.pattern}|[\ud800-\udfff]")

_STAND_INS: Mapping[str, Any] = {
    "id": "stand-in",
    "title": {"id": "-", "en": "-"},
    "date": "2000-01-01",
    "time_zone": "UTC",
    "mode": "rehearsal",
    "partitions": 1,
    "rules": [],
    "licence": "-",
    "source": None,
    "finance": None,
}
"""Values that the third pass takes instead of those that do not have their shape. Levels have none, because without them there
is nothing to compare the areas with."""


class ElectionFile:
    """Reads `election.json`, and then knows in which line each of its values is."""

    def __init__(self, problems: FileProblems) -> None:
        self._problems = problems
        self._lines: dict[str, int] = {}
        """Path of each value → its line."""

    def line_of(self, path: str) -> int:
        """Line of the value, or of the nearest one around it."""
        while path and path not in self._lines:
            path = path.rpartition(".")[0]
        return self._lines.get(path, 1)

    def read(self, text: str) -> Election | None:
        """The election, with stand-ins for values that do not have their shape; None where levels are wrong, or where the
        text is not JSON."""
        if (depth := _depth(text)) > JSON_DEPTH_MAX:
            self._add(1, None, f"is nested {depth:,} deep; nothing in it goes deeper than {JSON_DEPTH_MAX}")
            return None
        try:
            value = json.loads(text, parse_constant=_refuse_constant, parse_int=_parse_integer)
            not_text = _path_of_not_text(value)
        except json.JSONDecodeError as error:
            self._add(error.lineno, None, f"is not JSON: {error.msg} (column {error.colno})")
            return None
        except ValueError as error:
            self._add(1, None, f"is not JSON: {error}")
            return None
        self._lines, twice = json_lines(text)
        for path, line in twice:
            self._add(line, path, "is given twice")
        if not_text is not None:
            path, is_half = not_text
            words = f"holds {'half of a character' if is_half else 'a control character'}; remove it"
            self._add(self.line_of(path), _NOT_TEXT.sub("?", path), words)
            return None
        if not isinstance(value, dict):
            self._add(1, None, "expected an object with the fields " + ", ".join(Election.model_fields))
            return None
        return self._shape(value)

    def _shape(self, value: dict[str, Any]) -> Election | None:
        self._check_time_zone(value.get("time_zone"))
        try:
            return Election.model_validate(value)
        except ValidationError as error:
            listed: set[str] = set()
            for each in error.errors(include_url=False):
                location = each["loc"]
                if len(location) > 4 and location[2] == "parameters":
                    path, words = _dotted(location[:4]), "expected a whole number, a text or a list of texts"
                else:
                    path, words = _dotted(location), sentence(each, _fields_beside(location))
                if path not in listed:
                    listed.add(path)
                    self._add(self.line_of(path), path, words)
            return _mended(value, error)

    def _check_time_zone(self, name: Any) -> None:
        known = zoneinfo.available_timezones()
        if isinstance(name, str) and name and name not in known:
            near = difflib.get_close_matches(name, sorted(known), 1)
            words = f"{name!r} is not a time zone of the IANA list, such as 'Asia/Jakarta'{did_you_mean(near)}"
            self._add(self.line_of("time_zone"), "time_zone", words)

    def _add(self, line: int, path: str | None, words: str) -> None:
        self._problems.add(ELECTION_FILE, line, path, words)


def _mended(value: Mapping[str, Any], error: ValidationError) -> Election | None:
    """The election with stand-ins for the values that `error` names; None where levels are wrong."""
    mended = {name: each for name, each in value.items() if name in Election.model_fields}
    for name in {str(each["loc"][0]) for each in error.errors(include_url=False)}:
        if name in _STAND_INS:
            mended[name] = _STAND_INS[name]
    try:
        return Election.model_validate(mended)
    except ValidationError:
        return None


def _fields_beside(location: tuple[int | str, ...]) -> Sequence[str]:
    """The fields that the object around this location may have."""
    names = tuple(part for part in location[:-1] if isinstance(part, str))
    model = _MODELS.get(names)
    return tuple(model.model_fields) if model else ()


_MODELS: Mapping[tuple[str, ...], type[Row]] = {
    (): Election,
    ("levels",): Level,
    ("rules",): RuleSetting,
    ("finance",): FinanceSettings,
    ("finance", "reports"): ReportKind,
    ("finance", "donors"): DonorKind,
    ("finance", "spending"): SpendingKind,
}
"""Path of an object, without numbers in lists → its model."""


def _dotted(location: tuple[int | str, ...]) -> str:
    """The location as a path of json_lines. pydantic adds `[key]` where a key is wrong and not its value."""
    return ".".join(str(part) for part in location if part != "[key]")


def _path_of_not_text(value: Any, path: str = "") -> tuple[str, bool] | None:
    """Path of the first text or key with a control character, or with half of a character, which JSON can write as `\\u0000`
    and `\\ud800`; and whether it is the latter."""
    if isinstance(value, str):
        match = _NOT_TEXT.search(value)
        return None if match is None else (path, match.group() >= "\ud800")
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        inner_path = f"{path}.{name}" if path else str(name)
        of_name = _path_of_not_text(str(name), inner_path)
        found = of_name if of_name is not None else _path_of_not_text(each, inner_path)
        if found is not None:
            return found
    return None


def _depth(text: str) -> int:
    """How deep lists and objects are nested, counted without recursion."""
    depth = deepest = 0
    for bracket in _BRACKET.findall(text):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(bracket, 0)
        deepest = max(deepest, depth)
    return deepest


_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"|[{}\[\]]', re.DOTALL)
"""A bracket, or a whole string, so that brackets inside strings are not counted."""


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _parse_integer(digits: str) -> int:
    if len(digits) > 20:
        raise ValueError(f"a number of {len(digits):,} digits")
    return int(digits)
