"""Make an isolated environment: a virtual environment beside its final place, filled by pip, tried, renamed.

A killed maker leaves a folder that the next one removes; the finished folder appears in one rename. Script
heads inside ``bin/`` then name the old place, which harms nothing: only ``bin/python`` is run.
"""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, STDOUT
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from compress.errors import ToolchainError
from compress.toolchains import TOOLCHAINS, Toolchain, ToolchainName
from compress.toolchains.environment import (
    MARKER,
    Ready,
    State,
    folder_of,
    home,
    installed_versions,
    python_path,
    state,
)
from compress.toolchains.lock import Lock, read_lock
from compress.toolchains.pip import PipRun, lock_arguments, run_pip, unhashed_arguments
from compress.toolchains.process import Guarded, ended_how

if TYPE_CHECKING:
    from compress.stage import Progress

_VENV_TIMEOUT_S = 300.0
_PROBE_TIMEOUT_S = 600.0


def make(name: ToolchainName, progress: Progress, wheels: Path | None = None) -> State:
    """Make the environment unless it is ready; what lies there broken is replaced.

    ``wheels``: a folder to install from, without any network. Safe to kill and to call twice at once.
    Raises ToolchainError in one line, with the package at fault.
    """
    found = state(name)
    if found.kind == "ready":
        return found
    _check_machine(name)
    try:
        with _only_maker(name, progress):
            found = state(name)
            return found if found.kind == "ready" else _make(TOOLCHAINS[name], progress, wheels)
    except OSError as error:
        raise ToolchainError(f"toolchain {name}: can't be made in {home()}: {error}") from None


def _make(toolchain: Toolchain, progress: Progress, wheels: Path | None) -> State:
    name, place = toolchain.name, home()
    for left in place.glob(f".{name}.making-*"):
        progress.say(f"removing {left.name}, left half made")
        shutil.rmtree(left)
    making = place / f".{name}.making-{platform.node()}"
    making.mkdir()
    log = place / f"{name}.setup.log"
    try:
        _fill(toolchain, making, log, progress, wheels)
        _put_in_place(making, folder_of(name))
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    log.unlink(missing_ok=True)
    return state(name)


def _fill(toolchain: Toolchain, folder: Path, log: Path, progress: Progress, wheels: Path | None) -> None:
    """Everything up to the marker, which is written last."""
    lock = read_lock(toolchain)
    python = _base_python(toolchain)
    progress.update(0, 1, "making a virtual environment")
    _run([str(python), "-I", "-m", "venv", str(folder)], _VENV_TIMEOUT_S, f"{python} -m venv", toolchain, log)
    pip = PipRun(toolchain.name, python_path(folder), folder, log, progress, frozenset(lock.versions))
    run_pip(pip, lock_arguments(lock, wheels))
    if toolchain.unhashed:
        run_pip(pip, unhashed_arguments(toolchain.unhashed, wheels))
    progress.update(1, 1, f"trying to import {toolchain.sdk}")
    _run([str(python_path(folder)), "-I", "-c", toolchain.probe], _PROBE_TIMEOUT_S, "importing it", toolchain, log)
    _mark(folder, lock)


def _mark(folder: Path, lock: Lock) -> None:
    size_bytes = sum(path.lstat().st_size for path in folder.rglob("*"))
    settings = (line.partition("=") for line in (folder / "pyvenv.cfg").read_text(encoding="utf-8").splitlines())
    python = {key.strip(): value.strip() for key, _, value in settings}.get("version", "")
    versions = installed_versions(folder)
    Ready(lock_digest=lock.digest, python=python, versions=versions, size_bytes=size_bytes).write(folder / MARKER)


def _put_in_place(made: Path, folder: Path) -> None:
    """Rename ``made`` to ``folder``; a broken environment there goes, under a name that is cleared in any case."""
    old = made.with_name(made.name + "-old")
    if folder.exists():
        folder.rename(old)
    made.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _run(command: list[str], timeout_s: float, what: str, toolchain: Toolchain, log: Path) -> None:
    """Run to the end, its output into ``log``. Raises ToolchainError with the last line of it."""
    with log.open("wb") as sink, Guarded(command, log.parent, DEVNULL, sink, STDOUT) as running:
        code = running.wait(timeout_s)
    if code != 0:
        how = f"took more than {timeout_s:g} s" if code is None else ended_how(code)
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
        raise ToolchainError(f"toolchain {toolchain.name}: {what} {how}: {last} (log: {log})")


def _check_machine(name: ToolchainName) -> None:
    if sys.platform != "linux" or platform.machine() != "x86_64":
        here = f"{platform.system()} on {platform.machine()}"
        raise ToolchainError(f"toolchain {name} exists for Linux on x86_64 only, this is {here}; use such a machine")


def _base_python(toolchain: Toolchain) -> Path:
    """A Python that all wheels of the lock exist for: the one running, else one on the PATH."""
    if platform.python_version().rpartition(".")[0] in toolchain.pythons:
        return Path(sys.executable)
    for version in toolchain.pythons:
        found = shutil.which(f"python{version}")
        if found:
            return Path(found)
    needed = " or ".join(toolchain.pythons)
    first = toolchain.pythons[0]
    raise ToolchainError(
        f"toolchain {toolchain.name} needs Python {needed}, none was found; "
        f"install one, for instance: apt install python{first} python{first}-venv"
    )


@contextmanager
def _only_maker(name: ToolchainName, progress: Progress) -> Iterator[None]:
    """Hold the right to make this environment; the lock is the operating system's and ends with its holder."""
    home().mkdir(parents=True, exist_ok=True)
    lock = FileLock(home() / f".{name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress.say(f"another process makes {folder_of(name)}; waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
