"""Do the builds of a bundle answer on a device as they did where the bundle was made? By its golden frames.

The builds are run by ``compress.devices.runner``, here or on a board, which has it copied to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from compress.bundle.contract import CONTRACT, BuildContract, ContractFile
from compress.bundle.golden import GOLDEN, Frame, GoldenFile, difference, read_png
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
    """One frame through one build: how far from the expected picture; ``problem`` None: within the tolerance."""

    build: str
    frame: str
    psnr_db: float
    max_codes: int
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


def _answers(folder: Path, job: _Job, site: Site, tell: Tell) -> Tensors:
    """What the build makes of its frames, one after the other."""
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
            return np.concatenate([session.infer(tensors[i : i + 1]) for i in range(len(tensors))])
        except Exception as error:  # runtimes raise kinds of their own
            raise BuildError(f"build {build.name}: {' '.join(str(error).split())[:300]}") from None
    place = Place(open_board(site.board.kind, site.board.host), site.board.python)
    sent = BoardBuild(job.name, build.runtime, files, options.threads, precision, tensors, options.cores)
    return run_on_board(place, (sent,), 0, 1, tell).answers[job.name]


def _judged(job: _Job, answers: Tensors, golden: GoldenFile, folder: Path) -> Iterator[Tried]:
    import numpy as np

    from compress.metrics import psnr_db

    for frame, answer in zip(job.frames, answers, strict=True):
        (file,) = (output.file for output in frame.outputs if output.build == job.build.name)
        expected = read_png(folder / file)
        found = from_tensor(answer[None], job.build.contract.output, *expected.shape[:2])
        codes = int(np.abs(expected.astype(np.int16) - found.astype(np.int16)).max())
        yield Tried(
            job.build.name, frame.name, psnr_db(found, expected), codes, difference(expected, found, golden.tolerance)
        )
