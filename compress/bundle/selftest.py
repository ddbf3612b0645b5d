"""Do the builds of a bundle answer on a device as they did where the bundle was made? By its golden frames.

The builds are run by ``compress.devices.runner``, here or on a board, which has it copied to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from compress.bundle.contract import CONTRACT, BuildContract, ContractFile
from compress.bundle.golden import GOLDEN, Expected, Frame, GoldenFile, difference, read_png
from compress.bundle.golden_maps import maps_difference, read_stored
from compress.devices.boards import open_board
from compress.devices.remote import BoardBuild, Place, Tell, run_on_board
from compress.errors import BuildError, UserError
from compress.runtimes import open_runtime
from compress.runtimes.picture import from_tensor, to_tensor
from compress.runtimes.site import Site

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    Tensors = NDArray[np.generic]


@dataclass(frozen=True)
class Tried:
    """One frame through one build: in words, how far from the expected answer; ``problem`` None: near enough."""

    build: str
    frame: str
    far: str
    problem: str | None


@dataclass(frozen=True)
class Outcome:
    """All frames of all builds that were run, and why others were not, by build."""

    tried: tuple[Tried, ...]
    not_run: Mapping[str, str]


@dataclass(frozen=True)
class _Job:
    """Frames of one size for one build, with what is expected of each; sizes of free builds may differ."""

    build: BuildContract
    frames: tuple[Frame, ...]

    @property
    def name(self) -> str:
        return f"{self.build.name}-{self.frames[0].height}x{self.frames[0].width}"


def selftest(folder: Path, wanted: tuple[str, ...], site: Site, tell: Tell) -> Outcome:
    """Run the golden frames of the bundle ``folder`` through the builds called ``wanted``, of all where none is named.

    Raises UserError for a bundle without frames or an unknown build, DeviceError for a board that can't be reached.
    """
    try:
        builds = ContractFile.read(folder / CONTRACT).builds
        golden = GoldenFile.read(folder / GOLDEN / "golden.json")
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}: can't read its contract and golden frames ({error}); is it a bundle?") from None
    unknown = sorted(set(wanted) - {build.name for build in builds})
    if unknown:
        raise UserError(f"{folder}: no build {', '.join(unknown)}; it has {', '.join(build.name for build in builds)}")
    tried: list[Tried] = []
    not_run: dict[str, str] = {}
    for build in builds:
        if wanted and build.name not in wanted:
            continue
        jobs = tuple(_jobs(build, golden))
        if not jobs:
            not_run[build.name] = golden.not_run.get(build.name, "the bundle has no golden frame of it")
        elif site.board is not None and site.runtime not in (None, build.runtime):
            not_run[build.name] = f"the target's device runs {site.runtime} builds"
        else:
            for job in jobs:
                tried += _judged(job, _answers(folder, job, site, tell), golden, folder)
    return Outcome(tuple(tried), not_run)


def _jobs(build: BuildContract, golden: GoldenFile) -> Iterator[_Job]:
    by_size: dict[tuple[int, int], list[Frame]] = {}
    for frame in golden.frames:
        if any(output.build == build.name for output in frame.outputs):
            by_size.setdefault((frame.height, frame.width), []).append(frame)
    return (_Job(build, tuple(frames)) for frames in by_size.values())


def _answers(folder: Path, job: _Job, site: Site, tell: Tell) -> tuple[Tensors, ...]:
    """What the build makes of its frames, one after the other, of each output."""
    import numpy as np

    from compress.devices.runner.sessions import open_build

    build, options = job.build, site.options
    spec, multiple = build.contract.input, build.contract.size_multiple
    tensors = np.concatenate([to_tensor(read_png(folder / frame.input), spec, multiple) for frame in job.frames])
    files = tuple(folder / name for name in open_runtime(build.runtime).board_files(build.files))
    precision = options.float_precision if site.runtime == build.runtime else "f32"
    if site.board is None:
        try:
            session = open_build(build.runtime, files[0], options.threads, precision, options.cores)
            found = [session.run(tensors[i : i + 1]) for i in range(len(tensors))]
            return tuple(np.concatenate(each) for each in zip(*found, strict=True))
        except Exception as error:  # runtimes raise kinds of their own
            raise BuildError(f"build {build.name}: {' '.join(str(error).split())[:300]}") from None
    place = Place(open_board(site.board.kind, site.board.host), site.board.python)
    outputs = len(build.contract.outputs)
    sent = BoardBuild(job.name, build.runtime, files, options.threads, precision, tensors, options.cores, outputs)
    found_there = run_on_board(place, (sent,), 0, 1, tell)
    first = found_there.answers[job.name]
    return (first, found_there.second[job.name]) if outputs > 1 else (first,)


def _judged(job: _Job, answers: tuple[Tensors, ...], golden: GoldenFile, folder: Path) -> Iterator[Tried]:
    for place, frame in enumerate(job.frames):
        (expected,) = (output for output in frame.outputs if output.build == job.build.name)
        far, problems = [], []
        for what, problem in _compared(job.build, expected, tuple(each[place] for each in answers), golden, folder):
            far.append(what)
            problems += [problem] if problem is not None else []
        yield Tried(job.build.name, frame.name, "; ".join(far), "; ".join(problems) or None)


def _compared(
    build: BuildContract, expected: Expected, answers: tuple[Tensors, ...], golden: GoldenFile, folder: Path
) -> Iterator[tuple[str, str | None]]:
    """How far each of the answers is from what is expected, and what is wrong with it."""
    import numpy as np

    from compress.metrics import psnr_db
    from compress.parity.bisect import snr_db

    if expected.file:
        wanted = read_png(folder / expected.file)
        found = from_tensor(answers[0][None], build.contract.output, *wanted.shape[:2])
        codes = int(np.abs(wanted.astype(np.int16) - found.astype(np.int16)).max())
        yield f"{psnr_db(found, wanted):.1f} dB, at most {codes} codes", difference(wanted, found, golden.tolerance)
    if expected.maps:
        maps = answers[len(build.contract.outputs) - 1]  # boxes that the build reads from them itself come behind
        stored = read_stored(folder / expected.maps, maps)
        close_db = snr_db(stored, np.asarray(maps, np.float32))
        yield f"maps {close_db:.1f} dB", maps_difference(close_db, golden.tolerance.min_maps_snr_db)
