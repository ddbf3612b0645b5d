"""A build that answers with maps, as a function of an 8-bit picture to the boxes in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from compress.detection.decode import DECODING, decode
from compress.detection.in_graph import COLUMNS, OBJECTS, OBJECTS_READ, boxes_of, rows_of
from compress.errors import BuildError
from compress.metrics.detection import Boxes
from compress.records import BoxMaps, Build, IOContract, RuntimeName, TensorSpec
from compress.runtimes import open_runtime
from compress.runtimes.base import PLAIN, BuildOptions, RunOptions
from compress.runtimes.interchange import INPUT, MAPS
from compress.runtimes.picture import STEPS, Sessions, to_batch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from compress.runtimes.base import Answers, Batch

    Picture = NDArray[np.uint8]

_ITSELF = f"; {OBJECTS}: {OBJECTS_READ}"
_ANY = 3.4028234663852886e38
"""The largest float32: maps have no range."""


def maps_contract(
    runtime: RuntimeName, height: int, width: int, multiple: int, maps: BoxMaps, options: BuildOptions = PLAIN,
    objects: bool = False,
) -> IOContract:  # fmt: skip
    """The contract of a detector's build of ``runtime`` for pictures of this size; 0: a free side.

    ``objects``: the build reads the boxes from its maps itself.
    """
    maker = open_runtime(runtime)
    given = maker.border(INPUT, height, width, options)
    sides = tuple(side // maps.strides[0] for side in (height, width))
    shape = (1, maps.channels, *sides) if maker.maps_layout == "NCHW" else (1, *sides, maps.channels)
    answered = TensorSpec(name=MAPS, shape=shape, layout=maker.maps_layout, dtype="float32", low=-_ANY, high=_ANY)
    return IOContract(
        input=given, output=answered, size_multiple=multiple, preprocessing=STEPS[given.dtype, given.layout][0],
        postprocessing=f"float32 maps, no picture, of any value: {DECODING}" + (_ITSELF if objects else ""),
        maps=maps, objects_output=_objects_end(maps) if objects else None,
    )  # fmt: skip


def _objects_end(maps: BoxMaps) -> TensorSpec:
    shape = (1, rows_of(maps), COLUMNS)
    return TensorSpec(name=OBJECTS, shape=shape, layout="ROWS", dtype="float32", low=0.0, high=_ANY)


class BoxRunner:
    """Runs one build on pictures of any size that it can take; the last few sizes stay compiled."""

    def __init__(self, build: Build, folder: Path, options: RunOptions) -> None:
        if build.contract.maps is None:
            raise BuildError(f"{build.name} answers with pictures, not with maps of boxes")
        self._build, self._sessions = build, Sessions(build, folder, options)

    def __call__(self, picture: Picture) -> Boxes:
        """uint8 (H, W, 3) RGB to the boxes in it. Raises BuildError if the build can't take the size."""
        return found_boxes(self._build, *self._run(picture), picture)

    def maps(self, picture: Picture) -> Batch:
        """The maps as they are, (K, h, w) float32."""
        return checked_maps(self._build, *self._run(picture))

    def _run(self, picture: Picture) -> tuple[Answers, Batch]:
        x = to_batch(picture, self._build.contract.size_multiple)
        return self._sessions.open((x.shape[2], x.shape[3]), 1).run(x), x


def found_boxes(build: Build, answers: Answers, x: Batch, picture: Picture) -> Boxes:
    """The boxes among ``answers`` of ``build`` to ``picture``, given as ``x``: its own, or read from its maps."""
    height, width = picture.shape[:2]
    layout, maps = build.contract.maps, checked_maps(build, answers, x)
    assert layout is not None
    if build.contract.objects_output is None:
        return decode(maps, layout, height, width)
    return boxes_of(answers[OBJECTS][0], height, width)


def checked_maps(build: Build, answers: Answers, x: Batch) -> Batch:
    """The maps among ``answers`` of ``build`` to one picture ``x``, (K, h, w). Raises BuildError for another shape."""
    layout = build.contract.maps
    assert layout is not None
    wanted = (1, layout.channels, *(side // layout.strides[0] for side in x.shape[2:]))
    answer = answers.get(MAPS)
    if answer is None or answer.shape != wanted:
        found = "no maps" if answer is None else list(answer.shape)
        raise BuildError(f"{build.name} answers {found} to {list(x.shape)}, not {list(wanted)}")
    first: Batch = answer[0]
    return first
