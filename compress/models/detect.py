"""A detector on one 8-bit picture of any size."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import nn

from compress.detection.decode import decode
from compress.metrics.detection import Boxes
from compress.models.parts import parts_of
from compress.records import BoxMaps
from compress.runtimes.interchange import MAPS

if TYPE_CHECKING:
    from compress.models.enhance import Picture


def maps_of(net: nn.Module, names: tuple[str, ...] = ()) -> BoxMaps | None:
    """How ``net`` says boxes; None where it answers with pictures. ``names``: of its classes, else numbers stand."""
    strides: tuple[int, ...] | None = getattr(net, "strides", None)
    if strides is None:
        return None
    return BoxMaps(classes=names or tuple(map(str, range(int(net.classes)))), strides=strides)  # type: ignore[arg-type]


def asked(net: nn.Module) -> Callable[[Picture], Boxes]:
    """``net``, in eval mode, as a function of a picture (H, W, 3) uint8."""
    layout = maps_of(net)
    assert layout is not None, "a network that answers with pictures"

    def boxes(picture: Picture) -> Boxes:
        return decode(parts_of(net, picture)[MAPS], layout, picture.shape[0], picture.shape[1])

    return boxes
