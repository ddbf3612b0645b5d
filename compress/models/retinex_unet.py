"""Our own low-light teacher: a U-Net at half resolution under a strong whole-picture exposure branch.

Same division of labour as the student (illumination, then repair), wider and deeper, so that its
inner features mean the same thing. Below 3 M parameters; most of them sit where the picture is
small, which keeps training on two CPU cores possible. Feature-wise modulation after FiLM (Perez et
al., AAAI 2018).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compress.models.brighten import THUMB_STRIDE, ResidualBlock, gain_of, shoulder, smoothly_larger, thumbnail


def _stride2(inside: int, outside: int) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, 3, stride=2, padding=1)


class Exposure(nn.Module):
    """Thumbnail (N, 6, h, w) to gain logits (N, 3, h, w) and a code (N, code, 1, 1) of the whole picture."""

    def __init__(self, width: int, code: int) -> None:
        super().__init__()
        w = width
        self.enter = nn.Conv2d(6, w, 3, padding=1)
        self.local = nn.Sequential(
            nn.Conv2d(w, w, 3, padding=2, dilation=2), nn.ReLU(), nn.Conv2d(w, w, 3, padding=4, dilation=4), nn.ReLU()
        )
        self.leave = nn.Conv2d(w, 3, 3, padding=1)
        self.deep = nn.Sequential(
            _stride2(w, 2 * w), nn.ReLU(), ResidualBlock(2 * w),
            _stride2(2 * w, 4 * w), nn.ReLU(), ResidualBlock(4 * w),
            _stride2(4 * w, 4 * w), nn.ReLU(), nn.Conv2d(4 * w, 6 * w, 3, padding=1), nn.ReLU(),
        )  # fmt: skip
        self.encode = nn.Sequential(nn.Conv2d(12 * w, code, 1), nn.ReLU(), nn.Dropout(0.1))
        self.to_gain = nn.Conv2d(code, 3, 1)

    def forward(self, small: Tensor) -> tuple[Tensor, Tensor]:
        seen = F.relu(self.enter(small))
        deep = self.deep(seen)
        code = self.encode(torch.cat((deep.mean((2, 3), keepdim=True), deep.amax((2, 3), keepdim=True)), dim=1))
        return self.leave(self.local(seen) + seen) + self.to_gain(code), code


class Level(nn.Module):
    """Residual blocks at one resolution, scaled and shifted by the picture's code."""

    def __init__(self, channels: int, blocks: int, code: int) -> None:
        super().__init__()
        self.film = nn.Conv2d(code, 2 * channels, 1)
        self.blocks = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        scale, shift = self.film(code).chunk(2, dim=1)
        y: Tensor = self.blocks(x * (1.0 + scale) + shift)
        return y


class RetinexUNet(nn.Module):
    """Dark (N, 3, H, W) float32 RGB in [0, 1] to bright; H, W multiples of 8; clipped in eval mode."""

    size_multiple = 8

    def __init__(self, width: int, code: int) -> None:
        super().__init__()
        self.settings = {"width": width, "code": code}
        w = width
        self.exposure = Exposure(w, code)
        self.enter = _stride2(6, w)
        self.half_in = Level(w, 1, code)
        self.down1 = _stride2(w, 2 * w)
        self.quarter_in = Level(2 * w, 2, code)
        self.down2 = _stride2(2 * w, 4 * w)
        self.body = Level(4 * w, 3, code)
        self.up1 = nn.Conv2d(4 * w, 2 * w, 1)
        self.quarter_out = Level(2 * w, 2, code)
        self.up2 = nn.Conv2d(2 * w, w, 1)
        self.half_out = Level(w, 2, code)
        self.leave = nn.Conv2d(w, 12, 3, padding=1)
        with torch.no_grad():
            self.leave.weight.mul_(0.1)

    def forward(self, x: Tensor, thumb_stride: int = THUMB_STRIDE) -> Tensor:
        logit, code = self.exposure(thumbnail(x, thumb_stride))
        bright = shoulder(x * smoothly_larger(gain_of(logit), thumb_stride))
        half = self.half_in(F.relu(self.enter(torch.cat((x, bright), dim=1))), code)
        quarter = self.quarter_in(F.relu(self.down1(half)), code)
        body = self.body(F.relu(self.down2(quarter)), code)
        quarter = self.quarter_out(F.interpolate(self.up1(body), scale_factor=2.0, mode="nearest") + quarter, code)
        half = self.half_out(F.interpolate(self.up2(quarter), scale_factor=2.0, mode="nearest") + half, code)
        y = bright + F.pixel_shuffle(self.leave(half), 2)
        return y if self.training else torch.clamp(y, 0.0, 1.0)
