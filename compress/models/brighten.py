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

from compress.data.overview import GRAIN_FLOOR, STRIDE

THUMB_STRIDE = STRIDE
"""The illumination branch sees full frames at this fraction of their size."""

GAIN_MAX = 32.0
"""Largest factor on the dark input; LOL-v1 needs 8 to 20 on average."""

_LOGIT_SHIFT = -1.1
"""Puts the gain of an untrained network near 8."""


LEVEL_MAX = 1.5
"""Largest mean, before the shoulder, that a brightened picture is aimed at; LOL-v1's is about half of it."""

_REACHED_MIN = 1 / 256
"""Pictures darker than that are brightened by a bounded factor: there is nothing left in them but noise."""


def aimed_gain(logit: Tensor, aim: Tensor, small: Tensor) -> Tensor:
    """Gain map (N, 3, h, w) that gives the thumbnail ``small`` (N, 3, h, w) the mean brightness that ``aim`` asks for.

    ``logit`` (N, 3, h, w) says only where and in which colour to brighten more, ``aim`` (N, 1, 1, 1) how bright the
    whole becomes. So a picture twice as dark gets the same answer, and what a dark picture hardly tells, the
    brightness that was wanted, is one number.
    """
    shape = torch.sigmoid(logit.float() + _LOGIT_SHIFT)
    # Pooled first, then over the three colours: NPU compilers take both, and a mean over three axes not always.
    reached = (small * shape).mean((2, 3), keepdim=True).mean(1, keepdim=True)
    return shape * (LEVEL_MAX * torch.sigmoid(aim.float()) / reached.clamp(min=_REACHED_MIN))


def spread_features(small: Tensor) -> Tensor:
    """(N, 3, h, w) in [0, 1] to (N, 6, h, w): four times itself, and its root, which spreads the darkest codes."""
    return torch.cat((4.0 * small, torch.sqrt(small + 1e-4)), dim=1)


def overview_features(small: Tensor, grain: Tensor) -> Tensor:
    """Thumbnail and its grain, (N, 3, h, w) each, to (N, 9, h, w) of roots, which spread the darkest codes.

    Square root and fourth root of brightness, square root of grain, each brought to about [-1, 1].
    """
    root = torch.sqrt(small + 1e-4)
    return torch.cat((2.0 * root - 0.4, 2.0 * torch.sqrt(root) - 1.0, 10.0 * torch.sqrt(grain) - 0.5), dim=1)


def thumbnail(x: Tensor, stride: int) -> Tensor:
    """Area-shrunk view for the illumination branch, ``x`` (N, 3, H, W) to (N, 6, H/stride, W/stride).

    ``stride`` is 8 on full frames and smaller where the frame itself was shrunk before (training at
    half resolution), so that the branch sees the same thing.
    """
    return spread_features(F.avg_pool2d(x, stride))


class PixelUnshuffleConv(nn.Module):
    """PixelUnshuffle(2) as a fixed 2x2 convolution of stride 2, which every NPU compiler takes.

    (N, 3, H, W) to (N, 12, H/2, W/2) in the channel order of ``torch.nn.PixelUnshuffle``: equal to it
    for every float input, as each output is one input times 1 plus zeros. Never trained or pruned.
    """

    def __init__(self) -> None:
        super().__init__()
        kernel = torch.zeros(12, 3, 2, 2)
        for channel in range(12):
            kernel[channel, channel // 4, (channel % 4) // 2, channel % 2] = 1.0
        self.register_buffer("kernel", kernel, persistent=False)
        self.register_buffer("spread", kernel.sum((2, 3))[:, :, None, None].contiguous(), persistent=False)
        mean = kernel.sum((2, 3)).T[:, :, None, None].contiguous() / 4.0
        self.register_buffer("mean", mean, persistent=False)
        signs = torch.tensor([1.0, -1.0, -1.0, 1.0]).repeat(3)[None, :, None, None]
        self.register_buffer("diagonal", mean * signs, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.get_buffer("kernel"), stride=2)

    def repeat(self, colour: Tensor) -> Tensor:
        """(N, 3, h, w) to (N, 12, h, w): each colour for its four pixels."""
        return F.conv2d(colour, self.get_buffer("spread"))

    def means(self, blocks: Tensor) -> Tensor:
        """(N, 12, h, w) to (N, 3, h, w): the mean of each colour's four pixels."""
        return F.conv2d(blocks, self.get_buffer("mean"))

    def grain(self, blocks: Tensor, stride: int) -> Tensor:
        """(N, 12, h, w) to (N, 3, h/stride, w/stride): root mean square of the blocks' diagonal difference.

        Of what a 2x2 block holds, its diagonal Haar coefficient is noise more than picture, and sensor noise tells
        the light that there was better than brightness does (ISO setting; after Donoho & Johnstone, 1994).
        """
        detail = F.conv2d(blocks, self.get_buffer("diagonal"))
        return torch.sqrt(F.avg_pool2d(detail * detail, stride) + GRAIN_FLOOR)


def gain_from(logit: Tensor, stride: int) -> Tensor:
    """Gain map in (0, GAIN_MAX), ``stride`` times the size of ``logit`` (N, C, h, w); bounded."""
    gain = GAIN_MAX * torch.sigmoid(logit.float() + _LOGIT_SHIFT)
    return F.interpolate(gain, scale_factor=float(stride), mode="bilinear", align_corners=False)


def shoulder(v: Tensor) -> Tensor:
    """Brightened picture of any shape to [0, 1]: a parabola, slope 1 in the dark and flat at 2.

    ``v - v**2 / 4`` needs only Clip, Mul and Sub on the device.
    """
    v = torch.clamp(v, 0.0, 2.0)
    return v - 0.25 * v * v


COLOUR_TERMS = 12
"""Terms of one picture's affine colour map: own, next and last colour's factors, then the offset, each for R, G, B."""


class ColourMap(nn.Module):
    """A 3x3 colour matrix and an offset for the whole picture; each colour is ``pixels`` channels.

    White balance and camera matrix differ from scene to scene, and a gain for each channel can't mix colours.
    Written as three products and fixed 1x1 convolutions that turn R, G, B to G, B, R: NPU compilers take these,
    where many refuse a matrix product of two activations. Never trained, quantized or pruned.
    """

    def __init__(self, pixels: int) -> None:
        super().__init__()
        block = torch.eye(pixels)
        for shift in (1, 2):
            turn = torch.kron(torch.roll(torch.eye(3), shift, dims=1), block)
            self.register_buffer(f"turn{shift}", turn[:, :, None, None].contiguous(), persistent=False)
        spread = torch.kron(torch.eye(COLOUR_TERMS), torch.ones(pixels, 1))
        self.register_buffer("spread", spread[:, :, None, None].contiguous(), persistent=False)

    def blend(self, v: Tensor, terms: Tensor) -> Tensor:
        """(N, 3 * pixels, h, w) mapped by ``terms`` (N, 12, 1, 1); terms of zero change nothing."""
        own, following, last, offset = F.conv2d(terms, self.get_buffer("spread")).chunk(4, dim=1)
        turned1, turned2 = (F.conv2d(v, self.get_buffer(f"turn{shift}")) for shift in (1, 2))
        return v * (1.0 + own) + turned1 * following + turned2 * last + offset


def start_small(layer: nn.Conv2d, factor: float) -> nn.Conv2d:
    """``layer`` with its weights times ``factor`` and no bias, so that training starts near zero output."""
    with torch.no_grad():
        layer.weight.mul_(factor)
        assert layer.bias is not None
        layer.bias.zero_()
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
