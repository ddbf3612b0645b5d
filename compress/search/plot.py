"""dB against ms of all candidates as an SVG picture, no library needed."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from compress.report.axes import round_step, round_values, staircase
from compress.search.limits import latency_limit
from compress.search.records import SearchRecord, Trial

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 440, 64, 24, 76, 84
_FRONT, _OTHER, _CHOSEN, _GREY, _LIMIT = "#4477aa", "#88aacc", "#ee6677", "#bbbbbb", "#aa3377"
_FEWEST_TICKS = 4


class _Axis:
    """Values to places along one side, with round ticks."""

    def __init__(self, values: list[float], start: float, end: float) -> None:
        margin = (max(values) - min(values)) * 0.08 or max(abs(values[0]) * 0.1, 0.1)
        self.low, self.high, self._start, self._end = min(values) - margin, max(values) + margin, start, end

    def at(self, value: float) -> float:
        return self._start + (value - self.low) / (self.high - self.low) * (self._end - self._start)

    def ticks(self) -> Iterator[tuple[float, str]]:
        for value in round_values(self.low, self.high, round_step(self.low, self.high, _FEWEST_TICKS)):
            yield self.at(value), f"{value:.6g}"


def pareto_svg(record: SearchRecord) -> str:
    """Candidates that were trained as dots (blue: unbeaten, red ring: chosen), over budget in grey below the axis."""
    timed = [trial for trial in record.trials if trial.ms is not None]
    seen = [trial for trial in timed if trial.psnr_db]
    limit = latency_limit(record.limits)
    costs = [trial.ms for trial in timed if trial.ms is not None] + [record.reference.p50_ms]
    across = _Axis(costs + ([limit] if limit is not None and limit < 3 * max(costs) else []), _LEFT, _WIDTH - _RIGHT)
    upward = _Axis([trial.psnr_db[-1] for trial in seen] or [0.0, 1.0], _HEIGHT - _BOTTOM, _TOP)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif" '
        'font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="8" y="20" font-size="14">{escape(f"{record.recipe} on {record.target}: dB against ms")}</text>',
        *_legend(), *_axes(across, upward, bool(seen)), *_limit(across, limit),
        *_front(record, across, upward),
    ]  # fmt: skip
    for trial in timed:
        lines.extend(_dot(trial, record, across, upward))
    lines.append(f'<text x="8" y="{_HEIGHT - 8}" fill="#555" font-size="11">{escape(_note(record))}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def _note(record: SearchRecord) -> str:
    share = f"{record.train_shares[-1]:.0%} of the training" + (", less where given up" if _given_up(record) else "")
    return f"ms: p50 measured on {record.reference.device}; dB: measured on validation pictures after {share}"


def _given_up(record: SearchRecord) -> bool:
    return any(trial.state == "given up" for trial in record.trials)


def _legend() -> Iterator[str]:
    texts = ((_FRONT, "unbeaten"), (_OTHER, "beaten, or given up (small)"), (_GREY, "over budget"), (_CHOSEN, "chosen"))
    for x, (colour, text) in zip((14, 120, 330, 460), texts, strict=True):
        ring = f'fill="none" stroke="{colour}" stroke-width="2"' if text == "chosen" else f'fill="{colour}"'
        yield f'<circle cx="{x}" cy="42" r="5" {ring}/><text x="{x + 12}" y="46">{text}</text>'


def _axes(across: _Axis, upward: _Axis, with_db: bool) -> Iterator[str]:
    bottom = _HEIGHT - _BOTTOM
    for x, text in across.ticks():
        yield f'<line x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{bottom}" stroke="#eee"/>'
        yield f'<text x="{x:.1f}" y="{bottom + 36}" text-anchor="middle">{text}</text>'
    for y, text in upward.ticks() if with_db else ():
        yield f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}" stroke="#eee"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
    yield f'<line x1="{_LEFT}" y1="{bottom}" x2="{_WIDTH - _RIGHT}" y2="{bottom}" stroke="black"/>'
    yield f'<line x1="{_LEFT}" y1="{_TOP}" x2="{_LEFT}" y2="{bottom}" stroke="black"/>'
    yield f'<text x="{_WIDTH - _RIGHT}" y="{bottom + 52}" text-anchor="end">ms (p50, model only)</text>'
    yield f'<text x="{_LEFT}" y="{_TOP - 8}">dB</text>'


def _limit(across: _Axis, limit: float | None) -> Iterator[str]:
    if limit is None or not across.low <= limit <= across.high:
        return
    x = across.at(limit)
    yield (
        f'<line class="budget" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{_HEIGHT - _BOTTOM}" stroke="{_LIMIT}" '
        'stroke-dasharray="6 4"/>'
    )
    yield f'<text x="{x + 4:.1f}" y="{_TOP + 12}" fill="{_LIMIT}">budget {limit:g} ms</text>'


def _front(record: SearchRecord, across: _Axis, upward: _Axis) -> Iterator[str]:
    by_number = {trial.number: trial for trial in record.trials}
    front = (by_number[number] for number in record.pareto)
    places = ((across.at(trial.ms or 0.0), upward.at(trial.psnr_db[-1])) for trial in front)
    if path := staircase((round(x, 1), round(y, 1)) for x, y in places):
        yield f'<path class="front" d="{path}" fill="none" stroke="{_FRONT}"/>'


def _dot(trial: Trial, record: SearchRecord, across: _Axis, upward: _Axis) -> Iterator[str]:
    x = across.at(trial.ms or 0.0)
    y = upward.at(trial.psnr_db[-1]) if trial.psnr_db else _HEIGHT - _BOTTOM + 14
    over, small = trial.state in ("over budget", "refused"), trial.state == "given up"
    colour = _GREY if over else _FRONT if trial.number in record.pareto else _OTHER
    settings = ", ".join(f"{setting.key}={setting.value}" for setting in trial.point)
    title = f"trial {trial.number + 1}, {trial.state}: {settings}; {trial.ms:.3g} ms"
    title += f", {trial.psnr_db[-1]:.2f} dB" if trial.psnr_db else ""
    yield (
        f'<circle class="{trial.state.replace(" ", "-")}" cx="{x:.1f}" cy="{y:.1f}" r="{3 if small else 5}" '
        f'fill="{colour}"><title>{escape(title)}</title></circle>'
    )
    if trial.psnr_db and not over:
        yield f'<text x="{x + 7:.1f}" y="{y - 5:.1f}" font-size="10" fill="#555">{trial.number + 1}</text>'
    if trial.number == record.chosen:
        place = f'cx="{x:.1f}" cy="{y:.1f}" r="9"'
        yield f'<circle class="chosen" {place} fill="none" stroke="{_CHOSEN}" stroke-width="2"/>'
