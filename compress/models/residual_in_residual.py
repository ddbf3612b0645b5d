"""Residual in residual: blocks with channel attention, groups of them with a skip, and a skip around all groups.

After RCAN (Zhang et al., ECCV 2018), on which the "improved RIR" of Kang (Academic Journal of Engineering and
Technology Science 4(2), 2021) is taken to stand: only its abstract is public, and it names the module, its teacher
Net-T, its student Net-S and dropout. What is improved here is ours: attention whose gate is a clipped line, which every
NPU compiler takes where it may lack a sigmoid or leave it to the CPU (after Howard et al., "MobileNetV3", ICCV 2019),
no norm, and dropout in the teacher alone. All modules take and give (N, C, h, w).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compress.models.brighten import start_mixing, start_small

REDUCTION = 4
"""Channels over those inside the gate."""


class ChannelAttention(nn.Module):
    """Each channel times a gate in [0, 1] that the means of all channels give; the gate starts near .5.

    The line is the last convolution's own, with Clip behind it, and is of means of the whole map: one value a channel.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inside = max(4, channels // REDUCTION)
        self.squeeze = start_mixing(nn.Conv2d(channels, inside, 1))
        self.expand = start_small(nn.Conv2d(inside, channels, 1), 0.1)
        assert self.expand.bias is not None
        nn.init.constant_(self.expand.bias, 0.5)

    def forward(self, x: Tensor) -> Tensor:
        code = F.relu(self.squeeze(x.mean((2, 3), keepdim=True)))
        y: Tensor = x * torch.clamp(self.expand(code), 0.0, 1.0)
        return y


class AttentiveBlock(nn.Module):
    """``x + attention(conv(relu(conv(x))))``; with ``dropout``, whole channels are left out while training."""

    def __init__(self, channels: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.conv1 = start_mixing(nn.Conv2d(channels, channels, 3, padding=1))
        self.dropout = nn.Dropout2d(dropout) if dropout else nn.Identity()
        self.conv2 = start_small(nn.Conv2d(channels, channels, 3, padding=1), 0.3)
        self.attention = ChannelAttention(channels)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.attention(self.conv2(self.dropout(F.relu(self.conv1(x)))))
        return y


class Group(nn.Module):
    """``blocks`` blocks and a convolution, with a skip around them."""

    def __init__(self, channels: int, blocks: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(AttentiveBlock(channels, dropout) for _ in range(blocks)))
        self.leave = start_small(nn.Conv2d(channels, channels, 3, padding=1), 0.3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.leave(self.blocks(x))
        return y


class Trunk(nn.Module):
    """Groups ``group1``, ``group2``, ... and a convolution, with a skip around them all."""

    def __init__(self, channels: int, groups: int, blocks: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.order = [f"group{place}" for place in range(1, groups + 1)]
        for name in self.order:
            self.add_module(name, Group(channels, blocks, dropout))
        self.leave = start_small(nn.Conv2d(channels, channels, 3, padding=1), 0.3)

    def forward(self, x: Tensor) -> Tensor:
        features = x
        for name in self.order:
            features = self.get_submodule(name)(features)
        y: Tensor = x + self.leave(features)
        return y
