"""Noise on what a network sees while it is trained, so that an auto-encoder can't pass its input on."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from compress.data.batches import Batch
from compress.training.loop import Objective


class Noisy(Objective):
    """``inner`` on pictures with Gaussian noise (Vincent et al., "Denoising Autoencoders", ICML 2008).

    Each picture (3, h, w) in [0, 1] has a standard deviation of its own, uniform in [0, ``strength``]; the truth
    stays clean.
    """

    def __init__(self, inner: Objective, strength: float) -> None:
        super().__init__()
        self.inner, self.strength = inner, strength

    def forward(self, net: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        shape = (batch.dark.shape[0], 1, 1, 1)
        strengths = self.strength * torch.rand(shape, device=batch.dark.device)
        noisy = (batch.dark + strengths * torch.randn_like(batch.dark)).clamp(0.0, 1.0)
        return self.inner(net, replace(batch, dark=noisy))  # type: ignore[no-any-return]
