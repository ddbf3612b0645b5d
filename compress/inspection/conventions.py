"""A network's work under each convention that papers count it by: no figure says by itself which one it is.

Tables of low-light networks mix multiply-accumulates (MACs) with operations (FLOPs, two for each MAC), and pictures of
256x256 with LOL's 600x400 and a camera's 640x480.
"""

from __future__ import annotations

from collections.abc import Callable

from compress.records import Record

SIZES = ((256, 256), (400, 600), (480, 640))
"""Height and width."""


class Counted(Record):
    """The work for one picture of a size; ``flops``: each multiply-accumulate counted as two operations."""

    height: int
    width: int
    macs: int
    flops: int

    @property
    def size(self) -> str:
        """As papers write it, width first."""
        return f"{self.width}x{self.height}"


def counted(count: Callable[[tuple[int, int]], int | None], multiple: int = 1) -> tuple[Counted, ...]:
    """``count`` gives the MACs for a height and width, or none; sizes without any, and those whose sides are no
    multiples of ``multiple``, are left out."""
    fitting = [size for size in SIZES if not any(side % multiple for side in size)]
    found = [(height, width, count((height, width))) for height, width in fitting]
    return tuple(Counted(height=h, width=w, macs=macs, flops=2 * macs) for h, w, macs in found if macs is not None)


def lines_of(counts: tuple[Counted, ...]) -> tuple[str, ...]:
    """A line for each unit, with each size."""
    each = {"MACs": [one.macs for one in counts], "FLOPs (2 each)": [one.flops for one in counts]}
    return tuple(
        f"{unit} " + ", ".join(f"{one.size} {work / 1e9:.3f} G" for one, work in zip(counts, values, strict=True))
        for unit, values in each.items()
    )
