"""The rows as markdown."""

from __future__ import annotations

from collections.abc import Iterator

from side_by_side.peer import FLOAT
from side_by_side.records import Measured, PeersFile

_HEADINGS = ("tool", "what is int8", "through", "PSNR dB", "mean drop dB", "worst drop dB", "SSIM", "int8 layers",
             "KiB", "p50 ms", "FP32 ms", "times as fast")  # fmt: skip
_WORDS = 3
"""Columns of words; the others are figures."""


def markdown(file: PeersFile) -> str:
    """The table, what was measured on what, each row's versions and settings, and why rows lack figures."""
    lines = [_line(_HEADINGS), _line("---" if place < _WORDS else "---:" for place in range(len(_HEADINGS)))]
    lines += [_line(cells(row)) for row in file.rows]
    return "\n".join((*lines, "", *_notes(file))) + "\n"


def cells(row: Measured) -> tuple[str, ...]:
    """The texts of a row; a dash where there is no figure."""
    words = row.tool, row.scope, row.runtime
    if row.why_not:
        return (*words, *("–" for _ in _HEADINGS[_WORDS:]))
    is_float = row.scope == FLOAT
    return (
        *words, f"{row.mean_psnr_db:.3f}",
        "–" if is_float else f"{row.mean_drop_db:+.3f}", "–" if is_float else f"{row.worst_drop_db:+.3f}",
        f"{row.mean_ssim:.4f}", f"{row.int8_layers} of {row.layers}", f"{row.size_bytes / 1024:,.0f}",
        f"{row.p50_ms:.2f}", f"{row.fp32_p50_ms:.2f}", "–" if is_float else f"{row.speedup:.2f}",
    )  # fmt: skip


def _notes(file: PeersFile) -> Iterator[str]:
    facts = file.fingerprint
    yield (
        f"Student {file.student} ({file.student_digest[:12]}), seed {file.seed}; {len(file.images)} test pictures "
        f"({file.data_kind} data {file.data_digest[:12]}) at {file.height}x{file.width}, {file.cut_images} of them cut "
        f"or padded to that; {file.calibration_images} training pictures for calibration, the same for all. "
        f"{file.definition}."
    )
    yield (
        f"Measured on {facts.get('cpu', 'an unknown processor')}, {facts.get('cores', '?')} cores, {file.threads} "
        "threads; p50 of each file timed in turn with the FP32 file of its runtime (A B A B ...), whose p50 in those "
        "minutes stands beside it. Drop: PSNR of the float student through the same runtime minus the row's. "
        "The trained rows saw more training than the float student, so a drop below zero is not int8's doing; the rows "
        "not trained show int8 alone."
    )
    yield ""
    for row in file.rows:
        yield f"- {row.tool}, {row.scope}, {row.runtime}: {row.version}; {row.settings}" + _load(row)
    for row in file.rows:
        if row.why_not:
            yield f"- not measured: {row.tool}, {row.scope}: {row.why_not}"


def _load(row: Measured) -> str:
    return f"; load average {row.load_average_1min} when timed" if row.load_average_1min else ""


def _line(texts: Iterator[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(texts) + " |"
