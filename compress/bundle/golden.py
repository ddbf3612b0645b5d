"""Golden frames: pictures with what each build makes of them here, to try a build on the device.

Pictures are 8-bit RGB PNGs, and beside each lies the same as binary PPM (netpbm's P6, maxval 255), which a C
program reads in ten lines and without a library; ``golden.txt`` lists builds, frames and answers for it.

Expected outputs come from running the very build that ships. The same runtime on the same kind of machine
repeats them byte for byte; other instruction sets order and round integer sums differently, so an answer
counts as equal within a tolerance that a broken layout, colour order, scale or tile seam can't stay in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from compress.data.pictures import fit, write_png
from compress.errors import BuildError
from compress.records import Build, Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    Run = Callable[[Picture], Picture]
    """A build as a function of a picture ``(H, W, 3)`` uint8 RGB to one of ``scale`` times its height and width."""

GOLDEN = "golden"
LIST = "golden.txt"
MIN_PSNR_DB = 40.0
MAX_ABS_CODES = 32


class Tolerance(Record):
    """An answer is right when both hold against the expected picture; a code is 1/255."""

    min_psnr_db: float = MIN_PSNR_DB
    max_abs_codes: int = MAX_ABS_CODES


class Expected(Record):
    """What one build makes of a frame; ``file`` is relative to the bundle, its PPM is called the same but ``.ppm``."""

    build: str
    file: str


class Frame(Record):
    """One input picture; ``name`` is its name in the data set."""

    name: str
    input: str
    height: int
    width: int
    outputs: tuple[Expected, ...]


class GoldenFile(Record):
    """``golden/golden.json``."""

    frames: tuple[Frame, ...]
    tolerance: Tolerance
    licence: str
    not_run: dict[str, str]


def size_for(build: Build, picture: Picture) -> tuple[int, int]:
    """Height and width of the frame for ``build``: its own, else the picture's cut to the build's multiple."""
    if build.height is not None and build.width is not None:
        return build.height, build.width
    multiple = build.contract.size_multiple
    height, width = (max(side - side % multiple, multiple) for side in picture.shape[:2])
    return height, width


def write_golden(
    folder: Path, pictures: Mapping[str, Picture], builds: Mapping[str, tuple[Build, Run]],
    not_run: Mapping[str, str], licence: str,
) -> GoldenFile:  # fmt: skip
    """Run every build on every picture; write PNGs, PPMs, ``golden.json`` and ``golden.txt`` into ``folder``/golden.

    ``not_run``: builds that can't run here, and why. Raises ``BuildError`` when a build fails or
    answers with another shape.
    """
    golden = folder / GOLDEN
    golden.mkdir()
    frames: list[Frame] = []
    for number, (name, picture) in enumerate(pictures.items()):
        by_size: dict[tuple[int, int], list[str]] = {}
        for key, (build, _) in builds.items():
            by_size.setdefault(size_for(build, picture), []).append(key)
        for (height, width), keys in by_size.items():
            given = fit(picture, height, width)
            stem = f"{GOLDEN}/{number:02d}_{height}x{width}"
            outputs = []
            for key in keys:
                file = f"{stem}_{key}.png"
                _write_picture(folder / file, _run(*builds[key], given))
                outputs.append(Expected(build=key, file=file))
            _write_picture(folder / f"{stem}_input.png", given)
            frames.append(
                Frame(name=name, input=f"{stem}_input.png", height=height, width=width, outputs=tuple(outputs))
            )
    made = GoldenFile(frames=tuple(frames), tolerance=Tolerance(), licence=licence, not_run=dict(not_run))
    made.write(golden / "golden.json")
    (golden / LIST).write_text("".join(f"{line}\n" for line in _lines(made)), encoding="ascii")
    return made


def _lines(made: GoldenFile) -> Iterator[str]:
    """``golden.txt``: the tolerance, then a line for each answer: build, input and expected picture, as PPM."""
    yield f"tolerance {made.tolerance.min_psnr_db} {made.tolerance.max_abs_codes}"
    for frame in made.frames:
        for output in frame.outputs:
            yield f"{output.build} {ppm_path(frame.input)} {ppm_path(output.file)}"


def ppm_path(png: str) -> str:
    """The PPM beside a PNG."""
    return png.removesuffix(".png") + ".ppm"


def _write_picture(png: Path, picture: Picture) -> None:
    write_png(png, picture)
    head = f"P6\n{picture.shape[1]} {picture.shape[0]}\n255\n".encode("ascii")
    png.with_suffix(".ppm").write_bytes(head + picture.tobytes())


def _run(build: Build, run: Run, given: Picture) -> Picture:
    answer, scale = run(given), build.contract.scale
    if answer.shape != (scale * given.shape[0], scale * given.shape[1], 3) or answer.dtype != given.dtype:
        shapes = f"{list(answer.shape)} {answer.dtype} to a picture of {list(given.shape)} {given.dtype}"
        raise BuildError(f"build {build.name} answers {shapes}")
    return answer


def difference(expected: Picture, answer: Picture, tolerance: Tolerance) -> str | None:
    """Why ``answer`` is not ``expected`` within ``tolerance``, or None. Both ``(H, W, 3)`` uint8."""
    import numpy as np

    from compress.metrics import psnr_db

    if expected.shape != answer.shape:
        return f"has shape {list(answer.shape)}, should have {list(expected.shape)}"
    close_db = psnr_db(answer, expected)
    codes = int(np.abs(expected.astype(np.int16) - answer.astype(np.int16)).max())
    if close_db < tolerance.min_psnr_db or codes > tolerance.max_abs_codes:
        return (
            f"is {close_db:.1f} dB and at most {codes} codes away "
            f"(allowed: {tolerance.min_psnr_db} dB, {tolerance.max_abs_codes} codes)"
        )
    return None


def read_png(path: Path) -> Picture:
    """``(H, W, 3)`` uint8 RGB."""
    import numpy as np
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))
