"""Each task of ``night_pair`` by a network of its own: the same layers, without what only the other task needs."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from compress.models.brighten import THUMB_STRIDE
from compress.models.fcos_lite import STRIDES, laid_together
from compress.models.night_pair import NightPair
from compress.models.outputs import MAPS_ALONE, PICTURE


class PictureAlone(NightPair):
    """Dark RGB (N, 3, H, W) float32 in [0, 1] to the bright picture of that form. The neck stays, for it tells the
    picture's head what is where; the head that finds boxes goes."""

    outputs: ClassVar[tuple[str, ...]] = PICTURE
    strides = None  # type: ignore[assignment]

    def __init__(self, width: int, mend: int, classes: int) -> None:
        super().__init__(width, mend, classes)
        del self.head

    def forward(self, x: Tensor, thumb_stride: int = THUMB_STRIDE) -> Tensor:  # type: ignore[override]
        """``thumb_stride`` changes nothing."""
        return self.brightened(self.seen(x))


class MapsAlone(NightPair):
    """The same to maps of boxes; the picture's head goes."""

    outputs: ClassVar[tuple[str, ...]] = MAPS_ALONE
    strides = STRIDES

    def __init__(self, width: int, mend: int, classes: int) -> None:
        super().__init__(width, mend, classes)
        del self.light, self.mend, self.colours

    def forward(self, x: Tensor, thumb_stride: int = THUMB_STRIDE) -> Tensor:  # type: ignore[override]
        """``thumb_stride`` changes nothing."""
        return laid_together([self.head(level) for level in self.seen(x).levels])


def untrained(width: int, mend: int, classes: int) -> dict[str, NightPair]:
    """By what they do, in eval mode; speed does not depend on weights."""
    torch.manual_seed(0)
    kinds = {"both": NightPair, "picture alone": PictureAlone, "boxes alone": MapsAlone}
    return {name: kind(width, mend, classes).eval() for name, kind in kinds.items()}
