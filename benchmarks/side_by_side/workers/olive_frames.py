"""Calibration pictures for Olive, which loads this script by its path: .npy, float32 (N, 3, H, W) in [0, 1]."""

from __future__ import annotations

import numpy as np
from olive.data.registry import Registry
from torch.utils.data import Dataset


class Frames(Dataset[tuple[dict[str, np.ndarray], int]]):
    """One picture and a label that calibration leaves out."""

    def __init__(self, path: str) -> None:
        self._pictures = np.load(path, mmap_mode="r")

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray], int]:
        return {"dark": np.array(self._pictures[index])}, 0


@Registry.register_dataset("dark_frames")  # type: ignore[untyped-decorator]
def dark_frames(path: str) -> Frames:
    """The pictures in the file ``path``."""
    return Frames(path)
