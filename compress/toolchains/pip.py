"""Drive pip inside a new environment: progress from its output, and its failures in one line."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, STDOUT
from typing import TYPE_CHECKING

from compress.errors import ToolchainError
from compress.toolchains import ToolchainName
from compress.toolchains.environment import installed_versions, mending_command
from compress.toolchains.lock import Lock
from compress.toolchains.process import Guarded, ended_how

if TYPE_CHECKING:
    from compress.stage import Progress

INDEX_VARIABLE = "PIP_INDEX_ARGS"
"""More options for pip, the same variable as in the Makefile: where to find the CPU build of torch, say."""

_LOOK_EVERY_S = 0.5
_COLLECTING = re.compile(r"^(?:Collecting (\S+)|Processing \S*?([^/\s]+)$)", re.MULTILINE)
_NOT_FOUND = re.compile(r"No matching distribution found for (\S+)")
_WRONG_HASH = re.compile(r"DO NOT MATCH THE HASHES.*?\n\s+(\S+==\S+) from", re.DOTALL)
_NO_NETWORK = ("NewConnectionError", "name resolution", "Connection refused", "ProxyError", "timed out")


@dataclass(frozen=True)
class PipRun:
    """What the pip calls for one environment share; ``wanted`` names the packages it will hold."""

    name: ToolchainName
    python: Path
    folder: Path
    log: Path
    progress: Progress
    wanted: frozenset[str]


def lock_arguments(lock: Lock, wheels: Path | None) -> list[str]:
    """Install exactly the lock, every wheel checked against its hash."""
    return ["--require-hashes", "--no-deps", "--only-binary=:all:", *_sources(wheels), "-r", str(lock.path)]


def unhashed_arguments(requirements: tuple[str, ...], wheels: Path | None) -> list[str]:
    """Install what is pinned by version alone; its own requirements are there already, from the lock."""
    return ["--only-binary=:all:", *_sources(wheels), *requirements]


def run_pip(run: PipRun, arguments: list[str]) -> None:
    """``pip install`` into the environment. Raises ToolchainError that names the package at fault."""
    options = ["--no-input", "--disable-pip-version-check", "--progress-bar=off", "--retries=2"]
    command = [str(run.python), "-I", "-m", "pip", "install", *options, *arguments]
    with run.log.open("wb") as sink, Guarded(command, run.folder, DEVNULL, sink, STDOUT) as running:
        while (code := running.wait(_LOOK_EVERY_S)) is None:
            _tell(run)
    if code != 0:
        raise ToolchainError(f"toolchain {run.name}: {_cause(run, code)} (log: {run.log})")


def _sources(wheels: Path | None) -> list[str]:
    if wheels is not None:
        return ["--no-index", "--find-links", str(wheels.absolute())]
    return shlex.split(os.environ.get(INDEX_VARIABLE, ""))


def _tell(run: PipRun) -> None:
    """Fetching is the first half, unpacking the second."""
    text, count = _text(run.log), len(run.wanted)
    fetched = [name or file for name, file in _COLLECTING.findall(text)]
    installed = len(run.wanted & installed_versions(run.folder).keys())
    if "Installing collected" in text:
        note = f"unpacking, {installed} of {count}"
    else:
        note = f"fetching {fetched[-1]}" if fetched else "asking the package index"
        if text.rpartition("\n")[0].rpartition("\n")[2].startswith("WARNING: Retrying"):
            note += ", which does not answer; trying again"
    run.progress.update(min(max(len(fetched), installed), count) + installed, 2 * count, note)


def _cause(run: PipRun, code: int) -> str:
    """Why pip failed, from what it wrote."""
    text = _text(run.log)
    wrong, missing = _WRONG_HASH.search(text), _NOT_FOUND.search(text)
    if wrong:
        return f"the index has another {wrong[1]} than the lock names (its hash differs); use another index"
    if missing:
        why = ", the package index can't be reached" if any(sign in text for sign in _NO_NETWORK) else ""
        offline = f"{mending_command(run.name)} --wheels FOLDER"
        return f"could not fetch {missing[1]}{why}; mend that, or have the wheels in a folder: {offline}"
    errors = [line for line in text.splitlines() if line.startswith("ERROR:")]
    return f"pip {ended_how(code)}: {errors[-1].removeprefix('ERROR:').strip() if errors else 'it said nothing'}"


def _text(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")
