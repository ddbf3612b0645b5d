"""Parts of a test set that are looked at by themselves: by how dark a picture is, and by the user's own patterns.

A network can win on average and lose where it matters, at night or on one camera.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from compress.errors import DataError
from compress.records import Slice
from compress.schema import DataSpec, Slices

THIRDS = ("dark", "mid", "bright")
_FEWEST = 6


def brightness_slices(names: tuple[str, ...], brightness: tuple[float, ...]) -> tuple[Slice, ...]:
    """The darkest, middle and brightest third of the pictures; none where there are fewer than six.

    ``brightness``: mean of each dark input, all colours alike, in [0, 1]. Equal ones go by name.
    """
    if len(names) < _FEWEST:
        return ()
    order = [name for _, name in sorted(zip(brightness, names, strict=True))]
    ends = [round(place * len(order) / 3) for place in range(4)]
    value = dict(zip(names, brightness, strict=True))
    return tuple(
        Slice(
            name=third, images=tuple(sorted(order[start:stop])),
            rule=f"mean of the dark input {value[order[start]]:.4f} to {value[order[stop - 1]]:.4f} of white",
        )
        for third, start, stop in zip(THIRDS, ends, ends[1:], strict=False)
    )  # fmt: skip


def named_slices(names: tuple[str, ...], slices: Slices) -> tuple[Slice, ...]:
    """The user's own; a slice of which no picture is among ``names`` is left out."""
    found = ((each, tuple(name for name in names if _matches(name, each.pictures))) for each in slices.named)
    return tuple(
        Slice(name=each.name, rule=f"named {', '.join(each.pictures)}", images=images)
        for each, images in found if images
    )  # fmt: skip


def slice_problems(spec: DataSpec) -> tuple[str, ...]:
    """A line for each of the user's slices that holds no test picture. Reads the listing of the folders alone.

    Which frames are tested on is known once they were looked through; a slice without any is left out then.
    """
    try:
        names = _test_names(spec) if spec.slices and spec.kind != "frames" else ()
    except DataError:
        return ()  # what is wrong with the folder is told when it is opened
    return tuple(
        f"data.slices: '{each.name}' holds no test picture; {', '.join(each.pictures)} matches none of {len(names)}"
        for each in spec.slices if spec.kind != "frames" and not any(_matches(name, each.pictures) for name in names)
    )  # fmt: skip


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _test_names(spec: DataSpec) -> tuple[str, ...]:
    if spec.kind == "embedded":
        from compress.data.embedded import HELD_COPIES, PHOTOGRAPHS

        tested = [photograph.name for photograph in PHOTOGRAPHS if photograph.split == "test"]
        return tuple(f"{name}-{copy}" for name in tested for copy in range(HELD_COPIES))
    from pathlib import Path

    from compress.data.paired import list_pairs
    from compress.tasks import picture_task_of

    folder = Path(spec.root or "").expanduser() / spec.test
    return tuple(pair.name for pair in list_pairs(folder, (), picture_task_of(spec)))
