"""The networks by name, and the settings of each. A few lines each; torch is imported only when one is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Network:
    """Where a network's class is, and the integer arguments of its constructor with their defaults."""

    place: str
    defaults: Mapping[str, int]
    variants: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Settings under one name; ``defaults`` are those of the first."""
    is_student: bool = True
    brightens: bool = True
    """Whether it is made for the dark alone."""
    detects: bool = False
    """Whether it answers with maps of boxes: instead of a picture, or where it ``brightens`` beside one."""


LDFC = {
    "E": {"width": 24, "depth": 2, "light_width": 10, "deep_width": 32, "deep": 2, "fold": 2},
    "B": {"width": 40, "depth": 3, "light_width": 9, "deep_width": 32, "deep": 0, "fold": 2},
    "P": {"width": 40, "depth": 4, "light_width": 5, "deep_width": 32, "deep": 0, "fold": 1},
}
"""Within 50 K parameters: E passes 2.98 G however it is counted, B as MACs, P is both figures at 256x256 (ADR 0038)."""

NETWORKS = {
    "light_twin": Network("compress.models.light_twin:LightTwin", {"width": 32, "depth": 4, "light_width": 10}),
    "plain_cnn": Network("compress.models.plain_cnn:PlainCnn", {"width": 32, "depth": 5}),
    "ldfc": Network("compress.models.ldfc:Ldfc", LDFC["E"], LDFC),
    "light_curve": Network("compress.models.light_curve:LightCurve", {"width": 32, "depth": 4, "iterations": 5}),
    "rir": Network("compress.models.rir:Rir", {"width": 16, "depth": 2, "blocks": 2, "light_width": 9}),
    "unet_lite": Network("compress.models.unet_lite:UNetLite", {"width": 16, "depth": 2}),
    "anchor_cnn": Network(
        "compress.models.anchor_cnn:AnchorCnn", {"width": 32, "depth": 4, "scale": 1}, brightens=False
    ),
    "restored_anchor": Network(
        "compress.models.restored_anchor:RestoredAnchor",
        {"width": 64, "depth": 4, "scale": 1, "restore": 32},
        is_student=False,
        brightens=False,
    ),
    "fcos_lite": Network(
        "compress.models.fcos_lite:FcosLite", {"width": 16, "classes": 1}, brightens=False, detects=True
    ),
    "night_pair": Network(
        "compress.models.night_pair:NightPair", {"width": 20, "mend": 24, "classes": 1}, detects=True
    ),
    "retinex_unet": Network("compress.models.retinex_unet:RetinexUNet", {"width": 32, "code": 128}, is_student=False),
    "isp_cnn": Network("compress.models.isp_cnn:IspCnn", {"width": 32, "depth": 3, "light_width": 8}, is_student=False),
    "rir_autoencoder": Network(
        "compress.models.rir_autoencoder:RirAutoencoder", {"width": 64, "depth": 6, "blocks": 4}, is_student=False
    ),
}
NETWORK_NAMES = tuple(NETWORKS)
PICTURE_NETWORKS = tuple(name for name, network in NETWORKS.items() if not network.detects)
"""Those that answer with pictures alone."""
STUDENT_NAMES = tuple(name for name, network in NETWORKS.items() if network.is_student and network.brightens
                      and not network.detects)  # fmt: skip
"""Those for low light."""


def students_of_any_task() -> tuple[str, ...]:
    """Those that leave a picture as bright as it was, for every task of pictures but low-light enhancement."""
    return tuple(name for name in PICTURE_NETWORKS if NETWORKS[name].is_student and not NETWORKS[name].brightens)


def teachers_of_any_task() -> tuple[str, ...]:
    """The same of networks that are too large to ship."""
    return tuple(name for name in PICTURE_NETWORKS if not (NETWORKS[name].is_student or NETWORKS[name].brightens))


def detectors() -> tuple[str, ...]:
    """Those that answer with maps of boxes alone."""
    return tuple(name for name, network in NETWORKS.items() if network.detects and not network.brightens)


def two_headed() -> tuple[str, ...]:
    """Those that answer with a bright picture and with maps of boxes."""
    return tuple(name for name, network in NETWORKS.items() if network.detects and network.brightens)


def network_class(name: str) -> type[nn.Module]:
    """The class of a registered network. Raises KeyError for an unknown name (plans are checked before)."""
    module, cls = NETWORKS[name].place.split(":")
    found: type[nn.Module] = getattr(import_module(module), cls)
    return found


def build_net(name: str, settings: Mapping[str, int]) -> nn.Module:
    """A freshly initialised network; ``settings`` are integer arguments of its constructor, the rest are its defaults.

    Every network takes dark RGB (N, 3, H, W) float32 in [0, 1] and gives the bright picture in the
    same form, clipped in eval mode, or if it detects, maps (``compress.detection.decode``), or both; H and W
    are multiples of its ``size_multiple``. Its ``settings``
    attribute holds what rebuilds it. A second argument says at which fraction of the given picture the
    thumbnail is looked at, where there is one (``brighten.thumbnail``).

    Raises KeyError for an unknown name (plans are checked before), TypeError for unknown settings.
    """
    return network_class(name)(**{**NETWORKS[name].defaults, **settings})
