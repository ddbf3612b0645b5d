"""``compress camera``: is a build steady on the frames of a camera?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from compress.errors import EXIT_GATE_FAILED, EXIT_INCOMPLETE, EXIT_PASS

if TYPE_CHECKING:
    from rich.console import Console

    from compress.camera_checks.limits import Judged, Limits
    from compress.camera_checks.records import CameraReport
    from compress.camera_checks.scenes import Scene

_FLICKER = ("build", "through", "size", "mean in %", "out %", "pixels in", "out", "pan mean %", "pan max %")
_SEAMS = ("build", "through", "tile", "halo px", "near mean", "near max", "else mean", "else max", "step", "spread %")


def camera(
    words: tuple[str, ...], store_root: Path, threads: int, frames: int, pan_px: int, picture: Path | None,
    json_file: Path | None, limits: Limits,
) -> int:  # fmt: skip
    """Print flicker and seams of builds; without words, of the newest float and INT8 builds. Raises UserError.

    Exit code 1 where a build breaks a limit, 3 where one could not be held against it.
    """
    from compress.camera_checks.limits import judge
    from compress.camera_checks.measure import check_camera
    from compress.commands.bench import find_subjects
    from compress.console import make_console
    from compress.runtimes.site import Site
    from compress.store.store import Store

    kinds, here = ("student", "pruned", "int8"), Site()
    subjects = find_subjects(
        words, Store(store_root),
        lambda build: build.variant in kinds and build.height is not None and here.times(build),
    )  # fmt: skip
    scene = _scene(picture, frames, pan_px)
    console = make_console()
    with console:
        report = check_camera(subjects, scene, threads, console.started("camera", 1, 1).update)
    _print(report)
    if json_file is not None:
        report.write(json_file)
    return _verdict(judge(report, limits))


def _verdict(judged: Judged) -> int:
    from rich.text import Text

    from compress.console import table_console

    console = table_console()
    for line in judged.broken + judged.missing:
        console.print(Text(line), soft_wrap=True)
    if judged.broken:
        return EXIT_GATE_FAILED
    return EXIT_INCOMPLETE if judged.missing else EXIT_PASS


def _scene(path: Path | None, frames: int, pan_px: int) -> Scene:
    """Of the well-lit picture that is named, else of the embedded set's first test photograph."""
    from compress.camera_checks.scenes import Scene
    from compress.data.embedded import tested_photograph
    from compress.data.pictures import read_picture

    shown = path or tested_photograph()
    return Scene(shown.name, read_picture(shown), frames, pan_px)


def _print(report: CameraReport) -> None:
    from rich.text import Text

    from compress.console import table_console

    console = table_console()
    flicker = [
        (
            row.build, row.runtime, f"{row.height}x{row.width}", f"{row.input_brightness_std_percent:.3f}",
            f"{row.brightness_std_percent:.3f}", f"{row.input_pixel_std_codes:.2f}", f"{row.pixel_std_codes:.2f}",
            f"{row.pan_mean_percent:.3f}", f"{row.pan_max_percent:.3f}",
        )
        for row in report.flicker
    ]  # fmt: skip
    seams = [
        (
            row.build, row.runtime, f"{row.tile_height}x{row.tile_width}", str(row.halo_px),
            f"{row.near_mean_codes:.2f}", f"{row.near_max_codes:.1f}",
            f"{row.elsewhere_mean_codes:.2f}", f"{row.elsewhere_max_codes:.1f}",
            f"{row.step_codes:.2f}", f"{row.tile_spread_percent:.2f}",
        )
        for row in report.seams
    ]  # fmt: skip
    _table(console, "Flicker", _FLICKER, flicker)
    if seams:
        _table(console, "Seams: four tiles against the frame at once", _SEAMS, seams)
    scene = report.scene
    for line in (
        f"{scene.frames} frames of {scene.picture}, {scene.exposure:.3f} of the light, standing and panned by "
        f"{scene.pan_px} px a frame; pixels and seams in steps of 8 bit.",
        "The builds' contract says that tiles are not exact: what judges brightness has to see the whole frame.",
        *(f"{each.build}: no seams measured: {each.reason}" for each in report.seams_not_measured),
    ):
        console.print(Text(line), soft_wrap=True)


def _table(console: Console, title: str, headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="left" if place < 3 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console.print(table)
