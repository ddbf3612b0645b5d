"""TorchScript archives, looked through before torch opens one; and opened on request only."""

from __future__ import annotations

import re
from pathlib import Path

from compress.errors import NetworkRefused, WeightsError
from compress.foreign.archive import ZIP, opened
from compress.foreign.state_dict import check_saved

_CUSTOM = re.compile(
    rb"\b(?:ops\.(?!aten\b|prim\b|prims\b|quantized\b)(\w+)|__torch__\.torch\.classes\.(?!quantized)(\w+))"
)
WHY = (
    "a TorchScript archive is a program: torch runs it, in no sandbox, and its operators can read and write files; "
    "if you know who made it, set source.trust=torchscript; else ask for .pt2, .onnx or the module and its weights"
)


def check_torchscript(path: Path, trusted: bool) -> None:
    """Raises NetworkRefused for one that is not trusted, leads outside, claims too much or asks for custom operators;
    WeightsError for a file that is no such archive."""
    with path.open("rb") as file:
        start = file.read(4)
    if start != ZIP:
        check_saved(path)
        raise _only_weights(path)
    with opened(path, str(path), path.stat().st_size) as archive:
        names = archive.namelist()
        top = names[0].partition("/")[0]
        scripted = f"{top}/constants.pkl" in names
        for name in names:
            custom = _CUSTOM.search(archive.read(name)) if scripted and name.endswith(".py") else None
            if custom:
                asked = (custom[1] or custom[2]).decode()
                raise NetworkRefused(f"{path}: asks for the custom operators of '{asked}'; use plain torch operators")
    if not scripted:
        check_saved(path)
        raise _only_weights(path)
    if not trusted:
        raise NetworkRefused(f"{path}: {WHY}")


def _only_weights(path: Path) -> WeightsError:
    return WeightsError(
        f"{path}: weights without the network; give source.network=FILE.py:callable and this as source.weights"
    )
