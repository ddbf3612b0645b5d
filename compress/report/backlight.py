"""What builds do to pictures that are lit from one side, as lines of a table."""

from __future__ import annotations

from collections.abc import Iterator

from compress.backlight.records import BacklitReport, BacklitRow, Part
from compress.report.rows import LABELS

TITLE = "Uneven light"
BACKLIT_HEADINGS = (
    "answer", "through", "dark part: level", "contrast", "PSNR dB", "bright part: level", "contrast", "white %",
    "PSNR dB",
)  # fmt: skip


def backlit_rows(report: BacklitReport) -> tuple[tuple[str, ...], ...]:
    """A row for each of the networks that were looked at, between the pictures themselves."""
    return tuple(tuple(_cells(row)) for row in report.rows)


def backlit_notes(report: BacklitReport) -> tuple[str, ...]:
    """How the pictures were made, and what the figures are."""
    return (
        report.note,
        "Level: mean luma, of 255. Contrast: mean deviation of luma inside of 16x16 pixels. White: pixels above 250. "
        "PSNR: against the photograph, of this part alone. Best where dark rises to the photograph and bright stays.",
    )


def _cells(row: BacklitRow) -> Iterator[str]:
    yield {"input": "backlit picture", "truth": "the photograph"}.get(row.kind) or LABELS[row.variant or "int8"]
    simulated = "" if row.origin == "measured" else f" ({row.origin})"
    yield f"{row.through}{simulated}" if row.through not in (None, "none") else "–"
    yield from (f"{row.dark.level_codes:.1f}", f"{row.dark.contrast_codes:.1f}", _db(row.dark))
    bright = row.bright
    yield from (f"{bright.level_codes:.1f}", f"{bright.contrast_codes:.1f}", f"{bright.white_percent:.1f}", _db(bright))


def _db(part: Part) -> str:
    return "–" if part.psnr_db is None else f"{part.psnr_db:.2f}"
