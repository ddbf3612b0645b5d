"""A network on one 8-bit picture of any size: each of its outputs, whatever it answers with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from compress.models.enhance import enhance, padded_for, scale_of, to_picture, to_tensor
from compress.models.outputs import PICTURE, named, outputs_of
from compress.runtimes.interchange import MAPS, OUTPUT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from compress.models.enhance import Picture

    Parts = dict[str, NDArray[Any]]
    """By the output's name: ``bright``, uint8 (H, W, 3) RGB, and ``maps`` as they are, float32 (K, h, w)."""


@torch.no_grad()
def parts_of(net: nn.Module, picture: Picture) -> Parts:
    """What ``net``, in eval mode, makes of a picture (H, W, 3) uint8 in one run."""
    if outputs_of(net) == PICTURE:
        return {OUTPUT: enhance(net, picture)}
    device, scale = next(net.parameters()).device, scale_of(net)
    x = padded_for(net, to_tensor(picture)).to(device, memory_format=torch.channels_last)
    found, parts = named(net, net(x)), {}
    if OUTPUT in found:
        parts[OUTPUT] = to_picture(found[OUTPUT][:, :, : scale * picture.shape[0], : scale * picture.shape[1]])
    parts[MAPS] = found[MAPS][0].float().cpu().numpy()
    return parts
