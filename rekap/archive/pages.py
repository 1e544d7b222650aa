"""The part of an archive for people: pages of links, which need no script, no style sheet and nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from projections.definition.ballots import OfficeEntry
from projections.definition.compiled import Definition
from projections.shown.published import as_of
from rekap.archive.bulk_files import FOLDER
from rekap.archive.cut_writer import FILES, HTML, MANIFEST, SUMS, CutWriter
from rekap.archive.moment import ArchivedMoment
from schemas.definition.rows import LocalText
from schemas.maps.files import DIRECTORY_PREFIX
from schemas.times import time_text

INDEX = "index.html"
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title></head>
<body>
<h1>{title}</h1>
{body}
</body></html>
"""


def write_pages(moment: ArchivedMoment, files: CutWriter) -> None:
    """Raises OSError."""
    definition = moment.definition
    written = {entry["name"] for entry in files.entries}
    files.add(INDEX, _page(_text(definition.election.title), "", _index(moment, files)), HTML)
    for office in definition.ballots.offices:
        title = _text(office.office.name)
        files.add(f"pages/offices/{office.id}.html", _page(title, "../../", _office(definition, office, written)), HTML)
    tree = definition.tree
    for area, code in enumerate(tree.codes):
        if tree.children[area] or area == tree.root:
            title = f"{tree.names[area]} ({code})"
            files.add(f"pages/areas/{code}.html", _page(title, "../../", _area(definition, area, written)), HTML)
    files.add("pages/files.html", _page("Bulk files", "../", _bulk_files(files)), HTML)


def _index(moment: ArchivedMoment, files: CutWriter) -> Iterator[str]:
    definition, election = moment.definition, moment.definition.election
    root = definition.tree.codes[definition.tree.root]
    if election.mode.value == "rehearsal":
        yield "<p><strong>This is a rehearsal. No number here is a result.</strong></p>"
    source = "" if election.source is None else f" Source: {escape(election.source)}."
    yield (
        f"<p>Election {escape(election.id)}, {election.date.isoformat()}. As counted at "
        f"{time_text(moment.copied.taken_at)}. Licence: {escape(election.licence)}.{source}</p>"
    )
    yield "<h2>Results</h2>"
    offices = definition.ballots.offices
    yield _list(
        _link(f"pages/offices/{office.id}.html", _text(office.office.name))
        + f", as of {sum(offset + 1 for offset in as_of(moment.shown, office).values()):,} records"
        for office in offices
    )
    yield _list([_link(f"pages/areas/{root}.html", "By area"), _link("pages/files.html", "Bulk files, as tables")])
    yield "<h2>Election and proofs</h2>"
    yield _list(
        [
            _link("v1/election.json", "The election, its levels and offices"),
            _link("package.zip", "The election package: areas, stations, ballots, keys"),
            *(
                _link(f"log/{partition}/checkpoint", f"Log {partition}: signed checkpoint")
                for partition in range(definition.partitions)
            ),
        ]
    )
    yield "<h2>This archive</h2>"
    yield _list(
        [
            f"{_link(MANIFEST, MANIFEST)}: what this archive is of",
            f"{_link(FILES, FILES)}: each of its {len(files.entries):,} files and more, with size and SHA-256",
            f"{_link(SUMS, SUMS)}: the same for <code>sha256sum --check {SUMS}</code>",
        ]
    )
    yield "<p>To check the signatures and count again: <code>rekap audit DIRECTORY</code>.</p>"


def _office(definition: Definition, office: OfficeEntry, written: set[str]) -> Iterator[str]:
    yield _list([_link(f"../../v1/offices/{office.id}.json", "All contests of the office")])
    yield "<h2>Contests</h2>"
    lines = []
    for number in office.contests:
        contest = definition.ballots.contests[number]
        name = contest.id if contest.contest.name is None else f"{_text(contest.contest.name)} ({contest.id})"
        pages = _numbered(f"v1/stations/{contest.id}", written)
        stations = " ".join(_link(f"../../{page}", str(at)) for at, page in pages)
        lines.append(f"{_link(f'../../v1/contests/{contest.id}.json', name)}; its stations: {stations}")
    yield _list(lines)


def _area(definition: Definition, area: int, written: set[str]) -> Iterator[str]:
    tree = definition.tree
    above = [_link(f"{tree.codes[each]}.html", tree.names[each]) for each in tree.lineage[area][1:]]
    if above:
        yield f"<p>In {', '.join(above)}</p>"
    parts = [f"v1/areas/{tree.codes[area]}.json"]
    while (following := f"v1/parts/{len(parts) + 1}/areas/{tree.codes[area]}.json") in written:
        parts.append(following)
    yield _list(
        _link(f"../../{part}", "Results of the area and of each area in it" + (f", part {at}" if at > 1 else ""))
        for at, part in enumerate(parts, 1)
    )
    yield "<h2>Areas in it</h2>"
    yield _list(
        _link(f"{tree.codes[child]}.html", f"{tree.names[child]} ({tree.codes[child]})")
        if tree.children[child]
        else escape(f"{tree.names[child]} ({tree.codes[child]})")
        for child in tree.children[area]
    )


def _bulk_files(files: CutWriter) -> Iterator[str]:
    # The maps of the cut are the same files as those in the directory of the maps.
    yield "<p>The columns are described in columns.csv and codes.csv.</p>"
    yield "<table><tr><th>file</th><th>bytes</th><th>SHA-256</th></tr>"
    for entry in files.entries:
        if entry["name"].startswith(f"{FOLDER}/") and f"/{DIRECTORY_PREFIX}" not in entry["name"]:
            name = _link(f"../{entry['name']}", entry["name"].rpartition("/")[2])
            yield f"<tr><td>{name}</td><td>{entry['bytes']:,}</td><td><code>{entry['sha256']}</code></td></tr>"
    yield "</table>"


def _numbered(folder: str, written: set[str]) -> Iterator[tuple[int, str]]:
    number = 1
    while (page := f"{folder}/{number}.json") in written:
        yield number, page
        number += 1


def _page(title: str, up: str, body: Iterable[str]) -> bytes:
    lines = [*body]
    if up:
        lines.append(f"<p>{_link(f'{up}{INDEX}', 'The whole archive')}</p>")
    return _PAGE.format(title=escape(title), body="\n".join(lines)).encode()


def _list(lines: Iterable[str]) -> str:
    return "<ul>\n" + "".join(f"<li>{line}</li>\n" for line in lines) + "</ul>"


def _link(path: str, text: str) -> str:
    return f'<a href="{escape(path)}">{escape(text)}</a>'


def _text(texts: LocalText) -> str:
    return next(iter(texts.root.values()))
