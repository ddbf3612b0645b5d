"""Collapsed branches answer like the branches, whatever their statistics, and leave one convolution each."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from compress.models.quantized import insert_fake_quant, strip
from compress.models.reparameterize import Branches, collapse
from compress.runtimes.interchange import OnnxRequest, export_onnx
from compress.schema import QuantizeSpec, Scheme


def unsettled(net: nn.Module) -> nn.Module:
    """Norms as after training: no statistic at its default."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            nn.init.uniform_(module.running_mean, -1, 1)
            nn.init.uniform_(module.running_var, 0.1, 2)
            nn.init.uniform_(module.weight, -1.5, 1.5)
            nn.init.uniform_(module.bias, -1, 1)
    return net.eval()


def assert_equal(one: nn.Module, other: nn.Module, x: Tensor) -> None:
    with torch.no_grad():
        torch.testing.assert_close(one(x), other(x), rtol=1e-5, atol=2e-5)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**31), st.integers(1, 8), st.integers(1, 8), st.sampled_from([1, 2]), st.booleans(),
    st.integers(0, 3), st.integers(1, 9), st.integers(1, 9),
)  # fmt: skip
def test_branches_collapse_to_one_convolution(
    seed: int, inside: int, outside: int, stride: int, norm: bool, widen: int, height: int, width: int
) -> None:
    torch.manual_seed(seed)
    net = unsettled(Branches(inside, outside, stride, norm, widen))
    one = collapse(net)
    assert type(one) is nn.Conv2d and one.kernel_size == (3, 3)
    assert_equal(net, one, torch.randn(2, inside, height, width))


class _Net(nn.Module):
    size_multiple = 2

    def __init__(self) -> None:
        super().__init__()
        self.enter = Branches(3, 8, widen=2)
        normed = (nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8))
        self.body = nn.Sequential(Branches(8, 8), nn.ReLU(), *normed, nn.ReLU())
        self.leave = nn.Sequential(nn.Conv2d(8, 3, 1, bias=False), nn.BatchNorm2d(3))

    def forward(self, x: Tensor) -> Tensor:
        return torch.clamp(self.leave(self.body(torch.relu(self.enter(x)))), 0, 1)


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(3)
    return unsettled(_Net())


def test_a_whole_network_keeps_its_answers_and_its_names(net: nn.Module) -> None:
    before = {name: value.clone() for name, value in net.state_dict().items()}
    plain = collapse(net)
    assert_equal(net, plain, torch.rand(1, 3, 12, 16))
    assert not [m for m in plain.modules() if isinstance(m, Branches | nn.BatchNorm2d)]
    assert {name for name, m in plain.named_modules() if isinstance(m, nn.Conv2d)} == {
        "enter", "body.0", "body.2", "leave.0"
    }  # fmt: skip
    assert all(torch.equal(value, net.state_dict()[name]) for name, value in before.items())
    assert_equal(collapse(plain), plain, torch.rand(1, 3, 12, 16))


def test_collapsed_before_qat_each_branch_block_is_one_int8_convolution(net: nn.Module, tmp_path: Path) -> None:
    frames = [torch.rand(1, 3, 16, 16) for _ in range(2)]
    fake = insert_fake_quant(collapse(net), frames, Scheme(), QuantizeSpec())
    export_onnx(strip(fake, 16, 16), OnnxRequest((16, 16), False, 18, {}), tmp_path / "net.onnx")
    nodes = onnx.load(tmp_path / "net.onnx").graph.node
    assert [node.op_type for node in nodes].count("Conv") == 4
    assert not {node.op_type for node in nodes} & {"Add", "BatchNormalization"}
