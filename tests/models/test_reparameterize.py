"""Collapsed branches answer like the branches, whatever their statistics, and leave one convolution each."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace

import onnx
import pytest
import tiny_nets
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from compress.models import build_net
from compress.models.pruning import count_macs
from compress.models.quantized import insert_fake_quant, strip
from compress.models.reparameterize import Branches, Centred, branched, centred, collapse
from compress.models.student import student_to_train, trained_student
from compress.models.weights import load_net, resolve_weights
from compress.runtimes.interchange import OnnxRequest, export_onnx
from compress.schema import DataSpec, DistillSpec, Hint, Phase, QuantizeSpec, Scheme, Seed, StudentSpec, Train
from compress.stages import load_stage


def unsettled(net: nn.Module) -> nn.Module:
    """Norms and factors as after training: nothing at its default."""
    for module in net.modules():
        if isinstance(module, Branches) and module.factor is not None:
            nn.init.uniform_(module.factor, -1.5, 1.5)
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
    st.integers(0, 3), st.integers(1, 9), st.integers(1, 9), st.integers(1, 4),
)  # fmt: skip
def test_branches_collapse_to_one_convolution(
    seed: int, inside: int, outside: int, stride: int, norm: bool, widen: int, height: int, width: int, dilation: int
) -> None:
    torch.manual_seed(seed)
    net = unsettled(Branches(inside, outside, stride, norm, widen, dilation))
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


def _student(**changes: bool) -> StudentSpec:
    return StudentSpec(width=16, depth=4, light_width=8, **changes)


def _pushed(net: nn.Module) -> nn.Module:
    """As after training: every parameter somewhere else."""
    torch.manual_seed(5)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return net.eval()


def test_a_student_in_branches_starts_as_the_plain_one_and_ships_as_one() -> None:
    torch.manual_seed(0)
    plain = build_net("light_twin", {"width": 16, "depth": 4, "light_width": 8}).eval()
    torch.manual_seed(0)
    net = student_to_train(_student(reparameterize=True)).eval()
    x = torch.rand(2, 3, 32, 48)
    with torch.no_grad():
        torch.testing.assert_close(net(x), plain(x), rtol=0, atol=1e-6)
    layers = {name for name, m in net.named_modules() if isinstance(m, Branches)}
    assert {"repair.enter", "repair.middle3", "repair.leave", "light.local2", "light.down1"} <= layers
    grown = sum(p.numel() for p in net.parameters())
    shipped = trained_student(_pushed(net))
    assert_equal(net, shipped, x)
    with torch.no_grad():
        assert (shipped(x) - plain(x)).abs().max() > 1e-3  # it was moved, and its branches with it
    assert {n: p.shape for n, p in shipped.named_parameters()} == {n: p.shape for n, p in plain.named_parameters()}
    assert sum(p.numel() for p in plain.parameters()) < grown
    assert count_macs(shipped, 32, 48) == count_macs(plain, 32, 48) < count_macs(net, 32, 48)


def test_a_centred_convolution_is_a_plain_one_whose_bias_takes_the_level() -> None:
    torch.manual_seed(0)
    layer, x = nn.Conv2d(3, 5, 3, padding=1), torch.rand(1, 3, 6, 8)
    wide = Centred(copy.deepcopy(layer), 0.25)
    with torch.no_grad():
        inside = layer(x - 0.25)[..., 1:-1, 1:-1]
        torch.testing.assert_close(wide(x)[..., 1:-1, 1:-1], inside)
        torch.testing.assert_close(wide.collapsed()(x)[..., 1:-1, 1:-1], inside)
    mean = nn.Conv2d(3, 5, 3, padding=1)
    steps = []
    for one in (mean, Centred(mean, 0.5)):
        mean.zero_grad()
        one(torch.rand(8, 3, 16, 16)).sum().backward()
        assert mean.weight.grad is not None
        steps.append(float(mean.weight.grad.abs().mean()))
    assert steps[1] < 0.2 * steps[0]  # all that pulls a channel's weights one way together is gone


def test_a_network_says_which_convolutions_are_fed_around_what() -> None:
    torch.manual_seed(0)
    net = build_net("light_twin", {"width": 16, "light_width": 8})
    wide = centred(net)
    layers = {name: m.level for name, m in wide.named_modules() if isinstance(m, Centred)}
    assert layers == {"repair.enter": 0.45}
    assert_equal(wide.eval(), trained_student(_pushed(wide)), torch.rand(2, 3, 32, 48))
    assert [m for m in net.modules() if isinstance(m, Centred)] == []
    plain = nn.Sequential(nn.Conv2d(3, 3, 1))
    assert [name for name, _ in centred(plain).named_modules()] == ["", "0"]


def test_what_can_not_be_branched_stays() -> None:
    odd = [
        nn.Conv2d(4, 4, 3, padding=1, groups=2), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 1),
        nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(4, 4, 3, (1, 2), 1), nn.Conv2d(4, 4, 5, padding=2),
    ]  # fmt: skip
    wide = branched(nn.Sequential(*odd, nn.Conv2d(4, 4, 3, padding=1)))
    assert [isinstance(m, Branches) for m in wide] == [False] * len(odd) + [True]


@pytest.mark.parametrize("stage", ["distill", "control"])
def test_a_recipe_asks_for_branches_and_gets_a_plain_network(stage: str, tmp_path: Path) -> None:
    """Trained for a few steps, hint and all, by the stage itself: the first one moves the last layer only."""
    train = Train(phases=(Phase(epochs=3, batch=4, downscale=2),), precision="fp32", lr=1e-2)
    hints = (Hint(teacher="body", student="repair.middle3"),)
    distill = DistillSpec(train=train, hints=hints)
    data = DataSpec(licence="with scikit-image", kind="embedded", size=(64, 96), copies=1)
    out, scratch = tmp_path / "out", tmp_path / "scratch"
    out.mkdir()
    scratch.mkdir()
    spec, told = _student(reparameterize=True), tiny_nets.Told()
    teacher = SimpleNamespace(weights=resolve_weights("builtin:low_light"))
    given = (teacher, spec) if stage == "distill" else (spec,)
    load_stage(stage).function(*given, distill, data, Seed(), out, scratch, told)
    net = load_net(out / "net.safetensors")
    checkpoint = torch.load(scratch / "checkpoint.pt", weights_only=True)
    assert any(name.startswith("repair.middle3.point.") for name in checkpoint["net"])
    assert [m for m in net.modules() if isinstance(m, Branches)] == []
    torch.manual_seed(0)
    moved = net.repair.middle3.weight - student_to_train(_student()).repair.middle3.weight  # type: ignore[union-attr]
    assert float(moved.detach().abs().max()) > 1e-3
