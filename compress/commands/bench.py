"""``compress bench``: how fast are these builds, here or on a board?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from compress.errors import EXIT_INCOMPLETE, EXIT_PASS, UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from compress.bench.measure import Asked
    from compress.bench.records import BenchReport
    from compress.records import Build
    from compress.runtimes.on_board import Named
    from compress.runtimes.site import Site
    from compress.store.store import Store

_HEADINGS = ("build", "through", "what", "size", "p50 ms", "p90 ms", "p99 ms", "FPS")


def bench(
    words: tuple[str, ...], store_root: Path, asked: Asked, picture: Path | None, site: Site, json_file: Path | None
) -> int:
    """Time builds in turn at ``site`` and print a table; without words, what ships of the newest builds.

    Gives 3 where the site's conditions are not met. Raises UserError.
    """
    from compress.bench.measure import bench as time_builds
    from compress.console import make_console
    from compress.store.store import Store

    if site.absent is not None:
        raise UserError(f"--target: {site.absent}; --on names one, too")
    if asked.batch > 1 and asked.halo_px is not None:
        raise UserError("--batch, --tile: tiles are run one at a time; leave out one of the two")
    subjects = find_subjects(words, Store(store_root), lambda build: build.ships and site.times(build))
    dark = _picture(picture, subjects)
    console = make_console()
    with console:
        progress = console.started("bench", 1, 1)
        report = time_builds(subjects, dark, asked, site, progress.update)
    _print(report)
    if json_file is not None:
        report.write(json_file)
    return EXIT_INCOMPLETE if report.not_as_wanted else EXIT_PASS


def find_subjects(words: tuple[str, ...], store: Store, unasked: Callable[[Build], bool]) -> tuple[Named, ...]:
    """Builds to run, each under a name of its own; ``unasked``: which of the newest, without words."""
    from compress.runtimes.on_board import Named
    from compress.store.builds import find_places, listed_in, wanted_builds

    found = [
        (place.folder, build) for place in find_places(words, store) for build in wanted_builds(place, listed_in(place))
    ]
    if not words:
        found = [(folder, build) for folder, build in found if unasked(build)]
    if not found:
        raise UserError("none of the newest builds runs there; name builds, or a board with --on")
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
        size = f"{row.height}x{row.width}" + (f", {row.tiles} tiles" if row.tiles is not None else "")
        table.add_row(row.build, row.runtime, row.what, size, *times, f"{row.fps:.1f}")
    if report.rows:
        console.print(table)
    for line in _lines(report):
        console.print(Text(line), soft_wrap=True)


def _lines(report: BenchReport) -> Iterator[str]:
    """What is said below the table."""
    if report.not_as_wanted:
        yield f"Not measured on {report.device}: {'; '.join(report.not_as_wanted)}."
        return
    for each in report.sustained:
        quarters = ", ".join(f"{value:.2f}" for value in each.quarters_p50_ms)
        yield (
            f"{each.build} without a pause for {each.seconds:.0f} s: {each.fps:.1f} FPS, p50 by quarter {quarters} ms, "
            f"drift {each.drift:+.1%}"
        )
    if report.halo_px is not None:
        yield f"Tiles overlap by twice a halo of {report.halo_px} px, and are run one after the other."
    runs = max(len(row.samples_ms) for row in report.rows)
    batch = f"batch {report.batch}" + (" (times are a batch's, FPS are pictures)" if report.batch > 1 else "")
    yield f"Measured on {report.device}, {report.threads} threads, {batch}, {runs} runs, all builds in turn."
