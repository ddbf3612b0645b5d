"""``compress bench``: how fast are these builds, here or on a board?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from compress.errors import EXIT_PASS, UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from compress.bench.measure import Asked
    from compress.bench.records import BenchReport
    from compress.records import Build
    from compress.runtimes.on_board import Named
    from compress.store.store import Store

_HEADINGS = ("build", "through", "what", "size", "p50 ms", "p90 ms", "p99 ms", "FPS")


def bench(
    words: tuple[str, ...], store_root: Path, asked: Asked, picture: Path | None, host: str | None, python: str,
    json_file: Path | None,
) -> int:  # fmt: skip
    """Time builds in turn and print a table; without words, what ships of the newest builds. Raises UserError."""
    from compress.bench.measure import bench_here, bench_on_board
    from compress.console import make_console
    from compress.store.store import Store

    if host is not None and asked.sustained_s:
        raise UserError("--sustained: builds run without a pause on this machine only; leave out --on")
    subjects = find_subjects(words, Store(store_root))
    dark = _picture(picture, subjects)
    console = make_console()
    with console:
        progress = console.started("bench", 1, 1)
        if host is None:
            report = bench_here(subjects, dark, asked, progress.update)
        else:
            report = bench_on_board(host, python, subjects, dark, asked, progress.update)
    _print(report)
    if json_file is not None:
        report.write(json_file)
    return EXIT_PASS


def find_subjects(
    words: tuple[str, ...], store: Store, unasked: Callable[[Build], bool] = lambda build: build.ships
) -> tuple[Named, ...]:
    """Builds that can be run here or on a board, each under a name of its own; ``unasked``: which, without words."""
    from compress.runtimes.on_board import Named
    from compress.store.builds import find_places, listed_in, wanted_builds

    found = [
        (place.folder, build) for place in find_places(words, store) for build in wanted_builds(place, listed_in(place))
    ]
    if not words:
        from compress.runtimes import open_runtime, runs_here

        found = [
            (folder, build) for folder, build in found
            if unasked(build) and runs_here(build.runtime) and not open_runtime(build.runtime).simulates
        ]  # fmt: skip
    if not found:
        raise UserError("none of these builds runs on this machine; name builds, or a board with --on")
    counts = Counter(build.name for _, build in found)
    return tuple(
        Named(build.name if counts[build.name] == 1 else f"{folder.name}/{build.name}", folder, build)
        for folder, build in found
    )


def _picture(path: Path | None, subjects: tuple[Named, ...]) -> NDArray[np.uint8]:
    """The picture asked for, else noise in the dark of the first fixed size."""
    from compress.data.pictures import read_picture
    from compress.runtimes.picture import dark_noise

    if path is not None:
        return read_picture(path)
    sizes = [(each.build.height, each.build.width) for each in subjects if each.build.height and each.build.width]
    return dark_noise(*(sizes[0] if sizes else (400, 600)))


def _print(report: BenchReport) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from compress.console import table_console

    console = table_console()
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for place, heading in enumerate(_HEADINGS):
        table.add_column(heading, justify="left" if place < 4 else "right", no_wrap=True)
    for row in report.rows:
        times = (f"{value:.2f}" for value in (row.p50_ms, row.p90_ms, row.p99_ms))
        table.add_row(row.build, row.runtime, row.what, f"{row.height}x{row.width}", *times, f"{row.fps:.1f}")
    console.print(table)
    runs = max(len(row.samples_ms) for row in report.rows)
    for line in (
        f"Measured on {report.device}, {report.threads} threads, batch 1, {runs} runs, all builds in turn.",
        *(
            f"{each.build} without a pause for {each.seconds:.0f} s: {each.fps:.1f} FPS, p50 by quarter "
            f"{', '.join(f'{value:.2f}' for value in each.quarters_p50_ms)} ms, drift {each.drift:+.1%}"
            for each in report.sustained
        ),
    ):
        console.print(Text(line), soft_wrap=True)
