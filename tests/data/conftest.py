"""Folders of small pairs, and the real ones where they are at hand."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from compress.schema import DataSpec

WritePairs = Callable[..., DataSpec]


def picture(seed: int, height: int = 32, width: int = 48) -> np.ndarray:
    """A random picture (height, width, 3) uint8."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def write_pairs(tmp_path: Path) -> WritePairs:
    """Writes ``train`` pairs (every ``share`` of them with one high) and ``test`` pairs under a folder."""

    def write(train: int = 6, test: int = 2, share: int = 1, suffix: str = ".png", **settings: object) -> DataSpec:
        for part, count, base in (("train", train, 0), ("test", test, 1000)):
            for side in ("low", "high"):
                (tmp_path / part / side).mkdir(parents=True, exist_ok=True)
            for index in range(count):
                Image.fromarray(picture(base + index) // 8).save(tmp_path / part / "low" / f"p{index}{suffix}")
                Image.fromarray(picture(base + 500 + index // share)).save(
                    tmp_path / part / "high" / f"p{index}{suffix}"
                )
        return DataSpec.model_validate({"licence": "test", "kind": "paired", "root": str(tmp_path), **settings})

    return write


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets; skips where there is none."""
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("COMPRESS_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}")
    return folder
