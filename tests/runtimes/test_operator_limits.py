"""Limits of a device on real graphs: seen, kept by the first form that fits, or refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import tiny_nets
from one_node import limit, model_of, picture
from onnx import helper

from compress.errors import BuildError
from compress.models.quantized import strip
from compress.operators import OperatorLimit, Rewritten
from compress.runtimes.interchange import OnnxRequest, answer_of, export_onnx
from compress.runtimes.rewrites import REWRITES, forms, rewrite_file, rewrite_for
from compress.runtimes.rewrites.graph import Graph, Patch
from compress.runtimes.rewrites.limits import Limits, complaint


def test_what_cannot_be_written_otherwise_is_refused_with_operator_layer_and_way_out() -> None:
    node = helper.make_node("Resize", ["dark", "", "scales"], ["bright"], name="/up/Resize", mode="linear",
                            coordinate_transformation_mode="align_corners")  # fmt: skip
    model = model_of([node], (1, 3, 4, 4), {"scales": np.asarray([1, 1, 2, 2], np.float32)})
    with pytest.raises(BuildError) as caught:
        rewrite_for(model, (limit("Resize", modes=("nearest",)),))
    assert str(caught.value) == (
        "Resize '/up/Resize': mode 'linear', the device has nearest (a test), and no other form of it fits; "
        "use nearest, or linear with align_corners=False, by a whole factor, or build for another target"
    )
    sine = model_of([helper.make_node("Sin", ["dark"], ["bright"], name="/wave")], (1, 3, 4, 4))
    with pytest.raises(BuildError, match="Sin '/wave': the device lacks it .*; replace the layer in the network, or"):
        rewrite_for(sine, (limit("Sin"),))


def test_the_first_form_that_keeps_all_limits_is_taken() -> None:
    node = helper.make_node("DepthToSpace", ["dark"], ["bright"], blocksize=2, mode="CRD")
    model = model_of([node], (1, 12, 4, 4))
    lacks = limit("DepthToSpace")
    choices: list[tuple[tuple[OperatorLimit, ...], str]] = [
        ((), "ConvTranspose in 3 groups"),
        ((limit("ConvTranspose", max_groups=1),), "ConvTranspose"),
        ((limit("ConvTranspose", strides=(4,)),), "nearest Resize, two masks and a 1x1 Conv"),
    ]
    for others, form in choices:
        _, done = rewrite_for(model, (lacks, *others))
        assert [each.form for each in done] == [form]
    with pytest.raises(BuildError, match="DepthToSpace 'bright'"):
        rewrite_for(model, (lacks, limit("ConvTranspose"), limit("Resize", factors=(4,))))


def test_limits_of_every_kind_are_seen() -> None:
    scales = {"scales": np.asarray([1, 1, 3, 3], np.float32), "e": np.asarray(0.3, np.float32)}
    nodes = [
        helper.make_node("Resize", ["dark", "", "scales"], ["a"], mode="linear"),
        helper.make_node("GlobalMaxPool", ["a"], ["b"]),
        helper.make_node("Pow", ["b", "e"], ["bright"]),
    ]
    model = model_of(nodes, (1, 2, 5, 3), scales)
    graph = Graph(model)
    said = {
        limit("Resize", factors=(2, 4)): "resizes by 3 and 3, the device by 2 or 4 (a test)",
        limit("Resize", modes=("nearest",)): "mode 'linear', the device has nearest (a test)",
        limit("GlobalMaxPool", max_kernel=7): "window 15x9, at most 7 (a test)",
        limit("Pow", exponents=(0.5, 2.0)): "exponent 0.3, the device has 0.5 or 2 (a test)",
        limit("Pow", exponents=(0.3,)): None,
        limit("Resize", factors=(3,)): None,
        limit("Resize", centres=("asymmetric",)): "centres 'half_pixel', the device has asymmetric (a test)",
    }
    for bound, line in said.items():
        node = next(node for node in model.graph.node if node.op_type == bound.operator)
        assert complaint(graph, node, (bound,)) == line


NPU = (
    limit("DepthToSpace"), limit("ReduceMean"), limit("ReduceMax"), limit("Slice"), limit("GlobalAveragePool"),
    limit("GlobalMaxPool"), limit("AveragePool", max_kernel=2), limit("MaxPool", max_kernel=2),
    limit("Resize", modes=("nearest",), factors=(2,)),
)  # fmt: skip


@pytest.mark.parametrize("kind", ["float", "int8"])
def test_a_whole_student_rewritten_answers_the_same(kind: str, tmp_path: Path) -> None:
    size = (tiny_nets.HEIGHT, tiny_nets.WIDTH)
    net = tiny_nets.student_net() if kind == "float" else strip(tiny_nets.fake_quant_net(), *size)
    export_onnx(net, OnnxRequest(size, False, 18, {}), tmp_path / "net.onnx")
    done = rewrite_file(tmp_path / "net.onnx", tmp_path / "npu.onnx", NPU)
    changed = onnx.load(tmp_path / "npu.onnx")
    graph = Graph(changed)
    assert [node.name for node in changed.graph.node if complaint(graph, node, NPU)] == []
    assert {each.operator for each in done} >= {"DepthToSpace", "ReduceMean", "ReduceMax", "Resize", "Slice"}
    x = picture(3, (1, 3, *size), 0.0) / 4
    away = np.abs(answer_of(changed, x) - answer_of(onnx.load(tmp_path / "net.onnx"), x))
    assert away.max() <= (2e-6 if kind == "float" else 0.05) and away.mean() <= 1e-5
    again = rewrite_file(tmp_path / "npu.onnx", tmp_path / "twice.onnx", NPU)
    assert again == () and (tmp_path / "twice.onnx").read_bytes() == (tmp_path / "npu.onnx").read_bytes()


def test_a_wrong_form_does_not_hide_behind_an_approximate_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(graph: Graph, node: onnx.NodeProto, limits: Limits) -> Iterator[Patch]:
        yield Patch(node, "Relu", "bits").last("Relu", [node.input[0]])

    nodes = [helper.make_node("Sub", ["dark", "middle"], ["z"]), helper.make_node("PRelu", ["z", "slope"], ["x"]),
             helper.make_node("Clip", ["x", "low", "high"], ["y"]),
             helper.make_node("Pow", ["y", "e"], ["bright"])]  # fmt: skip
    values = {"middle": 0.1, "slope": -2.0, "low": 0.0, "high": 1.0, "e": 0.4545}
    source, out = tmp_path / "net.onnx", tmp_path / "npu.onnx"
    onnx.save(model_of(nodes, (1, 3, 8, 8), {k: np.asarray(v, np.float32) for k, v in values.items()}), source)
    lacking = (limit("PRelu"), limit("Pow"), limit("Exp"), limit("LeakyRelu"))
    assert {each.exactness for each in rewrite_file(source, out, lacking)} == {"bits", "approximate"}
    kept = out.read_bytes()
    monkeypatch.setattr("compress.runtimes.rewrites.arithmetic.prelu", wrong)
    with pytest.raises(BuildError, match=r"net.onnx \(rewritten\) answers otherwise"):
        rewrite_file(source, out, lacking)
    assert out.read_bytes() == kept


@pytest.mark.parametrize("operator", REWRITES)
def test_a_layer_of_free_size_or_odd_form_is_refused_not_broken(operator: str) -> None:
    node = helper.make_node(operator, ["dark", "unknown"], ["bright"])
    graph = helper.make_graph(
        [node], "one",
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 3, "h", "w"]) for name in ("dark", "unknown")],
        [helper.make_tensor_value_info("bright", onnx.TensorProto.FLOAT, None)],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    for patch in forms(Graph(model), model.graph.node[0], ()):
        assert patch.node == node and patch.nodes[-1].output[0] == "bright"


def test_a_line_says_how_equal_it_is() -> None:
    made = Rewritten(layer="/g", operator="Pow", form="a polynomial", exactness="approximate", max_error=0.00042)
    assert made.line() == "Pow '/g' written as a polynomial: off by 0.0004 at most"
