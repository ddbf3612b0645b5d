"""A build as a function of an 8-bit picture to each of its outputs, whatever it answers with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.records import Build
from compress.runtimes.base import RunOptions
from compress.runtimes.both import BothRunner
from compress.runtimes.interchange import MAPS, OUTPUT
from compress.runtimes.maps import BoxRunner
from compress.runtimes.picture import PictureRunner

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from compress.runtimes.picture import Picture

    Parts = dict[str, NDArray[Any]]
    """By the output's name: ``bright``, uint8 (H, W, 3) RGB, and ``maps`` as they are, float32 (K, h, w)."""


def parts_runner(build: Build, folder: Path, options: RunOptions) -> Callable[[Picture], Parts]:
    """``build``, whose files lie in ``folder``. What it gives raises BuildError for a size that it can't take."""
    contract = build.contract
    if contract.maps is None:
        picture = PictureRunner(build, folder, options)
        return lambda given: {OUTPUT: picture(given)}
    if contract.maps_output is None:
        boxes = BoxRunner(build, folder, options)
        return lambda given: {MAPS: boxes.maps(given)}
    both = BothRunner(build, folder, options)
    return lambda given: dict(zip((OUTPUT, MAPS), both.answers(given), strict=True))
