"""Super-resolution: high is ``scale`` times as high and wide as low, of one brightness."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compress.errors import DataError
from compress.tasks.picture import PictureTask

if TYPE_CHECKING:
    from torch import Generator

    from compress.data.source import Picture


class SuperResolution(PictureTask):
    """``scale``: 2 and more. Low is shrunk by the cubic kernel of Keys (1981), a = -.5, stretched by ``scale``."""

    folders = (("low", "high"), ("lr", "hr"))
    input_label = "small input, bicubic"

    def __init__(self, scale: int) -> None:
        self.scale = scale

    def low_of(self, high: Picture, generator: Generator) -> Picture:
        """``high`` shrunk; the kernel is known and the same for all, so the generator has no say."""
        height, width = high.shape[:2]
        if height % self.scale or width % self.scale:
            raise DataError(f"pictures of {height}x{width} can't be shrunk by {self.scale}: set data.size to multiples")
        return _resized(high, height // self.scale, width // self.scale)

    def untouched(self, low: Picture) -> Picture:
        """``low`` enlarged by the same kernel: what a network has to beat."""
        return _resized(low, *self.high_size((low.shape[0], low.shape[1])))


def _resized(picture: Picture, height: int, width: int) -> Picture:
    import numpy as np
    from PIL import Image

    return np.array(Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC), dtype=np.uint8)
