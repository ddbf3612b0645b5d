"""Which frames are trained on, validated on and tested on: whole scenes, or stretches of each with a gap between.

Neighbours in a video show nearly the same, so a random split would test on what was trained on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from compress.data.source import Split

FEWEST_SCENES = 10
"""From this many on whole scenes are split: fewer could not be shared out by the fractions asked for."""


def split_frames(
    counts: Mapping[str, int], val_fraction: float, test_fraction: float, gap: int | None
) -> dict[str, tuple[Split | None, ...]]:
    """For each scene (``counts``: its frames, in order) the split of each frame; None: left out.

    Ten scenes and more: whole ones, those whose salted hash comes first. Fewer: of each scene first the frames for
    training, then for validation, at its end for the test, ``gap`` frames left out between them (None: a twentieth of
    the scene, 1 to 5). A scene that is too short for that is trained on.
    """
    if len(counts) >= FEWEST_SCENES:
        chosen = _whole(tuple(counts), val_fraction, test_fraction)
        return {name: (chosen[name],) * count for name, count in counts.items()}
    return {name: _stretches(count, val_fraction, test_fraction, gap) for name, count in counts.items()}


def _whole(names: tuple[str, ...], val_fraction: float, test_fraction: float) -> dict[str, Split]:
    ranked: list[str] = sorted(names, key=lambda name: hashlib.sha256(f"frames:{name}".encode()).digest())
    tested, held = (_share(len(names), fraction) for fraction in (test_fraction, val_fraction))
    place: dict[str, Split] = dict.fromkeys(names, "train")
    return place | dict.fromkeys(ranked[:tested], "test") | dict.fromkeys(ranked[tested : tested + held], "val")


def _stretches(count: int, val_fraction: float, test_fraction: float, gap: int | None) -> tuple[Split | None, ...]:
    between = max(1, min(5, count // 20)) if gap is None else gap
    held, tested = _share(count, val_fraction), _share(count, test_fraction)
    left = count - held - tested - between * ((held > 0) + (tested > 0))
    if left < 1:
        left, held, tested = count, 0, 0
    parts: list[Split | None] = ["train"] * left
    held_back: tuple[tuple[Split, int], ...] = (("val", held), ("test", tested))
    for split, length in held_back:
        parts += [*[None] * between, *[split] * length] if length else []
    return tuple(parts)


def _share(count: int, fraction: float) -> int:
    return max(1, round(count * fraction)) if fraction else 0
