"""A tiny network of two outputs: a brightened picture, and the maps of a small detector."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compress.models.brighten import THUMB_STRIDE
from compress.models.fcos_lite import FcosLite
from compress.models.outputs import PICTURE_AND_MAPS
from compress.models.quantized import insert_fake_quant, read_table
from compress.records import QuantizationTable
from compress.schema import QuantizeSpec, Scheme

CLASSES = ("square", "disc")
KEPT = QuantizeSpec(keep_float=("head.leave",))


class TwoHeads(FcosLite):
    """RGB (N, 3, H, W) float32 in [0, 1] to a picture of that form and maps; H and W multiples of 32."""

    outputs = PICTURE_AND_MAPS

    def __init__(self, width: int = 8, classes: int = 2) -> None:
        super().__init__(width, classes)
        self.repair = nn.Conv2d(width, 48, 3, padding=1)

    def forward(self, x: Tensor, thumb_stride: int = THUMB_STRIDE) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        seen = self.stem(self.unshuffle(x))
        fine = self.fine(seen)
        middle = self.middle(fine)
        levels = self.neck(fine, middle, self.coarse(middle))
        parts = [self.head(level) for level in levels]
        large = [parts[0], *(F.interpolate(p, scale_factor=2.0**k, mode="nearest") for k, p in enumerate(parts[1:], 1))]
        bright = 2.0 * x + F.pixel_shuffle(self.repair(seen), 4)
        return bright if self.training else bright.clamp(0, 1), torch.cat(large, 1)


def net() -> TwoHeads:
    """With maps that say something and a repair that is seen, in eval mode."""
    torch.manual_seed(5)
    made = TwoHeads().eval()
    with torch.no_grad():
        made.repair.weight.mul_(0.3)
        made.head.leave.weight.mul_(8.0)
    return made


def frames(count: int, size: tuple[int, int], seed: int = 0) -> list[Tensor]:
    """Dark pictures of 8-bit codes, (1, 3, *size)."""
    drawn = torch.Generator().manual_seed(seed)
    rough = (torch.rand(1, 3, size[0] // 8, size[1] // 8, generator=drawn) for _ in range(count))
    return [(F.interpolate(x * 100, size=size, mode="bilinear").round() / 255) for x in rough]


def fake_quant(scheme: Scheme, size: tuple[int, int]) -> tuple[nn.Module, QuantizationTable]:
    """The network with int8 layers, not trained, and the table of its scales."""
    made = insert_fake_quant(net(), frames(4, size), scheme, KEPT).eval()
    return made, read_table(made, scheme, KEPT.keep_float)
