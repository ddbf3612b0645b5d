"""Pieces that every low-light network here shares: looking at the whole picture, and the gain.

The exposure that a picture should get is a property of the whole picture, which crops do not show.
So each network looks at a small thumbnail of the full frame, predicts a gain map, multiplies the
dark input by it *in float*, and lets a convolutional part repair what is left (noise, colour).
Retinex view: the gain is the inverse illumination (Land 1977; Wei et al., BMVC 2018).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

THUMB_STRIDE = 8
"""The illumination branch sees full frames at this fraction of their size."""

GAIN_MAX = 32.0
"""Largest factor on the dark input; LOL-v1 needs 8 to 20 on average."""

_LOGIT_SHIFT = -1.1
"""Puts the gain of an untrained network near 8."""


def spread_features(small: Tensor) -> Tensor:
    """(N, 3, h, w) in [0, 1] to (N, 6, h, w): four times itself, and its root, which spreads the darkest codes."""
    return torch.cat((4.0 * small, torch.sqrt(small + 1e-4)), dim=1)


def tone_of(small: Tensor) -> Tensor:
    """(N, C, h, w) in [0, 1] to its fourth root, stretched to -.6 to 1.2: even steps from dark to bright, nearly."""
    return 2.0 * torch.sqrt(torch.sqrt(small + 1e-4)) - 0.8


def thumbnail(x: Tensor, stride: int) -> Tensor:
    """Area-shrunk view for the illumination branch, ``x`` (N, 3, H, W) to (N, 6, H/stride, W/stride).

    ``stride`` is 8 on full frames and smaller where the frame itself was shrunk before (training at
    half resolution), so that the branch sees the same thing.
    """
    return spread_features(F.avg_pool2d(x, stride))


class PixelUnshuffleConv(nn.Module):
    """PixelUnshuffle(block) as a fixed convolution of that side and stride, which every NPU compiler takes.

    (N, 3, H, W) to (N, 3 block^2, H / block, W / block) in the channel order of ``torch.nn.PixelUnshuffle``: equal to
    it for every float input, as each output is one input times 1 plus zeros. Never trained or pruned.
    What is said of twelve channels elsewhere holds for blocks of 2x2.
    """

    def __init__(self, block: int = 2) -> None:
        super().__init__()
        self.block, pixels = block, block * block
        kernel = torch.zeros(3 * pixels, 3, block, block)
        for channel in range(3 * pixels):
            kernel[channel, channel // pixels, (channel % pixels) // block, channel % block] = 1.0
        self.register_buffer("kernel", kernel, persistent=False)
        self.register_buffer("spread", kernel.sum((2, 3))[:, :, None, None].contiguous(), persistent=False)
        self.register_buffer("mean", kernel.sum((2, 3)).T[:, :, None, None].contiguous() / pixels, persistent=False)
        spread = self.get_buffer("spread")
        for place, name in enumerate(("spread_first", "spread_second")):
            parts = [spread if each == place else torch.zeros_like(spread) for each in (0, 1)]
            self.register_buffer(name, torch.cat(parts, dim=1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.get_buffer("kernel"), stride=self.block)

    def repeat(self, colour: Tensor) -> Tensor:
        """(N, 3, h, w) to (N, 12, h, w): each colour for its four pixels."""
        return F.conv2d(colour, self.get_buffer("spread"))

    def repeat_both(self, colours: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 6, h, w), two pictures, to (N, 12, h, w) each: as ``repeat`` does it, without taking them apart first."""
        first, second = (F.conv2d(colours, self.get_buffer(f"spread_{place}")) for place in ("first", "second"))
        return first, second

    def means(self, blocks: Tensor) -> Tensor:
        """(N, 12, h, w) to (N, 3, h, w): the mean of each colour's four pixels."""
        return F.conv2d(blocks, self.get_buffer("mean"))


def gain_of(logit: Tensor) -> Tensor:
    """Gain map in (0, GAIN_MAX), of the size of ``logit`` (N, C, h, w)."""
    return GAIN_MAX * torch.sigmoid(logit.float() + _LOGIT_SHIFT)


def smoothly_larger(small: Tensor, times: int) -> Tensor:
    """(N, C, h, w) bilinearly resized to ``times`` its size."""
    return F.interpolate(small, scale_factor=float(times), mode="bilinear", align_corners=False)


def enlarged(small: Tensor, times: int) -> Tensor:
    """(N, C, h, w) to ``times`` its size, a power of two: smooth up to twice, then repeated.

    That takes a third of the time of one bilinear resize.
    """
    large = smoothly_larger(small, min(times, 2))
    return F.interpolate(large, scale_factor=times / 2.0, mode="nearest") if times > 2 else large


def shoulder(v: Tensor) -> Tensor:
    """Brightened picture of any shape to [0, 1]: a parabola, slope 1 in the dark and flat at 2.

    ``v - v**2 / 4`` needs only Clip, Mul and Sub on the device.
    """
    v = torch.clamp(v, 0.0, 2.0)
    return v - 0.25 * v * v


COLOUR_TERMS = 12
"""Terms of one picture's affine colour map: own, next and last colour's factors, then the offset, each for R, G, B."""


class ColourMap(nn.Module):
    """A 3x3 colour matrix and an offset for the whole picture, as a factor and an addend for every place.

    White balance and camera matrix differ from scene to scene, and a gain for each channel can't mix colours. What a
    colour gets of the two others is worked out on the thumbnail: mixed pixel by pixel it would carry their noise
    along, and it would cost two passes over the whole picture more (ADR 0020).
    Fixed 1x1 convolutions turn R, G, B to G, B, R: NPU compilers take these. Never trained, quantized or pruned.
    """

    def __init__(self) -> None:
        super().__init__()
        for shift in (1, 2):
            turn = torch.roll(torch.eye(3), shift, dims=1)
            self.register_buffer(f"turn{shift}", turn[:, :, None, None].contiguous(), persistent=False)

    def split(self, gain: Tensor, small: Tensor, terms: Tensor) -> tuple[Tensor, Tensor]:
        """Factor and addend, (N, 3, h, w) each: ``small * factor + addend`` is ``small * gain`` mapped by ``terms``.

        ``gain`` and ``small`` (N, 3, h, w); ``terms`` (N, 12, 1, 1), of which zeros change nothing.
        """
        own, following, last, offset = terms.chunk(4, dim=1)
        turned1, turned2 = (F.conv2d(small * gain, self.get_buffer(f"turn{shift}")) for shift in (1, 2))
        return gain * (1.0 + own), turned1 * following + turned2 * last + offset


def relit(blocks: Tensor, light: tuple[Tensor, Tensor], unshuffle: PixelUnshuffleConv, times: int) -> Tensor:
    """A picture in blocks (N, C, H, W) brightened to [0, 1]: ``shoulder(blocks * factor + addend)``.

    ``light``: factor and addend of a thumbnail, (N, 3, H / times, W / times) each, enlarged together and while they are
    three channels each, which is a quarter of the work (ADR 0035).
    """
    factor, addend = unshuffle.repeat_both(enlarged(torch.cat(light, dim=1), times))
    return shoulder(blocks * factor + addend)


def start_small(layer: nn.Conv2d, factor: float) -> nn.Conv2d:
    """``layer`` with its weights times ``factor`` and no bias, so that training starts near zero output."""
    with torch.no_grad():
        layer.weight.mul_(factor)
        assert layer.bias is not None
        layer.bias.zero_()
    return layer


def start_mixing(layer: nn.Conv2d) -> nn.Conv2d:
    """``layer`` with weights that keep a ReLU chain's signal as strong as it came (He et al., ICCV 2015), no bias."""
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


PASSING_ON_NOISE = 0.2
"""Share of ``start_mixing`` in a layer that starts by passing on: less than .5 in deep chains (ADR 0012)."""


def start_passing_on(layer: nn.Conv2d) -> nn.Conv2d:
    """``layer`` (as many channels out as in) as the identity with a little mixing: trains like a residual network.

    No skip ships: in INT8 that would cost as much as a convolution (after Zagoruyko & Komodakis, "DiracNets", 2017).
    """
    start_mixing(layer)
    with torch.no_grad():
        layer.weight.mul_(PASSING_ON_NOISE).add_(nn.init.dirac_(torch.empty_like(layer.weight)))
    return layer


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with a skip, (N, C, H, W) to the same; no norm, second one starts small."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        with torch.no_grad():
            self.conv2.weight.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.conv2(F.relu(self.conv1(x)))
        return y
