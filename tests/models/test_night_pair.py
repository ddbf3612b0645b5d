"""Two heads on one backbone: shapes, size, what it starts as, and operators that NPUs have."""

from __future__ import annotations

import operator
from pathlib import Path

import pytest
import torch
from torch import fx, nn
from torch.nn import functional as F

from compress.losses.boxes import read_maps
from compress.models import build_net, two_headed
from compress.models.both import asked_both
from compress.models.outputs import PICTURE_AND_MAPS, outputs_of
from compress.models.reparameterize import collapse, normed
from compress.models.weights import load_net, save_net

SMALL = {"width": 8, "mend": 8, "classes": 3}

ALLOWED = {
    F.conv2d, F.relu, F.avg_pool2d, F.interpolate, F.pixel_shuffle, torch.sqrt, torch.sigmoid, torch.cat, torch.clamp,
    operator.add, operator.sub, operator.mul, operator.getitem,
    "mean", "chunk", "float",
}  # fmt: skip
"""Convolutions, sums, products, pooling and nearest enlargement; mean, root and sigmoid of a light that stays in
float. No norm, exponential, reshape or division."""


@pytest.fixture(scope="module")
def net() -> nn.Module:
    torch.manual_seed(0)
    return build_net("night_pair", SMALL).eval()


def test_it_answers_with_a_picture_and_maps(net: nn.Module) -> None:
    assert outputs_of(net) == PICTURE_AND_MAPS and two_headed() == ("night_pair",)
    with torch.no_grad():
        picture, maps = net(torch.rand(2, 3, 64, 96) * 0.1)
    assert picture.shape == (2, 3, 64, 96) and maps.shape == (2, 3 * 8, 8, 12)
    assert 0.0 <= float(picture.min()) and float(picture.max()) <= 1.0
    answer = read_maps(maps, net.strides)  # type: ignore[arg-type]
    assert answer.logits.shape == (2, 8 * 12 + 4 * 6 + 2 * 3, 3)


def test_its_trunk_trains_with_norms_and_ships_without(net: nn.Module) -> None:
    wide = normed(net).train()
    with torch.no_grad():
        for _ in range(3):
            wide(torch.rand(4, 3, 64, 64) * 0.2)
    plain, x = collapse(wide), torch.rand(1, 3, 64, 64) * 0.2
    assert {name.split(".")[0] for name in net.normed} == {"stem", "fine", "middle", "coarse", "neck"}  # type: ignore[union-attr]
    assert plain.state_dict().keys() == net.state_dict().keys()
    with torch.no_grad():
        for mine, theirs in zip(plain(x), wide.eval()(x), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


def test_untrained_it_brightens_and_sees_next_to_nothing(net: nn.Module) -> None:
    dark = torch.rand(1, 3, 64, 64) * 0.08
    with torch.no_grad():
        picture, maps = net(dark)
    assert 4 * float(dark.mean()) < float(picture.mean()) < 12 * float(dark.mean())
    assert float(torch.sigmoid(read_maps(maps, net.strides).logits).max()) < 0.2  # type: ignore[arg-type]


@pytest.mark.parametrize("settings", [{"width": 16, "mend": 24}, {"width": 32, "mend": 24}])
def test_student_and_teacher_of_the_recipe_are_small(settings: dict[str, int]) -> None:
    net = build_net("night_pair", {**settings, "classes": 5})
    assert sum(parameter.numel() for parameter in net.parameters()) <= 600_000


@pytest.mark.parametrize("training", [True, False])
def test_its_operators_are_those_of_npus(training: bool) -> None:
    traced = fx.symbolic_trace(build_net("night_pair", SMALL).train(training))
    calls = [node for node in traced.graph.nodes if node.op in ("call_function", "call_method")]
    assert {node.target for node in calls} - ALLOWED == set()
    kinds = {type(traced.get_submodule(str(node.target))) for node in traced.graph.nodes if node.op == "call_module"}
    assert kinds == {nn.Conv2d}
    sizes = {(node.kwargs["mode"], node.kwargs["scale_factor"]) for node in calls if node.target is F.interpolate}
    assert sizes == {("nearest", 2.0), ("nearest", 4.0), ("bilinear", 2.0)}


def test_both_heads_move_the_backbone(net: nn.Module) -> None:
    for head in (0, 1):
        fresh = build_net("night_pair", SMALL)
        fresh(torch.rand(1, 3, 64, 64) * 0.1)[head].square().mean().backward()
        stem = fresh.stem.halve.weight.grad  # type: ignore[union-attr]
        assert stem is not None and float(stem.abs().max()) > 0


def test_it_comes_back_from_its_file_and_takes_any_size(net: nn.Module, tmp_path: Path) -> None:
    save_net(net, tmp_path / "net.safetensors")
    again = load_net(tmp_path / "net.safetensors")
    picture = torch.randint(0, 30, (50, 70, 3), dtype=torch.uint8).numpy()
    mine, theirs = asked_both(net)(picture), asked_both(again)(picture)
    assert mine.picture.shape == (50, 70, 3) and (mine.picture == theirs.picture).all()
    assert len(mine.boxes) == len(theirs.boxes)
