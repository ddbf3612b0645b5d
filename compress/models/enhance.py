"""A network on one 8-bit picture of any size: what validation and teaching have in common."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from compress.errors import DataError

Picture = NDArray[np.uint8]
_SMALL_PX = 64


def to_tensor(picture: Picture) -> Tensor:
    """uint8 (H, W, 3) RGB to float32 (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255.0


def to_picture(y: Tensor) -> Picture:
    """float (1, 3, H, W) in [0, 1] to uint8 (H, W, 3), rounded to the nearest code."""
    bytes_ = (y[0].float().clamp(0, 1) * 255.0).round().to(torch.uint8)
    return np.ascontiguousarray(bytes_.permute(1, 2, 0).cpu().numpy())


def pad_to_multiple(x: Tensor, multiple: int, padding: str = "replicate") -> Tensor:
    """(N, C, H, W) filled up at the bottom and at the right until H and W are multiples; as ``pad_to_size``."""
    return pad_to_size(x, x.shape[2] + -x.shape[2] % multiple, x.shape[3] + -x.shape[3] % multiple, padding)


def pad_to_size(x: Tensor, height: int, width: int, padding: str = "replicate") -> Tensor:
    """(N, C, H, W) with its last row and column repeated, or with ``padding="reflect"`` mirrored at them.

    Raises DataError where there is less to mirror than is missing.
    """
    down, right = height - x.shape[2], width - x.shape[3]
    if padding == "reflect" and (down >= x.shape[2] or right >= x.shape[3]):
        sizes = f"{x.shape[2]}x{x.shape[3]} px can't be mirrored to {height}x{width}"
        raise DataError(f"{sizes}; use larger pictures, or padding: replicate")
    return F.pad(x, (0, right, 0, down), mode=padding) if down or right else x


def scale_of(net: nn.Module) -> int:
    """Height and width of the answers of ``net`` over those of its pictures."""
    return int(getattr(net, "scale", 1))


def small_size(net: nn.Module) -> tuple[int, int]:
    """Height and width of a small picture that ``net`` takes as it is, to try it with; of one size only, that."""
    multiple = int(net.size_multiple)  # type: ignore[arg-type]
    side = -(-_SMALL_PX // multiple) * multiple
    only: tuple[int, int] | None = getattr(net, "only_size", None)
    return only or (side, side)


def padded_for(net: nn.Module, x: Tensor, grid: int = 1) -> Tensor:
    """``x`` filled up, the way that ``net`` wants it, to multiples of what it takes and of ``grid``."""
    multiple = math.lcm(int(net.size_multiple), grid)  # type: ignore[arg-type]
    return pad_to_multiple(x, multiple, str(getattr(net, "padding", "replicate")))


@torch.no_grad()
def enhance(net: nn.Module, dark: Picture) -> Picture:
    """The bright picture that ``net`` (in eval mode) makes of a dark one; larger, where it enlarges."""
    weight = next(net.parameters(), None)  # a network that another runtime computes has none
    x = to_tensor(dark).to(weight.device if weight is not None else "cpu", memory_format=torch.channels_last)
    answer = net(padded_for(net, x))
    y: Tensor = answer[0] if isinstance(answer, tuple) else answer  # the picture comes first
    scale = scale_of(net)
    return to_picture(y[:, :, : scale * dark.shape[0], : scale * dark.shape[1]])
