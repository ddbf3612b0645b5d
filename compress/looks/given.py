"""Looks at the pictures as they were given, at the size that is wanted: before and after, and nothing to judge by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.looks.album import Album, chosen
from compress.looks.box import detail_box
from compress.looks.records import Shown

if TYPE_CHECKING:
    from compress.data.source import Picture, Source

GIVEN = "given"
"""Folder beside ``looks``, with one of that name in it."""
_LARGEST = 6


@dataclass(frozen=True)
class Way:
    """``run`` enlarges a picture (H, W, 3) uint8; ``shown`` says what it is."""

    shown: Shown
    run: Callable[[Picture], Picture]


def look_at_given(source: Source[Any], count: int, ways: Sequence[Way], out: Path) -> None:
    """Of at most 6 of the first ``count`` pairs, enlarge the given picture, their truth, by all ``ways``.

    Of the given picture that cut is enlarged which has most detail and is as large as what was made of it, so that
    builds of one size take it. Crops lie in ``out``/given/looks.
    """
    album = Album(out / GIVEN, count, [way.shown for way in ways], _LARGEST)
    for index in sorted(chosen(count, _LARGEST)):
        low, frame = source.pair(index)
        cut = _cut(frame, low.shape[0], low.shape[1])
        album.add(index, source.names[index], {way.shown.kind: way.run(cut) for way in ways})
    album.close()


def _cut(frame: Picture, height: int, width: int) -> Picture:
    """``height`` and ``width`` pixels of ``frame`` where its smaller side's square has most detail."""
    import numpy as np

    box = detail_box(frame, min(height, width))
    top, left = min(box.top, frame.shape[0] - height), min(box.left, frame.shape[1] - width)
    return np.ascontiguousarray(frame[top : top + height, left : left + width])
