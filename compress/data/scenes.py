"""What lies in a folder of frames: scenes, each a folder's pictures or a video, in an order that names alone decide."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from compress.data.pictures import SUFFIXES as PICTURES
from compress.data.video import SUFFIXES as VIDEOS
from compress.errors import DataError

if TYPE_CHECKING:
    from compress.schema import DataSpec

_NUMBER = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Scene:
    """Pictures of one folder in the order of their names, or one video. ``name``: its path below the root, or ``.``."""

    name: str
    pictures: tuple[Path, ...] = ()
    video: Path | None = None


def list_scenes(spec: DataSpec) -> tuple[Scene, ...]:
    """The scenes at ``spec.root``, by name; numbers in names count as numbers (``f9`` before ``f10``).

    The pictures of a folder are a scene, those of each of its sub-folders another, and each video one of its own. What
    is neither picture nor video by its suffix, and what is hidden, is passed by. Reads no file.

    Raises DataError where there is nothing of the kind.
    """
    root = frames_root(spec)
    if root.is_file():
        return (Scene(root.stem, video=root),)
    folders: dict[Path, list[Path]] = {}
    videos = []
    for path in _files(root):
        if path.suffix.lower() in PICTURES:
            folders.setdefault(path.parent, []).append(path)
        elif path.suffix.lower() in VIDEOS:
            videos.append(path)
    found = [Scene(_below(folder, root), pictures=tuple(sorted(paths, key=_by_name)))
             for folder, paths in folders.items()]  # fmt: skip
    found += [Scene(_below(path, root), video=path) for path in videos]
    if not found:
        raise DataError(f"{root}: holds no PNG, JPEG or WebP picture and no video ({', '.join(VIDEOS)})")
    return tuple(sorted(found, key=lambda scene: _by_name(Path(scene.name))))


def scene_files(spec: DataSpec) -> dict[str, Path]:
    """Every picture and video by its path below the root. Raises DataError."""
    root = frames_root(spec)
    files = [path for scene in list_scenes(spec) for path in (*scene.pictures, scene.video) if path is not None]
    return {path.name if path == root else path.relative_to(root).as_posix(): path for path in files}


def frames_root(spec: DataSpec) -> Path:
    """The folder, or the one video. Raises DataError where it is not said or not there."""
    if not spec.root:
        raise DataError("data.root is not set: say where the frames lie, data.root=FOLDER or data.root=VIDEO")
    root = Path(spec.root).expanduser()
    if root.is_dir() or root.is_file() and root.suffix.lower() in VIDEOS:
        return root
    if root.is_file():
        raise DataError(f"{root}: no video by its name; data.root takes a folder, or one of {', '.join(VIDEOS)}")
    raise DataError(f"{root}: nothing there; set data.root to a folder of pictures or videos, or to a video")


def _files(root: Path) -> list[Path]:
    try:
        found = [path for path in root.rglob("*") if path.is_file()]
    except OSError as error:
        raise DataError(f"{root}: can't be read ({error.strerror})") from error
    return [path for path in found if not any(part.startswith(".") for part in path.relative_to(root).parts)]


def _below(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _by_name(path: Path) -> tuple[tuple[tuple[int, str], ...], str]:
    """Text and numbers in turn; the plain name decides between ``f1`` and ``f01``."""
    parts = _NUMBER.split(path.as_posix())
    return tuple((int(part), "") if place % 2 else (0, part) for place, part in enumerate(parts)), path.as_posix()
