"""A large set of small pairs: cuts of the embedded photographs with noise, no two alike, in folders and in shards."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from compress.data.embedded import embedded_files
from compress.data.pictures import read_picture
from compress.schema import DataSpec

Layout = Literal["folders", "shards"]
LAYOUTS: tuple[Layout, ...] = ("folders", "shards")
SIDE, TESTS, PER_SHARD = 64, 100, 10_000
_PART_SEED = {"train": 0, "test": 1}


@dataclass(frozen=True)
class Portion:
    """Pairs ``first`` to ``stop`` of a part, which are one shard."""

    root: Path
    part: str
    first: int
    stop: int


def spec_of(root: Path, layout: Layout, memory_mib: int) -> DataSpec:
    """The set, opened with so much memory for decoded pictures."""
    return DataSpec(licence="made here", kind="paired", root=str(root / layout), memory_mib=memory_mib)


def make_set(root: Path, pairs: int) -> Path:
    """``pairs`` pairs to train on and 100 to test on below ``root``; a set that is whole is kept."""
    done = root / "done"
    if done.is_file():
        return root
    for part in _PART_SEED:
        for side in ("low", "high"):
            (root / "folders" / part / side).mkdir(parents=True, exist_ok=True)
        (root / "shards" / part).mkdir(parents=True, exist_ok=True)
    portions = [Portion(root, "train", first, min(first + PER_SHARD, pairs)) for first in range(0, pairs, PER_SHARD)]
    with ProcessPoolExecutor() as pool:
        list(pool.map(_write, [*portions, Portion(root, "test", 0, TESTS)]))
    done.touch()
    return root


def _write(portion: Portion) -> None:
    """A portion in both layouts, the same bytes in each."""
    shard = portion.root / "shards" / portion.part / f"shard-{portion.first // PER_SHARD:06d}.tar"
    folder = portion.root / "folders" / portion.part
    with tarfile.open(shard, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, side, content in _pictures(portion):
            (folder / side / f"{name}.jpg").write_bytes(content)
            entry = tarfile.TarInfo(f"{name}.{side}.jpg")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def _pictures(portion: Portion) -> Iterator[tuple[str, str, bytes]]:
    photographs = [read_picture(path) for path in embedded_files(DataSpec(licence="", kind="embedded")).values()]
    for index in range(portion.first, portion.stop):
        rng = np.random.default_rng((_PART_SEED[portion.part], index))
        photograph = photographs[index % len(photographs)]
        top, left = (int(rng.integers(0, side - SIDE)) for side in photograph.shape[:2])
        high = photograph[top : top + SIDE, left : left + SIDE].astype(np.int16)
        for side, clean in (("low", high // 8), ("high", high)):
            noisy = np.clip(clean + rng.integers(-3, 4, clean.shape, dtype=np.int16), 0, 255)
            yield f"{index:06d}", side, _jpeg(noisy.astype(np.uint8))


def _jpeg(picture: NDArray[np.uint8]) -> bytes:
    written = io.BytesIO()
    Image.fromarray(picture).save(written, "JPEG", quality=90)
    return written.getvalue()
