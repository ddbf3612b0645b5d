"""Golden frames of builds that answer with maps of boxes: the very tensor, and the boxes that are read from it.

The tensor is raw float32, little-endian, as it leaves the build, so that a C program compares it element by element.
The boxes are text, one a line: class number, score, left, top, right, bottom; to try a decoder by.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.detection.decode import decode
from compress.errors import BuildError
from compress.records import Build, TensorSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Maps = NDArray[np.float32]
    """(K, h, w)."""

MIN_SNR_DB = 40.0
"""Least signal over difference of maps that count as equal. INT8 builds of a trained detector (coloured shapes, 96x96)
for two runtimes, which round otherwise, are 53 dB apart; a picture moved by one pixel, with its colours exchanged or
half as bright gives 36 dB and less."""


def write_maps(path: Path, maps: Maps, spec: TensorSpec) -> None:
    """``maps`` into ``path`` as a build with the output ``spec`` gives them."""
    tensor = maps.transpose(1, 2, 0) if spec.layout == "NHWC" else maps
    path.write_bytes(tensor.astype("<f4").tobytes())


def read_stored(path: Path, like: NDArray[Any]) -> NDArray[np.float32]:
    """What ``write_maps`` wrote, of the shape of ``like``. Raises BuildError for a file of another length."""
    import numpy as np

    values = np.frombuffer(path.read_bytes(), "<f4")
    if values.size != like.size:
        raise BuildError(f"{path}: holds {values.size} values, the build answers {like.size}")
    return values.reshape(like.shape)


def box_lines(build: Build, maps: Maps, height: int, width: int) -> Iterator[str]:
    """The boxes in ``maps`` of a picture of ``height`` x ``width``, the surest first."""
    layout = build.contract.maps
    assert layout is not None
    found = decode(maps, layout, height, width)
    for corners, label, score in zip(found.corners, found.labels, found.scores, strict=True):
        yield f"{label} {score:.6f} " + " ".join(f"{side:.3f}" for side in corners)


def maps_difference(close_db: float, least_db: float | None) -> str | None:
    """Why maps of this signal over difference are not the expected ones; None where they are."""
    least = MIN_SNR_DB if least_db is None else least_db
    return None if close_db >= least else f"has maps {close_db:.1f} dB from the expected (allowed: {least} dB)"
