"""A tiny set with boxes: coloured squares and discs on noise, which a small detector learns in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 96
CLASSES = ("square", "disc")


def write_set(root: Path, count: int = 48, seed: int = 0) -> Path:
    """``count`` pictures of 96x96 with one or two objects each; the last quarter is the test's, an eighth is looked at.

    Squares are reddish and discs greenish, 20 to 44 px, never one over another.
    """
    rng = np.random.default_rng(seed)
    for folder in ("images", "labels"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "classes.txt").write_text("\n".join(CLASSES) + "\n")
    rows = ["image,split"]
    for number in range(count):
        picture, lines = _picture(rng)
        name = f"p{number:03d}"
        Image.fromarray(picture).save(root / "images" / f"{name}.png")
        (root / "labels" / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines))
        split = "test" if number >= count * 3 // 4 else "valid" if number % 8 == 0 else "train"
        rows.append(f"{name}.png,{split}")
    (root / "split.csv").write_text("\n".join(rows) + "\n")
    return root


def _picture(rng: np.random.Generator) -> tuple[NDArray[np.uint8], list[str]]:
    picture = rng.integers(20, 90, (SIDE, SIDE, 3), np.uint8)
    lines: list[str] = []
    halves = (0, SIDE // 2) if rng.random() < 0.5 else (int(rng.integers(0, SIDE // 2)),)
    for start in halves:
        label, side = int(rng.integers(0, 2)), int(rng.integers(20, 45))
        left = start + int(rng.integers(0, SIDE // 2 - side + 1))
        top = int(rng.integers(0, SIDE - side + 1))
        rows, columns = np.mgrid[:side, :side]
        middle = (side - 1) / 2
        inside = (rows - middle) ** 2 + (columns - middle) ** 2 <= (side / 2) ** 2 if label else rows >= 0
        colour = (60, 220, 90) if label else (230, 70, 60)
        picture[top : top + side, left : left + side][inside] = colour
        lines.append(f"{label} {(left + side / 2) / SIDE} {(top + side / 2) / SIDE} {side / SIDE} {side / SIDE}")
    return picture, lines
