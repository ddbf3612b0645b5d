"""The figures as Markdown."""

from __future__ import annotations

from big_data_bench.pictures import LAYOUTS
from big_data_bench.records import FLAT, BigDataFile, Cell

HEADINGS = (
    "pairs", "in", "digest, first s", "open, first s", "digest, again s", "open, again s", "memory MiB", "step ms",
    "reading beside a step", "waiting for it",
)  # fmt: skip


def table(found: BigDataFile) -> str:
    """A line about the run, a row for each set, and how the memory grows."""
    rows = [_line(HEADINGS), _line(("---:", "---", *["---:"] * (len(HEADINGS) - 2)))]
    rows += [_line(_cells(cell)) for cell in found.cells]
    about = (
        f"`{found.command}`, commit {found.commit}, {found.machine}, load {found.load_before:.1f} before and "
        f"{found.load_after:.1f} after. Pairs of {found.side}x{found.side} (JPEG, just written, so in the page cache), "
        f"{found.memory_mib} MiB for decoded ones; the default student, whole pictures, batch {found.batch}."
    )
    return "\n".join([about, "", *rows, "", *(_growth(found))]) + "\n"


def _cells(cell: Cell) -> tuple[str, ...]:
    first, second = cell.first, cell.second
    read = ("–", "–", "–")
    if second.reading is not None:
        step_ms = 1000 * second.reading.steps_s / second.reading.steps
        read = (f"{step_ms:.0f}", f"{second.reading.read_share:.1%}", f"{second.reading.waited_share:.1%}")
    times = (first.digest_s, first.open_s, second.digest_s, second.open_s)
    return (
        f"{cell.pairs:,}", cell.layout, *(f"{each:.1f}" for each in times), f"{second.peak_bytes / 2**20:.0f}", *read,
    )  # fmt: skip


def _growth(found: BigDataFile) -> list[str]:
    sizes = sorted({cell.pairs for cell in found.cells})
    return [
        f"- Memory in {layout}: {found.growth(layout):.2f} times from {sizes[0]:,} to {sizes[-1]:,} pairs, "
        f"{found.bytes_a_pair(layout):.0f} bytes a pair "
        f"({'flat' if found.growth(layout) <= FLAT else 'NOT flat'}: at most {FLAT})."
        for layout in LAYOUTS
    ]


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
