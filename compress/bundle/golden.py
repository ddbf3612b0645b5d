"""Golden frames: pictures with what each build makes of them here, to try a build on the device.

Pictures are 8-bit RGB PNGs, and beside each lies the same as binary PPM (netpbm's P6, maxval 255), which a C
program reads in ten lines and without a library; ``golden.txt`` lists builds, frames and answers for it. Maps of
boxes are stored as they leave the build (``golden_maps``).

Expected outputs come from running the very build that ships. The same runtime on the same kind of machine
repeats them byte for byte; other instruction sets order and round integer sums differently, so an answer
counts as equal within a tolerance that a broken layout, colour order, scale or tile seam can't stay in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SerializerFunctionWrapHandler, model_serializer

from compress.bundle.golden_maps import MIN_SNR_DB, box_lines, write_maps
from compress.data.pictures import fit, write_png
from compress.errors import BuildError
from compress.records import Build, Record, without_empty
from compress.runtimes.interchange import MAPS, OUTPUT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from compress.runtimes.parts import Parts

    Picture = NDArray[np.uint8]
    Run = Callable[[Picture], Parts]
    """A build as a function of a picture ``(H, W, 3)`` uint8 RGB to one of ``scale`` times its height and width, to
    maps, or to both."""

GOLDEN = "golden"
LIST = "golden.txt"
MIN_PSNR_DB = 40.0
MAX_ABS_CODES = 32


class Tolerance(Record):
    """An answer is right when both hold against the expected picture; a code is 1/255. Of maps signal over difference
    counts; not written where there are none."""

    min_psnr_db: float = MIN_PSNR_DB
    max_abs_codes: int = MAX_ABS_CODES
    min_maps_snr_db: float | None = None

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_empty(plain(self), "min_maps_snr_db")


class Expected(Record):
    """What one build makes of a frame; ``file``, a picture, is relative to the bundle, its PPM is called the same but
    ``.ppm``. ``maps`` and ``boxes``: of builds that find objects. What is empty is not written.
    """

    build: str
    file: str = ""
    maps: str = ""
    boxes: str = ""

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_empty(plain(self), "file", "maps", "boxes")


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
    """Run every build on every picture; write PNGs, PPMs, maps, ``golden.json`` and ``golden.txt`` into
    ``folder``/golden.

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
            outputs = [_expected(folder, stem, key, *builds[key], given) for key in keys]
            _write_picture(folder / f"{stem}_input.png", given)
            frames.append(
                Frame(name=name, input=f"{stem}_input.png", height=height, width=width, outputs=tuple(outputs))
            )
    finds_boxes = any(build.contract.maps is not None for build, _ in builds.values())
    tolerance = Tolerance(min_maps_snr_db=MIN_SNR_DB if finds_boxes else None)
    made = GoldenFile(frames=tuple(frames), tolerance=tolerance, licence=licence, not_run=dict(not_run))
    made.write(golden / "golden.json")
    (golden / LIST).write_text("".join(f"{line}\n" for line in _lines(made)), encoding="ascii")
    return made


def _expected(folder: Path, frame: str, key: str, build: Build, run: Run, given: Picture) -> Expected:
    """Run ``build``, which is listed as ``key``, on ``given``; write what it answers to files called like ``frame``."""
    stem, parts, written = f"{frame}_{key}", run(given), {}
    if build.contract.picture_end is not None:
        written["file"] = f"{stem}.png"
        _write_picture(folder / written["file"], _checked(build, parts[OUTPUT], given))
    if build.contract.maps_end is not None:
        written |= {"maps": f"{stem}.maps.f32", "boxes": f"{stem}.boxes.txt"}
        write_maps(folder / written["maps"], parts[MAPS], build.contract.maps_end)
        lines = box_lines(build, parts[MAPS], given.shape[0], given.shape[1])
        (folder / written["boxes"]).write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
    return Expected(build=key, **written)


def _lines(made: GoldenFile) -> Iterator[str]:
    """``golden.txt``: the tolerance, then a line for each answer: build, input as PPM, and the expected picture as PPM,
    or the expected maps."""
    least = made.tolerance.min_maps_snr_db
    allowed = (made.tolerance.min_psnr_db, made.tolerance.max_abs_codes, *(() if least is None else (least,)))
    yield "tolerance " + " ".join(map(str, allowed))
    for frame in made.frames:
        for output in frame.outputs:
            for file in (output.file and ppm_path(output.file), output.maps):
                if file:
                    yield f"{output.build} {ppm_path(frame.input)} {file}"


def ppm_path(png: str) -> str:
    """The PPM beside a PNG."""
    return png.removesuffix(".png") + ".ppm"


def _write_picture(png: Path, picture: Picture) -> None:
    write_png(png, picture)
    head = f"P6\n{picture.shape[1]} {picture.shape[0]}\n255\n".encode("ascii")
    png.with_suffix(".ppm").write_bytes(head + picture.tobytes())


def _checked(build: Build, answer: Picture, given: Picture) -> Picture:
    scale = build.contract.scale
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
