"""Builds on backlit photographs, part by part, and side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compress.backlight.records import FILE, FOLDER, BacklitReport, BacklitRow, Part
from compress.backlight.scene import Backlit, backlit
from compress.data.source import across
from compress.looks.album import Album
from compress.looks.given import Way
from compress.looks.records import Kind, Shown
from compress.metrics import psnr_db
from compress.metrics.cumulative import LUMA

if TYPE_CHECKING:
    from compress.data.source import Picture, Source

_BLOCK = 16
_WHITE = 250
_DARK, _BRIGHT = 0.1, 0.9
_SHOWN_PX = 288
"""Longer side of the pictures that are shown whole."""

_TRUTH = Shown(kind="truth", variant=None, through=None, origin="measured")


def measure_backlight(
    source: Source[Any], count: int, ways: Sequence[Way], out: Path, tell: Callable[[int, int, str], None]
) -> None:
    """Light ``count`` well-lit pictures of ``source`` from one side, answer them by all ``ways``.

    Writes ``backlit.json`` and, whole and small, the pictures into ``out``/backlit. Raises BuildError.
    """
    shown = (*(way.shown for way in ways), _TRUTH)
    album = Album(out / FOLDER, count, shown, count, whole=True)
    parts: dict[Kind, list[tuple[Part, Part]]] = {each.kind: [] for each in shown}
    exposures, names = [], []
    for done, index in enumerate(across(len(source), count)):
        name, photograph = source.names[index], source.pair(index)[1]
        tell(done, count, f"uneven light on {name}")
        scene = backlit(photograph, name)
        answers: dict[Kind, Picture] = {way.shown.kind: way.run(scene.given) for way in ways}
        answers["truth"] = photograph
        for kind, answer in answers.items():
            parts[kind].append(_parts(answer, scene, None if kind == "truth" else photograph))
        album.add(done, name, {kind: _small(answer) for kind, answer in answers.items()})
        exposures.append(scene.exposure)
        names.append(name)
    album.close()
    rows = tuple(
        BacklitRow(
            kind=each.kind, variant=each.variant, through=each.through, origin=each.origin,
            dark=_mean([dark for dark, _ in parts[each.kind]]),
            bright=_mean([bright for _, bright in parts[each.kind]]),
        )
        for each in shown
    )  # fmt: skip
    report = BacklitReport(images=tuple(names), exposure=(min(exposures), max(exposures)), rows=rows)
    report.write(out / FOLDER / FILE)


def _parts(answer: Picture, scene: Backlit, truth: Picture | None) -> tuple[Part, Part]:
    """Of the dark and of the bright part of one picture."""
    return _part(answer, scene.lit <= _DARK, truth), _part(answer, scene.lit >= _BRIGHT, truth)


def _part(answer: Picture, where: NDArray[np.bool_], truth: Picture | None) -> Part:
    light = answer.astype(np.float32) @ np.array(LUMA, np.float32)
    return Part(
        level_codes=float(light[where].mean()), contrast_codes=_contrast(light, where),
        white_percent=100 * float((light[where] > _WHITE).mean()),
        psnr_db=None if truth is None else psnr_db(answer[where][None], truth[where][None]),
    )  # fmt: skip


def _contrast(light: NDArray[np.float32], where: NDArray[np.bool_]) -> float:
    """Mean deviation inside of the blocks that lie in the part whole; of a part too small for one, of the part."""
    rows, columns = (side // _BLOCK for side in light.shape)
    shape = (rows, _BLOCK, columns, _BLOCK)
    cut = (slice(rows * _BLOCK), slice(columns * _BLOCK))
    inside = where[cut].reshape(shape).all(axis=(1, 3))
    return float(light[cut].reshape(shape).std(axis=(1, 3))[inside].mean() if inside.any() else light[where].std())


def _mean(parts: Sequence[Part]) -> Part:
    def mean(name: str) -> float | None:
        values = [getattr(part, name) for part in parts]
        return None if None in values else round(sum(values) / len(values), 4)

    return Part(**{name: mean(name) for name in Part.model_fields})


def _small(picture: Picture) -> Picture:
    from PIL import Image

    scale = min(1.0, _SHOWN_PX / max(picture.shape[:2]))
    size = round(picture.shape[1] * scale), round(picture.shape[0] * scale)
    return np.array(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS), np.uint8)
