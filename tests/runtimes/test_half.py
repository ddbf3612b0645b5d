"""Float16 graphs for SDKs that take precision from the graph: what changes, what stays, and what it costs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import tiny_nets
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from compress.errors import BuildError
from compress.models.quantized import strip
from compress.runtimes import open_runtime, why_not_built
from compress.runtimes.base import BuildOptions
from compress.runtimes.half import HALF_LIMIT_DB, answers_db, quantized_nodes, to_half, without_rounding
from compress.runtimes.interchange import OnnxRequest, answer_of, export_onnx
from compress.runtimes.onnx import file_scales
from compress.runtimes.tensorrt import CheckAnswer, CheckRequest, Proxy
from compress.runtimes.tensorrt_rules import broken_rules
from compress.schema import Scheme
from compress.toolchains.call import run_worker

SIZE = (tiny_nets.HEIGHT, tiny_nets.WIDTH)


@pytest.fixture(scope="module", params=["float", "int8"])
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny student, float or quantized as TensorRT wants it, as an interchange file."""
    net = tiny_nets.student_net()
    if request.param == "int8":
        net = strip(tiny_nets.fake_quant_net(Scheme(activations="symmetric")), *SIZE)
    path = tmp_path_factory.mktemp("half") / f"{request.param}.onnx"
    export_onnx(net, OnnxRequest(SIZE, False, 18, {}), path)
    return path


def _types(model: onnx.ModelProto) -> dict[str, int]:
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    known = {value.name: value.type.tensor_type.elem_type for value in (*inferred.value_info, *inferred.input)}
    return {**known, **{tensor.name: tensor.data_type for tensor in model.graph.initializer}}


def test_float_layers_compute_in_float16_and_pictures_stay_float32(source: Path) -> None:
    model = onnx.load(str(source))
    half = to_half(model, "net")
    types, kept = _types(half), set(quantized_nodes(model))
    layers = [node for node in half.graph.node if node.op_type == "Conv" and node.name not in kept]
    assert len(layers) == (21 if source.stem == "float" else 16)
    assert {types[name] for node in layers for name in node.input} == {TensorProto.FLOAT16}
    ends = (*half.graph.input, *half.graph.output)
    assert [(end.name, end.type.tensor_type.elem_type) for end in ends] == [("dark", 1), ("bright", 1)]
    assert {node.op_type for node in half.graph.node} == {node.op_type for node in model.graph.node} - {"Constant"} | {
        "Cast"
    }


def test_quantizers_and_what_runs_on_their_codes_stay_as_they_are(source: Path) -> None:
    model = onnx.load(str(source))
    half = to_half(model, "net")
    there, types = {node.name: node for node in half.graph.node}, _types(half)
    stored = [{t.name: numpy_helper.to_array(t) for t in each.graph.initializer} for each in (model, half)]
    for name in quantized_nodes(model):
        assert {types[tensor] for tensor in there[name].input} <= {TensorProto.FLOAT, TensorProto.INT8}
        for tensor in set(there[name].input) & set(stored[0]):
            assert np.array_equal(stored[0][tensor], stored[1][tensor]) and stored[1][tensor].dtype != np.float16
    before, after = ([(s.node, s.scale.tobytes()) for s in file_scales(each)] for each in (model, half))
    assert before == after and bool(before) == (source.stem == "int8") and broken_rules(half) == ()
    casts = [node for node in half.graph.node if node.op_type == "Cast"]
    assert len(casts) == (2 if source.stem == "float" else 4)  # ends, and into and out of the layers on codes


def _in_float16(model: onnx.ModelProto, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Every operator in numpy, so that also sums are float16; version 19 has the same quantizers as 18."""
    newer = onnx.ModelProto()
    newer.CopyFrom(model)
    newer.opset_import[0].version = 19
    answer: NDArray[np.float32] = ReferenceEvaluator(newer).run(None, {"dark": x})[0]
    return answer


def test_it_costs_next_to_nothing(source: Path, tmp_path: Path) -> None:
    model = onnx.load(str(source))
    half = to_half(model, "net")
    frames = np.stack([each[0].numpy() for each in tiny_nets.frames(2)])
    np.save(tmp_path / "frames.npy", frames)
    assert min(answers_db(half, model, tmp_path / "frames.npy")) > 65 > HALF_LIMIT_DB
    assert len(answers_db(half, model, None)) == 4 and min(answers_db(half, model, None)) > 65
    strict = _in_float16(half, frames[:1]) - _in_float16(model, frames[:1])
    assert -10 * np.log10(np.mean(strict**2)) > 60


def test_codes_that_fall_otherwise_are_no_loss_of_float16(tmp_path: Path) -> None:
    """INT8 graphs that differ by a two-thousandth in what they are fed lie as far apart as coarse codes put them."""
    weights = np.eye(3, dtype=np.float32)[:, :, None, None]
    nodes = [
        helper.make_node("Mul", ["dark", "factor"], ["bright_in"], name="up"),
        helper.make_node("QuantizeLinear", ["bright_in", "scale", "zero"], ["codes"], name="q"),
        helper.make_node("DequantizeLinear", ["codes", "scale", "zero"], ["again"], name="dq"),
        helper.make_node("Conv", ["again", "weights"], ["bright"], name="conv"),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 3, 16, 16)) for name in ("dark", "bright")]
    stored = {"factor": np.float32(3.0), "scale": np.float32(0.02), "zero": np.int8(0), "weights": weights}
    models = []
    for factor in (3.0, 3.0 * 1.0005):
        values = [
            numpy_helper.from_array(np.asarray(v), n) for n, v in {**stored, "factor": np.float32(factor)}.items()
        ]
        graph = helper.make_graph(nodes, "coarse", ends[:1], ends[1:], values)
        models.append(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10))
    x = np.random.default_rng(0).random((1, 3, 16, 16)).astype(np.float32) * 0.5
    np.save(tmp_path / "frames.npy", x)
    apart = -10 * np.log10(np.mean((answer_of(models[0], x) - answer_of(models[1], x)) ** 2))
    assert apart < 52 < 60 < min(answers_db(models[0], models[1], tmp_path / "frames.npy"))
    (op,) = [node for node in without_rounding(models[0]).graph.node if node.op_type == "Conv"]
    assert op.input[0] == "bright_in"


def _loud(factor: float) -> onnx.ModelProto:
    """dark → times ``factor`` → times its inverse → bright."""
    nodes = [
        helper.make_node("Mul", ["dark", "factor"], ["loud"], name="up"),
        helper.make_node("Mul", ["loud", "inverse"], ["bright"], name="down"),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 3, 16, 16)) for name in ("dark", "bright")]
    values = {"factor": np.float32(factor), "inverse": np.float32(1 / factor)}
    stored = [numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()]
    graph = helper.make_graph(nodes, "loud", ends[:1], ends[1:], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def test_what_float16_can_not_hold_is_refused_before_the_sdk_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPRESS_TOOLCHAINS", str(tmp_path / "nowhere"))
    onnx.save(_loud(1e6), str(tmp_path / "net.onnx"))
    with pytest.raises(BuildError, match=r"net.onnx: .* in float16 .*set target.device.float_precision=f32"):
        open_runtime("tensorrt").build(tmp_path / "net.onnx", "net", tmp_path, BuildOptions(float_precision="f16"))
    with pytest.raises(BuildError, match="f32 or f16 here, not bf16"):
        open_runtime("tensorrt").build(tmp_path / "net.onnx", "net", tmp_path, BuildOptions(float_precision="bf16"))


def test_tensorrt_takes_it_and_runs_its_float_layers_in_float16(source: Path, tmp_path: Path) -> None:
    if why_not_built("tensorrt"):
        pytest.skip(f"{why_not_built('tensorrt')}")
    runtime = open_runtime("tensorrt")
    found = {}
    for precision in ("f32", "f16"):
        (tmp_path / precision).mkdir()
        options = BuildOptions(float_precision=precision)
        files = runtime.build(source, "net", tmp_path / precision, options)
        found[precision] = runtime.inspect(tmp_path / precision, files, None)
        again = runtime.build(source, "again", tmp_path / precision, options)
        assert (tmp_path / precision / files[0]).read_bytes() == (tmp_path / precision / again[0]).read_bytes()
    one, other = found["f32"], found["f16"]
    assert (one.int8_layers, one.float_layers) == (other.int8_layers, other.float_layers)
    assert one.float_islands == other.float_islands
    proxy = Proxy.read(tmp_path / "f16" / "net.proxy.json")
    assert proxy.float_precision == "f16" and min(proxy.half_psnr_db) > HALF_LIMIT_DB
    assert any(note.startswith("float layers in float16: ") for note in other.notes)
    for precision in ("f32", "f16"):
        request = CheckRequest(onnx=str(tmp_path / precision / "net.onnx"), architecture="SM87", operators=())
        layers = run_worker("tensorrt", "tensorrt_check", request, CheckAnswer, 300).layers
        heavy = [layer for layer in layers if set(layer.nodes) & set(proxy.float_layers)]
        assert heavy and {"Half" in layer.constants for layer in heavy} == {precision == "f16"}  # their weights


def test_a_weight_that_several_layers_read_is_cast_once() -> None:
    """One layer called three times: its weight's codes are read by all calls."""
    text = """<ir_version: 8, opset_import: ["" : 18]>
    agraph (float[1, 3, 8, 8] dark) => (float[1, 3, 8, 8] bright)
    <float scale = {0.1}, int8 zero = {0}, int8[3, 3, 1, 1] w = {1, 2, 3, 4, 5, 6, 7, 8, 9}> {
        weight = DequantizeLinear(w, scale, zero)
        one = Conv(dark, weight)
        act = Tanh(one)
        two = Conv(act, weight)
        again = Tanh(two)
        three = Conv(again, weight)
        bright = Sigmoid(three)
    }"""
    model = onnx.parser.parse_model(text)
    for place, node in enumerate(model.graph.node):
        node.name = f"node{place}"
    half = to_half(model, "net")
    names = [name for node in half.graph.node for name in node.output]
    assert len(names) == len(set(names))
    assert min(answers_db(half, model, None)) > 40
