"""The accepted bundle, as a file in the user's own repository: what it measured, and which bundle it was."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from pydantic import ValidationError

from compress.errors import UserError
from compress.records import Build, QualityReport, Record, SpeedReport, VerdictRecord
from compress.regression.compare import Bundle, read_bundle

FILE = "compress-baseline.json"
"""Where the reference lies unless another file is named."""


class Size(Record):
    """A build that ships, and its bytes."""

    build: str
    size_bytes: int


class Accepted(Record):
    """``compress-baseline.json``. ``bundle`` is where its folder was, seen from this file's own folder, or absolute."""

    bundle: str
    manifest_digest: str
    accepted_on: str
    verdict: VerdictRecord
    sizes: tuple[Size, ...]
    quality: QualityReport
    speed: SpeedReport | None = None


def accept(folder: Path, builds: tuple[Build, ...], file: Path) -> Accepted:
    """Write ``file`` for the bundle in ``folder``. Raises UserError for a bundle whose report can't be read."""
    bundle = read_bundle(folder, builds)
    place, home = folder.resolve(), file.resolve().parent
    inside = place.is_relative_to(home)
    accepted = Accepted(
        bundle=place.relative_to(home).as_posix() if inside else str(place), manifest_digest=_digest(folder),
        accepted_on=time.strftime("%Y-%m-%d"), verdict=bundle.verdict,
        sizes=tuple(Size(build=build.name, size_bytes=build.size_bytes) for build in builds), quality=bundle.quality,
        speed=_shipped(bundle.speed, builds),
    )  # fmt: skip
    accepted.write(file)
    return accepted


def read_accepted(file: Path) -> Accepted:
    """Raises UserError for a file that is not there or is none of ours."""
    try:
        return Accepted.read(file)
    except OSError:
        raise UserError(f"{file}: no baseline there; accept one with: compress baseline set BUNDLE") from None
    except ValidationError:
        raise UserError(f"{file}: not a baseline; accept one with: compress baseline set BUNDLE") from None


def bundle_folder(accepted: Accepted, file: Path) -> Path | None:
    """The accepted bundle itself, if it still lies where it was, as it was."""
    folder = (file.resolve().parent / accepted.bundle).resolve()
    return folder if folder.is_dir() and _digest(folder) == accepted.manifest_digest else None


def as_bundle(accepted: Accepted, file: Path, there: tuple[Path, tuple[Build, ...]] | None) -> Bundle:
    """For a comparison; ``there``: the accepted bundle's folder and its builds, None where it is gone or changed."""
    if there is None:
        absent = f"the accepted bundle is no longer at {accepted.bundle}, as it was"
        return Bundle(file, (), accepted.quality, accepted.verdict, absent, accepted.speed)
    return Bundle(*there, accepted.quality, accepted.verdict, speed=accepted.speed)


def _shipped(speed: SpeedReport | None, builds: tuple[Build, ...]) -> SpeedReport | None:
    """The rows of what ships: no more is compared, and the file lies in a repository."""
    names = {build.name for build in builds}
    return speed and speed.model_copy(update={"rows": tuple(row for row in speed.rows if row.build in names)})


def _digest(folder: Path) -> str:
    """Of the manifest, which holds the digests of all else; empty where there is none."""
    path = folder / "manifest.json"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
