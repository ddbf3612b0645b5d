"""Where the isolated environments lie and whether each is ready; how one is made lies in ``making``.

<home>/<name>/                   a virtual environment; only its bin/python is ever run
<home>/<name>/ready.json         written last, so its absence means half made
<home>/.<name>.making-*          under way, or what a killed maker left
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from compress.errors import ToolchainError
from compress.records import Record
from compress.toolchains import TOOLCHAINS, ToolchainName
from compress.toolchains.lock import Lock, normal_name, read_lock

if TYPE_CHECKING:
    pass

HOME_VARIABLE = "COMPRESS_TOOLCHAINS"
MARKER = "ready.json"


class Ready(Record):
    """``ready.json``: from what the environment was made, and that its SDK could be imported."""

    lock_digest: str
    python: str
    versions: dict[str, str]
    size_bytes: int


@dataclass(frozen=True)
class State:
    """What ``state`` found. ``reason`` says what is broken; ``sdk_version`` and ``python`` are known when ready."""

    kind: Literal["ready", "absent", "broken"]
    reason: str = ""
    sdk_version: str = ""
    python: str = ""
    size_bytes: int = 0


def home() -> Path:
    """The folder of all environments: ``$COMPRESS_TOOLCHAINS``, else in the user's data folder."""
    named = os.environ.get(HOME_VARIABLE)
    return Path(named).expanduser().absolute() if named else Path.home() / ".local/share/compress/toolchains"


def folder_of(name: ToolchainName) -> Path:
    """Where the finished environment lies or would lie."""
    return home() / name


def python_path(folder: Path) -> Path:
    """The interpreter of the virtual environment in ``folder``."""
    return folder / "bin" / "python"


def mending_command(name: ToolchainName) -> str:
    """The one command that makes the environment, or makes it anew."""
    return TOOLCHAINS[name].setup or f"compress setup {name}"


def state(name: ToolchainName) -> State:
    """Whether the environment can be used. Reads files only; starts nothing."""
    folder = folder_of(name)
    lock = read_lock(TOOLCHAINS[name])
    if not folder.is_dir():
        return State("absent")
    try:
        marker = Ready.read(folder / MARKER)
    except FileNotFoundError:
        return State("broken", f"half made: {MARKER} is missing")
    except (OSError, ValidationError):
        return State("broken", f"{MARKER} can't be read")
    if marker.lock_digest != lock.digest:
        return State("broken", "made from another lock")
    if not os.access(python_path(folder), os.X_OK):
        return State("broken", "its Python is gone")
    wrong = _wrong_version(installed_versions(folder), lock)
    if wrong:
        return State("broken", wrong)
    sdk_version = lock.versions[normal_name(TOOLCHAINS[name].sdk)]
    return State("ready", sdk_version=sdk_version, python=marker.python, size_bytes=marker.size_bytes)


def why_not_ready(name: ToolchainName) -> str | None:
    """Why the environment can't be used, with the command that mends it; None if it can."""
    found = state(name)
    if found.kind == "ready":
        return None
    what = "isn't set up" if found.kind == "absent" else f"is broken ({found.reason})"
    return f"toolchain {name} {what} in {folder_of(name)}; run: {mending_command(name)}"


def python_of(name: ToolchainName) -> Path:
    """The interpreter of a ready environment. Raises ToolchainError with the command that mends it."""
    problem = why_not_ready(name)
    if problem:
        raise ToolchainError(problem)
    return python_path(folder_of(name))


def installed_versions(folder: Path) -> dict[str, str]:
    """Version by normalised name of everything installed, from the names of the ``dist-info`` folders."""
    found = {}
    for info in folder.glob("lib/python3*/site-packages/*.dist-info"):
        name, _, version = info.name.removesuffix(".dist-info").partition("-")
        found[normal_name(name)] = version
    return found


def _wrong_version(installed: dict[str, str], lock: Lock) -> str | None:
    """What the environment holds against the lock. A local part (``+cpu``) is another build of the same version."""
    for name, version in lock.versions.items():
        have = installed.get(name)
        if have is None:
            return f"{name} {version} is missing"
        if have.partition("+")[0] != version:
            return f"it holds {name} {have}, the lock says {version}"
    return None
