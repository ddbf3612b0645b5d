"""Pictures of which one side has its light and the other has not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def side_light(height: int, width: int, angle: Tensor, place: Tensor, softness: Tensor) -> Tensor:
    """(N, 1, H, W) in [0, 1]: 1 where the light is, beyond a line, softly; arguments (N, 1, 1, 1).

    ``angle``: where it comes from, in radians, 0 from the right and pi/2 from below. ``place`` of the line from the
    middle, and ``softness`` of its edge, in half sides of the picture.
    """
    import torch

    down, across = torch.linspace(-1, 1, height).view(1, 1, -1, 1), torch.linspace(-1, 1, width).view(1, 1, 1, -1)
    return torch.sigmoid((down * angle.sin() + across * angle.cos() - place) / softness)
