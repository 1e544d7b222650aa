"""Claims: each published tally with the cut that it is as of, as a digest, because a nation's tallies are gigabytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from audit.count.values import Cut
from audit.findings import AuditError
from audit.sources.package import PARTITIONS_MAX, Package, canonical

STATIONS_OF_PAGE = 5_000

Ask = Callable[[str], dict[str, Any]]
"""Path of a snapshot → its answer."""


class Claim(NamedTuple):
    """One published tally: what it is of, its cut, and the hash of its canonical bytes."""

    path: str
    office: str
    cut: Cut
    kind: str
    """`contest`, `office`, or `stations`."""
    contest: str
    """Empty for an office."""
    area: str
    digest: bytes
    number: int
    """Which of the claims of its answer it is."""
    after: str = ""
    """Last station before the page, where the answer lists stations."""
    until: str | None = None
    """Last station of the page, where the answer lists stations; None where it is the last page."""


class Published(NamedTuple):
    """A claim before its answer is let go."""

    office: str
    cut: Cut
    kind: str
    contest: str
    area: str
    value: Any
    after: str = ""
    until: str | None = None

    def claim(self, path: str, number: int) -> Claim:
        hashed = digest_of_lines(self.value) if self.kind == "stations" else digest(self.value)
        return Claim(
            path, self.office, self.cut, self.kind, self.contest, self.area, hashed, number, self.after, self.until
        )


def digest(tally: Any) -> bytes:
    """SHA-256 of the canonical form (RFC 8785)."""
    return hashlib.sha256(canonical(tally)).digest()


def digest_of_lines(lines: Iterable[dict[str, Any]]) -> bytes:
    """Digest of a list of stations, whatever their order."""
    hashed = hashlib.sha256()
    for line in sorted(lines, key=lambda line: str(line["station"])):
        hashed.update(canonical(line))
    return hashed.digest()


class Snapshots:
    """Which answers there are to compare, and what they claim."""

    def __init__(self, package: Package) -> None:
        self._package = package
        tables = package.tables
        self._children: dict[str, list[str]] = {}
        for row in tables["areas"]:
            self._children.setdefault(row["parent"] or "", []).append(row["code"])
        self.root = self._children[""][0]
        levels = [level["id"] for level in package.election["levels"]]
        shard = levels.index(package.election["shard_level"])
        self._is_below = {row["code"]: levels.index(row["level"]) > shard for row in tables["areas"]}
        self._office_of = {row["id"]: row["office"] for row in tables["contests"]}
        self._offices = {row["id"] for row in tables["offices"]}
        self._order = package.station_order
        self._cuts: dict[Cut, Cut] = {}
        """Cuts, each once, because thousands of claims are of the same."""

    def claims(self, path: str, published: Iterable[Published]) -> list[Claim]:
        """The claims of an answer. Raises AuditError where the answer has not the shape that its description gives it."""
        try:
            found = []
            for number, each in enumerate(published):
                self._check(each)
                found.append(each._replace(cut=self._cuts.setdefault(each.cut, each.cut)).claim(path, number))
            return found
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise AuditError(f"{path}: the answer has not its shape ({type(error).__name__}: {error})") from None

    def _check(self, of: Published) -> None:
        """Raises ValueError where a claim is of something that the package does not have, TypeError where it has no shape."""
        of_office = not of.contest or self._office_of.get(of.contest) == of.office
        if of.office not in self._offices or of.area not in self._is_below or not of_office:
            raise ValueError(f"it is of {of.office!r}, {of.contest!r}, {of.area!r}, which the package does not have")
        if of.kind == "stations":
            lines = [line["station"] for line in of.value]
            if not all(isinstance(station, str) for station in lines) or len(set(lines)) < len(lines):
                raise ValueError("its stations are not each a code, once")

    def area_paths(self) -> list[str]:
        """Paths of the areas that have areas in them, and of the root: together they show every area."""
        codes = [code for code in self._children if code] or [self.root]
        return [f"v1/areas/{quote(code)}" for code in sorted({self.root, *codes})]

    def office_paths(self) -> list[str]:
        return [f"v1/offices/{quote(row['id'])}" for row in self._package.tables["offices"]]

    def contest_paths(self) -> list[str]:
        return [f"v1/contests/{quote(row['id'])}" for row in self._package.tables["contests"]]

    def published(self, claim: Claim, answer: dict[str, Any]) -> Any:
        """What the answer published as this claim."""
        if claim.kind == "stations":
            return answer["stations"]
        of = self.of_area if claim.path.startswith("v1/areas/") else self.of_office
        of = self.of_contest if claim.path.startswith("v1/contests/") else of
        return list(of(answer))[claim.number].value

    def of_area(self, answer: dict[str, Any]) -> Iterator[Published]:
        area = answer["area"]["code"]
        for office in answer["offices"]:
            above, below = _cut(office["as_of"]), _cut(office["shard_as_of"])
            if office["tally"] is not None:
                yield Published(office["office"], above, "office", "", area, office["tally"])
            for tally in (*office["contests"], *office["children"]):
                cut = below if self._is_below[tally["area"]] else above
                yield Published(office["office"], cut, "contest", tally["contest"], tally["area"], tally)

    def of_office(self, answer: dict[str, Any]) -> Iterator[Published]:
        office, cut = answer["office"]["id"], _cut(answer["as_of"])
        yield Published(office, cut, "office", "", answer["tally"]["area"], answer["tally"])
        for tally in answer["contests"]:
            yield Published(office, cut, "contest", tally["contest"], tally["area"], tally)

    def of_contest(self, answer: dict[str, Any]) -> Iterator[Published]:
        tally = answer["tally"]
        yield Published(answer["office"], _cut(answer["as_of"]), "contest", tally["contest"], tally["area"], tally)

    def stations(self, ask: Ask, contest: str) -> Iterator[tuple[str, Iterator[Published]]]:
        """All stations of a contest, page by page; a page claims all stations between its first and its last."""
        after = ""
        for _ in range(2 + 2 * len(self._package.tables["stations"]) // STATIONS_OF_PAGE):
            path = (
                f"v1/areas/{quote(self.root)}/stations?contest={quote(contest)}&limit={STATIONS_OF_PAGE}"
                f"&after={quote(after)}"
            )
            answer = ask(path)
            yield path, self._of_page(answer, contest, after)
            until = answer["next"]
            if until is None:
                return
            if self._order.get(until, -1) <= self._order.get(after, -1):
                raise AuditError(f"{path}: its next page begins after {until!r}, which is not further")
            after = until
        raise AuditError(f"the stations of {contest} come in more pages than there are stations for")

    def _of_page(self, answer: dict[str, Any], contest: str, after: str) -> Iterator[Published]:
        until, lines, cut = answer["next"], answer["stations"], _cut(answer["shard_as_of"])
        if until is not None and not isinstance(until, str):
            raise TypeError("next is not a station")
        yield Published(self._office_of[contest], cut, "stations", contest, self.root, lines, after, until)


def _cut(as_of: Mapping[str, int]) -> Cut:
    cut = sorted((int(partition), offset) for partition, offset in as_of.items())
    if any(type(offset) is not int or not 0 <= partition < PARTITIONS_MAX for partition, offset in cut):
        raise ValueError("as_of is not an offset of each partition")
    return tuple(cut)
