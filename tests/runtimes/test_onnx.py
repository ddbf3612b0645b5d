"""The interchange file: checked, simplified, small, and refused when it answers otherwise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import tiny_nets
import torch
from onnx import numpy_helper
from torch import nn

from compress.errors import BuildError
from compress.models.quantized import read_table, strip
from compress.records import TensorScale
from compress.runtimes.agreement import check_answer
from compress.runtimes.interchange import (
    OnnxRequest,
    answer_of,
    export_onnx,
    is_quantized,
    quantize_array,
)  # fmt: skip
from compress.schema import Scheme

SIZE = (tiny_nets.HEIGHT, tiny_nets.WIDTH)


@pytest.fixture(scope="module")
def int8(tmp_path_factory: pytest.TempPathFactory) -> onnx.ModelProto:
    path = tmp_path_factory.mktemp("int8") / "int8.onnx"
    export_onnx(strip(tiny_nets.fake_quant_net(), *SIZE), OnnxRequest(SIZE, False, 18, {"b": "2", "a": "1"}), path)
    return onnx.load(str(path))


def _weight_rows() -> list[TensorScale]:
    rows = [row for row in read_table(tiny_nets.fake_quant_net(), Scheme(), ()).tensors if row.kind == "weight"]
    assert len(rows) >= 4
    return rows


def test_borders_opset_and_notes(int8: onnx.ModelProto) -> None:
    assert [value.name for value in int8.graph.input] == ["dark"]
    assert [value.name for value in int8.graph.output] == ["bright"]
    assert [(entry.domain, entry.version) for entry in int8.opset_import] == [("", 18)]
    assert {entry.key: entry.value for entry in int8.metadata_props} == {"a": "1", "b": "2"}


def test_weights_are_stored_as_int8(int8: onnx.ModelProto) -> None:
    stored = {t.name: t for t in int8.graph.initializer}
    weights = [n for n in int8.graph.node if n.op_type == "DequantizeLinear" and n.input[0] in stored]
    assert len(weights) == len(_weight_rows())
    assert {stored[node.input[0]].data_type for node in weights} == {onnx.TensorProto.INT8}
    quantized = {node.input[0] for node in int8.graph.node if node.op_type == "QuantizeLinear"}
    assert not quantized & set(stored)


def test_stored_weights_are_the_trained_ones(int8: onnx.ModelProto) -> None:
    stored = {t.name: numpy_helper.to_array(t) for t in int8.graph.initializer}
    net = tiny_nets.student_net()
    for row in _weight_rows():
        place = row.tensor.removesuffix("/conv2d/0 weight")
        node = next(n for n in int8.graph.node if n.name.endswith(f"/{place}/conv2d/0__1.0/DequantizeLinear"))
        step = np.array(row.scale, np.float32).reshape(-1, 1, 1, 1)
        convolution = net.get_submodule(place.replace("/", "."))
        weight = convolution.weight if isinstance(convolution, nn.Conv2d) else convolution.get_buffer("kernel")
        truth = weight.detach().numpy()
        assert (np.abs(stored[node.input[0]] * step - truth) <= 0.501 * step).all(), row.tensor


def test_free_file_takes_any_multiple(tmp_path: Path) -> None:
    net = strip(tiny_nets.fake_quant_net(), *SIZE)
    export_onnx(net, OnnxRequest(SIZE, True, 18, {}), tmp_path / "free.onnx")
    model = onnx.load(str(tmp_path / "free.onnx"))
    dims = model.graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_param for dim in dims[2:]] == ["height", "width"]
    for size in ((16, 24), (40, 56)):
        x = torch.rand(1, 3, *size) * 0.3
        with torch.no_grad():
            check_answer("free", answer_of(model, x.numpy()), net(x).numpy(), quantized=True)


def test_equal_networks_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        torch.rand(3)  # the random state of the process does not matter
        export_onnx(tiny_nets.student_net(), OnnxRequest(SIZE, False, 18, {}), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_quantize_array_is_onnx_quantize_linear() -> None:
    values = np.array([[-3.0, 0.5, 1.5], [0.25, 100.0, -100.0]], np.float32)
    per_row = quantize_array(values, np.array([1.0, 0.5], np.float32), np.array([0, 3], np.int8), axis=0)
    np.testing.assert_array_equal(per_row, np.array([[-3, 0, 2], [3, 127, -128]], np.int8))  # half to even: 0.5 → 0
    assert per_row.dtype == np.int8
    whole = quantize_array(values, np.array(1.0, np.float32), np.array(128, np.uint8), axis=1)
    np.testing.assert_array_equal(whole, np.array([[125, 128, 130], [128, 228, 28]], np.uint8))


def test_an_answer_that_differs_is_refused() -> None:
    truth = np.random.default_rng(0).random((1, 3, 8, 8), np.float32)
    check_answer("net", truth + np.float32(1e-5), truth, quantized=False)
    with pytest.raises(BuildError, match="answers otherwise"):
        check_answer("net", truth + np.float32(1e-3), truth, quantized=False)
    rounding = truth.copy()
    rounding[0, 0, 0, :4] += 0.03
    check_answer("net", rounding, truth, quantized=True)
    with pytest.raises(BuildError, match="answers otherwise"):
        check_answer("net", truth * np.float32(1.02), truth, quantized=True)
    with pytest.raises(BuildError, match="answers otherwise"):
        check_answer("net", np.full_like(truth, np.nan), truth, quantized=True)
    with pytest.raises(BuildError, match=r"answers \[1, 3, 8, 4\]"):
        check_answer("net", truth[..., :4], truth, quantized=False)


class _Fitted(nn.Module):
    """Its trace holds what only the example's size makes true."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.fft.rfft2(x).real


def test_what_onnx_lacks_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="bad.onnx: can't be exported with opset 18") as caught:
        export_onnx(_Fitted(), OnnxRequest(SIZE, False, 18, {}), tmp_path / "bad.onnx")
    assert "\n" not in str(caught.value)


def test_an_opset_nobody_has_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="can't be exported with opset 25"):
        export_onnx(tiny_nets.student_net(), OnnxRequest(SIZE, False, 25, {}), tmp_path / "new.onnx")


def test_float_files_are_not_quantized(int8: onnx.ModelProto, tmp_path: Path) -> None:
    export_onnx(tiny_nets.student_net(), OnnxRequest(SIZE, False, 18, {}), tmp_path / "net.onnx")
    assert is_quantized(int8) and not is_quantized(onnx.load(str(tmp_path / "net.onnx")))
