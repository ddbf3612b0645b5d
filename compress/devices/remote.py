"""Builds run on a board behind ssh, by the runner that is copied there."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from compress.devices.runner import __file__ as _runner
from compress.devices.runner.__main__ import LACKING, TAKEN
from compress.devices.ssh import SshBoard
from compress.errors import Busy, DeviceError
from compress.records import Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Tensors = NDArray[np.generic]
    """(K, ...) as a build takes them, one after the other."""

_SILENCE_S = 900.0
_WAIT_S = 600.0

Tell = Callable[[float, float, str], None]
"""Called with what is done, what there is to do, and of what."""


@dataclass(frozen=True)
class BoardBuild:
    """A build to run: its files, the main one first, and what it is fed."""

    name: str
    runtime: str
    files: tuple[Path, ...]
    threads: int
    float_precision: str
    tensors: Tensors


class Facts(Record):
    """``device.json`` of the runner."""

    before: dict[str, str]
    after: dict[str, str]
    peak_memory_mib: float


@dataclass(frozen=True)
class BoardResults:
    """By build: its answers, one for each tensor, and the milliseconds of its runs, all builds in turn."""

    answers: Mapping[str, Tensors]
    samples_ms: Mapping[str, tuple[float, ...]]
    facts: Facts


def run_on_board(
    host: str, python: str, builds: tuple[BoardBuild, ...], warmup: int, runs: int, tell: Tell
) -> BoardResults:
    """Copy runner and builds to ``host``, run them with its ``python``, and take back what came of it.

    What was finished when a connection broke is kept on the board for two days, and the same job goes on from there.
    Raises DeviceError for a board that can't be reached, has no such runtime, or can't run a build; Busy where another
    measurement does not end there.
    """
    board = SshBoard(host)
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        sent = _packed(builds, warmup, runs, folder)
        job = board.folder(f"run-{_digest(sent)}")
        board.put(sent, job)
        _ran(board, python, job, tell)
        names = [f"{build.name}.npy" for build in builds]
        found = board.get((*names, "times.json", "device.json"), f"{job}/results", folder)
        missing = sorted({*names, "times.json", "device.json"} - set(found))
        if missing:
            raise DeviceError(f"{host}: the runner left no {missing[0]}; run it again")
        results = _read(builds, folder)
    board.remove(job)
    return results


def _packed(builds: tuple[BoardBuild, ...], warmup: int, runs: int, folder: Path) -> tuple[Path, ...]:
    """All that goes up, as files."""
    import numpy as np

    listed = [
        {
            "name": build.name, "runtime": build.runtime, "file": build.files[0].name, "threads": build.threads,
            "float_precision": build.float_precision, "tensors": f"{build.name}.tensors.npy",
        } for build in builds
    ]  # fmt: skip
    job = {"builds": listed, "warmup": warmup, "runs": runs, "wait_s": _WAIT_S}
    (folder / "job.json").write_text(json.dumps(job, sort_keys=True), encoding="utf-8")
    for build in builds:
        np.save(folder / f"{build.name}.tensors.npy", build.tensors)
    made = (folder / "job.json", *(folder / f"{build.name}.tensors.npy" for build in builds))
    return (*_modules(), *made, *(file for build in builds for file in build.files))


def _digest(files: tuple[Path, ...]) -> str:
    whole = hashlib.sha256()
    for path in files:
        whole.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()[:16]


def _ran(board: SshBoard, python: str, job: str, tell: Tell) -> None:
    """The runner's modules become a package of their own name there, so that nothing of the board's is shadowed."""
    modules = " ".join(path.name for path in _modules())
    lines = f"mkdir -p compress_runner && mv {modules} compress_runner/"
    command = f"cd {shlex.quote(job)} && {lines} && {shlex.quote(python)} -m compress_runner ."
    done = board.follow(command, lambda line: _told(line, tell), _SILENCE_S)
    said = done.said.strip().splitlines()[-1:] or ["it said nothing"]
    if done.returncode == TAKEN:
        raise Busy(f"{board.host}: {said[0]}")
    if done.returncode == LACKING:
        raise DeviceError(f"{board.host}: {said[0]}; or name a Python that has it: target.device.python=FILE")
    if done.returncode != 0:
        raise DeviceError(f"{board.host}: the runner ended with {done.returncode}: {said[0]}")


def _modules() -> list[Path]:
    return sorted(Path(_runner).parent.glob("*.py"))


def _told(line: str, tell: Tell) -> None:
    """``NAME answers 3 of 15`` and the like become progress; anything else a runtime may say is passed over."""
    found = re.fullmatch(r"(.+) (\d+) of (\d+)", line)
    if found:
        tell(int(found[2]), int(found[3]), f"on the board: {found[1]}")
    elif line.startswith("waits for "):
        tell(0, 1, f"on the board: {line}")


def _read(builds: tuple[BoardBuild, ...], folder: Path) -> BoardResults:
    import numpy as np

    times = json.loads((folder / "times.json").read_text(encoding="utf-8"))
    return BoardResults(
        {build.name: np.load(folder / f"{build.name}.npy") for build in builds},
        {build.name: tuple(float(value) for value in times[build.name]) for build in builds},
        Facts.read(folder / "device.json"),
    )
