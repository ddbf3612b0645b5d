"""A chain's builds on the board that its target names: what they answer to the test pictures, and how fast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.devices.board import BoardKind
from compress.devices.boards import open_board
from compress.devices.conditions import NO_CONDITIONS, Conditions
from compress.devices.remote import BoardBuild, Facts, Place, Tell, run_on_board
from compress.devices.runner.fingerprint import with_changes
from compress.devices.runner.timing import Lasting
from compress.errors import BuildError
from compress.records import Build
from compress.runtimes import open_runtime
from compress.runtimes.answer import read_answer
from compress.runtimes.base import RunOptions
from compress.runtimes.picture import dark_noise, padded_size, to_tensor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Board:
    """A host by the name that the client ``kind`` knows, its Python that has the runtime, and what is wanted of it."""

    host: str
    python: str
    kind: BoardKind = "ssh"
    conditions: Conditions = NO_CONDITIONS


@dataclass(frozen=True)
class Named:
    """A build of fixed size under the name that it has in the results; its files lie in ``folder``."""

    name: str
    folder: Path
    build: Build


@dataclass(frozen=True)
class Timing:
    """How often each build is run, all in turn (``every_round``: slow ones, too), then how long without a pause."""

    warmup: int
    runs: int
    sustained_s: float = 0.0
    every_round: bool = False


@dataclass(frozen=True)
class OnBoard:
    """What the board gave. ``answers``: of the shipped build, by the bytes of the dark picture; empty where the
    pictures are not of the build's size, or the board's SDK is not the one that is wanted. ``samples_ms``: empty
    where another condition was not met. ``unmet`` says which. ``lasting``: as long as it was asked for."""

    answers: Mapping[bytes, Any]
    samples_ms: Mapping[str, tuple[float, ...]]
    facts: Facts
    lasting: Mapping[str, Lasting]

    def __call__(self, picture: Picture) -> Any:
        """The shipped build's answer to a picture that was sent. Raises BuildError for another one."""
        try:
            return self.answers[picture.tobytes()]
        except KeyError:
            raise BuildError("the picture was not among those that the board was given") from None

    def fingerprint(self) -> dict[str, str]:
        """Facts before the measurement, and those that were others after it."""
        facts = with_changes(self.facts.before, self.facts.after)
        return {**facts, "peak_memory_mib": f"{self.facts.peak_memory_mib:.0f}"}

    def unmet(self) -> tuple[str, ...]:
        """Why the board's figures don't count, a line each; none where they do."""
        return *self.facts.unmet_sdk, *self.facts.unmet

    def name(self, host: str) -> str:
        """One line for tables."""
        about = self.facts.before
        return f"{host}, {about.get('model') or about.get('cpu', 'unknown processor')}, {about.get('cores', '?')} cores"


def run_builds(
    board: Board, builds: tuple[Named, ...], pictures: tuple[Picture, ...], options: RunOptions, timing: Timing,
    tell: Tell,
) -> OnBoard:  # fmt: skip
    """Time ``builds``; the one that ships runs on ``pictures`` (uint8 HWC) as well.

    Raises DeviceError, Busy, and BuildError for an answer that is no picture.
    """
    fed = {each.name: _fed(each.build, pictures) for each in builds}
    jobs = tuple(_job(each, fed[each.name], options) for each in builds)
    place = Place(open_board(board.kind, board.host), board.python, board.conditions)
    done = run_on_board(place, jobs, timing.warmup, timing.runs, tell, timing.sustained_s, timing.every_round)
    answers: dict[bytes, Any] = {}
    for each in builds:
        contract, given = each.build.contract, done.answers[each.name]
        outputs = (given, done.second[each.name]) if each.name in done.second else (given,)
        for number, picture in enumerate(fed[each.name]):
            tensors = tuple(output[number : number + 1] for output in outputs)
            answers[picture.tobytes()] = read_answer(contract, tensors, picture.shape[0], picture.shape[1])
    if done.facts.unmet_sdk:
        return OnBoard({}, {}, done.facts, {})
    return OnBoard(answers, done.samples_ms, done.facts, done.lasting)


def _fed(build: Build, pictures: tuple[Picture, ...]) -> tuple[Picture, ...]:
    """The pictures for ``build``, if it ships and they are of its size."""
    multiple, size = build.contract.size_multiple, (build.height, build.width)
    fits = all(padded_size(picture.shape[0], picture.shape[1], multiple) == size for picture in pictures)
    return pictures if build.ships and fits else ()


def _job(named: Named, pictures: tuple[Picture, ...], options: RunOptions) -> BoardBuild:
    """With something dark to be timed on where it is fed no pictures."""
    import numpy as np

    build = named.build
    dark = dark_noise(build.height or 0, build.width or 0)
    spec, multiple = build.contract.input, build.contract.size_multiple
    tensors = np.concatenate([to_tensor(picture, spec, multiple) for picture in pictures or (dark,)])
    files = tuple(named.folder / name for name in open_runtime(build.runtime).board_files(build.files))
    return BoardBuild(
        named.name, build.runtime, files, options.threads, options.of(build).float_precision, tensors, options.cores,
        len(build.contract.outputs),
    )  # fmt: skip
