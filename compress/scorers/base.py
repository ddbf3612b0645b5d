"""What a scorer is: pictures and two prompts, low light and normal light, as vectors of one space."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn
from torch.nn import functional as F

LOW, NORMAL = 0, 1
"""Places of the two prompts."""


class Prompts(nn.Module, ABC):
    """Two learned prompts. ``forward()`` gives their vectors (2, D) of length 1: ``LOW``, ``NORMAL``."""

    @abstractmethod
    def forward(self) -> Tensor: ...


class Scorer(ABC):
    """A frozen encoder of pictures (N, 3, H, W), float32 RGB in [0, 1], of any size.

    - ``label``: what every report calls it;
    - ``sharpness``: what cosines are multiplied by before the softmax; equation 2 has none, with which a likelihood
      stays between .12 and .88, and a margin of .9 can't be reached.
    """

    label: str
    sharpness: float

    @abstractmethod
    def encode(self, pictures: Tensor) -> Tensor:
        """Vectors (N, D) of length 1, with a gradient for ``pictures``."""

    @abstractmethod
    def likeness(self, answer: Tensor, given: Tensor) -> Tensor:
        """A scalar, 0 and more: how far the scene in ``answer`` is from that in ``given``, whatever their light."""

    @abstractmethod
    def prompts(self) -> Prompts:
        """New ones, from torch's random state."""

    def logits(self, vectors: Tensor, prompts: Tensor) -> Tensor:
        """How near each of ``vectors`` (N, D) is to each prompt (2, D): (N, 2), equation 2 before its softmax."""
        return self.sharpness * vectors @ prompts.T

    def normality(self, vectors: Tensor, prompts: Tensor) -> Tensor:
        """Equation 2, and r of equation 5: how likely each is a normal-light picture, (N,) in [0, 1]."""
        return F.softmax(self.logits(vectors, prompts), dim=1)[:, NORMAL]
