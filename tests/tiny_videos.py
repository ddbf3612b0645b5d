"""Small videos, written by the library that reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

RATE = 25


def dark_frames(count: int, height: int = 32, width: int = 48, seed: int = 0) -> list[NDArray[np.uint8]]:
    """Each of its own colour and with a texture of its own, so that no two pass for one."""
    rng = np.random.default_rng(seed)
    grain = rng.integers(0, 12, (count, height, width, 3))
    coarse = rng.integers(4, 60, (count, -(-height // 8), -(-width // 8), 3)).repeat(8, 1).repeat(8, 2)
    return list((grain + coarse[:, :height, :width]).astype(np.uint8))


def write_video(
    path: Path, frames: list[NDArray[np.uint8]], codec: str = "ffv1", pixels: str = "bgr0", rotation: int = 0,
    **context: Any,
) -> Path:  # fmt: skip
    """FFV1 in RGB unless told otherwise, which loses nothing. ``context``: attributes of the codec's context."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixels
        if rotation:
            stream.set_display_rotation(rotation)
        for name, value in context.items():
            setattr(stream.codec_context, name, value)
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(frame, "rgb24").reformat(format=pixels)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path
