"""A network with two heads on one 8-bit picture of any size."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import nn

from compress.detection.answer import PictureAndBoxes
from compress.detection.decode import decode
from compress.models.detect import maps_of
from compress.models.outputs import PICTURE_AND_MAPS, outputs_of
from compress.models.parts import parts_of
from compress.runtimes.interchange import MAPS, OUTPUT

if TYPE_CHECKING:
    from compress.models.enhance import Picture


def asked_both(net: nn.Module) -> Callable[[Picture], PictureAndBoxes]:
    """``net``, in eval mode, as a function of a picture (H, W, 3) uint8; each is run through it once."""
    layout = maps_of(net)
    assert layout is not None and outputs_of(net) == PICTURE_AND_MAPS, "a network of one output"

    def answer(picture: Picture) -> PictureAndBoxes:
        parts = parts_of(net, picture)
        return PictureAndBoxes(parts[OUTPUT], decode(parts[MAPS], layout, picture.shape[0], picture.shape[1]))

    return answer
