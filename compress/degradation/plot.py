"""A kernel as an SVG picture, its uncertainty beside it: no library needed."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from compress.degradation.records import KernelReport

_SIDE, _GAP, _TOP = 260, 40, 60


def kernel_svg(report: KernelReport) -> str:
    """Taps on the left, on the right the standard deviation of each over the restarts; both black at the largest tap,
    so that a faint right side means a kernel that is sure."""
    peak = max(max(row) for row in report.taps)
    doubt = max(max(row) for row in report.deviations)
    width = 2 * _SIDE + 3 * _GAP
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{_TOP + _SIDE + 50}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="8" y="20" font-size="13">{escape(report.summary.partition(";")[0])}</text>',
        f'<text x="{_GAP}" y="{_TOP - 10}">taps, up to {peak:.3f}</text>',
        f'<text x="{_SIDE + 2 * _GAP}" y="{_TOP - 10}">their deviation, up to {doubt:.3f}</text>',
        *_squares(report.taps, peak, _GAP),
        *_squares(report.deviations, peak, _SIDE + 2 * _GAP),
        f'<text x="8" y="{_TOP + _SIDE + 30}" fill="#555">{escape(report.summary.partition("; ")[2])}</text>',
    ]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _squares(rows: tuple[tuple[float, ...], ...], peak: float, left: int) -> Iterator[str]:
    size = _SIDE / len(rows)
    for row, values in enumerate(rows):
        for column, value in enumerate(values):
            shade = round(255 * (1 - min(1.0, value / peak)))
            yield (
                f'<rect x="{left + column * size:.1f}" y="{_TOP + row * size:.1f}" width="{size:.1f}" '
                f'height="{size:.1f}" fill="rgb({shade},{shade},{shade})" stroke="#ddd" stroke-width="0.5"/>'
            )
