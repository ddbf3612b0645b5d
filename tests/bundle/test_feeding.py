"""Bytes, alignment and memory are those of the files and of what the SDKs said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from tiny_builds import make_build, tensor
from tiny_files import HEIGHT, WIDTH, make_foreign_build

from compress.bundle.contract import CONTRACT, ContractFile
from compress.bundle.feeding import check_formula, feeding_of
from compress.bundle.shipped import ship_builds
from compress.errors import BuildError
from compress.records import Build, BuildList
from compress.runtimes.rknn import RknnRecord, RknnRoute
from compress.runtimes.tensorrt import Proxy
from compress.store.digests import hash_file


def test_bytes_and_strides_of_planes_and_pixels(tmp_path: Path) -> None:
    planes, pixels = (feeding_of(make_build(tmp_path, name), tmp_path).input for name in ("onnx", "openvino"))
    assert (planes.size_bytes, planes.bytes_per_pixel, planes.alignment_bytes) == (3 * 8 * 16 * 4, 12, 4)
    assert (planes.row_stride, planes.column_stride, planes.colour_stride) == (16, 1, 8 * 16)
    assert (pixels.size_bytes, pixels.bytes_per_pixel, pixels.alignment_bytes) == (3 * 8 * 16, 3, 1)
    assert (pixels.row_stride, pixels.column_stride, pixels.colour_stride) == (48, 3, 1)
    free = feeding_of(make_build(tmp_path, "onnx", (1, 3, "h", "w")), tmp_path).output
    assert (free.size_bytes, free.row_stride, free.colour_stride, free.bytes_per_pixel) == (None, None, None, 12)


@pytest.mark.parametrize("offset", [0, 4, 12, 36])
def test_a_buffer_aligned_as_said_is_enough_for_onnx_runtime(tmp_path: Path, offset: int) -> None:
    build = make_build(tmp_path, "onnx")
    session = onnxruntime.InferenceSession(tmp_path / build.files[0], providers=["CPUExecutionProvider"])
    room = np.zeros((2, 4096), np.uint8)
    given, answered = (
        row[(at := -row.ctypes.data % 64 + offset) : at + 1536].view(np.float32).reshape(1, 3, 8, 16) for row in room
    )
    given[...] = 0.25
    binding = session.io_binding()
    binding.bind_input("dark", "cpu", 0, np.float32, given.shape, given.ctypes.data)
    binding.bind_output("bright", "cpu", 0, np.float32, answered.shape, answered.ctypes.data)
    session.run_with_iobinding(binding)
    assert (answered == 0.5).all()


def test_weights_are_counted_and_a_peak_that_nobody_told_is_unknown(tmp_path: Path) -> None:
    build = make_build(tmp_path, "onnx")
    kept = onnx.load(tmp_path / build.files[0]).graph.initializer
    memory = feeding_of(build, tmp_path).memory
    assert (memory.weights_bytes, memory.weights_origin) == (4 * len(kept), "counted")
    assert (memory.peak_bytes, memory.peak_origin) == (None, "unknown")
    tflite = make_foreign_build(tmp_path, "tflite")
    assert feeding_of(tflite, tmp_path).memory.weights_bytes == tflite.size_bytes
    assert feeding_of(tflite, tmp_path).input.alignment_bytes == 64


def test_what_rknns_compiler_planned_is_an_estimate(tmp_path: Path) -> None:
    build = make_foreign_build(tmp_path, "rknn")
    RknnRecord(
        platform="rk3588", route="trained", routes=(RknnRoute(name="trained"),), layers=(), internal_bytes=1000,
        weight_bytes=200, sha256=hash_file(tmp_path / build.files[0]),
    ).write(tmp_path / "tiny.json")  # fmt: skip
    build = build.model_copy(update={"files": (*build.files, "tiny.onnx", "tiny.json")})
    memory = feeding_of(build, tmp_path).memory
    assert (memory.peak_bytes, memory.weights_bytes) == (1000, 200)
    assert (memory.peak_origin, memory.weights_origin) == ("estimated", "estimated")


def proxied(folder: Path, activations: int | None) -> Build:
    build = make_foreign_build(folder, "tensorrt")
    Proxy(
        what="w", onnx_digest="d", asked_architecture="SM87", architecture="SM86", sdk="RTX 1", int8_layers=(),
        float_layers=(), engine_layers=1, engine_size_bytes=5, activation_memory_bytes=activations,
        weights_memory_bytes=7, warnings=(),
    ).write(folder / "tiny.proxy.json")  # fmt: skip
    return build.model_copy(update={"files": (*build.files, "tiny.proxy.json")})


def test_the_stand_in_engines_memory_is_an_estimate_and_says_whose(tmp_path: Path) -> None:
    told = feeding_of(proxied(tmp_path, 9), tmp_path).memory
    assert (told.peak_bytes, told.peak_origin, told.weights_bytes) == (9, "estimated", 7)
    assert "RTX 1 for SM86), not of the board's own" in told.note
    silent = feeding_of(proxied(tmp_path, None), tmp_path).memory
    assert (silent.peak_bytes, silent.peak_origin, silent.weights_origin) == (None, "unknown", "estimated")
    bare = feeding_of(make_foreign_build(tmp_path, "tensorrt"), tmp_path).memory
    assert (bare.weights_origin, bare.peak_origin) == ("unknown", "unknown")


def test_a_tensor_that_no_formula_is_for_is_refused(tmp_path: Path) -> None:
    build = make_build(tmp_path, "onnx")
    for change, words in (
        ({"dtype": "float16"}, "no formula for float16"), ({"colour_order": "BGR"}, "not BGR"),
        ({"high": 255.0}, "not 0 to 255"), ({"scale": 0.5, "zero_point": 0}, "float32 tensor has no scale"),
        ({"scale": 0.5}, "go together"),
    ):  # fmt: skip
        spec = tensor("dark", 1, 3, 8, 16, **change)
        assert any(words in line for line in check_formula(spec))
        contract = build.contract.model_copy(update={"input": spec})
        with pytest.raises(BuildError, match="can't be fed by a known formula"):
            feeding_of(build.model_copy(update={"contract": contract}), tmp_path)


def test_builds_without_a_graph_of_their_own_take_their_reach_from_the_networks_onnx_file(tmp_path: Path) -> None:
    made, alone = tmp_path / "made", tmp_path / "alone"
    for folder in (made, alone):
        folder.mkdir()
    onnx_build = make_build(made, "onnx", (1, 3, HEIGHT, WIDTH), "net", ships=False)
    tflite = make_foreign_build(made, "tflite")
    (tmp_path / "one").mkdir()
    (found,) = ship_builds(BuildList(builds=(tflite, onnx_build)), made, tmp_path / "one")
    assert found.tiling is not None and found.tiling.exact and found.tiling.halo_px == 0
    (tmp_path / "two").mkdir()
    (lonely,) = ship_builds(BuildList(builds=(make_foreign_build(alone, "tflite"),)), alone, tmp_path / "two")
    assert lonely.tiling is not None and lonely.tiling.halo_px is None and "no ONNX file" in lonely.tiling.note


def test_a_contract_of_the_first_format_can_still_be_read(tmp_path: Path) -> None:
    build = make_build(tmp_path, "onnx")
    (tmp_path / "out").mkdir()
    ship_builds(BuildList(builds=(build,)), tmp_path, tmp_path / "out")
    new = ContractFile.read(tmp_path / "out" / CONTRACT)
    assert new.format == "compress-contract/2"
    old = new.model_dump(mode="json", exclude={"format": True, "builds": {"__all__": {"feeding", "tiling"}}})
    read = ContractFile.model_validate(old)
    assert read.format == "compress-contract/1" and read.builds[0].feeding is None
