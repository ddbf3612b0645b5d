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
SOURCES = Path(__file__).parent / TOOLS

# Copied files are not imported, so the store would not see that one has changed. It sees their digests here, and
# follows the modules' dotted names.
DIGESTS = {
    "selftest.py": "ff1aab60e72ba4656a21c1a6cbf70a2741d085d3bf6053e6c393571df562bec9",
    "selftest_openvino.c": "d00828180cd2de67dcba1927216c4b9fd401533e221248ba823dc9e549fc7a6e",
    "verify.c": "93702623833ac188cec1431ff2b1db82bfdc40a953cf28e7ee70797099e53f40",
    "verify.sh": "f0631f41e46b714afb1706f9968d761ac11bc323b9afe5bb91ce04ba92891bd5",
}
_RUNNER_MODULES = (
    "compress.devices.runner.no_runtime",
    "compress.devices.runner.rknn_session",
    "compress.devices.runner.sessions",
    "compress.devices.runner.tensorrt_session",
)


def copy_tools(folder: Path) -> None:
    """Make ``folder``/tools: verifiers, self-tests, and what of the boards' runner they need (for Python 3.8)."""
    tools = folder / TOOLS
    (tools / RUNNER).mkdir(parents=True)
    for name in DIGESTS:
        shutil.copyfile(SOURCES / name, tools / name)
    shutil.copyfile(_runner, tools / RUNNER / "__init__.py")
    for module in _RUNNER_MODULES:
        name = f"{module.rpartition('.')[2]}.py"
        shutil.copyfile(Path(_runner).parent / name, tools / RUNNER / name)
