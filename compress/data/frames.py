"""Dark training pictures of one size in a file, for SDKs that look at pictures by themselves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from compress.data.source import open_data
from compress.schema import DataSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def write_frames(data: DataSpec, size: tuple[int, int], count: int, path: Path) -> None:
    """Write ``count`` pictures, spread over the training split, as .npy: float32 (N, 3, H, W) RGB in [0, 1].

    A picture larger than ``size`` is cut to its middle, a smaller one padded with its last row and column.
    Raises DataError.
    """
    import numpy as np

    source = open_data(data, "train")
    step = max(1, len(source) // count)
    frames = [_fitted(source.pair(index)[0], size) for index in range(0, len(source), step)[:count]]
    np.save(path, np.stack(frames))


def _fitted(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.float32]:
    import numpy as np

    height, width = size
    top, left = (max(0, (have - want) // 2) for have, want in zip(picture.shape[:2], size, strict=True))
    part = picture[top : top + height, left : left + width]
    missing = [(0, want - have) for have, want in zip(part.shape[:2], size, strict=True)]
    padded = np.pad(part, (*missing, (0, 0)), mode="edge")
    return np.ascontiguousarray(padded.transpose(2, 0, 1), np.float32) / np.float32(255)
