"""The cost of int8 by layer as an SVG picture: two bars a layer, no library needed."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from compress.records import SensitivityReport, SensitivityRow

_ROW, _BAR, _LEFT, _WIDTH, _RIGHT, _TOP = 34, 12, 190, 420, 90, 64
_ALONE, _GAIN, _PROMOTED = "#4477aa", "#ccbb44", "#ee6677"


def sensitivity_svg(report: SensitivityReport) -> str:
    """A bar for each layer alone in int8 (red: promoted) and one for what it gains when it alone is float, in dB."""
    reach = max((abs(v) for row in report.rows for v in (row.cost_alone_db, row.gain_if_float_db)), default=0.0)
    low = min((v for row in report.rows for v in (row.cost_alone_db, row.gain_if_float_db)), default=0.0)
    zero = _LEFT + (_WIDTH * 0.3 if low < 0 else 0)
    scale = (_LEFT + _WIDTH - zero) / (reach or 1.0)
    if low < 0:
        scale = min(scale, (zero - _LEFT) / -low)
    height = _TOP + _ROW * len(report.rows) + 28
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + _RIGHT}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="8" y="20" font-size="14">{escape(_title(report))}</text>',
        *_legend(),
    ]
    for place, row in enumerate(report.rows):
        lines += _bars(row, _TOP + _ROW * place, zero, scale)
    lines.append(f'<line x1="{zero:.1f}" y1="{_TOP - 6}" x2="{zero:.1f}" y2="{height - 24}" stroke="black"/>')
    lines.append(f'<text x="8" y="{height - 8}" fill="#555">{escape(_note(report))}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def _title(report: SensitivityReport) -> str:
    after = f", {report.drop_after_db:.3f} dB with {len(report.promoted)} layers promoted" if report.promoted else ""
    return f"int8 costs {report.drop_db:.3f} dB{after}"


def _note(report: SensitivityReport) -> str:
    what = "fidelity to the teacher, PSNR," if report.of_fidelity else "PSNR"
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
