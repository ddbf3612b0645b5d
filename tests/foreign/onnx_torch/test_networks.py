"""Whole networks as ONNX files come back equal: names, weights, free sides, quantized and exported again."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import onnx
import public_styles
import pytest
import tiny_nets
import torch
from foreign_nets import make, write_onnx
from torch import Tensor, nn

from compress.errors import WeightsError
from compress.foreign.onnx_torch.convert import as_torch
from compress.foreign.onnx_torch.network import OnnxGraph
from compress.models import PICTURE_NETWORKS, build_net
from compress.models.pruning import count_macs, prune_until
from compress.models.quantized import insert_fake_quant, strip
from compress.runtimes.interchange import OnnxRequest, export_onnx
from compress.schema import QuantizeSpec, Scheme

STYLES = (
    "SuperResolution", "SmallUNet", "Unshuffled", "Gated", "Grouped", "CurveEstimator", "Tied", "Transformer",
    "Decomposition",
)  # fmt: skip
X = torch.rand(1, 3, 48, 80, generator=torch.Generator().manual_seed(5))


def author(name: str) -> nn.Module:
    torch.manual_seed(0)
    net: nn.Module = make(name) if "." in name else getattr(public_styles, name)().eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 2.0)  # type: ignore[arg-type]
        if isinstance(module, nn.LayerNorm):
            nn.init.uniform_(module.weight, 0.5, 2.0)
            nn.init.uniform_(module.bias)
    return net


def written(net: nn.Module, path: Path, opset: int = 17, free: bool = True) -> Path:
    axes = {"x": {0: "n", 2: "h", 3: "w"}} if free else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the author's ways
        torch.onnx.export(
            net,
            (X[:, :, :32, :48],),
            str(path),
            input_names=["x"],
            dynamic_axes=axes,
            dynamo=False,
            opset_version=opset,
        )
    return path


def parts(answer: Tensor | dict[str, Tensor] | tuple[Tensor, ...]) -> list[Tensor]:
    if isinstance(answer, Tensor):
        return [answer]
    return list(answer.values() if isinstance(answer, dict) else answer)


def assert_equal(net: nn.Module, converted: nn.Module, x: Tensor = X) -> None:
    with torch.no_grad():
        for mine, theirs in zip(parts(converted(x)), parts(net(x)), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


def values_of(net: nn.Module) -> int:
    """Floats, each of them once."""
    return sum(value.numel() for value in (*net.parameters(), *net.buffers()) if value.is_floating_point())


def count(net: nn.Module, kind: type[nn.Module]) -> int:
    return sum(isinstance(module, kind) for module in net.modules())


@pytest.mark.parametrize("opset", [11, 17, 18])
@pytest.mark.parametrize("name", [*STYLES, "curve.Curve", "pair.Pair"])
def test_they_come_back_equal(name: str, opset: int, tmp_path: Path) -> None:
    net = author(name)
    converted = as_torch(written(net, tmp_path / "net.onnx", opset))
    assert_equal(net, converted)
    assert_equal(net, converted, torch.cat((X, X.flip(1))))
    assert_equal(net, copy.deepcopy(converted))
    if not count(net, nn.BatchNorm2d):  # which the exporter folds into convolutions
        assert values_of(converted) == values_of(net)


@pytest.mark.parametrize("name", ["SmallUNet", "Transformer", "CurveEstimator", "curve.Curve"])
def test_files_of_the_newer_exporter_with_the_authors_names(name: str, tmp_path: Path) -> None:
    net, path = author(name), tmp_path / "net.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net, (X,), str(path), dynamo=True, opset_version=18, verbose=False, external_data=False)
    converted = as_torch(path)
    assert_equal(net, converted)
    for layer in ("up", "qkv", "leave"):
        assert hasattr(net, layer) == hasattr(converted, layer)


def test_free_sides_of_the_newer_exporter(tmp_path: Path) -> None:
    net, path, auto = author("Decomposition"), tmp_path / "net.onnx", torch.export.Dim.AUTO
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shapes = ({0: auto, 2: auto, 3: auto},)
        torch.onnx.export(net, (X.expand(2, -1, -1, -1),), str(path), dynamo=True, dynamic_shapes=shapes, verbose=False)
    assert_equal(net, as_torch(path), X[:, :, :32])


@pytest.mark.parametrize("name", PICTURE_NETWORKS)
def test_our_own_come_back_equal(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = build_net(name, {}).eval()
    export_onnx(net, OnnxRequest((64, 96), name != "retinex_unet", 18, {}), tmp_path / "net.onnx")
    x = torch.rand(1, 3, 64, 96)
    assert_equal(net, as_torch(tmp_path / "net.onnx"), x)


def test_modules_are_the_authors(tmp_path: Path) -> None:
    converted = as_torch(written(author("SuperResolution"), tmp_path / "net.onnx"))
    assert {"head.Conv", "block.0.Conv", "block.1.Relu", "block.2.Conv", "Add", "shuffle.DepthToSpace"} <= set(
        converted.names
    )
    assert converted.names["block.0.Conv"] == ("/block/block.0/Conv",)
    assert isinstance(converted.get_submodule("block.0.Conv"), nn.Conv2d)
    assert "head.Conv.weight" in converted.state_dict()


def test_a_layer_that_is_called_eight_times_is_one(tmp_path: Path) -> None:
    converted = as_torch(written(author("CurveEstimator"), tmp_path / "net.onnx"))
    assert count(converted, nn.Conv2d) == 3 and count(converted, nn.PReLU) == 1
    assert len(converted.names["body.Conv"]) == 8


@pytest.mark.parametrize("opset", [11, 17])
def test_what_exporters_write_out_is_one_layer_again(opset: int, tmp_path: Path) -> None:
    converted = as_torch(written(author("Transformer"), tmp_path / "net.onnx", opset))
    assert [count(converted, kind) for kind in (nn.LayerNorm, nn.Linear, nn.GELU)] == [2, 4, 1]
    assert converted.qkv.MatMul.bias is not None  # type: ignore[union-attr]


def test_a_fixed_size_is_kept(tmp_path: Path) -> None:
    net = author("Gated")
    converted = as_torch(written(net, tmp_path / "net.onnx", free=False))
    assert converted.size == (32, 48)
    assert_equal(net, converted, torch.cat((X, X.flip(1)))[:, :, :32, :48])
    with pytest.raises(WeightsError, match="takes 32x48, not 48x80; give pictures of that size"):
        converted(X)


class Pictured(nn.Module):
    """Its first answer, clipped, as an adapter makes it."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return torch.clamp(parts(self.inner(x))[0], 0, 1)


@pytest.mark.parametrize("name", ["SmallUNet", "CurveEstimator", "Gated"])
def test_they_are_quantized_and_exported_as_ours(name: str, tmp_path: Path) -> None:
    net = author(name)
    mine, theirs = (
        insert_fake_quant(Pictured(each), [X * 0.5, X], Scheme(), QuantizeSpec())
        for each in (as_torch(written(net, tmp_path / "net.onnx")), net)
    )
    with torch.no_grad():
        float_answer = Pictured(net)(X)
        lost = [float((fake(X) - float_answer).abs().mean()) for fake in (mine, theirs)]
    assert 0 < lost[0] < 2 * lost[1] + 1e-3
    export_onnx(strip(mine, 48, 80), OnnxRequest((48, 80), False, 18, {}), tmp_path / "int8.onnx")
    made = [node.op_type for node in onnx.load(str(tmp_path / "int8.onnx")).graph.node]
    assert made.count("DequantizeLinear") > made.count("Conv") and "Shape" not in made


@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize("name", ["Transformer", "Gated", "Unshuffled"])
def test_exported_again_it_is_as_clean_and_as_free(name: str, free: bool, tmp_path: Path) -> None:
    net = Pictured(author(name)).eval()
    converted = as_torch(written(author(name), tmp_path / "net.onnx"))
    export_onnx(Pictured(converted), OnnxRequest((64, 96), free, 18, {}), tmp_path / "again.onnx")
    ops = {node.op_type for node in onnx.load(str(tmp_path / "again.onnx")).graph.node}
    again = as_torch(tmp_path / "again.onnx")
    assert_equal(net, again, X if free else torch.rand(1, 3, 64, 96))
    assert free or not ops & {"Shape", "Gather", "Cast", "Range", "Where", "Expand"}


def test_gradients_reach_every_layer(tmp_path: Path) -> None:
    converted = as_torch(written(author("Transformer"), tmp_path / "net.onnx"))
    answer = converted(X)
    assert isinstance(converted, OnnxGraph) and isinstance(answer, Tensor)
    answer.square().mean().backward()
    assert [name for name, parameter in converted.named_parameters() if parameter.grad is None] == []


def test_it_is_pruned_as_the_authors_is(tmp_path: Path) -> None:
    net = author("SuperResolution")
    converted = as_torch(written(net, tmp_path / "net.onnx"))
    found = []
    for each in (net, converted):
        limit = 0.9 * count_macs(each, 32, 32)
        found.append(
            prune_until(each, lambda _, macs, m=limit: macs <= m, lambda _: None, "magnitude", 4, (), (32, 32))
        )
    mine, theirs = found[1], found[0]
    assert count_macs(mine.net, 32, 32) == count_macs(theirs.net, 32, 32) < count_macs(net, 32, 32)
    assert [each.module.removesuffix(".Conv") for each in mine.left_alone] == [
        each.module for each in theirs.left_alone
    ]


def test_of_our_tiny_student_through_the_teachers_way(tmp_path: Path) -> None:
    """The file that ``foreign_nets`` writes for teachers is one that can be converted."""
    net = tiny_nets.student_net()
    spec = write_onnx(Pictured(net).eval(), tmp_path / "net.onnx", (64, 96))
    assert_equal(net, as_torch(Path(spec.network or "")), torch.rand(1, 3, 64, 96))
