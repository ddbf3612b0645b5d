"""The cost of int8 by layer as an SVG picture: two bars a layer, no library needed."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from compress.sensitivity.records import SensitivityReport, SensitivityRow

_ROW, _BAR, _LEFT, _WIDTH, _RIGHT, _TOP = 34, 12, 190, 420, 90, 64
_CURVE = 260
_ALONE, _GAIN, _PROMOTED = "#4477aa", "#ccbb44", "#ee6677"


def sensitivity_svg(report: SensitivityReport) -> str:
    """A bar for each layer alone in int8 (red: promoted) and one for what it gains when it alone is float, in dB."""
    reach = max((abs(v) for row in report.rows for v in (row.cost_alone_db, row.gain_if_float_db)), default=0.0)
    low = min((v for row in report.rows for v in (row.cost_alone_db, row.gain_if_float_db)), default=0.0)
    zero = _LEFT + (_WIDTH * 0.3 if low < 0 else 0)
    scale = (_LEFT + _WIDTH - zero) / (reach or 1.0)
    if low < 0:
        scale = min(scale, (zero - _LEFT) / -low)
    bars = _TOP + _ROW * len(report.rows) + 28
    height = bars + (_CURVE if len(report.curve) > 1 else 0)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + _RIGHT}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="8" y="20" font-size="14">{escape(_title(report))}</text>',
        *_legend(),
    ]
    for place, row in enumerate(report.rows):
        lines += _bars(row, _TOP + _ROW * place, zero, scale)
    lines.append(f'<line x1="{zero:.1f}" y1="{_TOP - 6}" x2="{zero:.1f}" y2="{bars - 24}" stroke="black"/>')
    lines.append(f'<text x="8" y="{bars - 8}" fill="#555">{escape(_note(report))}</text>')
    if len(report.curve) > 1:
        lines += _curve(report, bars)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _curve(report: SensitivityReport, top: int) -> Iterator[str]:
    """Drop in dB (up) against what all layers take (right), as layers are promoted; the budget as a line."""
    times = [point.latency_ms for point in report.curve if point.latency_ms is not None]
    whole = len(times) == len(report.curve)
    points = sorted(report.curve, key=lambda point: (point.latency_ms or 0.0) if whole else point.cost)
    costs = sorted(times) if whole else [point.cost for point in points]
    drops = [point.drop_db for point in points]
    limits = [] if report.limit_db is None else [report.limit_db]
    low, high = min(*drops, 0.0), max(*drops, *limits, 1e-6)
    width, floor = max(costs) - min(costs) or 1.0, top + _CURVE - 40

    def place(cost: float, drop: float) -> tuple[float, float]:
        return _LEFT + _WIDTH * (cost - min(costs)) / width, floor - (_CURVE - 90) * (drop - low) / (high - low)

    spots = [place(cost, point.drop_db) for cost, point in zip(costs, points, strict=True)]
    what = f"what all layers take ({report.cost_unit}, {report.cost_origin})"
    if whole and report.float_latency_ms is not None:
        what = f"ms of the whole network, measured; float {report.float_latency_ms:.2f} ms"
    text = f"dB lost against {what}, as layers are promoted"
    yield f'<text x="8" y="{top + 24}" font-size="14">{escape(text)}</text>'
    for limit in limits:
        y = place(min(costs), limit)[1]
        yield f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_LEFT + _WIDTH}" y2="{y:.1f}" stroke="#555" stroke-dasharray="4"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">limit {limit:g} dB</text>'
    yield f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in spots)}" fill="none" stroke="{_ALONE}"/>'
    for (x, y), point in zip(spots, points, strict=True):
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{5 if point.chosen else 3}" fill="{_PROMOTED}"/>'
        yield f'<text x="{x + 5:.1f}" y="{y - 5:.1f}" font-size="10">{point.promoted}</text>'
    for cost in (min(costs), max(costs)):
        yield f'<text x="{place(cost, low)[0]:.1f}" y="{floor + 20}" text-anchor="middle">{cost:.3f}</text>'


def _title(report: SensitivityReport) -> str:
    after = f", {report.drop_after_db:.3f} dB with {len(report.promoted)} layers promoted" if report.promoted else ""
    return f"int8 costs {report.drop_db:.3f} dB{after}"


def _note(report: SensitivityReport) -> str:
    what = f"{report.of_fidelity}, PSNR," if report.of_fidelity else "PSNR"
    return (
        f"measured: mean {what} on {len(report.images)} {report.data_kind} {report.split} pictures, "
        f"float {report.float_psnr_db:.2f} dB"
    )


def _legend() -> Iterator[str]:
    texts = ((_ALONE, "alone in int8 costs"), (_PROMOTED, "the same, promoted"), (_GAIN, "alone float gains"))
    for place, (colour, text) in enumerate(texts):
        x = 8 + 170 * place
        yield f'<rect x="{x}" y="32" width="12" height="12" fill="{colour}"/>'
        yield f'<text x="{x + 18}" y="42">{text}</text>'


def _bars(row: SensitivityRow, top: int, zero: float, scale: float) -> Iterator[str]:
    yield f'<text x="{_LEFT - 8}" y="{top + 16}" text-anchor="end">{escape(row.layer)}</text>'
    first = _PROMOTED if row.promoted_to else _ALONE
    for offset, value, colour in ((0, row.cost_alone_db, first), (_BAR, row.gain_if_float_db, _GAIN)):
        length = abs(value) * scale
        x = zero if value >= 0 else zero - length
        yield f'<rect x="{x:.1f}" y="{top + offset}" width="{length:.1f}" height="{_BAR - 2}" fill="{colour}"/>'
        yield f'<text x="{max(zero, x + length) + 4:.1f}" y="{top + offset + 9}" font-size="10">{value:+.3f} dB</text>'
