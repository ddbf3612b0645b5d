"""``boxes.h``: what a C99 compiler makes of it finds the boxes that ``compress.detection.decode`` finds."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from bundle_flips import C_FLAGS
from numpy.typing import NDArray
from tiny_builds import make_build

from compress.bundle.boxes_header import boxes_header
from compress.bundle.contract import BuildContract
from compress.bundle.feeding import feeding_of
from compress.bundle.golden_maps import write_maps
from compress.bundle.header import contract_header
from compress.bundle.reach import no_graph
from compress.detection.decode import decode
from compress.errors import BuildError
from compress.records import BoxMaps, Build
from compress.runtimes.maps import maps_contract

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
CLASSES = ("car", 'a "quoted" name', "bus")
LAYOUT = BoxMaps(classes=CLASSES, strides=(8, 16, 32))
PADDED, PICTURE = (96, 128), (90, 121)
Maps = NDArray[np.float32]

PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>

#include "boxes.h"

/* boxes BUILD FILE HEIGHT WIDTH SCORE ROOM */
int main(int count, char **words)
{
    const struct compress_build *build = compress_build_named(words[1]);
    const struct compress_maps *maps = compress_maps_named(words[1]);
    static unsigned char elements[1 << 22];
    static struct compress_box boxes[1024];
    int i, found;
    FILE *file = fopen(words[2], "rb");
    if (count != 7 || build == NULL || maps == NULL || file == NULL)
        return 2;
    if (fread(elements, 1, sizeof elements, file) != compress_maps_bytes(build, maps, (uint32_t)atoi(words[3]),
                                                                         (uint32_t)atoi(words[4])))
        return 3;
    found = compress_boxes(build, maps, elements, (uint32_t)atoi(words[3]), (uint32_t)atoi(words[4]), atof(words[5]),
                           boxes, (size_t)atoi(words[6]));
    for (i = 0; i < found; i++)
        printf("%u %.17g %.17g %.17g %.17g %.17g\n", (unsigned)boxes[i].label, boxes[i].score, boxes[i].left,
               boxes[i].top, boxes[i].right, boxes[i].bottom);
    return found < 0 ? 10 - found : 0;
}
"""


def _build(folder: Path, runtime: Literal["onnx", "openvino"], layout: Literal["NCHW", "NHWC"], maps: BoxMaps) -> Build:
    made = make_build(folder, "onnx", (1, 3, *PADDED), f"int8-{layout}")
    contract = maps_contract("onnx", *PADDED, 32, maps)
    shape = contract.output.shape
    turned = contract.output.model_copy(update={"layout": "NHWC", "shape": (1, shape[2], shape[3], shape[1])})
    return made.model_copy(
        update={"contract": contract.model_copy(update={"output": turned}) if layout == "NHWC" else contract}
    )


def _contract(build: Build, folder: Path) -> BuildContract:
    known = {key: getattr(build, key) for key in BuildContract.model_fields if hasattr(build, key)}
    return BuildContract(**known, feeding=feeding_of(build, folder), tiling=no_graph(32))


Found = list[tuple[float, ...]]
Run = Callable[..., Found | int]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Maps (K, h, w) through the compiled decoder: label, score and corners of each box, or the exit code."""
    folder = tmp_path_factory.mktemp("c")
    builds = [_build(folder, "onnx", layout, LAYOUT) for layout in ("NCHW", "NHWC")]  # type: ignore[arg-type]
    contracts = [_contract(build, folder) for build in builds]
    (folder / "contract.h").write_text(contract_header(contracts), encoding="ascii")
    text = boxes_header(contracts)
    assert text is not None and text == boxes_header(contracts)
    (folder / "boxes.h").write_text(text, encoding="ascii")
    (folder / "boxes.c").write_text(PROGRAM)
    flags = (*C_FLAGS, "-O1", "-fsanitize=address,undefined")
    subprocess.run(["cc", *flags, "-o", "boxes", "boxes.c", "-lm"], cwd=folder, check=True, timeout=120)

    def answer(
        maps: Maps, layout: str = "NCHW", size: tuple[int, int] = PICTURE, score: float = 0.05, room: int = 1024
    ) -> Found | int:
        spec = next(build.contract.output for build in builds if build.contract.output.layout == layout)
        write_maps(folder / "maps.f32", maps, spec)
        words = [f"int8-{layout}", "maps.f32", *map(str, size), repr(score), str(room)]
        done = subprocess.run([str(folder / "boxes"), *words], cwd=folder, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            return done.returncode
        return [tuple(map(float, line.split())) for line in done.stdout.splitlines()]

    return answer


def _maps(seed: int, sure: float = 0.0) -> Maps:
    """Maps of random objects, repeated as a network lays its levels out; ``sure``: added to all logits."""
    rng = np.random.default_rng(seed)
    levels = []
    for stride in LAYOUT.strides:
        step = stride // 8
        level = rng.normal(0, 1.5, (8, PADDED[0] // stride, PADDED[1] // stride))
        level[:3] += sure
        level[3:7] = level[3:7] * 2 + 1.5
        levels.append(level.repeat(step, 1).repeat(step, 2))
    return np.concatenate(levels).astype(np.float32)


def _wanted(maps: Maps, size: tuple[int, int] = PICTURE) -> Found:
    found = decode(maps, LAYOUT, *size)
    return [(float(found.labels[k]), float(found.scores[k]), *map(float, found.corners[k])) for k in range(len(found))]


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize(("seed", "sure"), [(0, 0.0), (1, -2.0), (2, 3.0), (3, -30.0)])
def test_the_same_boxes_in_the_same_order(run: Run, layout: str, seed: int, sure: float) -> None:
    maps = _maps(seed, sure)
    wanted, found = _wanted(maps), run(maps, layout)
    assert isinstance(found, list) and len(found) == len(wanted) and bool(wanted) == (sure > -30)
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-9)


def test_more_than_the_candidates_of_a_class_and_equal_scores(run: Run) -> None:
    maps = np.zeros((24, 12, 16), np.float32)
    maps[3:7] = 0.2  # boxes of a fifth of a place, so that none overlaps another
    wanted, found = _wanted(maps), run(maps)
    assert isinstance(found, list) and len(wanted) == 300
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_a_threshold_and_little_room_leave_the_surest(run: Run) -> None:
    maps = _maps(4)
    whole, some, sure = run(maps), run(maps, room=5), run(maps, score=0.6)
    assert isinstance(whole, list) and isinstance(some, list) and isinstance(sure, list)
    assert some == whole[:5] and run(maps, room=0) == []
    assert sure == [box for box in whole if box[1] >= 0.6] and 0 < len(sure) < len(whole)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_said(run: Run, wrong: float) -> None:
    maps = _maps(5)
    maps[7, -1, -1] = wrong
    assert run(maps) == 12
    with pytest.raises(BuildError, match="NaN or infinity"):
        _wanted(maps)


def test_a_picture_that_does_not_fit_is_said(run: Run) -> None:
    assert run(_maps(6), size=(200, 121)) == 3  # no bytes for it


def test_pictures_need_no_boxes_and_many_levels_have_no_room(tmp_path: Path) -> None:
    build = make_build(tmp_path, "onnx")
    assert boxes_header([_contract(build, tmp_path)]) is None
    deep = _contract(_build(tmp_path, "onnx", "NCHW", LAYOUT), tmp_path)
    maps = BoxMaps(classes=CLASSES, strides=(4, 8, 16, 32, 64))
    with pytest.raises(BuildError, match="5 levels, boxes.h has room for 4"):
        boxes_header([deep.model_copy(update={"contract": deep.contract.model_copy(update={"maps": maps})})])
