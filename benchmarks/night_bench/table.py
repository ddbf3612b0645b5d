"""The run as Markdown: what each network finds and enhances over seeds, and what the teacher is worth."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from low_light_bench.records import mean, spread
from scipy.stats import t

from night_bench.built_table import int8_rows
from night_bench.records import ASKED, COMPARED, Asked, NightFile, Run

NONE = "–"
PUBLISHED_GAIN = 0.1658
"""Of night detection accuracy by distillation, Miao et al. (2023); relative or absolute is not said."""

_CALLED: dict[Asked, str] = {
    "control": "student without a teacher, on dark", "student": "**student, distilled**, on dark",
    "teacher on dark": "teacher, on dark", "teacher on clean": "teacher, on clean",
    "enhance, then detect": "student's picture, then the teacher",
}  # fmt: skip
_PICTURES: tuple[Asked, ...] = ("control", "student")
"""Whose pictures are enhanced from dark ones; the teacher was not trained for that."""


def markdown(found: NightFile) -> str:
    """All tables, with a line before them that says what they were measured on."""
    parts = [_said(found), "\n".join(_rows(found))]
    if found.runs:
        parts += [_gain(found.runs), _brighter(found)]
    if any(run.builds for run in found.runs):
        parts.append("\n".join(int8_rows(found.runs)))
    return "\n\n".join(parts)


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % interval of the mean by Student's t, None of one value."""
    deviation = spread(values)
    if deviation is None:
        return None
    reach = float(t.ppf(0.975, len(values) - 1)) * deviation / math.sqrt(len(values))
    return mean(values) - reach, mean(values) + reach


def _said(found: NightFile) -> str:
    height, width = found.size
    cut = "" if found.steps is None else f" **Trainings cut to {found.steps} steps: a try of the way, no result.**"
    digests, seeds = (found.data_digest[:12], found.split_digest[:12]), ", ".join(map(str, found.seeds))
    return (
        f"`{found.command}`, commit {found.commit}; pictures {digests[0]}, split {digests[1]}, {len(found.images)} for "
        f"the test, {height}x{width}, shot at night by the camera model. Seeds {seeds}, each with its own teacher; "
        f"mean ± standard deviation. Float, through torch.{cut}"
    )


def _rows(found: NightFile) -> Iterator[str]:
    yield "| what | parameters | GMACs | mAP50 | mAP50:95 | PSNR dB | SSIM |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for row in found.fixed:
        yield _row(row.name, NONE, NONE, NONE, NONE, f"{mean(row.psnr_db):.2f}", f"{mean(row.ssim):.3f}")
    for asked in ASKED if found.runs else ():
        scores = [run.of(asked) for run in found.runs]
        size = found.runs[0].teacher if asked.startswith("teacher") else found.runs[0].student
        params, macs = f"{size.params:,}", f"{size.macs / 1e9:.3f}"
        if asked == "enhance, then detect":
            both = found.runs[0].student, found.runs[0].teacher
            params, macs = f"{sum(each.params for each in both):,}", f"{sum(each.macs for each in both) / 1e9:.3f}"
        pictures = (NONE, NONE)
        if asked in _PICTURES:
            pictures = (_over([mean(s.psnr_db) for s in scores], 2), _over([mean(s.ssim) for s in scores]))
        yield _row(
            _CALLED[asked], params, macs, _over([s.map50 for s in scores]), _over([s.map50_95 for s in scores]),
            *pictures,
        )  # fmt: skip


def _gain(runs: Sequence[Run]) -> str:
    lines = []
    for metric in ("map50", "map50_95"):
        student, control = (
            [s.map50 if metric == "map50" else s.map50_95 for s in (run.of(asked) for run in runs)]
            for asked in ("student", "control")
        )
        absolute = mean(student) - mean(control)
        relative = f"{100 * absolute / mean(control):+.1f} %" if mean(control) else "none to relate to"
        lines.append(f"- {metric}: {absolute:+.3f}, relative {relative}; 95 % intervals {_apart(student, control)}")
    published = f"{100 * PUBLISHED_GAIN:.2f} %"
    said = f"What the teacher brings, student less control (published, of another set: {published}):"
    return "\n".join((said, *lines))


def _brighter(found: NightFile) -> str:
    """The student's picture against those of methods that learn nothing."""
    mine = [run.of("student") for run in found.runs]
    psnr_db, ssim = mean([mean(each.psnr_db) for each in mine]), mean([mean(each.ssim) for each in mine])
    others = [row for row in found.fixed if row.name in COMPARED]
    gains = (f"{row.name} {psnr_db - mean(row.psnr_db):+.2f} dB, {ssim - mean(row.ssim):+.3f} SSIM" for row in others)
    return f"The student's picture against {'; against '.join(gains) or 'nothing'}."


def _apart(student: Sequence[float], control: Sequence[float]) -> str:
    mine, theirs = interval(student), interval(control)
    if mine is None or theirs is None:
        return "need two seeds and more"
    said = f"{mine[0]:.3f} to {mine[1]:.3f} against {theirs[0]:.3f} to {theirs[1]:.3f}"
    return f"{said}: {'apart' if mine[0] > theirs[1] or theirs[0] > mine[1] else 'not apart'}"


def _over(values: Sequence[float], digits: int = 3) -> str:
    deviation = spread(values)
    text = f"{mean(values):.{digits}f}"
    return text if deviation is None else f"{text} ± {deviation:.{digits}f}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
