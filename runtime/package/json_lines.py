"""The line of each value of a JSON text, so that a problem in `election.json` can name its line."""

from __future__ import annotations

import json
import re

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')


def json_lines(text: str) -> tuple[dict[str, int], list[tuple[str, int]]]:
    """Path → line (from 1) of each value of a valid JSON text; and (path, line) of each key that is given twice.

    A path is a dotted location of pydantic, such as `rules.2.offices.0`; the path of the outermost value is the empty string.
    The line of a value in an object is that of its key.
    """
    lines: dict[str, int] = {}
    twice: list[tuple[str, int]] = []
    path: list[str | int] = []
    """The current key of each open object, and the current index of each open list."""
    line, end = 1, 0
    expects_key = False
    for token in _TOKEN.finditer(text):
        line += text.count("\n", end, token.start())
        end = token.start()
        match token.group():
            case "{":
                lines.setdefault(_dotted(path), line)
                path.append("")
                expects_key = True
            case "[":
                lines.setdefault(_dotted(path), line)
                path.append(0)
                expects_key = False
            case "}" | "]":
                path.pop()
                expects_key = False
            case ",":
                last = path[-1]
                if isinstance(last, int):
                    path[-1] = last + 1
                expects_key = isinstance(last, str)
            case ":":
                expects_key = False
            case key if expects_key:
                path[-1] = json.loads(key)
                if _dotted(path) in lines:
                    twice.append((_dotted(path), line))
                lines.setdefault(_dotted(path), line)
            case _:
                lines.setdefault(_dotted(path), line)
    return lines, twice


def _dotted(path: list[str | int]) -> str:
    return ".".join(str(part) for part in path)
