"""The part that repairs a brightened picture: a plain chain of 3x3 convolutions at half resolution."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from compress.models.brighten import start_mixing, start_passing_on, start_small


class Repair(nn.Module):
    """Brightened picture (N, 12, H/2, W/2) to its residual in the same form; sees 2 (``depth`` + 1) pixels around.

    Hidden layers start by passing on what they get (ADR 0012): a plain chain that starts with all of its channels
    mixed at random takes ten times as long to learn what noise is.
    """

    def __init__(self, width: int, depth: int, given: int = 12, taken: int = 12) -> None:
        """``given``: channels of the residual, more than 12 where the answer is larger than the picture; ``taken``: of
        what comes in."""
        super().__init__()
        self.enter = start_mixing(nn.Conv2d(taken, width, 3, padding=1))
        self.hidden = [f"middle{place}" for place in range(1, depth)]
        for name in self.hidden:
            self.add_module(name, start_passing_on(nn.Conv2d(width, width, 3, padding=1)))
        self.leave = start_small(nn.Conv2d(width, given, 3, padding=1), 0.01)

    def forward(self, bright: Tensor) -> Tensor:
        features = F.relu(self.enter(bright))
        for name in self.hidden:
            features = F.relu(self.get_submodule(name)(features))
        residual: Tensor = self.leave(features)
        return residual
