"""What can't be converted is refused at once, by name, with the way out; and the self-check sees what differs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from onnx_texts import run, write_text

from compress.errors import NetworkError, NetworkRefused, WeightsError
from compress.foreign.onnx_torch.convert import as_torch
from compress.foreign.onnx_torch.selfcheck import check_conversion

CONV, W = "y = Conv (x, w)", {"w": (6, 3, 3, 3)}


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        ("u = Unique (x) h = Hardmax (x) a = Add (u, h) y = com.microsoft.Gelu (a)", NetworkError,
         r"can't be converted: Hardmax, Unique, com.microsoft.Gelu; .*teach a student"),
        ("s = Constant <value = float {0.1}> () q = QuantizeLinear (x, s) y = DequantizeLinear (q, s)", NetworkError,
         r"quantized already \(DequantizeLinear, QuantizeLinear\); give the float file"),
        ("y = my.library.Light (x)", NetworkRefused, "custom operator my.library.Light"),
        ('k = Constant <value = float[4] {1.0,1.0,1.5,2.0}> () r = Constant <value = float[0] {}> () '
         'y = Resize <mode="linear", coordinate_transformation_mode="tf_crop_and_resize"> (x, r, k)', NetworkError,
         r"Resize\): its way to resize"),
        ("c = Constant <value = float {0.1}> () y = Identity (c)", NetworkError, "does not depend on the picture"),
        ("y, m = MaxPool <kernel_shape=[2,2]> (x) z = Cast <to=1> (m) o = ReduceMax (z)", None, ""),
    ],
)  # fmt: skip
def test_operators(body: str, error: type[Exception] | None, message: str, tmp_path: Path) -> None:
    path = write_text(body, tmp_path / "net.onnx", 17)
    if "my.library" in body:
        model = onnx.load(str(path))
        model.opset_import.append(helper.make_opsetid("my.library", 1))
        onnx.save(model, str(path))
    if error is None:  # what no answer needs is left out
        assert list(as_torch(path).names.values()) == [("MaxPool_0",)]
        return
    with pytest.raises(error, match=message) as raised:
        as_torch(path)
    assert "\n" not in str(raised.value) and "net.onnx" in str(raised.value)


def test_control_flow(tmp_path: Path) -> None:
    body = "m = ReduceMax <keepdims=0> (x) z = Constant <value = float {0.5}> () g = Greater (m, z) "
    branches = "then_branch = a () => (float p) { p = Identity (x) }, else_branch = b () => (float q) { q = Neg (x) }"
    with pytest.raises(NetworkError, match="can't be converted: If; "):
        as_torch(write_text(f"{body} y = If <{branches}> (g)", tmp_path / "net.onnx"))


@pytest.mark.parametrize(("sides", "said"), [("n,5,h,w", "its input is "), ("n,h,w", "its input is ")])
def test_no_picture(sides: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match=said):
        as_torch(write_text("y = Neg (x)", tmp_path / "net.onnx", sides=sides))


def test_two_inputs(tmp_path: Path) -> None:
    model = onnx.load(str(write_text("y = Neg (x)", tmp_path / "net.onnx")))
    model.graph.input.append(helper.make_tensor_value_info("time", onnx.TensorProto.FLOAT, [1]))
    onnx.save(model, str(tmp_path / "net.onnx"))
    with pytest.raises(NetworkError, match="takes x, time; only networks of one picture"):
        as_torch(tmp_path / "net.onnx")


def test_no_size_that_it_takes(tmp_path: Path) -> None:
    body = "k = Constant <value = int64[4] {1,3,7,-1}> () y = Reshape (x, k)"
    with pytest.raises(WeightsError, match="ONNX Runtime can't run it"):
        as_torch(write_text(body, tmp_path / "net.onnx"))


def test_another_weight_is_seen(tmp_path: Path) -> None:
    path = write_text(CONV, tmp_path / "net.onnx", 17, W)
    net = as_torch(path)
    with torch.no_grad():
        net.Conv_0.weight[5, 2, 2, 2] += 1e-3  # type: ignore[union-attr, operator]
    with pytest.raises(NetworkError, match=r"at 64x96 'y' of the conversion is up to .* away, .* allowed; report it"):
        check_conversion(net, path)


def test_what_is_right_at_one_size_only_is_seen(tmp_path: Path) -> None:
    body = f"s = Shape (x) {CONV.replace('y', 'c')} t = Cast <to=1> (s) m = ReduceMax <keepdims=0> (t) y = Mul (c, m)"
    path = write_text(body, tmp_path / "net.onnx", 17, W)
    net = as_torch(path)
    net.ReduceMax_3.forward = lambda _: torch.tensor(96.0)  # type: ignore[union-attr, method-assign, assignment]
    with pytest.raises(NetworkError, match="at 128x64 'y'"):
        check_conversion(net, path)


def test_of_two_answers_each_is_checked(tmp_path: Path) -> None:
    path = write_text(f"{CONV} z = Neg (x)", tmp_path / "net.onnx", 17, W)
    model = onnx.load(str(path))
    model.graph.output.append(helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, None))
    onnx.save(model, str(path))
    net = as_torch(path)
    answer = net(torch.ones(1, 3, 8, 8))
    assert isinstance(answer, dict) and list(answer) == ["y", "z"] and float(answer["z"].max()) == -1
    net.Neg_1.function = torch.abs  # type: ignore[union-attr]
    with pytest.raises(NetworkError, match="'z' of the conversion"):
        check_conversion(net, path)


@pytest.mark.parametrize("kind", ["half", "bytes"])
def test_other_kinds_of_pictures(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    body = (
        "c = Cast <to=1> (x) k = Conv (c, w) y = Sigmoid (k)" if kind == "bytes" else "k = Conv (x, w) y = Sigmoid (k)"
    )
    model = onnx.load(str(write_text(body, path, 17, W)))
    model.graph.input[0].type.tensor_type.elem_type = 2 if kind == "bytes" else 10
    if kind == "half":
        weight = numpy_helper.to_array(model.graph.initializer[0]).astype(np.float16)
        model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weight, "w"))
        model.graph.output[0].type.tensor_type.elem_type = 10
    onnx.save(model, str(path))
    net = as_torch(path)
    x = np.random.default_rng(0).integers(0, 255 if kind == "bytes" else 2, (1, 3, 24, 40))
    truth = run(path, x.astype(np.uint8 if kind == "bytes" else np.float16))[0]  # type: ignore[arg-type]
    answer = net(torch.from_numpy(x).float())
    assert isinstance(answer, torch.Tensor) and answer.dtype == torch.float32
    np.testing.assert_allclose(answer.detach().numpy(), truth, atol=2e-3)


def test_a_function_of_the_file_is_written_out(tmp_path: Path) -> None:
    text = (
        '<ir_version: 8, opset_import: ["" : 17, "own" : 1]> one (float[n,3,h,w] x) => (float[n,3,h,w] y) '
        '{ y = own.Swish (x) } <domain: "own", opset_import: ["" : 17]> Swish (a) => (b) '
        "{ s = Sigmoid (a) b = Mul (a, s) }"
    )
    path = tmp_path / "net.onnx"
    onnx.save(onnx.parser.parse_model(text), str(path))
    x = torch.linspace(-1, 1, 3 * 8 * 8).reshape(1, 3, 8, 8)
    torch.testing.assert_close(as_torch(path)(x), torch.nn.functional.silu(x))


def test_external_data_beside_the_file(tmp_path: Path) -> None:
    path = write_text(CONV, tmp_path / "net.onnx", 17, W)
    onnx.save(onnx.load(str(path)), str(path), save_as_external_data=True, size_threshold=0, location="net.data")
    assert (tmp_path / "net.data").is_file()
    assert as_torch(path).state_dict()["Conv_0.weight"].shape == (6, 3, 3, 3)
