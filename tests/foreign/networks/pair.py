"""Reflectance and illumination by name, of BGR pictures in 0..255 with sides in multiples of four."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 8, 4, stride=4)
        self.up = nn.Conv2d(8, 16, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        light = torch.sigmoid(F.pixel_shuffle(self.up(F.relu(self.down(x / 255.0))), 4))
        return {"reflectance": x / (light + 0.1), "illumination": light}
