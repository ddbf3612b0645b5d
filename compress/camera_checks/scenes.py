"""Frames of one scene at night: standing with new noise in each, panned, and one large frame.

Light, colours and noise level are drawn once (``compress.data.camera``) and stay, as they do while a camera runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from compress.data.camera import NightShot

    Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Scene:
    """A well-lit ``picture`` (H, W, 3) uint8 RGB under ``name``, to be shot ``frames`` times; ``pan_px`` a frame."""

    name: str
    picture: Picture
    frames: int
    pan_px: int
    seed: int = 0

    @cached_property
    def shot(self) -> NightShot:
        """The night: drawn as for the embedded pictures."""
        import torch

        from compress.data.camera import EMBEDDED_CAMERA, sample_night

        return sample_night(EMBEDDED_CAMERA, 1, torch.Generator().manual_seed(self.seed))

    def standing(self, height: int, width: int) -> Iterator[Picture]:
        """Dark frames (height, width, 3) uint8 that differ by their noise alone."""
        view = covering(self.picture, height, width)
        return (self._shoot(view, number) for number in range(self.frames))

    def panned(self, height: int, width: int) -> Iterator[Picture]:
        """Dark frames of which each shows what lies ``pan_px`` further right."""
        view = covering(self.picture, height, width + self.pan_px * (self.frames - 1))
        starts = (self.pan_px * number for number in range(self.frames))
        return (self._shoot(view[:, start : start + width], self.frames + n) for n, start in enumerate(starts))

    def large(self, height: int, width: int) -> Picture:
        """One dark frame of this size."""
        return self._shoot(covering(self.picture, height, width), 2 * self.frames)

    def _shoot(self, view: Picture, number: int) -> Picture:
        import numpy as np
        import torch

        from compress.data.camera import shoot

        noise = torch.Generator().manual_seed(1_000_003 * (self.seed + 1) + number)
        return shoot(np.ascontiguousarray(view), self.shot, noise)


def covering(picture: Picture, height: int, width: int) -> Picture:
    """The largest middle part of ``picture`` with these proportions, brought to (height, width)."""
    import numpy as np
    from PIL import Image

    scale = min(picture.shape[0] / height, picture.shape[1] / width)
    top, left = (picture.shape[0] - height * scale) / 2, (picture.shape[1] - width * scale) / 2
    box = (left, top, left + width * scale, top + height * scale)
    return np.array(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS, box=box), np.uint8)
