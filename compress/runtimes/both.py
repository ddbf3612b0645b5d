"""A build with two outputs as a function of an 8-bit picture: the enhanced picture and the boxes in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from compress.detection.answer import PictureAndBoxes
from compress.errors import BuildError
from compress.records import BoxMaps, Build, IOContract, RuntimeName
from compress.runtimes.base import PLAIN, BuildOptions, RunOptions
from compress.runtimes.interchange import MAPS, OUTPUT
from compress.runtimes.maps import checked_maps, found_boxes, maps_contract
from compress.runtimes.picture import Sessions, io_contract, shown_picture, to_batch

if TYPE_CHECKING:
    from compress.runtimes.base import Answers, Batch
    from compress.runtimes.picture import Picture


def both_contract(
    runtime: RuntimeName, height: int, width: int, multiple: int, maps: BoxMaps, options: BuildOptions = PLAIN,
    scale: int = 1, objects: bool = False,
) -> IOContract:  # fmt: skip
    """The contract of a build with both outputs for pictures of this size; 0: a free side. ``objects``: and boxes."""
    picture = io_contract(runtime, height, width, multiple, options, scale)
    boxes = maps_contract(runtime, height, width, multiple, maps, options, objects)
    after = f"{OUTPUT}: {picture.postprocessing}; {MAPS}: {boxes.postprocessing}"
    return picture.model_copy(update={
        "maps": maps, "maps_output": boxes.output, "objects_output": boxes.objects_output, "postprocessing": after,
    })  # fmt: skip


class BothRunner:
    """Runs one build on pictures of any size that it can take; the last few sizes stay compiled."""

    def __init__(self, build: Build, folder: Path, options: RunOptions) -> None:
        if build.contract.maps is None or build.contract.maps_output is None:
            raise BuildError(f"{build.name} has one output, not a picture and maps")
        self._build, self._sessions = build, Sessions(build, folder, options)

    def __call__(self, picture: Picture) -> PictureAndBoxes:
        """Of uint8 (H, W, 3) RGB, in one run. Raises BuildError if the build can't take the size."""
        found, x = self._run(picture)
        bright = shown_picture(self._build, found, x, picture, 0)
        return PictureAndBoxes(bright, found_boxes(self._build, found, x, picture))

    def answers(self, picture: Picture) -> tuple[Picture, Batch]:
        """The picture, and the maps as they are, (K, h, w) float32."""
        found, x = self._run(picture)
        return shown_picture(self._build, found, x, picture, 0), checked_maps(self._build, found, x)

    def _run(self, picture: Picture) -> tuple[Answers, Batch]:
        x = to_batch(picture, self._build.contract.size_multiple)
        return self._sessions.open((x.shape[2], x.shape[3]), 1).run(x), x
