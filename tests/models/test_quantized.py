"""Fake-quant networks: what stays out of int8, that they come back equal, and the table of scales."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import tiny_nets
import torch
from torch import nn

from compress.errors import BuildError
from compress.models.quantized import insert_fake_quant, load_fake_quant, read_table, save_fake_quant, strip
from compress.models.weights import save_net
from compress.runtimes import open_runtime
from compress.runtimes.interchange import OnnxRequest, export_onnx
from compress.schema import QuantizeSpec, Scheme
from compress.sensitivity.apply import copy_with
from compress.sensitivity.layers import quantized_layers, quantizer_bits, widened
from compress.sensitivity.records import Wider

KEPT = QuantizeSpec(keep_float=("light",))


def _net() -> nn.Module:
    torch.manual_seed(0)
    return tiny_nets.student_net()


@pytest.fixture(scope="module")
def fake() -> nn.Module:
    return insert_fake_quant(_net(), [torch.rand(1, 3, 32, 48) * 0.2], Scheme(), KEPT)


def test_image_space_and_the_light_branch_stay_float(fake: nn.Module) -> None:
    table = read_table(fake, Scheme(), KEPT.keep_float)
    places = {row.tensor.split("/")[0] for row in table.tensors if row.kind == "weight"}
    assert places == {"repair", "unshuffle"}
    assert not [row.tensor for row in table.tensors if row.tensor.startswith(("/", "light"))]


def test_the_cameras_codes_pass_unchanged(fake: nn.Module) -> None:
    x = torch.randint(0, 256, (1, 3, 32, 48)) / 255.0
    seen: list[torch.Tensor] = []
    net = strip(fake, 32, 48)
    net.get_submodule("unshuffle").register_forward_hook(lambda _m, _i, out: seen.append(out))
    net(x)
    torch.testing.assert_close(seen[0], torch.nn.functional.pixel_unshuffle(x, 2), atol=1e-7, rtol=0)
    (row,) = (row for row in read_table(fake, Scheme(), ()).tensors if row.tensor == "x output")
    assert row.scale == pytest.approx((1 / 255,)) and row.zero_point == (0,)
    trained = [name for name, p in fake.named_parameters() if p.requires_grad]
    assert not [name for name in trained if "hooks.x__" in name or "unshuffle/" in name]


def test_known_ranges_stay_known_when_a_network_is_opened_again(fake: nn.Module, tmp_path: Path) -> None:
    save_net(_net(), tmp_path / "net.safetensors")
    save_fake_quant(fake, tmp_path, "ptq")
    opened = load_fake_quant(tmp_path, "ptq")
    fixed = {name for name, value in fake.named_parameters() if not value.requires_grad}
    assert fixed and {name for name, value in opened.named_parameters() if not value.requires_grad} == fixed


def test_the_table_follows_the_scheme(fake: nn.Module) -> None:
    rows = read_table(fake, Scheme(), ()).tensors
    weights = [row for row in rows if row.kind == "weight"]
    assert len(weights) == 6 and all(row.axis == 0 and set(row.zero_point) == {0} for row in weights)
    assert all(row.axis is None and len(row.scale) == 1 for row in rows if row.kind == "activation")
    assert all(s > 0 for row in rows for s in row.scale)
    assert all(low < high for row in rows for low, high in zip(row.low, row.high, strict=True))


def test_a_symmetric_scheme_has_zero_points_of_zero() -> None:
    scheme = Scheme(activations="symmetric")
    net = insert_fake_quant(_net(), [torch.rand(1, 3, 32, 48) * 0.2], scheme, KEPT)
    rows = read_table(net, scheme, ()).tensors
    assert not [row.tensor for row in rows if row.tensor.startswith(("x ", "unshuffle"))]
    for row in rows:
        assert set(row.zero_point) == {0} and row.quant_min == -128, row.tensor


def test_it_comes_back_equal(fake: nn.Module, tmp_path: Path) -> None:
    save_net(_net(), tmp_path / "net.safetensors")
    save_fake_quant(fake, tmp_path, "qat")
    x = torch.rand(1, 3, 32, 48) * 0.3
    assert torch.equal(load_fake_quant(tmp_path, "qat")(x), fake.eval()(x))
    shutil.copytree(tmp_path, tmp_path / "again")
    save_fake_quant(load_fake_quant(tmp_path, "qat"), tmp_path / "again", "qat")
    for name in ("qat.safetensors", "qat.json"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_stripping_keeps_the_answer(fake: nn.Module) -> None:
    x = torch.rand(1, 3, 32, 48) * 0.3
    torch.testing.assert_close(strip(fake, 32, 48)(x), fake.eval()(x), atol=2e-3, rtol=0)


def test_branches_that_share_a_quantizer_are_stripped_at_each_of_its_places(tmp_path: Path) -> None:
    scheme, x = Scheme(activations="symmetric"), torch.rand(1, 3, 32, 48) * 0.2
    whole = insert_fake_quant(_net(), [x], scheme, QuantizeSpec())  # the light branch as well
    stripped = strip(whole, 32, 48)
    assert not [m for m in stripped.modules() if type(m).__module__.startswith("nncf.torch.quantization.layers")]
    torch.testing.assert_close(stripped(x), whole(x), atol=2e-3, rtol=0)
    table = read_table(whole, scheme, ())
    scales = {row.tensor: row.scale for row in table.tensors}
    assert scales["light/mean/0 output"] == scales["light/amax/0 output"]
    export_onnx(stripped, OnnxRequest((32, 48), False, 18, {}), tmp_path / "net.onnx")
    found = open_runtime("onnx").inspect(tmp_path, ("net.onnx",), table)
    assert found.scales_compared == len(table.tensors) and found.scale_differences == ()


def test_a_shared_quantizer_is_left_out_at_each_of_its_places(tmp_path: Path) -> None:
    x, out = torch.rand(1, 3, 32, 48) * 0.2, tmp_path / "out"
    out.mkdir()
    whole = insert_fake_quant(_net(), [x], Scheme(activations="symmetric"), QuantizeSpec())
    save_net(_net(), tmp_path / "net.safetensors")
    for which in ("qat", "ptq"):
        save_fake_quant(whole, tmp_path, which)  # type: ignore[arg-type]
    layers = quantized_layers(whole)
    assert len({layer.name for layer in layers}) == len(layers)
    for precision in ("float", "int16"):
        choices: dict[str, Wider] = {"light.hidden": precision, "light/amax/0": precision}  # type: ignore[dict-item]
        copy_with(tmp_path, quantizer_bits(layers, choices), out)
        with widened(whole, layers, choices):
            torch.testing.assert_close(load_fake_quant(out, "qat")(x), whole(x), atol=1e-6, rtol=0)


def test_sixteen_bits_are_refused() -> None:
    with pytest.raises(BuildError, match="16-bit"):
        insert_fake_quant(_net(), [torch.rand(1, 3, 32, 48)], Scheme(activation_bits=16), KEPT)
