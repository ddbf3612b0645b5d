"""Structured pruning: budgets are held, channel counts fit the device, what must stay stays."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from compress.models import build_net
from compress.models.pruning import count_macs, prune_until, take_out

SIZE = (64, 96)


def _fill(net: nn.Module) -> None:
    net.zero_grad(set_to_none=True)
    torch.manual_seed(1)
    with torch.enable_grad():
        (net(torch.rand(1, 3, 32, 32)) - 0.5).abs().mean().backward()


@pytest.mark.parametrize("kind", ["taylor", "magnitude"])
@pytest.mark.parametrize("multiple", [4, 8, 16])
def test_the_budget_is_held_in_the_devices_multiples(kind: str, multiple: int) -> None:
    torch.manual_seed(0)
    net = build_net("light_twin", {}).eval()
    before = count_macs(net, *SIZE)
    found = prune_until(net, lambda _n, macs: macs <= 0.8 * before, _fill, kind, multiple, ("light",), SIZE)
    reduced, cuts = found.net, found.cuts
    assert cuts and count_macs(reduced, *SIZE) == cuts[-1].macs_after <= 0.8 * before
    widths = {n: m.out_channels for n, m in reduced.named_modules() if isinstance(m, nn.Conv2d)}
    assert all(w % multiple == 0 for n, w in widths.items() if n.startswith("repair.") and n != "repair.leave")
    assert widths["repair.leave"] == 12 and widths["light.leave"] == 3 and widths["light.enter"] == 10
    assert reduced(torch.rand(1, 3, 16, 24)).shape == (1, 3, 16, 24)
    assert count_macs(net, *SIZE) == before


def test_the_cut_that_reaches_the_budget_is_no_larger_than_needed() -> None:
    torch.manual_seed(0)
    net = build_net("light_twin", {}).eval()
    before = count_macs(net, *SIZE)
    found = prune_until(net, lambda _n, macs: macs < before, _fill, "taylor", 16, ("light",), SIZE)
    assert len(found.cuts) == 1


def test_a_kept_layer_may_read_less_and_gives_as_much() -> None:
    torch.manual_seed(0)
    net = build_net("light_twin", {"width": 40, "depth": 3, "light_width": 9}).eval()
    keep = ("light", "repair.middle1", "repair.middle2")
    found = prune_until(net, lambda _n, macs: macs <= 0.91 * count_macs(net, *SIZE), _fill, "taylor", 8, keep, SIZE)
    assert [(cut.module, len(cut.channels)) for cut in found.cuts] == [("repair.enter", 8)]
    layers = dict(found.net.get_submodule("repair").named_children())
    shapes = {n: (m.in_channels, m.out_channels) for n, m in layers.items() if isinstance(m, nn.Conv2d)}
    assert shapes == {"enter": (12, 32), "middle1": (32, 40), "middle2": (40, 40), "leave": (40, 12)}


def test_an_impossible_budget_ends_at_the_smallest_network() -> None:
    net = build_net("light_twin", {"width": 16, "light_width": 8}).eval()
    reduced = prune_until(net, lambda _n, _m: False, _fill, "magnitude", 8, ("light",), SIZE).net
    assert {m.out_channels for n, m in reduced.named_modules() if n.startswith("repair.") and isinstance(m, nn.Conv2d)
            } == {8, 12}  # fmt: skip


def test_dead_channels_go_without_changing_the_answer() -> None:
    torch.manual_seed(0)
    net = build_net("light_twin", {}).eval()
    dead = [1, 4, 7]
    with torch.no_grad():
        net.repair.middle1.weight[dead] = 0.0  # type: ignore[union-attr, index]
        net.repair.middle1.bias[dead] = 0.0  # type: ignore[union-attr, index]
    x = torch.rand(1, 3, 32, 32)
    before = net(x).detach()
    take_out(net, "repair.middle1", dead)
    with torch.no_grad():
        torch.testing.assert_close(net(x), before, atol=1e-6, rtol=0)
    assert net.repair.middle1.out_channels == 29  # type: ignore[union-attr]


def test_macs_are_those_of_the_layer_table() -> None:
    assert count_macs(nn.Conv2d(3, 8, 3, padding=1), 10, 20) == 3 * 8 * 9 * 10 * 20
