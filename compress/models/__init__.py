"""The networks by name. One line each; torch is imported only when one is built."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

_NETWORKS = {
    "light_twin": "compress.models.light_twin:LightTwin",
    "retinex_unet": "compress.models.retinex_unet:RetinexUNet",
}
NETWORK_NAMES = tuple(_NETWORKS)


def build_net(name: str, settings: dict[str, int]) -> nn.Module:
    """A freshly initialised network; ``settings`` are the integer arguments of its constructor.

    Every network takes dark RGB (N, 3, H, W) float32 in [0, 1] and gives the bright picture in the
    same form, clipped in eval mode; H and W are multiples of its ``size_multiple``. Its ``settings``
    attribute holds what rebuilds it.

    Raises KeyError for an unknown name (plans are checked before), TypeError for unknown settings.
    """
    module, cls = _NETWORKS[name].split(":")
    net: nn.Module = getattr(import_module(module), cls)(**settings)
    return net
