"""dB against ms of all networks that were timed, as an SVG picture; milliseconds on a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from low_light_bench.records import LowLightFile, mean

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 440, 60, 150, 48, 60
_COLOURS = {"teacher": "#aa3377", "float": "#88aacc", "int8": "#4477aa", "control": "#bbbbbb"}


@dataclass(frozen=True)
class Point:
    """A network: ``kind`` is one of teacher, float, control and int8."""

    name: str
    kind: str
    ms: float
    db: float


def points_of(found: LowLightFile) -> tuple[Point, ...]:
    """One point a network, means over seeds; what has no time is left out."""
    points = [
        Point(row.name, "teacher", row.p50_ms, row.scores.mean_psnr_db)
        for row in found.fixed if row.kind == "teacher" and row.p50_ms is not None
    ]  # fmt: skip
    for recipe in dict.fromkeys(each.recipe for each in found.trained):
        for variant, kind in (("student", "float"), ("pruned", "float"), ("control", "control"), ("int8", "int8")):
            networks = [
                n for run in found.trained if run.recipe == recipe for n in run.networks if n.variant == variant
            ]
            times = [network.p50_ms for network in networks if network.p50_ms is not None]
            if times:
                db = mean([network.scores.mean_psnr_db for network in networks])
                points.append(Point(f"{recipe} {variant}", kind, mean(times), db))
    return tuple(points)


def front_of(points: Sequence[Point]) -> tuple[Point, ...]:
    """Those that no other beats in both, from the fastest on."""
    best: list[Point] = []
    for point in sorted(points, key=lambda each: (each.ms, -each.db)):
        if not best or point.db > best[-1].db:
            best.append(point)
    return tuple(best)


def pareto_svg(found: LowLightFile) -> str:
    """The picture; empty where nothing was timed."""
    points = points_of(found)
    if not points:
        return ""
    low, high = (pick(math.log10(point.ms) for point in points) for pick in (min, max))
    least, most = (pick(point.db for point in points) for pick in (min, max))
    across = _Scale(low - 0.1, high + 0.1, _LEFT, _WIDTH - _RIGHT)
    upward = _Scale(least - 0.5, most + 0.5, _HEIGHT - _BOTTOM, _TOP)
    title = f"dB against ms, data {found.data}, commit {found.commit}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif" '
        'font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="8" y="20" font-size="14">{escape(title)}</text>',
        *_axes(across, upward),
        *_front(points, across, upward),
        *(_dot(point, across, upward) for point in points),
    ]  # fmt: skip
    return "\n".join([*lines, "</svg>"]) + "\n"


@dataclass(frozen=True)
class _Scale:
    """Values from ``low`` to ``high`` to places from ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def _axes(across: _Scale, upward: _Scale) -> Iterator[str]:
    bottom = _HEIGHT - _BOTTOM
    for ms in (step * 10.0**power for power in range(-1, 4) for step in (1, 2, 5)):
        if across.low <= math.log10(ms) <= across.high:
            x = across.at(math.log10(ms))
            yield f'<line x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{bottom}" stroke="#eee"/>'
            yield f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{ms:g}</text>'
    step = 1 if upward.high - upward.low < 10 else 2
    for db in range(math.ceil(upward.low), math.floor(upward.high) + 1, step):
        y = upward.at(db)
        yield f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}" stroke="#eee"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{db}</text>'
    yield f'<text x="{_WIDTH - _RIGHT}" y="{bottom + 36}" text-anchor="end">ms (p50, model only)</text>'
    yield f'<text x="{_LEFT}" y="{_TOP - 8}">PSNR dB</text>'


def _front(points: Sequence[Point], across: _Scale, upward: _Scale) -> Iterator[str]:
    places = (f"{across.at(math.log10(p.ms)):.1f},{upward.at(p.db):.1f}" for p in front_of(points))
    yield f'<polyline class="front" points="{" ".join(places)}" fill="none" stroke="{_COLOURS["int8"]}"/>'


def _dot(point: Point, across: _Scale, upward: _Scale) -> str:
    x, y = across.at(math.log10(point.ms)), upward.at(point.db)
    told = f"{point.name}: {point.db:.2f} dB, {point.ms:.2f} ms"
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{_COLOURS[point.kind]}"><title>{escape(told)}</title></circle>'
        f'<text x="{x + 8:.1f}" y="{y + 4:.1f}">{escape(point.name)}</text>'
    )
