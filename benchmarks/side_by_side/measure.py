"""Quality of every row on the test pictures and its speed beside the float file; a row that is done is not redone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from compress.devices.runner.fingerprint import fingerprint
from compress.errors import BuildError, one_line
from compress.parity.frames import Frame, Frames
from compress.runtimes import open_runtime
from compress.runtimes.base import RunOptions, Session
from compress.store.digests import digest_of, hash_file
from side_by_side.peer import FLOAT, Job, Row
from side_by_side.records import Measured

if TYPE_CHECKING:
    from compress.runtimes.base import Batch
    from compress.stage import Progress

_WARM_UP_RUNS = 10
_SHARED = ("measure.py", "islands.py", "peer.py")
"""Scripts that every row depends on."""


@dataclass(frozen=True)
class Course:
    """What all rows run: the test ``frames`` on files of ``size``, whose sides are multiples of ``multiple``."""

    job: Job
    frames: Frames
    size: tuple[int, int]
    multiple: int
    timed_runs: int
    identity: str

    def fitted(self, frame: Frame) -> Frame:
        """The frame as it is where padding to multiples gives the files' size, else cut or padded to that."""
        from compress.runtimes.picture import padded_size

        height, width = frame.dark.shape[:2]
        return frame if padded_size(height, width, self.multiple) == self.size else frame.fitted(*self.size)


def measure(course: Course, rows: Sequence[Row], wanted: frozenset[str], progress: Progress) -> Iterator[Measured]:
    """Every row, in the order of ``rows``, where the float row of a runtime comes before the others of it.

    One that was measured before on the same is read again; one that is not ``wanted`` is then not measured anew.
    """
    floats: dict[str, Measured] = {}
    for number, row in enumerate(rows):
        progress.update(number, len(rows), f"{row.tool}, {row.scope}, {row.runtime}")
        found = _one(course, row, floats.get(row.runtime), wanted)
        if row.scope == FLOAT:
            floats[row.runtime] = found
        yield found


def _one(course: Course, row: Row, reference: Measured | None, wanted: frozenset[str]) -> Measured:
    kept = course.job.folder / f"{row.name}.json"
    blank = Measured(
        name=row.name, tool=row.tool, version="", runtime=row.runtime, scope=row.scope, settings=row.settings,
        identity="",
    )  # fmt: skip
    try:
        blank = blank.model_copy(update={"version": row.version()})
        blank = blank.model_copy(update={"identity": _identity(course, row, blank.version)})
        known = _known(kept, blank.identity, course.job.folder)
        if known is not None:
            return known
        if row.name not in wanted:
            raise BuildError("not asked for (--only)")
        made = _measured(course, row, blank, reference)
    except Exception as error:  # a peer raises whatever it likes, and its row says so
        return blank.model_copy(update={"why_not": one_line(error, kind=False)})
    made.write(kept)
    return made


def _identity(course: Course, row: Row, version: str) -> str:
    here = Path(__file__).parent
    sources = {name: hash_file(here / name) for name in (*_SHARED, *row.sources)}
    told = {"course": course.identity, "row": row.name, "version": version, "settings": row.settings}
    return digest_of({**told, "sources": sources})


def _known(path: Path, identity: str, folder: Path) -> Measured | None:
    try:
        known = Measured.read(path)
    except (OSError, ValidationError):
        return None
    whole = all((folder / name).is_file() for name in known.files)
    return known if known.identity == identity and whole else None


def _measured(course: Course, row: Row, blank: Measured, reference: Measured | None) -> Measured:
    if reference is not None and reference.why_not:
        raise BuildError(f"no float file to compare with: {reference.why_not}")
    folder = course.job.folder
    files = row.make(course.job, row.name)
    runtime = open_runtime(row.runtime)
    found = runtime.inspect(folder, files, None)
    session = runtime.load(folder, files, RunOptions(course.job.threads))
    scores = tuple(_scores(course, session))
    psnr = tuple(score[0] for score in scores)
    float_files, float_psnr = (files, psnr) if reference is None else (reference.files, reference.float_psnr_db)
    p50_ms, fp32_p50_ms = _timed(course, row, files, float_files)
    return blank.model_copy(update={
        "files": files, "size_bytes": sum((folder / name).stat().st_size for name in files),
        "psnr_db": psnr, "ssim": tuple(score[1] for score in scores), "float_psnr_db": float_psnr,
        "int8_layers": found.int8_layers, "layers": found.int8_layers + found.float_layers,
        "p50_ms": p50_ms, "fp32_p50_ms": fp32_p50_ms, "timed_runs": course.timed_runs,
        "load_average_1min": fingerprint().get("load_average_1min", ""),
    })  # fmt: skip


def _scores(course: Course, session: Session) -> Iterator[tuple[float, float]]:
    """PSNR in dB and SSIM of each picture against its truth."""
    from compress.metrics import psnr_db, ssim
    from compress.runtimes.picture import to_batch, to_picture

    for frame in map(course.fitted, course.frames):
        assert frame.truth is not None
        answer = to_picture(session.infer(to_batch(frame.dark, course.multiple)), *frame.dark.shape[:2])
        yield round(psnr_db(answer, frame.truth), 6), round(ssim(answer, frame.truth), 8)


def _timed(course: Course, row: Row, files: tuple[str, ...], float_files: tuple[str, ...]) -> tuple[float, float]:
    """p50 in ms of the row's file and of the float file, timed in turn on the first test picture."""
    from compress.devices.local import exclusive
    from compress.devices.runner.timing import measure_latency, percentile
    from compress.runtimes.picture import to_batch

    x: Batch = to_batch(course.fitted(course.frames.frame(0)).dark, course.multiple)
    runtime, options = open_runtime(row.runtime), RunOptions(course.job.threads)
    both = {"fp32": float_files, "this": files}
    runs = {name: runtime.load(course.job.folder, each, options).prepare(x) for name, each in both.items()}
    with exclusive():
        samples = measure_latency(runs, _WARM_UP_RUNS, course.timed_runs)
    return percentile(samples["this"], 0.5), percentile(samples["fp32"], 0.5)


def remove_files(folder: Path) -> None:
    """Forget every row below ``folder``."""
    for path in folder.glob("*.json"):
        os.unlink(path)
