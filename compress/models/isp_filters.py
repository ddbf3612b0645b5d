"""Differentiable filters of a picture processor: white balance, gamma, contrast, sharpening, each with its bounds.

After "Exposure" (Hu et al., TOG 2018) and IA-YOLO (Liu et al., AAAI 2022), as Wang (2024, arXiv 2502.19450) has them.
Each comes as its formula says it, and in a form for devices: NPU compilers know powers of fixed exponents alone, no
cosine, no division and no window of 25 pixels. How far the second is from the first: ADR 0042 and
tests/models/test_isp_filters.py. Pictures are RGB (N, 3, H, W) float32 in [0, 1]; settings are one for a whole picture,
(N, 1, 1, 1) or (N, 3, 1, 1). No filter clips what it gives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compress.models.brighten import smoothly_larger

LUMA = (0.27, 0.67, 0.06)
"""Shares of R, G and B in luma."""

DARKEST = 1e-3
"""What gamma takes black for, so that its gradient stays finite."""

BLUR_SIGMA_PX = 4.0
"""Standard deviation of the Gaussian that sharpening takes away."""

_BLUR_BLOCK = 8
"""Pixels a side that are averaged, and enlarged again smoothly: together as wide as the Gaussian."""

_CONTRAST_TERMS = (2.46711978, -2.02518444, 0.65105933, -0.09310353)
"""Least squares of ``(1 - cos(pi L)) / 2L`` on [0, 1] by odd powers of L, from the first on."""


@dataclass(frozen=True)
class Bound:
    """Between what a setting may lie, in ``unit``, and where an untrained network has it."""

    low: float
    high: float
    start: float
    unit: str

    def of(self, raw: Tensor) -> Tensor:
        """Any numbers to such between ``low`` and ``high``."""
        return self.low + (self.high - self.low) * torch.sigmoid(raw)

    @property
    def raw_start(self) -> float:
        """What ``of`` makes ``start`` of."""
        share = (self.start - self.low) / (self.high - self.low)
        return math.log(share / (1.0 - share))


GAIN = Bound(0.5, 8.0, 2.5, "times the code, of each colour")
GAMMA = Bound(0.25, 1.5, 0.7, "exponent on [0, 1]")
CONTRAST = Bound(-1.0, 1.0, 0.05, "share of the way to a luma of (1 - cos(pi L)) / 2; below 0: away from it")
SHARPNESS = Bound(0.0, 2.5, 0.1, "times what a Gaussian of 4 pixels takes away")


def white_balance(x: Tensor, gains: Tensor) -> Tensor:
    """Equation 6: each colour times its own of ``gains`` (N, 3, 1, 1)."""
    return x * gains


def gamma(x: Tensor, exponent: Tensor) -> Tensor:
    """Equation 7: ``x`` to a power of (N, 1, 1, 1), of at least ``DARKEST``."""
    return x.clamp(min=DARKEST) ** exponent


def contrast(x: Tensor, amount: Tensor) -> Tensor:
    """Equation 8: from ``x`` towards the same colours at a luma of ``(1 - cos(pi L)) / 2``."""
    luma = (x * x.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True).clamp(1e-6, 1.0)
    wanted = 0.5 * (1.0 - torch.cos(math.pi * luma))
    return amount * x * wanted / luma + (1.0 - amount) * x


def sharpen(x: Tensor, amount: Tensor, blurred: Tensor) -> Tensor:
    """Equation 9, whose P is taken for the picture itself: ``x`` and ``amount`` of what is not in ``blurred``."""
    return x + amount * (x - blurred)


def gaussian(x: Tensor) -> Tensor:
    """``x`` blurred by ``BLUR_SIGMA_PX``, its edge pixels repeated outside."""
    reach = math.ceil(3 * BLUR_SIGMA_PX)
    places = torch.arange(-reach, reach + 1, dtype=x.dtype, device=x.device)
    line = torch.exp(-(places**2) / (2 * BLUR_SIGMA_PX**2))
    line = (line / line.sum()).view(1, 1, 1, -1).repeat(x.shape[1], 1, 1, 1)
    wide = F.pad(x, (reach, reach, reach, reach), mode="replicate")
    across = F.conv2d(wide, line, groups=x.shape[1])
    return F.conv2d(across, line.transpose(2, 3), groups=x.shape[1])


class DeviceFilters(nn.Module):
    """The same filters as devices take them; H and W are multiples of 8.

    Its methods are called from a network's own ``forward``, so that they stay image-space arithmetic, out of int8
    (``models.quantized``). Nothing here is trained.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("luma", torch.tensor(LUMA).view(1, 3, 1, 1), persistent=False)
        others, scale = _lagrange(_NODES)
        self.register_buffer("others", others, persistent=False)
        self.register_buffer("scale", scale, persistent=False)

    def gamma(self, x: Tensor, exponent: Tensor) -> Tensor:
        """A polynomial in the fourth root: its terms are powers of .25 to 1.5, each weighted by ``exponent``.

        For one ``x`` a power is a smooth function of its exponent, which is interpolated (Lagrange) between the six:
        equal to ``gamma`` at these, elsewhere off by .0043 at most, and down to -.0003. What is given is clipped to
        [``DARKEST``, 1].
        """
        weights = self.get_buffer("scale")
        for column in self.get_buffer("others").split(1, dim=2):
            weights = weights * (exponent - column)
        # Slices, for TFLite's converter here has no Split.
        first, *rest = (weights.narrow(1, place, 1) for place in reversed(range(len(_NODES))))
        root = torch.sqrt(torch.sqrt(x.clamp(DARKEST, 1.0)))
        y: Tensor = first * root
        for weight in rest:
            y = (y + weight) * root
        return y

    def contrast(self, x: Tensor, amount: Tensor) -> Tensor:
        """``contrast`` with a polynomial of luma, off by 1.1e-4 times ``amount`` at most where ``x`` is in [0, 1]."""
        luma = F.conv2d(x, self.get_buffer("luma"))
        square = luma * luma
        *terms, last = _CONTRAST_TERMS
        factor = last * square + terms.pop()
        while terms:
            factor = factor * square + terms.pop()
        return x * ((factor * luma - 1.0) * amount + 1.0)

    def blur(self, x: Tensor) -> Tensor:
        """Means of 8x8 pixels, enlarged smoothly: as wide as ``gaussian``, and not the same (ADR 0042)."""
        # In two steps: RKNN-Toolkit2 2.5.0 fails (KeyError) on a window of 8.
        return smoothly_larger(F.avg_pool2d(F.avg_pool2d(x, _BLUR_BLOCK // 2), 2), _BLUR_BLOCK)


_NODES = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
"""Exponents whose powers are products of the fourth root."""


def _lagrange(nodes: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """Of each node the others, (1, K, K - 1, 1), and one over the product of its distances to them, (1, K, 1, 1)."""
    others = torch.tensor([[other for other in nodes if other != node] for node in nodes], dtype=torch.float64)
    scale = 1.0 / (torch.tensor(nodes, dtype=torch.float64)[:, None] - others).prod(1)
    return others.float()[None, :, :, None], scale.float()[None, :, None, None]
