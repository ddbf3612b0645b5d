"""ISP-CNN: an encoder says how a picture processor's filters are set, a small CNN repairs what they leave.

After Wang (2024, arXiv 2502.19450): five 3x3 convolutions of 8 to 128 channels, maximum pools between them and one over
the whole picture, and a fully connected layer set white balance, gamma, contrast and sharpness of the whole picture;
three residual modules of 32 channels at full size say, through Tanh, what is added to what the filters gave. Where the
paper leaves things open: ADR 0042. The filters stay in float; what they gave, clipped, is what the CNN sees.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compress.models.brighten import THUMB_STRIDE, start_mixing, start_small
from compress.models.isp_filters import CONTRAST, GAIN, GAMMA, SHARPNESS, DeviceFilters, sharpen, white_balance

SETTINGS = (GAIN, GAIN, GAIN, GAMMA, CONTRAST, SHARPNESS)
"""What the fully connected layer says, in its order: gains of R, G and B, gamma, contrast, sharpness."""

_DARK_LEVEL = 4.0
"""How much stronger the first layer starts, for dark codes."""


class Encoder(nn.Module):
    """Dark (N, 3, H, W) to logits of the settings, (N, 6, 1, 1)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        widths = [3, *(width * 2**place for place in range(5))]
        self.names = [f"conv{place}" for place in range(1, 6)]
        for name, inside, outside in zip(self.names, widths, widths[1:], strict=False):
            self.add_module(name, start_mixing(nn.Conv2d(inside, outside, 3, padding=1)))
        self.settings = start_small(nn.Conv2d(widths[-1], len(SETTINGS), 1), 0.1)
        with torch.no_grad():
            self.get_submodule("conv1").weight.mul_(_DARK_LEVEL)  # type: ignore[operator]
            assert self.settings.bias is not None
            self.settings.bias.copy_(torch.tensor([bound.raw_start for bound in SETTINGS]))

    def forward(self, x: Tensor) -> Tensor:
        for place, name in enumerate(self.names):
            x = F.relu(self.get_submodule(name)(x))
            if place < len(self.names) - 1:
                x = F.max_pool2d(x, 3, stride=2, padding=1)
        logits: Tensor = self.settings(torch.amax(x, (2, 3), keepdim=True))
        return logits


class ResidualModule(nn.Module):
    """Two 3x3 convolutions with a skip, which is a 1x1 convolution where the channels change; ReLU behind."""

    def __init__(self, inside: int, width: int) -> None:
        super().__init__()
        self.conv1 = start_mixing(nn.Conv2d(inside, width, 3, padding=1))
        self.conv2 = start_small(nn.Conv2d(width, width, 3, padding=1), 0.3)
        self.skip = nn.Identity() if inside == width else start_mixing(nn.Conv2d(inside, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.skip(x) + self.conv2(F.relu(self.conv1(x))))


class Detail(nn.Module):
    """What the filters gave, (N, 3, H, W), to what Tanh makes the correction of, in the same form."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.names = [f"module{place}" for place in range(1, depth + 1)]
        for place, name in enumerate(self.names):
            self.add_module(name, ResidualModule(width if place else 3, width))
        self.leave = start_small(nn.Conv2d(width, 3, 3, padding=1), 0.01)

    def forward(self, bright: Tensor) -> Tensor:
        features = bright
        for name in self.names:
            features = self.get_submodule(name)(features)
        correction: Tensor = self.leave(features)
        return correction


class IspCnn(nn.Module):
    """Dark (N, 3, H, W) float32 RGB in [0, 1] to bright; H, W multiples of 8; clipped in eval mode.

    ``width``, ``depth``: channels and residual modules of the CNN; ``light_width``: channels of the encoder's first
    layer. ``thumb_stride`` changes nothing: the encoder looks at the picture as it comes. ``normed``: names of the
    convolutions that learn with BatchNorm behind them (``models.reparameterize``).
    """

    size_multiple = 8

    def __init__(self, width: int, depth: int, light_width: int) -> None:
        super().__init__()
        self.settings = {"width": width, "depth": depth, "light_width": light_width}
        self.filters = DeviceFilters()
        self.encoder = Encoder(light_width)
        self.detail = Detail(width, depth)
        self.normed = tuple(
            f"detail.{name}" for name, layer in self.detail.named_modules()
            if isinstance(layer, nn.Conv2d) and name != "leave"
        )  # fmt: skip

    def forward(self, x: Tensor, thumb_stride: int = THUMB_STRIDE) -> Tensor:
        logits = self.encoder(x).float()
        gains, exponent, amount, sharpness = (logits.narrow(1, *part) for part in ((0, 3), (3, 1), (4, 1), (5, 1)))
        bright = white_balance(x, GAIN.of(gains))
        bright = self.filters.gamma(bright, GAMMA.of(exponent))
        bright = self.filters.contrast(bright, CONTRAST.of(amount))
        bright = sharpen(bright, SHARPNESS.of(sharpness), self.filters.blur(bright))
        bright = torch.clamp(bright, 0.0, 1.0)
        y = bright + torch.tanh(self.detail(bright))
        return y if self.training else torch.clamp(y, 0.0, 1.0)
