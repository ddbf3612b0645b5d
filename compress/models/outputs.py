"""What a network answers with: one tensor or a tuple of them, each with a name that builds keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compress.runtimes.interchange import MAPS, OUTPUT

if TYPE_CHECKING:
    from torch import Tensor, nn

PICTURE: tuple[str, ...] = (OUTPUT,)
MAPS_ALONE: tuple[str, ...] = (MAPS,)
PICTURE_AND_MAPS: tuple[str, ...] = (OUTPUT, MAPS)
"""Of a network with two heads, in the order of its tuple."""


def outputs_of(net: nn.Module) -> tuple[str, ...]:
    """The names of the answers of ``net``: its ``outputs``; else maps where it has ``strides``, or a picture."""
    said: tuple[str, ...] | None = getattr(net, "outputs", None)
    return said or (MAPS_ALONE if getattr(net, "strides", None) is not None else PICTURE)


def named(net: nn.Module, answer: Tensor | tuple[Tensor, ...]) -> dict[str, Tensor]:
    """``answer`` of ``net`` by name. Raises ValueError where it holds other than it says."""
    tensors = answer if isinstance(answer, tuple | list) else (answer,)
    return dict(zip(outputs_of(net), tensors, strict=True))
