"""The first diverging layer: a sound build has none, a build with one broken part is named by this very part."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import openvino
import pytest
import tiny_nets
from numpy.typing import NDArray
from onnx import numpy_helper

from compress.errors import BuildError
from compress.models.quantized import load_fake_quant
from compress.parity.bisect import compare_layers, first_divergence, narrowed, snr_db
from compress.parity.onnx_probe import OnnxProbe
from compress.parity.probe import PROBES, Point, Probe, common_name, open_probe
from compress.parity.torch_probe import TorchProbe
from compress.runtimes import RUNTIMES, open_runtime, why_not_built
from compress.runtimes.base import BuildOptions

if TYPE_CHECKING:
    from compress.parity.probe import Tensors
    from compress.runtimes.base import Batch

ONNX = "int8-onnx-32x48.onnx"
IR = ("int8-openvino-32x48.xml", "int8-openvino-32x48.bin")
BUILDS = {"onnx": (ONNX,), "openvino": IR}


@pytest.fixture(scope="module")
def torch_probe(sealed_chain) -> TorchProbe:  # type: ignore[no-untyped-def]
    return TorchProbe(load_fake_quant(sealed_chain.quantized.folder, "qat"))


@pytest.fixture(scope="module")
def x() -> NDArray[np.float32]:
    codes = np.random.default_rng(0).integers(0, 77, (1, 3, tiny_nets.HEIGHT, tiny_nets.WIDTH))
    return codes.astype(np.float32) / np.float32(255)


@pytest.mark.parametrize(
    ("tensor", "name"),
    [
        ("/net/repair/middle1/Conv_output_0", "repair/middle1/Conv"),
        ("/net/Mul_10_output_0", "Mul_10"),
        ("/net/x__0.0/DequantizeLinear_output_0", "x__0"),
        ("/net/repair/repair/relu/0__0.0/DequantizeLinear_output_0", "repair/relu/0__0"),
        ("/net/repair/middle1/repair/middle1/conv2d/0__1.0/DequantizeLinear_output_0", "repair/middle1/conv2d/0__1"),
        ("/net/a/a/a/a/conv2d/0__1.0/DequantizeLinear_output_0", "a/a/conv2d/0__1"),
        ("/net/a/a/conv2d/0__1.0/DequantizeLinear_output_0", "a/conv2d/0__1"),
        ("/net/x__0.0/QuantizeLinear_output_0", None),
        ("bright", "bright"),
    ],
)
def test_a_tensor_has_one_name_in_all_builds(tensor: str, name: str | None) -> None:
    assert common_name(tensor) == name


def test_every_runtime_is_looked_into_or_says_that_it_is_not(tmp_path: Path) -> None:
    assert set(PROBES) <= set(RUNTIMES)
    with pytest.raises(BuildError, match="no way to look inside a tensorrt build"):
        open_probe("tensorrt", tmp_path, ("net.engine",))


@pytest.mark.parametrize("runtime", PROBES)
def test_broken_files_are_one_line(runtime: str, tmp_path: Path) -> None:
    for name in ("net.onnx", "net.xml"):
        (tmp_path / name).write_bytes(b"\x08\x07nothing")
    with pytest.raises(BuildError) as caught:
        open_probe(runtime, tmp_path, ("net.onnx" if runtime == "onnx" else "net.xml",))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("runtime", BUILDS)
def test_a_sound_build_diverges_nowhere(runtime: str, torch_probe, sealed_chain, x) -> None:  # type: ignore[no-untyped-def]
    found = first_divergence(torch_probe, open_probe(runtime, sealed_chain.builds.folder, BUILDS[runtime]), x)
    assert found.first is None
    assert {layer.name for layer in found.layers} == {point.name for point in torch_probe.points()}
    labels = [layer.label for layer in found.layers]
    assert labels[0] == "x output" and labels[-1] == "repair.leave"
    assert {"repair/middle1/conv2d/0 weight", "repair/relu/1 output", "repair/enter/conv2d/0 input 0"} <= set(labels)
    weights = [layer.snr_db for layer in found.layers if layer.label.endswith(" weight")]
    assert len(weights) == 6 and min(weights) > 120


Spoil = Callable[[onnx.ModelProto], None]


def _scale_initializer(part: str, factor: float) -> Spoil:
    """Multiply the stored tensor whose name holds ``part``."""

    def spoil(model: onnx.ModelProto) -> None:
        (tensor,) = [each for each in model.graph.initializer if part in each.name]
        values = numpy_helper.to_array(tensor)
        tensor.CopyFrom(numpy_helper.from_array((values * factor).astype(values.dtype), tensor.name))

    return spoil


def _scale_quantizer(place: str, factor: float) -> Spoil:
    """Give the activation quantizer at ``place`` a scale of its own, ``factor`` times what it was."""

    def spoil(model: onnx.ModelProto) -> None:
        nodes = [node for node in model.graph.node if f"/{place}." in node.name and node.op_type != "Constant"]
        assert [node.op_type for node in nodes] == ["QuantizeLinear", "DequantizeLinear"]
        (old,) = [each for each in model.graph.initializer if each.name == nodes[0].input[1]]
        model.graph.initializer.append(numpy_helper.from_array(numpy_helper.to_array(old) * np.float32(factor), "new"))
        for node in nodes:
            node.input[1] = "new"

    return spoil


@pytest.mark.parametrize(
    ("spoil", "label"),
    [
        (_scale_initializer("conv2d/0__1.0/QuantizeLinear_output_0-near", 0.5), "repair/middle1/conv2d/0 weight"),
        (_scale_initializer("pre_hooks.repair/middle3/conv2d/0__1.0.scale", 1.001), "repair/middle3/conv2d/0 weight"),
        (_scale_initializer("repair.middle2.bias", 1.2), "repair.middle2"),
        (_scale_initializer("light.down1.weight", 1.1), "light.down1"),
        (_scale_quantizer("repair/relu/1__0", 1.05), "repair/relu/1 output"),
        (_scale_quantizer("repair/enter/conv2d/0__0", 0.9), "repair/enter/conv2d/0 input 0"),
    ],
    ids=["int8 weight", "weight scale", "bias", "float weight", "activation scale", "first activation scale"],
)
def test_the_broken_part_of_an_onnx_file_is_named(  # type: ignore[no-untyped-def]
    spoil: Spoil, label: str, torch_probe, chain, x
) -> None:
    path = chain.builds.folder / ONNX
    model = onnx.load(str(path))
    for tensor in model.graph.initializer:  # a plain handle for the first case: which quantized weight is meant
        if tensor.name.endswith("conv2d/0__1.0/QuantizeLinear_output_0") and "/middle1/" in tensor.name:
            _rename(model, tensor.name, tensor.name + "-near")
    spoil(model)
    onnx.save(model, str(path))
    found = first_divergence(torch_probe, OnnxProbe(path.parent, (ONNX,)), x)
    assert found.first is not None and found.first.label == label
    assert found.first.snr_db < found.first.limit_db


def _rename(model: onnx.ModelProto, old: str, new: str) -> None:
    for tensor in model.graph.initializer:
        tensor.name = new if tensor.name == old else tensor.name
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = new if name == old else name


def _multiply(node: openvino.Node, port: int, factor: float) -> None:
    """Put a multiplication before an input of a node of an IR."""
    from openvino import opset13

    source = node.input_value(port)
    by = opset13.constant(np.array(factor, source.get_element_type().to_dtype()))
    node.input(port).replace_source_output(opset13.multiply(source, by).output(0))


@pytest.mark.parametrize(
    ("node", "ports", "factor", "label"),
    [
        (
            "/net/repair/middle1/repair/middle1/conv2d/0__1.0/DequantizeLinear",
            (0,),
            1.01,
            "repair/middle1/conv2d/0 weight",
        ),
        ("/net/repair/repair/relu/1__0.0/DequantizeLinear", (3, 4), 1.05, "repair/relu/1 output"),
        ("/net/repair/middle2/Conv", (1,), 1.3, "repair.middle2"),
        ("/net/light/to_gain/Conv", (1,), 3.0, "light.to_gain"),
    ],
    ids=["weight scale", "activation scale", "bias", "float bias"],
)
def test_the_broken_part_of_an_ir_is_named(  # type: ignore[no-untyped-def]
    node: str, ports: tuple[int, ...], factor: float, label: str, torch_probe, chain, x
) -> None:
    folder = chain.builds.folder
    model = openvino.Core().read_model(str(folder / IR[0]))
    (found_node,) = [each for each in model.get_ordered_ops() if each.get_friendly_name() == node]
    for port in ports:
        _multiply(found_node, port, factor)
    openvino.save_model(model, str(folder / "broken.xml"), compress_to_fp16=False)
    found = first_divergence(torch_probe, open_probe("openvino", folder, ("broken.xml", "broken.bin")), x)
    assert found.first is not None and found.first.label == label


def test_an_operator_between_layers_is_named_too(torch_probe, sealed_chain, chain, x) -> None:  # type: ignore[no-untyped-def]
    sound, broken = (OnnxProbe(each.builds.folder, (ONNX,), as_written=True) for each in (sealed_chain, chain))
    model = broken._model
    (sigmoid,) = [node for node in model.graph.node if node.op_type == "Sigmoid"]
    sigmoid.op_type = "Tanh"
    coarse = first_divergence(torch_probe, broken, x)
    assert coarse.first is not None and coarse.first.label == "repair/enter/conv2d/0 input 0"
    both = narrowed(coarse, first_divergence(sound, broken, x))
    assert both.operator is not None and both.operator.name == "Sigmoid"


class Fused(Probe):
    """The ONNX build, but wrong from ``layer`` on unless more than one tensor is exposed."""

    def __init__(self, inner: Probe, layer: str) -> None:
        self._inner, self._layer = inner, layer

    def points(self) -> tuple[Point, ...]:
        return self._inner.points()

    def run(self, x: Batch, names: Collection[str]) -> Tensors:
        found = self._inner.run(x, names)
        order = [point.name for point in self.points()]
        if len(found) > 1:
            return found
        return {name: v * 2 if order.index(name) >= order.index(self._layer) else v for name, v in found.items()}


def test_what_differs_only_when_fused_is_found_one_at_a_time(sealed_chain, x) -> None:  # type: ignore[no-untyped-def]
    sound = OnnxProbe(sealed_chain.builds.folder, (ONNX,), as_written=True)
    found = first_divergence(sound, Fused(sound, "repair/middle2/Conv"), x)
    assert found.only_when_fused and found.first is not None and found.first.name == "repair/middle2/Conv"


def test_networks_without_a_common_name_are_refused(torch_probe, x) -> None:  # type: ignore[no-untyped-def]
    class Foreign(Probe):
        def points(self) -> tuple[Point, ...]:
            return (Point("other", "other"),)

        def run(self, x: Batch, names: Collection[str]) -> Tensors:
            raise AssertionError

    with pytest.raises(BuildError, match="no tensor of the build has a name"):
        compare_layers(torch_probe, Foreign(), x)


def test_signal_over_difference() -> None:
    ones = np.ones(8, np.float32)
    assert snr_db(ones, ones * np.float32(1.1)) == pytest.approx(20.0, abs=1e-3)
    assert snr_db(ones, ones) == 200.0
    assert snr_db(ones, ones * np.float32("nan")) == -np.inf
    assert snr_db(np.zeros(8, np.float32), ones) == -200.0


@pytest.fixture(scope="module")
def int8_source(sealed_chain) -> Path:  # type: ignore[no-untyped-def]
    path: Path = sealed_chain.builds.folder / ONNX
    return path


@pytest.mark.parametrize(
    ("spoil", "label"),
    [
        (None, None),
        (_scale_initializer("repair.middle2.bias", 1.5), "repair.middle2"),
        (_scale_initializer("light.to_gain.bias", 1.5), "light.to_gain"),
    ],
    ids=["sound", "bias", "float bias"],
)
@pytest.mark.timeout(1200)
def test_the_broken_part_of_an_rknn_build_is_named(  # type: ignore[no-untyped-def]
    spoil: Spoil | None, label: str | None, torch_probe, int8_source, tmp_path, x
) -> None:
    if why_not_built("rknn"):
        pytest.skip(f"{why_not_built('rknn')}")
    model = onnx.load(str(int8_source))
    if spoil is not None:
        spoil(model)
    onnx.save(rewritten(model), str(tmp_path / "net.onnx"))
    files = open_runtime("rknn").build(tmp_path / "net.onnx", "net", tmp_path, BuildOptions(platform="rk3588"))
    found = first_divergence(torch_probe, open_probe("rknn", tmp_path, files), x)
    assert (found.first and found.first.label) == label
    assert {"light/leave/Conv", "repair/enter/Conv", "repair/leave/Conv"} <= {layer.name for layer in found.layers}


def rewritten(model: onnx.ModelProto) -> onnx.ModelProto:
    """Without the one operator of the student that the toolkit lacks."""
    (node,) = [each for each in model.graph.node if each.op_type == "ReduceMax"]
    node.op_type = "GlobalMaxPool"
    del node.attribute[:], node.input[1:]
    return model


@pytest.mark.parametrize(
    ("spoil", "label"),
    [
        (None, None),
        (_scale_initializer("pre_hooks.repair/middle3/conv2d/0__1.0.scale", 1.001), "repair/middle3/conv2d/0 weight"),
        (_scale_initializer("repair.middle2.bias", 1.5), "repair/relu/2 output"),  # fused with its ReLU and quantizer
        (_scale_initializer("light.to_gain.bias", 1.5), "light.to_gain"),
    ],
    ids=["sound", "weight scale", "bias", "float bias"],
)
@pytest.mark.timeout(1200)
def test_the_broken_part_of_a_tflite_file_is_named(  # type: ignore[no-untyped-def]
    spoil: Spoil | None, label: str | None, torch_probe, int8_source, tmp_path, x
) -> None:
    if why_not_built("tflite"):
        pytest.skip(f"{why_not_built('tflite')}")
    model = onnx.load(str(int8_source))
    if spoil is not None:
        spoil(model)
    onnx.save(model, str(tmp_path / "net.onnx"))
    files = open_runtime("tflite").build(tmp_path / "net.onnx", "net", tmp_path)
    found = first_divergence(torch_probe, open_probe("tflite", tmp_path, files), x)
    assert (found.first and found.first.label) == label
    names = {layer.name for layer in found.layers}
    assert {"x__0", "light/leave/Conv", "repair/enter/conv2d/0__0", "repair/relu/3__0", "repair/leave/Conv"} <= names
