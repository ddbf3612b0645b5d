"""Builds on the frames of a camera, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from compress.camera_checks.flicker import Wavering, pan_changes_percent, wavering
from compress.camera_checks.records import CameraReport, FlickerRow, SceneFacts, SeamRow, SeamsNotMeasured
from compress.camera_checks.scenes import Scene
from compress.camera_checks.seams import compare_tiled
from compress.devices.remote import Tell
from compress.errors import BuildError
from compress.records import Build
from compress.runtimes.base import RunOptions
from compress.runtimes.on_board import Named
from compress.runtimes.picture import PictureRunner
from compress.runtimes.tiles import tiled

if TYPE_CHECKING:
    from compress.camera_checks.flicker import Picture

HALOS_PX = (0, 8, 32, 64)


def check_camera(subjects: tuple[Named, ...], scene: Scene, threads: int, tell: Tell) -> CameraReport:
    """Flicker and seams of ``subjects``, which run on this machine. Raises BuildError."""
    flicker: list[FlickerRow] = []
    seams: list[SeamRow] = []
    lacking: list[SeamsNotMeasured] = []
    shot: dict[tuple[int, int], _Frames] = {}
    for done, subject in enumerate(subjects):
        size = _size(subject.build)
        frames = shot[size] = shot.get(size) or _shoot(scene, size)
        run = PictureRunner(subject.build, subject.folder, RunOptions(threads=threads))
        tell(2 * done, 2 * len(subjects), f"flicker of {subject.name}")
        flicker.append(_flicker(subject, run, frames, scene.pan_px))
        tell(2 * done + 1, 2 * len(subjects), f"seams of {subject.name}")
        try:
            seams += _seams(subject, run, frames)
        except BuildError as error:  # many builds take no other size than their own
            lacking.append(SeamsNotMeasured(build=subject.name, reason=str(error)))
    facts = SceneFacts(
        picture=scene.name, frames=scene.frames, pan_px=scene.pan_px, exposure=float(scene.shot.exposure[0]),
        shot_noise=float(scene.shot.shot[0]), seed=scene.seed,
    )  # fmt: skip
    return CameraReport(scene=facts, flicker=tuple(flicker), seams=tuple(seams), seams_not_measured=tuple(lacking))


@dataclass(frozen=True)
class _Frames:
    """A scene as builds of one size are shown it; ``given``: what wavers in the standing frames themselves."""

    standing: tuple[Picture, ...]
    given: Wavering
    panned: tuple[Picture, ...]
    large: Picture


def _shoot(scene: Scene, size: tuple[int, int]) -> _Frames:
    standing = tuple(scene.standing(*size))
    return _Frames(standing, wavering(standing), tuple(scene.panned(*size)), scene.large(2 * size[0], 2 * size[1]))


def _flicker(subject: Named, run: PictureRunner, frames: _Frames, pan_px: int) -> FlickerRow:
    height, width = _size(subject.build)
    given, made = frames.given, wavering(map(run, frames.standing))
    changes = pan_changes_percent(frames.panned, run, pan_px)
    return FlickerRow(
        build=subject.name, variant=subject.build.variant, runtime=subject.build.runtime, height=height, width=width,
        input_brightness_std_percent=given.brightness_std_percent, brightness_std_percent=made.brightness_std_percent,
        input_pixel_std_codes=given.pixel_std_codes, pixel_std_codes=made.pixel_std_codes,
        pan_mean_percent=sum(changes) / len(changes), pan_max_percent=max(changes),
    )  # fmt: skip


def _seams(subject: Named, run: PictureRunner, frames: _Frames) -> list[SeamRow]:
    tile, dark = _size(subject.build), frames.large
    whole = run(dark)
    rows = []
    for halo in (halo for halo in HALOS_PX if 4 * halo < min(tile)):
        found = compare_tiled(tiled(run, dark, tile, halo, run.scale), whole, tile, halo, run.scale)
        rows.append(
            SeamRow(
                build=subject.name, variant=subject.build.variant, runtime=subject.build.runtime, tile_height=tile[0],
                tile_width=tile[1], halo_px=halo, **found.model_dump(),
            )
        )  # fmt: skip
    return rows


def _size(build: Build) -> tuple[int, int]:
    """The build's own; a free one is looked at in its target's usual 400x600."""
    return (build.height, build.width) if build.height and build.width else (400, 600)
