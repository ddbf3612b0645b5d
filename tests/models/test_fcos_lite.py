"""The detector: small, of operators that NPUs have, and its levels repeated as they are read."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from compress.models import build_net
from compress.models.detect import asked, maps_of
from compress.models.pruning import count_macs, prune_until
from compress.models.weights import PRUNED, load_net, save_net
from compress.runtimes.interchange import MAPS, OnnxRequest, export_onnx
from compress.runtimes.onnx import read_file

MOST_PARAMETERS = 600_000


def test_a_wide_one_for_many_classes_is_small() -> None:
    net = build_net("fcos_lite", {"width": 32, "classes": 80})
    assert 100_000 < sum(each.numel() for each in net.parameters()) <= MOST_PARAMETERS


@pytest.mark.parametrize("size", [(64, 96), (96, 32)])
def test_maps_are_an_eighth_and_coarser_levels_repeated(size: tuple[int, int]) -> None:
    net = build_net("fcos_lite", {"width": 8, "classes": 3}).eval()
    layout = maps_of(net, ("a", "b", "c"))
    assert layout is not None
    with torch.no_grad():
        maps = net(torch.rand(2, 3, *size))
    assert maps.shape == (2, layout.channels, size[0] // 8, size[1] // 8)
    for level in (1, 2):
        part, step = maps[:, 8 * level : 8 * level + 8], 2**level
        small = part[:, :, ::step, ::step]
        assert torch.equal(part, small.repeat_interleave(step, 2).repeat_interleave(step, 3))
        assert not torch.equal(maps[:, :8, ::step, ::step], small)


def test_an_untrained_one_finds_next_to_nothing(tmp_path: Path) -> None:
    net = build_net("fcos_lite", {"width": 8, "classes": 3})
    save_net(net, tmp_path / "net.safetensors")
    read = load_net(tmp_path / "net.safetensors")
    found = asked(read)(torch.randint(0, 255, (50, 70, 3), dtype=torch.uint8).numpy())  # padded to 64x96
    assert not len(found) or float(found.scores.max()) < 0.2
    assert maps_of(build_net("anchor_cnn", {})) is None


def test_its_graph_is_of_operators_that_every_npu_has(tmp_path: Path) -> None:
    net = build_net("fcos_lite", {"width": 8, "classes": 3}).eval()
    request = OnnxRequest((64, 96), False, 18, {})
    export_onnx(net, request, tmp_path / "net.onnx")
    graph = read_file(tmp_path / "net.onnx").graph
    assert {node.op_type for node in graph.node} <= {"Conv", "Relu", "Add", "Resize", "Concat", "Constant"}
    assert [value.name for value in graph.output] == [MAPS]
    kernels = {tuple(a.ints) for node in graph.node if node.op_type == "Conv" for a in node.attribute
               if a.name == "kernel_shape"}  # fmt: skip
    assert kernels == {(1, 1), (2, 2), (3, 3)}
    modes = {a.s for node in graph.node if node.op_type == "Resize" for a in node.attribute if a.name == "mode"}
    assert modes == {b"nearest"}


def test_a_pruned_one_comes_back_with_its_depthwise_layers(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net, size = build_net("fcos_lite", {"width": 16, "classes": 2}).eval(), (64, 64)
    before = count_macs(net, *size)
    found = prune_until(net, lambda _n, macs: macs <= 0.7 * before, lambda _n: None, "magnitude", 8, (), size)
    save_net(found.net, tmp_path / "net.safetensors", {PRUNED: "yes"})
    read, x = load_net(tmp_path / "net.safetensors"), torch.rand(1, 3, *size)
    assert count_macs(read, *size) <= 0.7 * before
    with torch.no_grad():
        torch.testing.assert_close(read(x), found.net.eval()(x))
