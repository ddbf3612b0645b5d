"""A network on one 8-bit picture of any size: what validation and teaching have in common."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

Picture = NDArray[np.uint8]


def to_tensor(picture: Picture) -> Tensor:
    """uint8 (H, W, 3) RGB to float32 (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255.0


def to_picture(y: Tensor) -> Picture:
    """float (1, 3, H, W) in [0, 1] to uint8 (H, W, 3), rounded to the nearest code."""
    bytes_ = (y[0].float().clamp(0, 1) * 255.0).round().to(torch.uint8)
    return np.ascontiguousarray(bytes_.permute(1, 2, 0).cpu().numpy())


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """(N, C, H, W) with its last row and column repeated until H and W are multiples."""
    down, right = -x.shape[2] % multiple, -x.shape[3] % multiple
    return F.pad(x, (0, right, 0, down), mode="replicate") if down or right else x


@torch.no_grad()
def enhance(net: nn.Module, dark: Picture) -> Picture:
    """The bright picture that ``net`` (in eval mode) makes of a dark one."""
    x = to_tensor(dark).to(next(net.parameters()).device, memory_format=torch.channels_last)
    y: Tensor = net(pad_to_multiple(x, int(net.size_multiple)))  # type: ignore[arg-type]
    return to_picture(y[:, :, : dark.shape[0], : dark.shape[1]])
