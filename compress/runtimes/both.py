"""A build with two outputs as a function of an 8-bit picture: the enhanced picture and the boxes in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from compress.detection.answer import PictureAndBoxes
from compress.detection.decode import decode
from compress.errors import BuildError
from compress.records import BoxMaps, Build, IOContract, RuntimeName
from compress.runtimes.base import PLAIN, BuildOptions, RunOptions
from compress.runtimes.interchange import MAPS, OUTPUT
from compress.runtimes.maps import checked_maps, maps_contract
from compress.runtimes.picture import Sessions, io_contract, shown_picture, to_batch

if TYPE_CHECKING:
    from compress.runtimes.base import Batch
    from compress.runtimes.picture import Picture


def both_contract(
    runtime: RuntimeName, height: int, width: int, multiple: int, maps: BoxMaps, options: BuildOptions = PLAIN,
    scale: int = 1,
) -> IOContract:  # fmt: skip
    """The contract of a build with both outputs for pictures of this size; 0: a free side."""
    picture = io_contract(runtime, height, width, multiple, options, scale)
    boxes = maps_contract(runtime, height, width, multiple, maps, options)
    after = f"{OUTPUT}: {picture.postprocessing}; {MAPS}: {boxes.postprocessing}"
    return picture.model_copy(update={"maps": maps, "maps_output": boxes.output, "postprocessing": after})


class BothRunner:
    """Runs one build on pictures of any size that it can take; the last few sizes stay compiled."""

    def __init__(self, build: Build, folder: Path, options: RunOptions) -> None:
        if build.contract.maps is None or build.contract.maps_output is None:
            raise BuildError(f"{build.name} has one output, not a picture and maps")
        self._build, self._maps, self._sessions = build, build.contract.maps, Sessions(build, folder, options)

    def __call__(self, picture: Picture) -> PictureAndBoxes:
        """Of uint8 (H, W, 3) RGB, in one run. Raises BuildError if the build can't take the size."""
        bright, maps = self.answers(picture)
        return PictureAndBoxes(bright, decode(maps, self._maps, picture.shape[0], picture.shape[1]))

    def answers(self, picture: Picture) -> tuple[Picture, Batch]:
        """The picture, and the maps as they are, (K, h, w) float32."""
        x = to_batch(picture, self._build.contract.size_multiple)
        found = self._sessions.open((x.shape[2], x.shape[3]), 1).run(x)
        bright = shown_picture(self._build, found, x, picture, 0)
        return bright, checked_maps(self._build, found, x)
