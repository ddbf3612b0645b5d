"""A student that judges how bright a picture shall be by one number, from an overview of its means and its noise.

The repair and all image-space work are ``LightTwin``'s. Not the default: see docs/adr/0011 for what was measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compress.models.brighten import (
    COLOUR_TERMS,
    THUMB_STRIDE,
    ColourMap,
    PixelUnshuffleConv,
    aimed_gain,
    overview_features,
    shoulder,
    start_small,
)
from compress.models.light_twin import Repair

if TYPE_CHECKING:
    from compress.data.batches import Around


class Light(nn.Module):
    """Illumination from an overview (N, 9, h, w): what to brighten, how much, in which colours."""

    def __init__(self, width: int) -> None:
        super().__init__()
        w = width
        self.enter = nn.Conv2d(9, w, 3, padding=1)
        self.local1 = nn.Conv2d(w, w, 3, padding=2, dilation=2)
        self.local2 = nn.Conv2d(w, w, 3, padding=4, dilation=4)
        self.down1 = nn.Conv2d(w, 2 * w, 3, stride=2, padding=1)
        self.down2 = nn.Conv2d(2 * w, 2 * w, 3, stride=2, padding=1)
        self.hidden = nn.Conv2d(4 * w, 4 * w, 1)
        self.to_gain = nn.Conv2d(4 * w, 3, 1)
        self.to_aim = start_small(nn.Conv2d(4 * w, 1, 1), 0.1)
        self.to_colour = start_small(nn.Conv2d(4 * w, COLOUR_TERMS, 1), 0.01)
        self.leave = nn.Conv2d(w, 3, 3, padding=1)

    def forward(self, overview: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of the gain (N, 3, h, w), the aim (N, 1, 1, 1) and the colour terms (N, 12, 1, 1)."""
        seen = F.relu(self.enter(overview))
        deep = F.relu(self.down2(F.relu(self.down1(seen))))
        whole = torch.cat((deep.mean((2, 3), keepdim=True), deep.amax((2, 3), keepdim=True)), dim=1)
        local = F.relu(self.local2(F.relu(self.local1(seen)))) + seen
        code = F.relu(self.hidden(whole))
        return self.leave(local) + self.to_gain(code), self.to_aim(code), self.to_colour(code)


class LightAim(nn.Module):
    """Dark (N, 3, H, W) float32 RGB in [0, 1] to bright; H, W multiples of 8; clipped in eval mode.

    ``LightTwin`` with another illumination branch: see docs/adr/0011.

    Where ``x`` is a cut or shrunk picture, ``around`` says what the whole ones look like: the illumination of a part is
    that of the whole, and its noise that of the full size. ``preview`` gets the brightened thumbnails (N, 3, H/8, W/8).
    """

    size_multiple = 8

    def __init__(self, width: int = 32, light_width: int = 12) -> None:
        super().__init__()
        self.settings = {"width": width, "light_width": light_width}
        self.unshuffle = PixelUnshuffleConv()
        self.colours = ColourMap(4)
        self.light = Light(light_width)
        self.repair = Repair(width)
        self.preview = nn.Identity()

    def forward(self, x: Tensor, thumb_stride: int = THUMB_STRIDE, around: Around | None = None) -> Tensor:
        blocks = self.unshuffle(x)
        if around is None:
            small = self.unshuffle.means(F.avg_pool2d(blocks, thumb_stride // 2))
            grain = self.unshuffle.grain(blocks, thumb_stride // 2)
        else:
            small, grain = around.dark, around.grain
        logit, aim, terms = self.light(overview_features(small, grain))
        gain = self.unshuffle.repeat(aimed_gain(logit, aim, small))
        if around is not None:
            self.preview(self.unshuffle.means(self._brightened(self.unshuffle.repeat(small), gain, terms)))
        gain = F.interpolate(gain, scale_factor=float(min(thumb_stride // 2, 2)), mode="bilinear", align_corners=False)
        if around is not None:
            gain = around.cut(gain, THUMB_STRIDE // min(thumb_stride // 2, 2))
        if thumb_stride > 4:  # smooth to 1/4, then repeated: a third of the time of one bilinear resize to 1/2
            gain = F.interpolate(gain, scale_factor=thumb_stride / 4.0, mode="nearest")
        bright = self._brightened(blocks, gain, terms)
        y = bright + self.repair(bright)
        y = y if self.training else torch.clamp(y, 0.0, 1.0)
        return F.pixel_shuffle(y, 2)

    def _brightened(self, blocks: Tensor, gain: Tensor, terms: Tensor) -> Tensor:
        return shoulder(self.colours.blend(blocks * gain, terms))
