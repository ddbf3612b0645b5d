"""An answer that differs is refused, unless the network's own differs as much by the last bits of its numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from compress.errors import BuildError
from compress.runtimes.agreement import check_answer, unrest_of
from compress.runtimes.interchange import OnnxRequest, answer_of, export_onnx


class _OnAnEdge(nn.Module):
    """Steps of 1/16 whose edge lies at the bias: the last bits decide for the whole picture."""

    def __init__(self, bias: float) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 1)
        with torch.no_grad():
            self.layer.weight.zero_()
            self.layer.bias.fill_(bias)  # type: ignore[union-attr]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.fake_quantize_per_tensor_affine(self.layer(x), 1 / 16, 0, -128, 127)


def _unrest(net: nn.Module) -> float:
    x = torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        return unrest_of(net, lambda asked: asked(x).numpy(), net(x).numpy(), 1.0)


@pytest.mark.parametrize(("bias", "moves"), [(0.5 + 1 / 32, True), (0.5, False)])
def test_a_network_on_an_edge_moves_by_itself(bias: float, moves: bool) -> None:
    net = _OnAnEdge(bias).eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    found = _unrest(net)
    assert (found == pytest.approx(1 / 16, rel=0.7)) if moves else found == 0
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items()), "it is left as it was"


def test_a_network_without_biases_is_at_rest() -> None:
    assert _unrest(nn.ReLU()) == 0


def test_as_much_as_the_network_moves_is_allowed_and_no_more() -> None:
    truth = np.random.default_rng(0).random((1, 3, 8, 8), np.float32)
    asked: list[str] = []

    def unrest() -> float:
        asked.append("unrest")
        return 0.004

    check_answer("net", truth + np.float32(0.001), truth, quantized=True, unrest=unrest)
    assert not asked, "what is near enough costs nothing"
    check_answer("net", truth + np.float32(0.007), truth, quantized=True, unrest=unrest)
    assert asked
    for wrong in (truth + np.float32(0.009), np.full_like(truth, np.nan)):
        with pytest.raises(BuildError, match="answers otherwise"):
            check_answer("net", wrong, truth, quantized=True, unrest=unrest)
    with pytest.raises(BuildError, match="answers otherwise"):
        check_answer("net", truth + np.float32(0.001), truth, quantized=False, unrest=unrest)
    with pytest.raises(BuildError, match="answers otherwise"):
        check_answer("net", truth + np.float32(0.012), truth, quantized=True, unrest=lambda: 1.0)


def test_a_network_on_an_edge_is_exported(tmp_path: Path) -> None:
    """Wherever ONNX Runtime falls."""
    net = _OnAnEdge(0.5 + 1 / 32).eval()
    export_onnx(net, OnnxRequest((16, 16), False, 18, {}), tmp_path / "net.onnx")
    model = onnx.load(str(tmp_path / "net.onnx"))
    x = np.random.default_rng(0).random((1, 3, 16, 16), np.float32)
    assert float(answer_of(model, x).mean()) == pytest.approx(0.5 + 1 / 32, abs=1 / 32 + 1e-6)
