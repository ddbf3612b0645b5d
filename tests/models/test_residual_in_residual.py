"""Residual in residual: skips, gates, dropout, and who has what."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from compress.models import build_net
from compress.models.residual_in_residual import AttentiveBlock, ChannelAttention, Group, Trunk


def _silenced(module: nn.Module, *names: str) -> nn.Module:
    with torch.no_grad():
        for name in names:
            for parameter in module.get_submodule(name).parameters():
                parameter.zero_()
    return module


@pytest.mark.parametrize(
    ("module", "last"),
    [(AttentiveBlock(8), "conv2"), (Group(8, 2), "leave"), (Trunk(8, 2, 1), "leave")],
    ids=["block", "group", "trunk"],
)
def test_each_passes_on_what_it_gets(module: nn.Module, last: str) -> None:
    x = torch.rand(2, 8, 12, 16)
    assert not torch.equal(module(x), x)
    assert torch.equal(_silenced(module, last)(x), x)


def test_a_gate_is_between_shut_and_open_and_one_for_a_whole_channel() -> None:
    torch.manual_seed(0)
    attention = ChannelAttention(8)
    x = torch.rand(2, 8, 12, 16) + 0.1
    gates = (attention(x) / x).detach()
    torch.testing.assert_close(gates, gates[:, :, :1, :1].expand_as(gates))
    assert 0.0 < float(gates.min()) and float(gates.max()) < 1.0
    for bias, gate in ((4.0, 1.0), (-4.0, 0.0), (0.5, 0.5)):
        nn.init.zeros_(attention.expand.weight)
        nn.init.constant_(attention.expand.bias, bias)  # type: ignore[arg-type]
        torch.testing.assert_close(attention(x), gate * x)


def test_only_the_teacher_drops_channels_and_only_while_it_learns() -> None:
    def dropped(name: str) -> list[float]:
        return [each.p for each in build_net(name, {}).modules() if isinstance(each, nn.Dropout2d)]

    assert dropped("rir") == [] and dropped("rir_autoencoder") == [0.1] * 24
    teacher = build_net("rir_autoencoder", {"width": 8, "depth": 1, "blocks": 1})
    x = torch.rand(1, 3, 32, 48)
    with torch.no_grad():
        assert not torch.equal(teacher.train()(x), teacher(x))
        assert torch.equal(teacher.eval()(x), teacher(x))


def test_sizes_are_those_of_the_layer_table() -> None:
    counts = {name: sum(p.numel() for p in build_net(name, {}).parameters()) for name in ("rir", "rir_autoencoder")}
    assert counts == {"rir": 45_684, "rir_autoencoder": 2_280_652}
    table = build_net("rir", {"depth": 3})
    assert sum(p.numel() for p in table.parameters()) <= 61_203
