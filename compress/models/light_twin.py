"""The student: two branches, illumination and repair, at most 50 K parameters.

``light`` sees a thumbnail of the whole picture and gives the gain map and a channel gate; ``repair``
works at half and quarter resolution on the brightened picture and gives an image-space residual.
Everything in image space is done on twelve half-resolution channels (the four pixels of each 2x2
block), with one PixelShuffle at the very end: on OpenVINO the same work on three full-resolution
channels costs more than all convolutions together (6 of 7 ms at 600x400, INT8, 2 threads).
Image-space residual and final clip after ABPN (Du et al., CVPRW 2021): the quantized part only has
to carry a small correction.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compress.models.brighten import THUMB_STRIDE, PixelUnshuffleConv, apply_gain, gain_from, spread_features


class Light(nn.Module):
    """Illumination from a thumbnail: gain logits (N, 3, h, w) and a gate (N, gate, 1, 1) in (0, 2)."""

    def __init__(self, width: int, gate: int) -> None:
        super().__init__()
        w = width
        self.enter = nn.Conv2d(6, w, 3, padding=1)
        self.local1 = nn.Conv2d(w, w, 3, padding=2, dilation=2)
        self.local2 = nn.Conv2d(w, w, 3, padding=4, dilation=4)
        self.down1 = nn.Conv2d(w, 2 * w, 3, stride=2, padding=1)
        self.down2 = nn.Conv2d(2 * w, 2 * w, 3, stride=2, padding=1)
        self.hidden = nn.Conv2d(4 * w, 3 * w, 1)
        self.to_gain = nn.Conv2d(3 * w, 3, 1)
        self.to_gate = nn.Conv2d(3 * w, gate, 1)
        self.leave = nn.Conv2d(w, 3, 3, padding=1)

    def forward(self, small: Tensor) -> tuple[Tensor, Tensor]:
        seen = F.relu(self.enter(small))
        deep = F.relu(self.down2(F.relu(self.down1(seen))))
        whole = torch.cat((deep.mean((2, 3), keepdim=True), deep.amax((2, 3), keepdim=True)), dim=1)
        hidden = F.relu(self.hidden(whole))
        local = F.relu(self.local2(F.relu(self.local1(seen)))) + seen
        logit = self.leave(local) + self.to_gain(hidden)
        return logit, 2.0 * torch.sigmoid(self.to_gate(hidden))


class Repair(nn.Module):
    """Residual (N, 12, H/2, W/2) from the brightened picture in the same form, and the gate (N, width/2, 1, 1).

    Most multiplications are at half resolution in multiples of 16 channels, where INT8 pays: on AVX512-VNNI
    24 channels run no faster than 32.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        quarter = width // 2
        self.enter = nn.Conv2d(12, width, 3, padding=1)
        self.half1 = nn.Conv2d(width, width, 3, padding=1)
        self.down = nn.Conv2d(width, quarter, 3, stride=2, padding=1)
        self.quarter1 = nn.Conv2d(quarter, quarter, 3, padding=1)
        self.quarter2 = nn.Conv2d(quarter, quarter, 3, padding=1)
        self.up = nn.Conv2d(quarter, width, 1)
        self.half2 = nn.Conv2d(width, width, 3, padding=1)
        self.leave = nn.Conv2d(width, 12, 3, padding=1)
        with torch.no_grad():
            self.leave.weight.mul_(0.1)

    def forward(self, bright: Tensor, gate: Tensor) -> Tensor:
        half = F.relu(self.half1(F.relu(self.enter(bright))))
        quarter = F.relu(self.down(half)) * gate
        quarter = F.relu(self.quarter2(F.relu(self.quarter1(quarter))) + quarter)
        back = F.interpolate(self.up(quarter), scale_factor=2.0, mode="nearest")
        residual: Tensor = self.leave(F.relu(self.half2(F.relu(back + half))))
        return residual


class LightTwin(nn.Module):
    """Dark (N, 3, H, W) float32 RGB in [0, 1] to bright; H, W multiples of 8; clipped in eval mode."""

    size_multiple = 8

    def __init__(self, width: int = 32, light_width: int = 12) -> None:
        super().__init__()
        self.settings = {"width": width, "light_width": light_width}
        self.unshuffle = PixelUnshuffleConv()
        self.light = Light(light_width, gate=width // 2)
        self.repair = Repair(width)

    def forward(self, x: Tensor, thumb_stride: int = THUMB_STRIDE) -> Tensor:
        blocks = self.unshuffle(x)
        small = self.unshuffle.means(F.avg_pool2d(blocks, thumb_stride // 2))
        logit, gate = self.light(spread_features(small))
        gain = gain_from(self.unshuffle.repeat(logit), thumb_stride // 2)
        bright = apply_gain(blocks, gain)
        y = bright + self.repair(bright, gate)
        y = y if self.training else torch.clamp(y, 0.0, 1.0)
        return F.pixel_shuffle(y, 2)
