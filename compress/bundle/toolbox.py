"""What a bundle carries so that it can be verified and tried without this package: the sources below ``tools/``.

They are plain files, copied as they are and covered by the manifest like any other. A verifier from inside a bundle
proves nothing about that bundle before its manifest was checked another way.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from compress.devices.runner import __file__ as _runner

TOOLS = "tools"
RUNNER = "runner"
_SOURCES = Path(__file__).parent / TOOLS
_RUNNER = Path(_runner).parent

# Copied files are not imported, so the store would not see that one has changed; its digest here it does see.
DIGESTS = {
}


def copy_tools(folder: Path) -> None:
    """Make ``folder``/tools: verifiers, self-tests, and the runner that boards use, modules for Python 3.8."""
    tools = folder / TOOLS
    (tools / RUNNER).mkdir(parents=True)
    for name in DIGESTS:
        shutil.copyfile(source_of(name), tools / name)


def source_of(name: str) -> Path:
    """Where the tool ``name``, relative to ``tools/``, lies in this package."""
    return _RUNNER / name.removeprefix(f"{RUNNER}/") if name.startswith(f"{RUNNER}/") else _SOURCES / name
