"""What our critic learns: dark from well-lit, and what was done to a well-lit picture's light."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compress.data.batches import Batch
from compress.training.loop import Objective

_GAINS = (0.15, 1.5)
_GAMMAS = (0.5, 2.0)
_TINT = 0.15
"""Standard deviation of the logs of red and blue over green."""


class CriticLesson(Objective):
    """``batch.dark`` and ``batch.bright`` are of different scenes: cross-entropy between the two, and the mean squared
    error of what was done to a distorted ``bright`` (``distorted``). Both can be told by luminance and colour alone."""

    def forward(self, net: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        with torch.autocast(batch.dark.device.type, enabled=False):
            changed, done = distorted(batch.bright)
            counts = [len(each) for each in (batch.dark, batch.bright, changed)]
            sized = [F.interpolate(each, size=batch.dark.shape[2:], mode="area") for each in (batch.bright, changed)]
            said = net.get_submodule("heads")(net(torch.cat((batch.dark, *sized))))
            low, normal, other = said.split(counts)
            lit = torch.cat((torch.zeros_like(low[:, 0]), torch.ones_like(normal[:, 0])))
            told = F.binary_cross_entropy_with_logits(torch.cat((low[:, 0], normal[:, 0])), lit)
            guessed = F.mse_loss(other[:, 1:], done)
            return told + guessed, {"told": told, "guessed": guessed}


def distorted(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Pictures (N, 3, H, W) in other light, and logs of what was done, (N, 4): gain, gamma, red and blue by green."""
    count = len(pictures)
    gain, gamma = (
        math.log(low) + math.log(high / low) * torch.rand(count, device=pictures.device)
        for low, high in (_GAINS, _GAMMAS)
    )
    red, blue = (_TINT * torch.randn(count, device=pictures.device) for _ in range(2))
    gains = torch.stack((gain + red, gain, gain + blue), dim=1).exp()[:, :, None, None]
    other = (pictures * gains).clamp(1e-3, 1.0) ** gamma.exp().view(-1, 1, 1, 1)
    return other, torch.stack((gain, gamma, red, blue), dim=1)
