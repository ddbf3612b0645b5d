"""Builds run on a board, by the runner that is copied there."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from compress.devices.board import Board, Lost
from compress.devices.conditions import NO_CONDITIONS, Conditions
from compress.devices.runner import __file__ as _runner
from compress.devices.runner.__main__ import FULL, LACKING, TAKEN
from compress.devices.runner.timing import Lasting
from compress.errors import Busy, DeviceError
from compress.records import Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Tensors = NDArray[np.generic]
    """(K, ...) as a build takes them, one after the other."""

_SILENCE_S = 900.0
_WAIT_S = 600.0
_ASK_S = 20.0
_SIGNALLED = 128
_MEASURED = ("times.json", "lasting.json")
_BOOT_ID = "cat /proc/sys/kernel/random/boot_id"

Tell = Callable[[float, float, str], None]
"""Called with what is done, what there is to do, and of what."""


@dataclass(frozen=True)
class BoardBuild:
    """A build to run: its files, the main one first, and what it is fed. ``cores``: those of an NPU, by their name;
    ``outputs``: how many tensors it answers with, one or two.
    """

    name: str
    runtime: str
    files: tuple[Path, ...]
    threads: int
    float_precision: str
    tensors: Tensors
    cores: str | None = None
    outputs: int = 1

    @property
    def answer_files(self) -> tuple[str, ...]:
        """Where the runner leaves each output."""
        return (f"{self.name}.npy", *(f"{self.name}.{place}.npy" for place in range(1, self.outputs)))


class Facts(Record):
    """``device.json`` of the runner. ``unmet``, ``unmet_sdk``: which conditions were not met, a line each."""

    before: dict[str, str]
    after: dict[str, str]
    peak_memory_mib: float
    unmet: tuple[str, ...] = ()
    unmet_sdk: tuple[str, ...] = ()


@dataclass(frozen=True)
class BoardResults:
    """By build: its answers, one for each tensor, the milliseconds of its runs, all builds in turn, and how it lasted
    without a pause, where that was asked for. ``second``: the answers of the second output, where there are two.

    There are no times where conditions were not met.
    """

    answers: Mapping[str, Tensors]
    samples_ms: Mapping[str, tuple[float, ...]]
    facts: Facts
    lasting: Mapping[str, Lasting]
    second: Mapping[str, Tensors] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """A board, its Python that has the runtime, and under what conditions its figures count."""

    board: Board
    python: str
    conditions: Conditions = NO_CONDITIONS


def run_on_board(
    place: Place, builds: tuple[BoardBuild, ...], warmup: int, runs: int, tell: Tell, sustained_s: float = 0.0,
    every_round: bool = False,
) -> BoardResults:  # fmt: skip
    """Copy runner and builds to the board, run them with its Python, and take back what came of it.

    After the timed runs each build is run without a pause for ``sustained_s``, if that is not 0; ``every_round`` as
    ``runner.timing.measure_latency`` has it.

    What was finished when a connection broke is kept on the board for two days, and the same job goes on from there;
    so it does after conditions that were not met. Raises DeviceError for a board that can't be reached, has no such
    runtime, or can't run a build; Busy where another measurement does not end there.
    """
    board = place.board
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        counts = {"warmup": warmup, "runs": runs, "sustained_s": sustained_s, "every_round": every_round}
        sent = _packed(builds, counts, place.conditions, folder)
        job = board.folder(f"run-{_digest(sent)}")
        board.put(sent, job)
        _ran(place, job, tell)
        answers = {name for build in builds for name in build.answer_files}
        found = set(board.get((*sorted(answers), *_MEASURED, "device.json"), f"{job}/results", folder))
        wanted = answers | {"device.json"}
        facts = Facts.read(folder / "device.json") if "device.json" in found else None
        if facts is not None and not facts.unmet:
            wanted.update(_MEASURED)
        if facts is None or wanted - found:
            raise DeviceError(f"{board.host}: the runner left no {min(wanted - found)}; run it again")
        results = _read(builds, facts, folder)
    if not facts.unmet:
        board.remove(job)
    return results


def _packed(
    builds: tuple[BoardBuild, ...], counts: Mapping[str, float], conditions: Conditions, folder: Path
) -> tuple[Path, ...]:
    """All that goes up, as files."""
    import numpy as np

    listed = [
        {
            "name": build.name, "runtime": build.runtime, "file": f"{build.name}.{build.files[0].name}",
            "threads": build.threads,
            "float_precision": build.float_precision, "cores": build.cores, "tensors": f"{build.name}.tensors.npy",
        } for build in builds
    ]  # fmt: skip
    job = {"builds": listed, **counts, "wait_s": _WAIT_S, "conditions": conditions.model_dump(mode="json")}
    (folder / "job.json").write_text(json.dumps(job, sort_keys=True), encoding="utf-8")
    for build in builds:
        np.save(folder / f"{build.name}.tensors.npy", build.tensors)
    made = (folder / "job.json", *(folder / f"{build.name}.tensors.npy" for build in builds))
    return (*_modules(), *made, *(_renamed(file, build.name, folder) for build in builds for file in build.files))


def _renamed(file: Path, build: str, folder: Path) -> Path:
    """A copy under a name that no other build's file has: a candidate and its baseline are called the same."""
    return Path(shutil.copyfile(file, folder / f"{build}.{file.name}"))


def _digest(files: tuple[Path, ...]) -> str:
    whole = hashlib.sha256()
    for path in files:
        whole.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()[:16]


def runner_line(job: str, python: str) -> str:
    """The line of shell that runs the runner in the folder ``job``.

    Its modules become a package of their own name there, so that nothing of the board's is shadowed. The shell stays:
    a runner that is killed is told by the exit code, 128 and the signal.
    """
    modules = shlex.join(path.name for path in _modules())
    lines = f"mkdir -p compress_runner && mv {modules} compress_runner/"
    return f"cd {shlex.quote(job)} && {lines} && {shlex.quote(python)} -m compress_runner .; exit $?"


def _ran(place: Place, job: str, tell: Tell) -> None:
    board = place.board
    started = _boot_id(board)
    try:
        done = board.follow(runner_line(job, place.python), lambda line: _told(line, tell), _SILENCE_S)
    except Lost as error:
        raise DeviceError(f"{error}. {_since(board, started)}") from None
    said = (done.said.strip().splitlines()[-1:] or ["it said nothing"])[0]
    if done.returncode == TAKEN:
        raise Busy(f"{board.host}: {said}")
    if done.returncode == LACKING:
        raise DeviceError(f"{board.host}: {said}; or name a Python that has it: target.device.python=FILE")
    if done.returncode == FULL:
        problem = "its disk is full; free some of it (df -h) and run it again: what was finished is kept"
        raise DeviceError(f"{board.host}: {problem}")
    if done.returncode > _SIGNALLED:
        problem = f"the runner was killed by signal {done.returncode - _SIGNALLED}"
        raise DeviceError(
            f"{board.host}: {problem} (9: often for lack of memory); what was finished is kept, run it again"
        )
    if done.returncode != 0:
        raise DeviceError(f"{board.host}: the runner ended with {done.returncode}: {said}")


def _since(board: Board, started: str) -> str:
    """What became of a board whose connection broke, and what to do."""
    try:
        now = _boot_id(board)
    except DeviceError:
        return "What was finished is kept there for two days: run it again when the board answers"
    what = "It answers again" if now == started else "It was restarted meanwhile, and answers again"
    return f"{what}; what was finished is kept there: run it again"


def _boot_id(board: Board) -> str:
    return board.run(_BOOT_ID, _ASK_S).said.strip()


def _modules() -> list[Path]:
    return sorted(Path(_runner).parent.glob("*.py"))


def _told(line: str, tell: Tell) -> None:
    """``NAME answers 3 of 15`` and the like become progress; anything else a runtime may say is passed over."""
    found = re.fullmatch(r"(.+) (\d+) of (\d+)", line)
    if found:
        tell(int(found[2]), int(found[3]), f"on the board: {found[1]}")
    elif line.startswith(("waits ", "goes on ")):
        tell(0, 1, f"on the board: {line}")


def _read(builds: tuple[BoardBuild, ...], facts: Facts, folder: Path) -> BoardResults:
    import numpy as np

    times, lasting = (
        {} if facts.unmet else json.loads((folder / name).read_text(encoding="utf-8")) for name in _MEASURED
    )
    return BoardResults(
        {build.name: np.load(folder / f"{build.name}.npy") for build in builds},
        {name: tuple(float(value) for value in samples) for name, samples in times.items()},
        facts,
        {name: Lasting(seconds, runs, tuple(quarters)) for name, (seconds, runs, quarters) in lasting.items()},
        {build.name: np.load(folder / build.answer_files[1]) for build in builds if build.outputs > 1},
    )
