"""Strips to look at: the dark picture, what the student makes of it, and where there is one, the clean picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from torch import nn

from compress.data.pictures import SUFFIXES, read_picture
from compress.detection.draw import drawn_boxes
from compress.models.both import asked_both
from compress.plan import Plan
from night_bench.chains import Picture, open_night


def write_looks(net: nn.Module, plan: Plan, folder: Path, count: int) -> None:
    """The first ``count`` test pictures: dark, enhanced and clean, the last with its true boxes, else the student's."""
    source, names = open_night(plan), plan.recipe.task.classes
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(min(count, len(source))):
        dark, truth = source.pair(index)
        clean = drawn_boxes(truth.bright, truth.boxes.boxes, names, scores=False)
        _save([*_seen(net, dark, names), clean], folder / f"{source.names[index]}.png")


def write_night(net: nn.Module, plan: Plan, pictures: Path, folder: Path) -> None:
    """All real night photographs in a folder, as they are: a look, no statistic. Raises DataError."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(pictures.iterdir()):
        if path.suffix.lower() in SUFFIXES:
            _save(_seen(net, read_picture(path), plan.recipe.task.classes), folder / f"night-{path.stem}.png")


def _seen(net: nn.Module, dark: Picture, names: tuple[str, ...]) -> list[Picture]:
    answer = asked_both(net)(dark)
    return [drawn_boxes(each, answer.boxes, names, scores=True) for each in (dark, answer.picture)]


def _save(pictures: list[Picture], path: Path) -> None:
    Image.fromarray(np.hstack(pictures)).save(path)
