"""Builds timed in turn, here or on a board: the model alone, from picture file to picture file, without a pause."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from compress.bench.records import BenchReport, BenchRow, Sustained, What
from compress.devices.remote import Tell
from compress.devices.runner.timing import Lasting, measure_latency, percentile, without_pause
from compress.errors import BuildError, UserError
from compress.runtimes import open_runtime
from compress.runtimes.on_board import Board, Named, Timing, run_builds
from compress.runtimes.picture import PictureRunner, padded_size, to_batch
from compress.runtimes.site import Site
from compress.runtimes.tiles import tile_count, tiled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]


_PNG_LEVEL = 1
"""Of zlib, for the pictures that are written: what a camera would do is not to squeeze a PNG."""

Runs = dict[str, Callable[[], None]]


@dataclass(frozen=True)
class Asked:
    """How to time: runs of each build after ``warmup``, seconds without a pause (0: not at all), and pictures in each
    run. ``halo_px``: cut a picture that is larger than a build of fixed size into tiles with this halo, from file to
    file; None: take its top left corner, as the model alone does."""

    warmup: int
    runs: int
    sustained_s: float = 0.0
    batch: int = 1
    halo_px: int | None = None


@dataclass(frozen=True)
class _Subject:
    """A build and the pictures it is timed on: ``fitted`` by the model alone, ``whole`` from file to file, in
    ``tiles`` of the build's size, or at once where that is None."""

    named: Named
    fitted: Picture
    whole: Picture
    tiles: int | None


def bench(subjects: tuple[Named, ...], picture: Picture, asked: Asked, site: Site, tell: Tell) -> BenchReport:
    """Time ``subjects`` with ``picture`` (uint8 HWC) at ``site``; on a board the model alone, one picture a run.

    Without rows where the site is not as its conditions want it. Raises UserError for what can't be done there,
    BuildError, DeviceError, and Busy.
    """
    if site.board is not None:
        return _on_board(subjects, picture, asked, site, site.board, tell)
    prepared = tuple(_subject(subject, picture, asked) for subject in subjects)
    if asked.halo_px is not None and all(each.tiles is None for each in prepared):
        size = f"{picture.shape[0]}x{picture.shape[1]}"
        raise UserError(f"--tile: {size} is not larger than a build of fixed size here; name a larger --picture")
    return _here(prepared, asked, site, tell)


def _here(subjects: tuple[_Subject, ...], asked: Asked, site: Site, tell: Tell) -> BenchReport:
    from compress.devices.local import measured
    from compress.devices.runner.fingerprint import device_name

    done = measured(
        site.here, lambda: _measured(subjects, asked, site, tell), lambda line: tell(0, 1, f"this machine {line}")
    )
    rows, lasting = done.value or ((), ())
    return BenchReport(
        device=device_name(), fingerprint=done.fingerprint, threads=site.options.threads, rows=rows, sustained=lasting,
        batch=asked.batch, halo_px=asked.halo_px, not_as_wanted=done.unmet,
    )  # fmt: skip


def _measured(
    subjects: tuple[_Subject, ...], asked: Asked, site: Site, tell: Tell
) -> tuple[tuple[BenchRow, ...], tuple[Sustained, ...]]:
    with tempfile.TemporaryDirectory() as text:
        models = {each.named.name: _model(each, asked, site) for each in subjects}
        wholes = {each.named.name: _whole(each, asked, site, Path(text) / str(k)) for k, each in enumerate(subjects)}
        rows: list[BenchRow] = []
        kinds: tuple[tuple[What, Runs], ...] = ("model only", models), ("end to end", wholes)
        for what, runs in kinds:
            samples = measure_latency(
                runs, asked.warmup, asked.runs, lambda done, total, what=what: tell(done, total, what)  # type: ignore[misc]
            )  # fmt: skip
            rows += [_row(each, what, samples[each.named.name], asked.batch) for each in subjects]
        lasting = tuple(
            _sustained(label, without_pause(run, asked.sustained_s, partial(_told, tell, label, asked)), asked.batch)
            for label, run in models.items() if asked.sustained_s
        )  # fmt: skip
    return tuple(rows), lasting


def _told(tell: Tell, label: str, asked: Asked, passed: float) -> None:
    tell(passed, asked.sustained_s, f"{label} without a pause")


def _on_board(
    subjects: tuple[Named, ...], picture: Picture, asked: Asked, site: Site, board: Board, tell: Tell
) -> BenchReport:
    _refuse(subjects, asked, site)
    named = tuple(replace(subject, name=subject.name.replace("/", "-")) for subject in subjects)
    timing = Timing(asked.warmup, asked.runs, asked.sustained_s)
    done = run_builds(board, named, (), site.options, timing, tell)
    labels = {each.name: subject.name for each, subject in zip(named, subjects, strict=True)}
    rows = tuple(
        _row(_subject(subject, picture, asked), "model only", done.samples_ms[each.name], 1)
        for subject, each in zip(subjects, named, strict=True) if each.name in done.samples_ms
    )  # fmt: skip
    lasting = tuple(_sustained(labels[name], each, 1) for name, each in done.lasting.items())
    return BenchReport(
        device=done.name(board.host), fingerprint=done.fingerprint(), threads=site.options.threads, rows=rows,
        sustained=lasting, not_as_wanted=done.unmet(),
    )  # fmt: skip


def _refuse(subjects: tuple[Named, ...], asked: Asked, site: Site) -> None:
    """What a board's runner has no way for. Raises UserError and BuildError."""
    for given, word in ((asked.batch != 1, "--batch"), (asked.halo_px is not None, "--tile")):
        if given:
            raise UserError(f"{word}: on a board the model alone is timed, one picture a run; leave {word} out")
    for subject in subjects:
        if subject.build.height is None:
            raise BuildError(f"{subject.name}: builds of free size are not timed on boards; name one of fixed size")
        if site.runtime not in (None, subject.build.runtime):
            raise BuildError(
                f"{subject.name}: the target's board runs {site.runtime}, not {subject.build.runtime}; name a build "
                "for it, or give the board by --on alone"
            )


def _subject(named: Named, picture: Picture, asked: Asked) -> _Subject:
    """``picture`` at the build's own size, in tiles of it where that is asked for, or as it is."""
    from compress.data.pictures import fit

    build, (height, width) = named.build, picture.shape[:2]
    if build.height is None or build.width is None:
        return _Subject(named, picture, picture, None)
    fitted, tile = fit(picture, build.height, build.width), (build.height, build.width)
    if asked.halo_px is None or (height, width) == tile or height < tile[0] or width < tile[1]:
        return _Subject(named, fitted, fitted, None)
    try:
        return _Subject(named, fitted, picture, tile_count(height, width, tile, asked.halo_px))
    except ValueError as error:
        raise UserError(f"--tile: {named.name}: {error}: nothing is left of a tile; take a narrower halo") from None


def _model(subject: _Subject, asked: Asked, site: Site) -> Callable[[], None]:
    import numpy as np

    named, build = subject.named, subject.named.build
    runtime = open_runtime(build.runtime)
    why = runtime.why_not_here() or ("its simulator's time says nothing" if runtime.simulates else None)
    if why is not None:
        raise BuildError(f"{named.name} can't be timed here: {why}")
    x = to_batch(subject.fitted, build.contract.size_multiple)
    size = padded_size(subject.fitted.shape[0], subject.fitted.shape[1], build.contract.size_multiple)
    session = runtime.load_batch(named.folder, build.files, site.options_for(build), size, asked.batch)
    return session.prepare(x if asked.batch == 1 else np.concatenate([x] * asked.batch))


def _whole(subject: _Subject, asked: Asked, site: Site, place: Path) -> Callable[[], None]:
    """From files to files: read, run, write; each picture of a batch is a file of its own."""
    from compress.data.pictures import read_picture, write_png

    build = subject.named.build
    runner = PictureRunner(build, subject.named.folder, site.options_for(build))
    given = [place.with_suffix(f".{number}.dark.png") for number in range(asked.batch)]
    for path in given:
        write_png(path, subject.whole)
    run = runner.batch
    if subject.tiles is not None and asked.halo_px is not None:
        run = partial(_in_tiles, runner, (build.height or 0, build.width or 0), asked.halo_px)

    def once() -> None:
        bright = run(tuple(read_picture(path) for path in given))
        for path, picture in zip(given, bright, strict=True):
            write_png(path.with_suffix(".bright.png"), picture, _PNG_LEVEL)

    return once


def _in_tiles(
    runner: PictureRunner, tile: tuple[int, int], halo_px: int, pictures: tuple[Picture, ...]
) -> tuple[Picture, ...]:
    return tuple(tiled(runner, picture, tile, halo_px, runner.scale) for picture in pictures)


def _row(subject: _Subject, what: What, samples_ms: tuple[float, ...], batch: int) -> BenchRow:
    p50, p90, p99 = (percentile(samples_ms, share) for share in (0.5, 0.9, 0.99))
    shown, tiles = (subject.fitted, None) if what == "model only" else (subject.whole, subject.tiles)
    return BenchRow(
        build=subject.named.name, runtime=subject.named.build.runtime, what=what, height=shown.shape[0],
        width=shown.shape[1], batch=batch, tiles=tiles, p50_ms=p50, p90_ms=p90, p99_ms=p99, fps=1000.0 * batch / p50,
        samples_ms=samples_ms,
    )  # fmt: skip


def _sustained(label: str, lasting: Lasting, batch: int) -> Sustained:
    first, *_, last = lasting.quarters_p50_ms
    return Sustained(
        build=label, seconds=lasting.seconds, runs=lasting.runs, quarters_p50_ms=lasting.quarters_p50_ms,
        drift=last / first - 1.0, fps=batch * lasting.runs / lasting.seconds,
    )  # fmt: skip
