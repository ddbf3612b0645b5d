"""A graph is believed only where it answers as the network does."""

from __future__ import annotations

from pathlib import Path

import onnx
import public_styles
import pytest
from foreign_nets import make
from onnx import TensorProto, helper
from torch import nn

from compress.errors import NetworkError
from compress.foreign.kinds import Kind
from compress.inspection.graphs import graph_of
from compress.inspection.opening import Opened

SIZE = (32, 48)


def graph(net: nn.Module, kind: Kind = "module") -> onnx.ModelProto:
    return graph_of(Opened(net.eval(), kind, None, None), SIZE)


@pytest.mark.parametrize(
    "name", ["Transformer", "Decomposition", "FewParameters", "CurveEstimator", "SmallUNet", "InPlace"]
)
def test_networks_that_can_be_traced_are(name: str) -> None:
    assert len(graph(getattr(public_styles, name)()).graph.node) > 3


@pytest.mark.parametrize(
    ("net", "says"),
    [
        (public_styles.ByBrightness(), r"path depends on the picture \(public_styles.py:\d+ reads a tensor's value\)"),
        (make("moody.Moody"), r"\(moody.py:16 reads a tensor's value\).*distil it into a student"),
        (public_styles.ThroughNumpy(), "answers otherwise: a part of its forward can't be traced.*keep the network"),
        (public_styles.Noisy(), "otherwise each time"),
        (nn.FractionalMaxPool2d(2, output_ratio=0.7), "can't be written as ONNX"),
    ],
)
def test_others_are_told_with_the_reason_and_the_way_out(net: nn.Module, says: str) -> None:
    with pytest.raises(NetworkError, match=says) as caught:
        graph(net)
    assert "\n" not in str(caught.value)


def _file(path: Path, domain: str, local: bool) -> Opened:
    """y = F(x) with F of ``domain``, which is a function in the file where ``local``."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 8, 8]) for name in "xy"]
    made = helper.make_graph([helper.make_node("F", ["x"], ["y"], domain=domain)], "g", ends[:1], ends[1:])
    inside = helper.make_function(
        domain, "F", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])], [helper.make_opsetid("", 18)]
    )
    imports = [helper.make_opsetid("", 18), helper.make_opsetid(domain, 1)]
    model = helper.make_model(made, opset_imports=imports, functions=[inside] if local else [], ir_version=8)
    onnx.save(model, str(path))
    return Opened(nn.Identity(), "onnx", path, None)


def test_local_functions_are_looked_into_and_other_domains_told(tmp_path: Path) -> None:
    model = graph_of(_file(tmp_path / "local.onnx", "mine", local=True), SIZE)
    assert [node.op_type for node in model.graph.node] == ["Relu"]
    with pytest.raises(NetworkError, match="operators of com.microsoft, which ONNX Runtime alone has"):
        graph_of(_file(tmp_path / "theirs.onnx", "com.microsoft", local=False), SIZE)
