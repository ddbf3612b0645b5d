"""ISP-CNN: its layer table, its parts' order, what sees what, and how it learns and ships."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from compress.models import build_net
from compress.models.pruning import count_macs
from compress.models.reparameterize import Normed, collapse, normed
from compress.models.student import student_to_train, trained_student
from compress.schema import StudentSpec


def _net() -> nn.Module:
    torch.manual_seed(0)
    return build_net("isp_cnn", {}).eval()


def test_sizes_are_those_of_the_layer_table() -> None:
    net = _net()
    parts = {name: sum(p.numel() for p in part.parameters()) for name, part in net.named_children()}
    assert parts == {"filters": 0, "encoder": 98_384 + 774, "detail": 48_131}
    assert 11.8e9 < count_macs(net, 400, 600) < 12.1e9
    widths = [layer.out_channels for layer in net.encoder.children() if isinstance(layer, nn.Conv2d)]  # type: ignore[union-attr]
    assert sorted(widths) == [6, 8, 16, 32, 64, 128]


def test_untrained_it_brightens_and_repairs_nothing_yet() -> None:
    x = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(1)) * 0.2
    with torch.no_grad():
        y = _net()(x)
    assert 2.0 < float(y.mean() / x.mean()) < 8.0


def test_the_settings_are_of_the_whole_picture_and_the_repair_of_each_place() -> None:
    net = _net()
    x = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(1)) * 0.2
    seen: list[torch.Tensor] = []
    net.encoder.register_forward_hook(lambda _m, _i, out: seen.append(out))  # type: ignore[union-attr, arg-type]
    net.detail.register_forward_pre_hook(lambda _m, given: seen.append(given[0]))  # type: ignore[union-attr]
    with torch.no_grad():
        net(x)
    assert seen[0].shape == (1, 6, 1, 1)
    assert seen[1].shape == x.shape and 0.0 <= float(seen[1].min()) and float(seen[1].max()) <= 1.0


def test_the_correction_is_bounded_by_tanh() -> None:
    net = _net().train()
    nn.init.constant_(net.detail.leave.bias, -50.0)  # type: ignore[union-attr, arg-type]
    y = net(torch.rand(1, 3, 16, 16) * 0.2).detach()
    assert -1.0 <= float(y.min()) and float(y.max()) < 0.5


def test_it_learns_with_norms_and_ships_without() -> None:
    torch.manual_seed(0)
    learning = student_to_train(StudentSpec(network="isp_cnn"))
    norms = [name for name, module in learning.named_modules() if isinstance(module, Normed)]
    assert len(norms) == 7 and not any("encoder" in name or "leave" in name for name in norms)
    for _ in range(3):
        learning.train()(torch.rand(2, 3, 32, 32) * 0.3)
    x = torch.rand(1, 3, 64, 96) * 0.3
    shipped = trained_student(learning)
    assert set(shipped.state_dict()) == set(_net().state_dict())
    with torch.no_grad():
        torch.testing.assert_close(shipped(x), learning.eval()(x), atol=1e-5, rtol=1e-5)


def test_a_network_without_norms_stays_as_it_is() -> None:
    plain = build_net("light_twin", {})
    assert not any(isinstance(module, Normed) for module in normed(plain).modules())


@pytest.mark.parametrize("stride", [1, 2])
def test_one_normed_convolution_is_the_plain_one(stride: int) -> None:
    torch.manual_seed(0)
    module = Normed(nn.Conv2d(3, 4, 3, stride))
    module.train()(torch.rand(4, 3, 12, 12))
    x = torch.rand(1, 3, 12, 12)
    torch.testing.assert_close(collapse(module)(x), module.eval()(x), atol=1e-6, rtol=1e-6)
