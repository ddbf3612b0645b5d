"""LDFC-Net's variants: what each counts under every convention, and what LGC and LISC do."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from compress.config.load import load_target
from compress.inspection.conventions import Counted, counted
from compress.models import NETWORKS, build_net
from compress.models.ldfc import Ldfc
from compress.models.pruning import count_macs
from compress.models.quantized import insert_fake_quant, strip
from compress.runtimes import open_runtime
from compress.runtimes.base import RunOptions
from compress.runtimes.interchange import OnnxRequest, export_onnx
from compress.runtimes.rewrites import rewrite_file
from compress.schema import QuantizeSpec, Scheme, StudentSpec

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED_PARAMS, PUBLISHED_WORK = 50_000, 2.98e9
VARIANTS = NETWORKS["ldfc"].variants
SIZE = (64, 96)
every_variant = pytest.mark.parametrize("variant", VARIANTS)


@cache
def net_of(variant: str) -> Ldfc:
    torch.manual_seed(0)
    net = build_net("ldfc", VARIANTS[variant]).eval()
    assert isinstance(net, Ldfc)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    return net


@cache
def work_of(variant: str) -> tuple[Counted, ...]:
    return counted(lambda size: count_macs(net_of(variant), *size))


def params_of(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(
    ("variant", "params", "macs"),
    [
        ("E", 47_394, (271_642_376, 994_892_700, 1_273_317_000)),
        ("B", 49_348, (621_795_816, 2_277_172_116, 2_914_662_312)),
        ("P", 49_691, (2_977_139_288, 10_902_636_450, 13_955_338_200)),
    ],
)
def test_the_counts_of_each_variant(variant: str, params: int, macs: tuple[int, ...]) -> None:
    assert params_of(net_of(variant)) == params <= PUBLISHED_PARAMS
    assert tuple(each.macs for each in work_of(variant)) == macs


def test_what_each_variant_is_for() -> None:
    assert all(each.flops <= PUBLISHED_WORK for each in work_of("E"))
    assert all(each.macs <= PUBLISHED_WORK for each in work_of("B"))
    square = next(each for each in work_of("P") if each.size == "256x256")
    assert square.macs == pytest.approx(PUBLISHED_WORK, rel=2e-3)
    assert params_of(net_of("P")) == pytest.approx(PUBLISHED_PARAMS, rel=1e-2)


@every_variant
def test_a_recipe_names_a_variant_and_may_change_one_setting_of_it(variant: str) -> None:
    spec = StudentSpec(network="ldfc", variant=variant)
    assert spec.settled().given == VARIANTS[variant]
    assert StudentSpec(network="ldfc", **VARIANTS[variant]).identity() == spec.identity()  # type: ignore[arg-type]
    narrower = StudentSpec(network="ldfc", variant=variant, width=16).settled()
    assert narrower.given == {**VARIANTS[variant], "width": 16} and narrower.settled() == narrower


@every_variant
def test_the_illumination_of_the_whole_picture_decides_everywhere(variant: str) -> None:
    """Another brightness in one corner changes the light in the opposite one, by more than rounding."""
    net = net_of(variant)
    dark = torch.full((1, 3, 128, 128), 0.05)
    other = dark.clone()
    other[:, :, :64, :64] = 0.9
    with torch.no_grad():
        difference = (net(dark) - net(other)).abs()[:, :, -16:, -16:]
    assert float(difference.mean()) > 1e-3


@every_variant
def test_lgc_calibrates_what_lisc_sees(variant: str) -> None:
    net = net_of(variant)
    fold = net.fold
    bright = torch.rand(1, 3 * fold * fold, 64 // fold, 96 // fold)
    light = torch.rand(1, VARIANTS[variant]["light_width"], 8, 12)
    with torch.no_grad():
        one, other = net.lisc(bright, light, 8 // fold), net.lisc(bright, 3.0 * light, 8 // fold)
    assert one.shape == bright.shape and float((one - other).abs().mean()) > 1e-5


@every_variant
def test_what_the_feature_map_is_tapped_from_is_not_below_zero(variant: str) -> None:
    seen: list[torch.Tensor] = []
    net = net_of(variant)
    handle = net.lgc.guide.register_forward_hook(lambda _m, _i, output: seen.append(output))
    with torch.no_grad():
        net(torch.rand(1, 3, *SIZE) * 0.2)
    handle.remove()
    assert seen[0].shape == (1, VARIANTS[variant]["light_width"], 8, 12) and float(seen[0].min()) >= 0.0


@pytest.mark.parametrize("variant", ["B", "P"])  # E: tests/models/test_students.py
def test_it_is_the_same_through_openvino_in_int8_and_every_target_can_have_it(variant: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    x = torch.randint(0, 64, (1, 3, *SIZE)) / 255.0
    net = build_net("ldfc", VARIANTS[variant]).eval()
    fake = insert_fake_quant(net, [x], Scheme(), QuantizeSpec(keep_float=("lgc",)))
    export_onnx(strip(fake.eval(), *SIZE), OnnxRequest(SIZE, False, 18, {}), tmp_path / "int8.onnx")
    runtime = open_runtime("openvino")
    files = runtime.build(tmp_path / "int8.onnx", "int8-net", tmp_path)
    shown = runtime.load(tmp_path, files, RunOptions(1)).infer(x.numpy())
    with torch.no_grad():
        assert float(np.abs(shown - fake.eval()(x).numpy()).mean()) <= 5e-3
    for lacking in {load_target(path).export.lacking for path in sorted((ROOT / "targets").glob("*.yaml"))}:
        rewrite_file(tmp_path / "int8.onnx", tmp_path / "rewritten.onnx", lacking)
