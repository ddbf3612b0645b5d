"""The figures as one table, and that table on each student's page, between two marks."""

from __future__ import annotations

import re
from pathlib import Path

from student_pages.records import StudentsFile

BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"
EMPTY = "Not yet measured."
_BETWEEN = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
_HEAD = (
    "| network | parameters | GMACs | PSNR dB | SSIM | INT8 PSNR dB | INT8 SSIM | FP32 ms | INT8 ms | ratio |\n"
    "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
)


def table(found: StudentsFile, bold: str | None = None) -> str:
    """Markdown: what was done, then a row for each student; the one called ``bold`` stands out."""
    times = {row.network: row for row in found.timed}
    rows = []
    for row in found.trained:
        name, time = (f"**{row.network}**" if row.network == bold else row.network), times[row.network]
        cells = (
            name, f"{row.params:,}", f"{row.macs / 1e9:.2f}", f"{row.psnr_db:.2f}", f"{row.ssim:.3f}",
            f"{row.int8_psnr_db:.2f}", f"{row.int8_ssim:.3f}", f"{time.fp32_ms:.2f}", f"{time.int8_ms:.2f}",
            f"{time.fp32_ms / time.int8_ms:.2f}",
        )  # fmt: skip
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join((_done(found), "", _HEAD, *rows))


def _done(found: StudentsFile) -> str:
    height, width = found.size
    return (
        f"{found.steps} training steps each on '{found.data}', one schedule, no teacher; {found.test_images} test "
        f"pictures; INT8 by plain PTQ, `light` float. OpenVINO at {height}x{width}, p50 of {found.timed_runs} runs in "
        f"turn, {found.threads} threads, {found.machine}."
    )


def write_pages(found: StudentsFile, folder: Path) -> tuple[Path, ...]:
    """Put the table on the page of each measured student in ``folder``; gives the pages.

    Raises ValueError for a page without its two marks, before any is written.
    """
    pages = {folder / f"{row.network}.md": row.network for row in found.trained}
    texts = {}
    for page, name in pages.items():
        text, count = _BETWEEN.subn(f"{BEGIN}\n{table(found, name)}\n{END}", page.read_text(encoding="utf-8"))
        if count != 1:
            raise ValueError(f"{page}: has '{BEGIN}' and '{END}' {count} times, not once")
        texts[page] = text
    for page, text in texts.items():
        page.write_text(text, encoding="utf-8")
    return tuple(texts)
