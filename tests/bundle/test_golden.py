"""Golden frames: what is written, and what counts as the same answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from compress.bundle.golden import GoldenFile, Tolerance, difference, ppm_path, read_png, size_for, write_golden
from compress.data.pictures import fit, write_png
from compress.errors import BuildError
from compress.records import Build, Inspection, IOContract, TensorSpec
from compress.runtimes.interchange import OUTPUT

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)


def build(name: str, height: int | None, width: int | None) -> Build:
    spec = TensorSpec(name="x", shape=(1, 3, height or 0, width or 0), layout="NCHW", dtype="float32", low=0, high=1)
    return Build(
        name=name, variant="int8", runtime="onnx", files=("x",), size_bytes=1, height=height, width=width, ships=True,
        contract=IOContract(input=spec, output=spec, size_multiple=8, preprocessing="", postprocessing=""),
        inspection=Inspection(operators={}, int8_layers=0, float_layers=0),
    )  # fmt: skip


def invert(picture: np.ndarray) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    return {OUTPUT: 255 - picture}


@pytest.mark.parametrize("size", [(16, 24), (20, 30), (24, 48)])
def test_fit_cuts_and_repeats_the_border(size: tuple[int, int]) -> None:
    made = fit(PICTURE, *size)
    assert made.shape == (*size, 3) and made.dtype == np.uint8
    rows, columns = min(20, size[0]), min(30, size[1])
    assert (made[:rows, :columns] == PICTURE[:rows, :columns]).all()
    assert (made[-1, -1] == PICTURE[rows - 1, columns - 1]).all()


def test_free_builds_get_a_size_they_can_take() -> None:
    assert size_for(build("free", None, None), PICTURE) == (16, 24)
    assert size_for(build("free", None, None), PICTURE[:5, :9]) == (8, 8)
    assert size_for(build("fixed", 8, 16), PICTURE) == (8, 16)


def test_frames_hold_what_each_build_answers(tmp_path: Path) -> None:
    runs = {
        "fixed": (build("fixed", 8, 16), invert),
        "same": (build("same", 8, 16), lambda p: {OUTPUT: p}),
        "free": (build("free", None, None), invert),
    }
    made = write_golden(tmp_path, {"a": PICTURE, "b": PICTURE[::-1]}, runs, {"engine": "no GPU"}, "CC0")
    assert GoldenFile.read(tmp_path / "golden" / "golden.json") == made
    assert made.not_run == {"engine": "no GPU"} and made.licence == "CC0"
    sizes = [(frame.name, frame.height, frame.width) for frame in made.frames]
    assert sizes == [("a", 8, 16), ("a", 16, 24), ("b", 8, 16), ("b", 16, 24)]
    for frame in made.frames:
        given = read_png(tmp_path / frame.input)
        assert given.shape == (frame.height, frame.width, 3)
        for output in frame.outputs:
            answer = read_png(tmp_path / output.file)
            assert (answer == (given if output.build == "same" else 255 - given)).all()
    pngs = {f.input for f in made.frames} | {o.file for f in made.frames for o in f.outputs}
    listed = pngs | {ppm_path(png) for png in pngs} | {"golden/golden.json", "golden/golden.txt"}
    assert {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()} == listed


def test_a_program_without_libraries_reads_the_same(tmp_path: Path) -> None:
    made = write_golden(tmp_path, {"a": PICTURE}, {"fixed": (build("fixed", 8, 16), invert)}, {}, "")
    first, line = (tmp_path / "golden" / "golden.txt").read_text().splitlines()
    assert first == f"tolerance {made.tolerance.min_psnr_db} {made.tolerance.max_abs_codes}"
    name, given, expected = line.split()
    assert name == "fixed"
    for ppm, png in ((given, made.frames[0].input), (expected, made.frames[0].outputs[0].file)):
        data = (tmp_path / ppm).read_bytes()
        assert data.startswith(b"P6\n16 8\n255\n") and data.endswith(read_png(tmp_path / png).tobytes())
        assert (read_png(tmp_path / ppm) == read_png(tmp_path / png)).all()


def test_wrong_answer_of_a_build_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="build wrong answers"):
        write_golden(tmp_path, {"a": PICTURE}, {"wrong": (build("wrong", 8, 16), lambda p: {OUTPUT: p[:4]})}, {}, "")


def test_pictures_survive_and_repeat(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        write_png(tmp_path / name, PICTURE)
    assert (read_png(tmp_path / "a.png") == PICTURE).all()
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize(
    "wrong",
    [
        PICTURE[:, :, ::-1],  # BGR for RGB
        PICTURE[::-1],  # upside down
        (PICTURE // 2),  # wrong range
        np.roll(PICTURE, 1, axis=1),  # one pixel off
        PICTURE[:8],  # wrong size
    ],
)
def test_typical_mistakes_are_out_of_tolerance(wrong: np.ndarray) -> None:  # type: ignore[type-arg]
    assert difference(PICTURE, wrong, Tolerance()) is not None


def test_rounding_is_within_tolerance_and_one_spot_is_not() -> None:
    calm = np.clip(PICTURE, 8, 247)
    assert difference(calm, calm, Tolerance()) is None
    assert difference(calm, calm + RNG.integers(0, 2, calm.shape, dtype=np.uint8), Tolerance()) is None
    spot = calm.copy()
    spot[0, 0, 0] ^= 64
    assert "64 codes" in (difference(calm, spot, Tolerance()) or "")
