"""Where OpenVINO's C API is, for programs that tests compile."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def openvino_c() -> tuple[Path, Path] | None:
    """Headers and library of the openvino wheel's C API, where it has them."""
    spec = find_spec("openvino")
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent
    found = sorted((folder / "libs").glob("libopenvino_c.so*"))
    return (folder / "include", found[0]) if (folder / "include/openvino/c/openvino.h").is_file() and found else None
