"""The pairs of a folder once more, in shards."""

from __future__ import annotations

import tarfile
from pathlib import Path

SIDES = ("low", "high")


def members(part: Path) -> list[tuple[str, Path]]:
    """Names in a shard, and files, pair by pair."""
    names = sorted({path.stem for path in (part / SIDES[0]).iterdir()})
    return [
        (f"{path.stem}.{side}{path.suffix}", path)
        for name in names for side in SIDES for path in (part / side).glob(f"{name}.*")
    ]  # fmt: skip


def write_shard(shard: Path, files: list[tuple[str, Path]]) -> None:
    shard.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(shard, "w") as tar:
        for name, path in files:
            tar.add(path, name)


def as_shards(folder: Path, root: Path, per_shard: int = 4) -> Path:
    """``folder`` with ``train/{low,high}`` and ``test/{low,high}`` as ``root/train/shard-000000.tar`` and so on."""
    for part in ("train", "test"):
        files = members(folder / part)
        for number, first in enumerate(range(0, len(files), 2 * per_shard)):
            write_shard(root / part / f"shard-{number:06d}.tar", files[first : first + 2 * per_shard])
    return root
