"""Our small critic, where no CLIP is at hand: luminance and colour statistics through a small network. Not CLIP.

It has never seen a word, and no picture's content: it is trained here, on dark and well-lit pictures of different
scenes, to tell them apart and to tell by how much a well-lit one was darkened, bent and tinted (``losses.critic``).
Frozen, it takes the place of CLIP's encoder of pictures; its prompts are learned vectors.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compress.scorers.base import Prompts, Scorer
from compress.scorers.statistics import STATISTICS, statistics_of

LABEL = "critic of luminance and colour statistics (not CLIP)"
WIDTH = 32
DISTORTIONS = 4
"""Log of gain, log of gamma, log of red and blue against green."""

_HIDDEN = 64
_SHARPNESS = 10.0
_COARSE = 4
_WINDOW = 7
_STABLE = 1e-5


class Critic(nn.Module):
    """Pictures (N, 3, H, W) in [0, 1] to vectors (N, ``WIDTH``); ``heads`` are for its own training alone."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.BatchNorm1d(STATISTICS, affine=False)
        self.hidden = nn.Linear(STATISTICS, _HIDDEN)
        self.leave = nn.Linear(_HIDDEN, WIDTH)
        self.heads = nn.Linear(WIDTH, 1 + DISTORTIONS)

    def forward(self, pictures: Tensor) -> Tensor:
        y: Tensor = self.leave(F.relu(self.hidden(self.scale(statistics_of(pictures)))))
        return y


class CriticPrompts(Prompts):
    """Two vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.randn(2, WIDTH))

    def forward(self) -> Tensor:
        return F.normalize(self.vectors, dim=1)


class CriticScorer(Scorer):
    """A trained ``Critic``, frozen."""

    label = LABEL
    sharpness = _SHARPNESS

    def __init__(self, critic: Critic) -> None:
        self.critic = critic.eval().requires_grad_(False)

    def encode(self, pictures: Tensor) -> Tensor:
        return F.normalize(self.critic.to(pictures.device)(pictures), dim=1)

    def likeness(self, answer: Tensor, given: Tensor) -> Tensor:
        """One minus the structure term of SSIM, of means of 4x4 pixels, that noise of the dark does not count."""
        one, other = (F.avg_pool2d(picture, _COARSE) for picture in (answer, given))
        return 1.0 - _structure(one, other).mean()

    def prompts(self) -> CriticPrompts:
        return CriticPrompts()


def _structure(one: Tensor, other: Tensor) -> Tensor:
    """Correlation inside windows, (N, 3, h, w), whatever their brightness and contrast (Wang et al., TIP 2004)."""
    window = min(_WINDOW, *one.shape[2:])

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, window, 1)

    var1, var2 = (mean(each * each) - mean(each) ** 2 for each in (one, other))
    both = mean(one * other) - mean(one) * mean(other)
    spread = torch.sqrt(var1.clamp(min=0) * var2.clamp(min=0) + _STABLE**2)
    return (both + _STABLE) / (spread + _STABLE)
