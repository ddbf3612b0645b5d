"""The lock of a toolchain: exact versions with the SHA-256 of every wheel that may be installed."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from compress.toolchains import Toolchain

LOCKS = Path(__file__).with_name("locks")
_REQUIREMENT = re.compile(r"([A-Za-z0-9][\w.-]*)==([^\s;\\]+)")


@dataclass(frozen=True)
class Lock:
    """``versions`` by normalised name; ``digest`` over the requirements, so that comments may change."""

    path: Path
    versions: dict[str, str]
    digest: str


def read_lock(toolchain: Toolchain) -> Lock:
    """The lock of ``toolchain``, a shipped one unless it brings its own, with what it installs without a hash."""
    path = toolchain.lock or LOCKS / f"{toolchain.name}.txt"
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    kept = [*(line for line in lines if line and not line.startswith("#")), *toolchain.unhashed]
    found = (_REQUIREMENT.match(line) for line in kept)
    versions = {normal_name(match[1]): match[2] for match in found if match}
    return Lock(path, versions, hashlib.sha256("\n".join(kept).encode()).hexdigest())


def normal_name(name: str) -> str:
    """The name of a distribution as indexes compare it: ``ruamel-yaml`` for ``ruamel.yaml``."""
    return re.sub(r"[-_.]+", "-", name).lower()
