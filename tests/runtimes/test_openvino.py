"""OpenVINO: the precision that really runs, sizes, and pictures through a build."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import openvino
import pytest
import tiny_nets
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from compress.errors import BuildError
from compress.records import Build, Inspection, IOContract, TensorSpec
from compress.runtimes import open_runtime
from compress.runtimes.base import RunOptions
from compress.runtimes.interchange import INPUT, OUTPUT, OnnxRequest, export_onnx
from compress.runtimes.picture import PictureRunner, padded_size, to_batch, to_picture
from compress.runtimes.quick import float_latency_ms

SIZE = (tiny_nets.HEIGHT, tiny_nets.WIDTH)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    export_onnx(tiny_nets.student_net(), OnnxRequest(SIZE, False, 18, {}), folder / "net.onnx")
    open_runtime("openvino").build(folder / "net.onnx", "net", folder)
    return folder


def _build(files: tuple[str, ...]) -> Build:
    dark, bright = (
        TensorSpec(name=name, shape=(1, 3, *SIZE), layout="NCHW", dtype="float32", low=0, high=1)
        for name in ("dark", "bright")
    )
    return Build(
        name="net", variant="student", runtime="openvino", files=files, size_bytes=1, height=SIZE[0], width=SIZE[1],
        ships=False, inspection=Inspection(operators={}, int8_layers=0, float_layers=1),
        contract=IOContract(input=dark, output=bright, size_multiple=8, preprocessing="", postprocessing=""),
    )  # fmt: skip


def test_float_layers_run_in_what_was_asked_for(built: Path) -> None:
    x = np.random.default_rng(0).integers(0, 77, (1, 3, *SIZE)).astype(np.float32) / np.float32(255)
    with torch.no_grad():
        truth = np.rint(tiny_nets.student_net()(torch.from_numpy(x)).numpy() * 255) / 255
    runtime = open_runtime("openvino")
    away = {
        precision: float(np.abs(runtime.load(built, ("net.xml",), RunOptions(1, precision)).infer(x) - truth).mean())
        for precision in ("f32", "bf16")
    }  # fmt: skip
    assert away["f32"] < 1e-5
    assert away["bf16"] == away["f32"] or away["bf16"] > 1e-4  # equal on a CPU without bfloat16


def _one_layer(mode: str, side: int, colours: int, quantized: bool) -> onnx.ModelProto:
    """A 1x1 convolution and a shuffle; quantized: of camera codes and int8 weights."""
    count = colours * side * side
    codes = np.random.default_rng(side).integers(0, 128, (count, 3, 1, 1)).astype(np.int8)
    step = np.float32(0.01)
    shuffle = helper.make_node("DepthToSpace", ["blocks"], [OUTPUT], blocksize=side, mode=mode)
    tensors = {"step": np.array(1 / 255, np.float32), "zero": np.array(0, np.uint8)}
    if quantized:
        tensors |= {"codes": codes, "scale": np.full(count, step), "none": np.zeros(count, np.int8)}
        nodes = [
            helper.make_node("QuantizeLinear", [INPUT, "step", "zero"], ["q"]),
            helper.make_node("DequantizeLinear", ["q", "step", "zero"], ["x"]),
            helper.make_node("DequantizeLinear", ["codes", "scale", "none"], ["w"], axis=0),
            helper.make_node("Conv", ["x", "w"], ["blocks"], name="Conv_0"), shuffle,
        ]  # fmt: skip
    else:
        tensors |= {"w": codes * step}
        nodes = [helper.make_node("Conv", [INPUT, "w"], ["blocks"]), shuffle]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in ((INPUT, [1, 3, 8, 12]), (OUTPUT, [1, colours, 8 * side, 12 * side]))
    ]
    graph = helper.make_graph(
        nodes, "g", ends[:1], ends[1:], [numpy_helper.from_array(array, name) for name, array in tensors.items()]
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


@pytest.mark.parametrize("quantized", [False, True])
@pytest.mark.parametrize("mode", ["CRD", "DCR"])
@pytest.mark.parametrize(("side", "colours"), [(2, 3), (3, 3), (4, 3), (2, 1)])
def test_pixels_go_where_depth_to_space_puts_them(
    tmp_path: Path, mode: str, side: int, colours: int, quantized: bool
) -> None:
    """The last shuffle of a graph is done row by row on bytes; any larger picture, either order of the channels."""
    onnx.save(_one_layer(mode, side, colours, quantized), tmp_path / "n.onnx")
    runtime = open_runtime("openvino")
    files = runtime.build(tmp_path / "n.onnx", "n", tmp_path)
    x = np.random.default_rng(0).integers(0, 256, (1, 3, 8, 12)).astype(np.float32) / np.float32(255)
    plain = onnxruntime.InferenceSession(str(tmp_path / "n.onnx")).run(None, {INPUT: x})[0]
    answer = runtime.load(tmp_path, files, RunOptions(1)).infer(x)
    assert answer.shape == plain.shape
    np.testing.assert_allclose(answer, plain.clip(0, 1), atol=0.51 / 255)
    found = runtime.inspect(tmp_path, files, None)
    assert "DepthToSpace" not in found.operators
    assert (found.int8_layers, found.float_layers) == ((1, 0) if quantized else (0, 1)), "the rows are no layers"


@pytest.mark.parametrize(("value", "left"), [(127, True), (126, False)])
def test_what_only_moves_codes_gives_codes(tmp_path: Path, value: int, left: bool) -> None:
    """An unshuffling convolution of an INT8 build; weights that are not quite 1 make other values."""
    model = _one_layer("CRD", 2, 3, quantized=True)
    tensors = {each.name: each for each in model.graph.initializer}
    codes = np.zeros((12, 3, 1, 1), np.int8)
    codes[range(12), [channel // 4 for channel in range(12)]] = value
    for name, array in (("codes", codes), ("scale", np.full(12, 1 / 127, np.float32))):
        tensors[name].CopyFrom(numpy_helper.from_array(array, name))
    onnx.save(model, tmp_path / "n.onnx")
    runtime = open_runtime("openvino")
    files = runtime.build(tmp_path / "n.onnx", "n", tmp_path)
    read = openvino.Core().read_model(tmp_path / "n.xml")
    blocks = [node for node in read.get_ops() if node.get_friendly_name().endswith("Conv_0/border/codes")]
    assert bool(blocks) == left
    x = np.random.default_rng(0).integers(0, 256, (1, 3, 8, 12)).astype(np.float32) / np.float32(255)
    truth = x.repeat(2, 2).repeat(2, 3) * value / 127
    np.testing.assert_allclose(runtime.load(tmp_path, files, RunOptions(1)).infer(x), truth, atol=0.51 / 255)


class _WrittenSize(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.interpolate(torch.nn.functional.avg_pool2d(x, 2), size=SIZE, mode="nearest")


def test_a_graph_with_a_size_in_it_is_not_reshaped(tmp_path: Path) -> None:
    export_onnx(_WrittenSize(), OnnxRequest(SIZE, False, 18, {}), tmp_path / "net.onnx")
    runtime = open_runtime("openvino")
    files = runtime.build(tmp_path / "net.onnx", "net", tmp_path)
    with pytest.raises(BuildError, match="40x64 answers"):
        runtime.load(tmp_path, files, RunOptions(1), (40, 64))


def test_pictures_of_any_size_go_through(built: Path) -> None:
    run = PictureRunner(_build(("net.xml", "net.bin")), built, RunOptions(1))
    for height, width in (SIZE, (33, 50), (21, 17), (40, 64), (32, 48), (25, 33), (16, 16)):
        picture = np.random.default_rng(height).integers(0, 60, (height, width, 3), np.uint8)
        answer = run(picture)
        assert answer.shape == picture.shape and answer.dtype == np.uint8
        assert answer.mean() > picture.mean() + 20


def test_padding_repeats_the_border_and_is_cut_off_again() -> None:
    picture = np.arange(10 * 13 * 3, dtype=np.uint8).reshape(10, 13, 3)
    x = to_batch(picture, 8)
    assert x.shape == (1, 3, *padded_size(10, 13, 8)) == (1, 3, 16, 16) and x.dtype == np.float32
    np.testing.assert_array_equal(x[0, :, 15, 15], picture[9, 12] / np.float32(255))
    np.testing.assert_array_equal(to_picture(x, 10, 13), picture)


def test_every_code_survives_the_way_to_a_tensor_and_back() -> None:
    picture = np.tile(np.arange(256, dtype=np.uint8)[None, :, None], (8, 1, 3))
    np.testing.assert_array_equal(to_picture(to_batch(picture, 1), 8, 256), picture)


def test_rounding_clips_and_refuses_nan() -> None:
    y = np.array([-0.5, 1.5, 0.4999 / 255, 0.5001 / 255], np.float32).reshape(1, 1, 2, 2).repeat(3, 1)
    np.testing.assert_array_equal(to_picture(y, 2, 2)[..., 0], [[0, 255], [0, 1]])
    with pytest.raises(BuildError, match="NaN"):
        to_picture(np.full((1, 3, 8, 8), np.nan, np.float32), 8, 8)


def test_latency_of_a_network_is_a_time() -> None:
    assert 0 < float_latency_ms(tiny_nets.student_net(), *SIZE, threads=1) < 60_000
