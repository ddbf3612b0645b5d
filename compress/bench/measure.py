"""Builds timed in turn, here or on a board: the model alone, from picture file to picture file, without a pause."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from compress.bench.records import BenchReport, BenchRow, Sustained, What
from compress.devices.remote import Tell
from compress.devices.runner.timing import measure_latency, percentile
from compress.errors import BuildError
from compress.records import Build
from compress.runtimes import open_runtime
from compress.runtimes.base import RunOptions
from compress.runtimes.on_board import Named
from compress.runtimes.picture import PictureRunner, padded_size, to_batch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]


_PNG_LEVEL = 1
"""Of zlib, for the pictures that are written: what a camera would do is not to squeeze a PNG."""


@dataclass(frozen=True)
class Asked:
    """How to time: runs of each build after ``warmup``, and seconds without a pause (0: not at all)."""

    threads: int
    warmup: int
    runs: int
    sustained_s: float = 0.0


def bench_here(subjects: tuple[Named, ...], picture: Picture, asked: Asked, tell: Tell) -> BenchReport:
    """Time ``subjects`` on this machine with ``picture`` (uint8 HWC). Raises BuildError, and Busy."""
    from compress.devices.local import exclusive
    from compress.devices.runner.fingerprint import device_name, fingerprint, with_changes

    pictures = {subject.name: _fitted(subject.build, picture) for subject in subjects}
    with tempfile.TemporaryDirectory() as text, exclusive():
        before = fingerprint()
        models = {subject.name: _model(subject, pictures[subject.name], asked) for subject in subjects}
        wholes = {
            subject.name: _whole(subject, pictures[subject.name], asked, Path(text) / str(number))
            for number, subject in enumerate(subjects)
        }
        rows: list[BenchRow] = []
        kinds: tuple[tuple[What, dict[str, Callable[[], None]]], ...] = ("model only", models), ("end to end", wholes)
        for what, runs in kinds:
            samples = measure_latency(
                runs, asked.warmup, asked.runs, lambda done, total, what=what: tell(done, total, what)  # type: ignore[misc]
            )  # fmt: skip
            rows += [_row(subject, what, pictures[subject.name], samples[subject.name]) for subject in subjects]
        lasting = tuple(
            _sustained(label, run, asked.sustained_s, tell) for label, run in models.items() if asked.sustained_s
        )
        after = fingerprint()
    return BenchReport(
        device=device_name(), fingerprint=with_changes(before, after), threads=asked.threads, rows=tuple(rows),
        sustained=lasting,
    )  # fmt: skip


def bench_on_board(
    host: str, python: str, subjects: tuple[Named, ...], picture: Picture, asked: Asked, tell: Tell
) -> BenchReport:
    """Time ``subjects``, the model alone, on a board that ssh knows. Raises BuildError, DeviceError, and Busy."""
    from compress.runtimes.on_board import Board, Timing, run_builds

    for subject in subjects:
        if subject.build.height is None:
            raise BuildError(f"{subject.name}: builds of free size are not timed on boards; name one of fixed size")
    named = tuple(replace(subject, name=subject.name.replace("/", "-")) for subject in subjects)
    board, timing = Board(host, python), Timing(asked.warmup, asked.runs)
    done = run_builds(board, named, (), RunOptions(threads=asked.threads), timing, tell)
    rows = tuple(
        _row(subject, "model only", _fitted(subject.build, picture), done.samples_ms[each.name])
        for subject, each in zip(subjects, named, strict=True)
    )
    return BenchReport(device=done.name(host), fingerprint=done.fingerprint(), threads=asked.threads, rows=rows)


def _fitted(build: Build, picture: Picture) -> Picture:
    """``picture`` at the build's own size, else as it is."""
    from compress.data.pictures import fit

    return picture if build.height is None or build.width is None else fit(picture, build.height, build.width)


def _model(subject: Named, picture: Picture, asked: Asked) -> Callable[[], None]:
    build = subject.build
    runtime = open_runtime(build.runtime)
    why = runtime.why_not_here() or ("its simulator's time says nothing" if runtime.simulates else None)
    if why is not None:
        raise BuildError(f"{subject.name} can't be timed here: {why}")
    size = padded_size(picture.shape[0], picture.shape[1], build.contract.size_multiple)
    session = runtime.load(subject.folder, build.files, RunOptions(threads=asked.threads), size)
    return session.prepare(to_batch(picture, build.contract.size_multiple))


def _whole(subject: Named, picture: Picture, asked: Asked, place: Path) -> Callable[[], None]:
    from compress.data.pictures import read_picture, write_png

    runner = PictureRunner(subject.build, subject.folder, RunOptions(threads=asked.threads))
    given, made = place.with_suffix(".dark.png"), place.with_suffix(".bright.png")
    write_png(given, picture)
    return lambda: write_png(made, runner(read_picture(given)), _PNG_LEVEL)


def _row(subject: Named, what: What, picture: Picture, samples_ms: tuple[float, ...]) -> BenchRow:
    p50, p90, p99 = (percentile(samples_ms, share) for share in (0.5, 0.9, 0.99))
    return BenchRow(
        build=subject.name, runtime=subject.build.runtime, what=what, height=picture.shape[0],
        width=picture.shape[1], p50_ms=p50, p90_ms=p90, p99_ms=p99, fps=1000.0 / p50, samples_ms=samples_ms,
    )  # fmt: skip


def _sustained(label: str, run: Callable[[], None], seconds: float, tell: Tell) -> Sustained:
    quarters: list[list[float]] = [[], [], [], []]
    started = time.perf_counter()
    while (passed := time.perf_counter() - started) < seconds or not all(quarters):
        began = time.perf_counter()
        run()
        # A build slower than a quarter of the time still fills each of them once.
        wanted = min(3, int(4 * passed / seconds))
        place = next((k for k in range(wanted) if not quarters[k]), wanted)
        quarters[place].append((time.perf_counter() - began) * 1e3)
        tell(min(passed, seconds), seconds, f"{label} without a pause")
    one, two, three, four = (statistics.median(samples) for samples in quarters)
    runs = sum(map(len, quarters))
    return Sustained(
        build=label, seconds=time.perf_counter() - started, runs=runs, quarters_p50_ms=(one, two, three, four),
        drift=four / one - 1.0, fps=runs / (time.perf_counter() - started),
    )  # fmt: skip
