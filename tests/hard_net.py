"""A student that int8 harms on purpose, and pairs of pictures on which it shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tiny_nets
import torch
from torch import nn

from compress.data.pictures import write_png
from compress.models.enhance import enhance

HARD = "repair.middle2"


def hard_net() -> nn.Module:
    """The student, doing the same in float, but with one channel between two layers 1000 times larger.

    ReLU lets a factor through, so the next layer divides it out again: its eight bits must hold both.
    """
    net = tiny_nets.student_net(seed=2)
    with torch.no_grad():
        net.repair.leave.weight.mul_(5.0)  # so that what repair adds is worth decibels
        net.repair.middle1.weight[0].mul_(1000.0)
        net.repair.middle1.bias[0] = 1000.0  # never dead
        net.repair.middle2.weight[:, 0].div_(1000.0)
    return net


def pictures() -> Iterator[np.ndarray]:
    rng = np.random.default_rng(5)
    for _ in range(10):
        coarse = rng.integers(0, 77, (8, 12, 3)).astype(np.uint8)
        yield np.kron(coarse, np.ones((4, 4, 1), np.uint8))


def write_pairs(root: Path) -> None:
    """Pairs whose well-lit picture is what the float network makes of the dark one, but for noise of one code."""
    net, rng = hard_net(), np.random.default_rng(6)
    for split, numbers in (("train", range(8)), ("test", range(8, 10))):
        for number, dark in enumerate(pictures()):
            if number not in numbers:
                continue
            noise = rng.integers(-1, 2, dark.shape)
            bright = np.clip(enhance(net, dark).astype(np.int16) + noise, 0, 255).astype(np.uint8)
            for kind, picture in (("low", dark), ("high", bright)):
                folder = root / split / kind
                folder.mkdir(parents=True, exist_ok=True)
                write_png(folder / f"{number}.png", picture)
