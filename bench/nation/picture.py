"""The cost of national.py's count as a picture and in figures: CPU of the tabulator for each result, as the results grow."""

from __future__ import annotations

KNEES = (100_000, 200_000, 400_000, 800_000, 1_600_000, 3_200_000, 10_000_000)


def picture(points: list[tuple[float, float]], stations: int) -> str:
    """The cost curve as SVG: CPU µs a result over results counted."""
    width, height, left, bottom = 720, 300, 60, 40
    most = max(cost for _, cost in points) * 1.15
    last = points[-1][0]

    def at(results: float, cost: float) -> tuple[float, float]:
        return left + results / last * (width - left - 20), height - bottom - cost / most * (height - bottom - 30)

    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in points))
    marks = []
    for part in range(5):
        x, y = at(last * part / 4, most * part / 4)
        marks.append(f'<text x="{x:.0f}" y="{height - 16}" text-anchor="middle">{last * part / 4 / 1e6:.1f}</text>')
        marks.append(f'<text x="{left - 8}" y="{y:.0f}" text-anchor="end">{most * part / 4:.0f}</text>')
        marks.append(f'<line x1="{left}" y1="{y:.0f}" x2="{width - 20}" y2="{y:.0f}" stroke="#ddd"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">'
        f'<rect width="{width}" height="{height}" fill="white"/>'
        f'<text x="{left}" y="18">CPU microseconds of the tabulator for each result, {stations:,} stations, five offices</text>'
        + "".join(marks)
        + f'<text x="{width - 20}" y="{height - 2}" text-anchor="end">million results counted</text>'
        f'<polyline points="{line}" fill="none" stroke="#0b5" stroke-width="2"/></svg>\n'
    )


def thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """One at about each doubling."""
    return [next((p for p in points if p[0] >= knee), points[-1]) for knee in KNEES if knee / 2 < points[-1][0]]
