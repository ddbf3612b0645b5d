"""What the teacher says about every training picture, worked out once and kept in the scratch folder.

A teacher costs ten to twenty times what its student costs. Its answers for whole pictures are stored
(outputs as 8-bit pictures, hints as float16 at 1/8), cut and mirrored along with the pictures. A
mirrored answer stands for the answer to a mirrored picture, which differs a little: accepted.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from compress.data.batches import Picture, StoredGuide
from compress.data.source import PairSource
from compress.foreign.adapted import Adapted, listened
from compress.kept import keep
from compress.losses.distill import Tap
from compress.models.enhance import padded_for, scale_of, to_picture, to_tensor
from compress.schema import Hint
from compress.stage import Progress

HINT_GRID = 8
"""Features are kept at one value for so many pixels a side."""


@dataclass(frozen=True)
class TruthGuide:
    """Of frames without ground truth: the teacher's pictures are the truth already; ``stored`` holds hints, if any."""

    source: PairSource
    stored: StoredGuide | None

    def output(self, index: int) -> Picture:
        return self.source.pair(index)[1]

    def hints(self, index: int) -> list[NDArray[np.float16]]:
        return self.stored.hints(index) if self.stored else []


@torch.no_grad()
def consult(
    teacher: nn.Module, source: PairSource, hints: tuple[Hint, ...], scratch: Path, progress: Progress
) -> StoredGuide:
    """Ask ``teacher`` (eval mode) about all pictures of ``source``; what lies there already is kept.

    Files are written whole under their final name only, so that a killed run goes on.
    """
    folder = scratch / "guide"
    folder.mkdir(exist_ok=True)
    taps = [Tap(listened(teacher), hint.teacher) for hint in hints]
    if not isinstance(teacher, Adapted):  # an author's own view() may count on the plain layout
        teacher.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for index in range(len(source)):
        if not (folder / f"output-{index:05d}.npy").exists():
            _ask(teacher, source.pair(index)[0], taps, folder, index)
        progress.update(index + 1, len(source), "asks the teacher")
    for tap in taps:
        tap.handle.remove()
    return StoredGuide(folder, len(taps))


def _ask(teacher: nn.Module, dark: Picture, taps: list[Tap], folder: Path, index: int) -> None:
    x = padded_for(teacher, to_tensor(dark), HINT_GRID if taps else 1)
    with torch.autocast("cpu", torch.bfloat16):
        y: Tensor = teacher(x.to(memory_format=torch.channels_last))
    for k, tap in enumerate(taps):
        size = (x.shape[2] // HINT_GRID, x.shape[3] // HINT_GRID)
        feature = F.interpolate(tap.take().float(), size=size, mode="area")[0]
        # What was filled up does not belong to the picture, and would be mirrored with it.
        feature = feature[:, : -(-dark.shape[0] // HINT_GRID), : -(-dark.shape[1] // HINT_GRID)]
        _save(folder / f"hint{k}-{index:05d}.npy", feature.to(torch.float16).numpy())
    scale = scale_of(teacher)
    _save(folder / f"output-{index:05d}.npy", to_picture(y[:, :, : scale * dark.shape[0], : scale * dark.shape[1]]))


def _save(path: Path, array: NDArray[Any]) -> None:
    part = path.with_suffix(".part.npy")
    np.save(part, array)
    keep(part, path)
