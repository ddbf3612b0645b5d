"""A build as a function of an 8-bit picture: the one place where pictures become tensors and back.

A picture whose sides are not multiples of what the network needs is padded by repeating its last row
and column, and the answer is cut to the picture again. Both are part of a build's contract.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from compress.errors import BuildError
from compress.records import Build, IOContract, RuntimeName, TensorSpec
from compress.runtimes import open_runtime
from compress.runtimes.base import PLAIN, BuildOptions, RunOptions, Session, Size
from compress.runtimes.interchange import INPUT, OUTPUT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from compress.runtimes.base import Answers, Batch

    Picture = NDArray[np.uint8]

_PAD = "where a side is no multiple of size_multiple, repeat the last row and column up to the next one"
_CUT = "cut to the input's height and width"
_CUT_LARGER = "cut to {scale} times the input's height and width"
_ROUND = f"{_CUT}; times 255, round half to even, clip, uint8 RGB"
STEPS = {
    ("float32", "NCHW"): (f"uint8 RGB / 255 as float32, NCHW; {_PAD}", _ROUND),
    ("float32", "NHWC"): (f"uint8 RGB / 255 as float32, NHWC; {_PAD}", _ROUND),
    ("uint8", "NHWC"): (f"uint8 RGB as it is, NHWC; {_PAD}", f"{_CUT}; it is uint8 RGB already"),
    ("int8", "NHWC"): (f"uint8 RGB minus 128 as int8, NHWC; {_PAD}", f"{_CUT}; plus 128 as uint8 RGB"),
}
"""By type and layout: what is done before and after."""
_OPEN_SIZES = 4


def io_contract(
    runtime: RuntimeName, height: int, width: int, multiple: int, options: BuildOptions = PLAIN, scale: int = 1
) -> IOContract:
    """The contract of a build of ``runtime`` made with ``options`` for pictures of this size; 0: a free side.

    ``scale``: sides of the answer over those of the picture.
    """
    maker = open_runtime(runtime)
    dark = maker.border(INPUT, height, width, options)
    bright = maker.border(OUTPUT, scale * height, scale * width, options)
    before, after = STEPS[dark.dtype, dark.layout][0], STEPS[bright.dtype, bright.layout][1]
    if scale != 1:
        after = after.replace(_CUT, _CUT_LARGER.format(scale=scale))
    return IOContract(
        input=dark, output=bright, size_multiple=multiple, preprocessing=before, postprocessing=after, scale=scale
    )


def padded_size(height: int, width: int, multiple: int) -> Size:
    """The next multiples."""
    return -(-height // multiple) * multiple, -(-width // multiple) * multiple


def dark_noise(height: int, width: int) -> Picture:
    """Something dark to time a build on, uint8 (height, width, 3), the same at every call."""
    import numpy as np

    return np.random.default_rng(0).integers(0, 64, (height, width, 3), np.uint8)


def to_batch(picture: Picture, multiple: int) -> Batch:
    """uint8 (H, W, 3) RGB to float32 (1, 3, H', W') in [0, 1], padded to multiples."""
    import numpy as np

    height, width = picture.shape[:2]
    tall, wide = padded_size(height, width, multiple)
    padded = np.pad(picture, ((0, tall - height), (0, wide - width), (0, 0)), mode="edge")
    return np.ascontiguousarray(padded.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255))


def to_picture(y: Batch, height: int, width: int) -> Picture:
    """float32 (1, 3, H', W') in [0, 1] to uint8 (H, W, 3), cut and rounded. Raises BuildError for NaN."""
    import numpy as np

    codes = np.rint(y[0, :, :height, :width] * np.float32(255))
    if not np.isfinite(codes).all():
        raise BuildError("the build answers NaN or infinity")
    return np.ascontiguousarray(np.clip(codes, 0, 255).astype(np.uint8).transpose(1, 2, 0))


def to_tensor(picture: Picture, spec: TensorSpec, multiple: int) -> NDArray[np.generic]:
    """uint8 (H, W, 3) RGB to what a build with the input ``spec`` takes, (1, ...), padded to multiples."""
    import numpy as np

    x = to_batch(picture, multiple)
    if spec.layout == "NHWC":
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    if spec.dtype == "float32":
        return x
    codes = np.rint(x * np.float32(255)).astype(np.int16) - (128 if spec.dtype == "int8" else 0)
    return np.asarray(codes, np.dtype(spec.dtype))


def from_tensor(answer: NDArray[np.generic], spec: TensorSpec, height: int, width: int) -> Picture:
    """What a build with the output ``spec`` answered, (1, ...), to uint8 (height, width, 3).

    Raises BuildError for NaN.
    """
    import numpy as np

    y = answer.transpose(0, 3, 1, 2) if spec.layout == "NHWC" else answer
    if spec.dtype == "float32":
        return to_picture(y.astype(np.float32), height, width)
    codes = y[0, :, :height, :width].astype(np.int16) + (128 if spec.dtype == "int8" else 0)
    return np.ascontiguousarray(codes.astype(np.uint8).transpose(1, 2, 0))


class Sessions:
    """One build, compiled for each size that it is asked for; the last few stay."""

    def __init__(self, build: Build, folder: Path, options: RunOptions) -> None:
        self._build, self._folder, self._options = build, folder, options
        self._open: OrderedDict[tuple[Size, int], Session] = OrderedDict()

    def open(self, size: Size, batch: int) -> Session:
        """For ``batch`` pictures of this size at a time. Raises BuildError if the build can't take them."""
        key = size, batch
        if key not in self._open:
            runtime = open_runtime(self._build.runtime)
            self._open[key] = runtime.load_batch(self._folder, self._build.files, self._options, size, batch)
            if len(self._open) > _OPEN_SIZES:
                self._open.popitem(last=False)
        self._open.move_to_end(key)
        return self._open[key]


class PictureRunner:
    """Runs one build on pictures of any size that it can take."""

    def __init__(self, build: Build, folder: Path, options: RunOptions) -> None:
        if build.contract.picture_end is None:
            raise BuildError(f"{build.name} answers with maps of boxes, and pictures are compared here")
        self._build, self._sessions = build, Sessions(build, folder, options)

    @property
    def scale(self) -> int:
        """Sides of an answer over its picture's."""
        return self._build.contract.scale

    def __call__(self, picture: Picture) -> Picture:
        """uint8 (H, W, 3) RGB to the answer, its contract's ``scale`` times as large.

        Raises BuildError if the build can't take the size.
        """
        return self.batch((picture,))[0]

    def batch(self, pictures: tuple[Picture, ...]) -> tuple[Picture, ...]:
        """Pictures of one size in one run of the build. Raises BuildError if it can't take so many at a time."""
        import numpy as np

        each = [to_batch(picture, self._build.contract.size_multiple) for picture in pictures]
        x = each[0] if len(each) == 1 else np.concatenate(each)
        answers = self._sessions.open((x.shape[2], x.shape[3]), len(each)).run(x)
        return tuple(shown_picture(self._build, answers, x, picture, place) for place, picture in enumerate(pictures))


def shown_picture(build: Build, answers: Answers, x: Batch, picture: Picture, place: int) -> Picture:
    """The picture number ``place`` among ``answers`` of ``build`` to ``x``, cut to what belongs to ``picture``.

    Raises BuildError where it is of another shape.
    """
    answer, scale = answers[OUTPUT], build.contract.scale
    wanted = (*x.shape[:2], scale * x.shape[2], scale * x.shape[3])
    if answer.shape != wanted:
        raise BuildError(f"{build.name} answers {list(answer.shape)} to {list(x.shape)}, not {list(wanted)}")
    return to_picture(answer[place : place + 1], scale * picture.shape[0], scale * picture.shape[1])
