"""Photographs that lie on every machine this runs on, darkened by the camera model: no download, no folder.

scikit-image and scikit-learn carry a few real colour photographs in their wheels. Each belongs to one
split, so nothing that is tested was trained on. A pair is a random cut of a photograph, brought to the
set's size by an area-true filter, and what the task makes of it (:mod:`compress.tasks`): the cut shot at night.
Every pair depends on its photograph's name and its number alone, never on the order of calls.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from compress.data.cache import CachedPairs
from compress.data.camera import CAMERA_VERSION
from compress.data.pictures import MIN_SIDE, read_picture
from compress.errors import DataError
from compress.tasks import picture_task_of

if TYPE_CHECKING:
    import torch

    from compress.data.source import Pair, Picture, Split
    from compress.schema import DataSpec
    from compress.tasks.picture import PictureTask

PICTURES_VERSION = f"2.{CAMERA_VERSION}"
"""Raised when the same photographs give other pairs; the second part is the camera's."""

DEFAULT_SIZE = (256, 384)
"""Height and width: small enough for minutes of training on two cores, large enough to see noise in."""

HELD_COPIES = 8
"""Pairs per photograph in validation and test, whatever ``spec.copies`` says: the yardstick stays.

Two photographs make 16 test pictures: of that many a loss of .1 dB on half is seen (``benchmarks/gate_quality.py``).
"""


@dataclass(frozen=True)
class Photograph:
    """A photograph inside the wheel of ``package``, and what it may be used for."""

    name: str
    package: str
    file: str
    split: Split
    source: str
    licence: str


PHOTOGRAPHS = (
    Photograph(
        "motorcycle", "skimage", "data/motorcycle_left.png", "train",
        "Middlebury Stereo 2014 (Scharstein et al., GCPR 2014), quarter size",
        "published for research with citation; no licence is stated, so it is trained on and never passed on",
    ),
    Photograph(
        "rocket", "skimage", "data/rocket.jpg", "train",
        "launch of DSCOVR, SpaceX Photos (flickr 16511594820)", "public domain",
    ),
    Photograph(
        "china", "sklearn", "datasets/images/china.jpg", "train",
        "danielbuechele (flickr 6061409035)", "CC BY 2.0",
    ),
    Photograph(
        "flower", "sklearn", "datasets/images/flower.jpg", "train",
        "vultilion (flickr 6056698931)", "CC BY 2.0",
    ),
    Photograph(
        "chelsea", "skimage", "data/chelsea.png", "val",
        "Stefan van der Walt", "CC0",
    ),
    Photograph(
        "coffee", "skimage", "data/coffee.png", "test",
        "Rachel Michetti, Pikolo Espresso Bar", "CC0",
    ),
    Photograph(
        "astronaut", "skimage", "data/astronaut.png", "test",
        "Eileen Collins, NASA Great Images database", "public domain",
    ),
)  # fmt: skip
"""All photographs in use. Those tested on are free of conditions, for test pictures travel in bundles."""


def embedded_files(spec: DataSpec) -> dict[str, Path]:
    """Path of each photograph by its name.

    Raises:
        DataError: a package or one of its photographs is not installed.
    """
    return {photograph.name: _locate(photograph) for photograph in PHOTOGRAPHS}


def tested_photograph() -> Path:
    """The file of the first photograph that nothing is trained on. Raises DataError where it is not installed."""
    return _locate(next(photograph for photograph in PHOTOGRAPHS if photograph.split == "test"))


def open_embedded(spec: DataSpec, split: Split) -> CachedPairs:
    """Pairs whose high has ``spec.size`` (default 256x384); of training photographs ``spec.copies`` each, of others 8.

    Names look like ``coffee-2``; the scene is the photograph.

    Raises:
        DataError: a photograph is missing, or smaller than ``spec.size``.
    """
    task = picture_task_of(spec)
    height, width = spec.size or DEFAULT_SIZE
    if height % task.scale or width % task.scale:
        raise DataError(f"data.size=[{height}, {width}]: both should be multiples of task.scale, {task.scale}")
    photographs = {p.name: read_picture(_locate(p)) for p in PHOTOGRAPHS if p.split == split}
    for name, picture in photographs.items():
        tallest, widest = picture.shape[:2]
        if height > tallest or width > widest or min(height, width) < MIN_SIDE:
            raise DataError(
                f"data.size=[{height}, {width}]: should be between {MIN_SIDE} and {tallest}x{widest}, "
                f"the height and width of the photograph '{name}'"
            )
    copies = spec.copies if split == "train" else HELD_COPIES
    wanted = tuple((name, copy) for copy in range(copies) for name in photographs)

    def make(index: int) -> Pair:
        name, copy = wanted[index]
        return _make_pair(task, photographs[name], f"{name}-{copy}", height, width)

    names = tuple(f"{name}-{copy}" for name, copy in wanted)
    return CachedPairs(names, tuple(name for name, _ in wanted), make, spec.memory_mib * 2**20)


def _make_pair(task: PictureTask, photograph: Picture, name: str, height: int, width: int) -> Pair:
    import numpy as np
    import torch

    generator = torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big"))
    high = _random_cut(photograph, height, width, generator)
    return task.low_of(high, generator), np.ascontiguousarray(high)


def _random_cut(photograph: Picture, height: int, width: int, generator: torch.Generator) -> Picture:
    """A cut of the set's aspect, anywhere and of any size that needs no enlarging, maybe mirrored."""
    import numpy as np
    import torch
    from PIL import Image

    draw = torch.rand(4, generator=generator, dtype=torch.float64).tolist()
    largest = min(photograph.shape[0] / height, photograph.shape[1] / width)
    scale = 1.0 + (largest - 1.0) * draw[0]
    top = draw[1] * (photograph.shape[0] - height * scale)
    left = draw[2] * (photograph.shape[1] - width * scale)
    box = (left, top, left + width * scale, top + height * scale)
    cut = Image.fromarray(photograph).resize((width, height), Image.Resampling.LANCZOS, box=box)
    picture = np.array(cut, dtype=np.uint8)
    return np.ascontiguousarray(picture[:, ::-1]) if draw[3] < 0.5 else picture


def _locate(photograph: Photograph) -> Path:
    found = find_spec(photograph.package)
    if found is None or found.origin is None:
        raise DataError(f"{photograph.package} is not installed; it carries the photograph '{photograph.name}'")
    path = Path(found.origin).parent / photograph.file
    if not path.is_file():
        raise DataError(f"{path}: the photograph is missing; reinstall {photograph.package}")
    return path
