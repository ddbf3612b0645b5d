"""Dark training pictures of one size in a file, for SDKs that look at pictures by themselves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from compress.artefacts import Labels
from compress.data.pictures import fit
from compress.data.source import open_source, spread
from compress.schema import DataSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def write_frames(data: DataSpec, size: tuple[int, int], count: int, path: Path, labels: Labels | None = None) -> None:
    """Write ``count`` pictures, spread over the training split, as .npy: float32 (N, 3, H, W) RGB in [0, 1].

    A picture larger than ``size`` is cut to its middle, a smaller one padded with its last row and column.
    Raises DataError.
    """
    import numpy as np

    source = open_source(data, "train", labels)
    frames = [_middle(source.pair(index)[0], size) for index in spread(len(source), count)]
    np.save(path, np.stack(frames).transpose(0, 3, 1, 2).astype(np.float32, order="C") / np.float32(255))


def _middle(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    top, left = (max(0, (have - want) // 2) for have, want in zip(picture.shape[:2], size, strict=True))
    return fit(picture[top:, left:], *size)
