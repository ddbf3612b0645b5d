"""Fake-quant networks: what stays out of int8, that they come back equal, and the table of scales."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from compress.errors import BuildError
from compress.models import build_net
from compress.models.quantized import insert_fake_quant, load_fake_quant, read_table, save_fake_quant, strip
from compress.models.weights import save_net
from compress.schema import QuantizeSpec, Scheme

KEPT = QuantizeSpec(keep_float=("light", "unshuffle"))


def _net() -> nn.Module:
    torch.manual_seed(0)
    return build_net("light_twin", {"width": 16, "light_width": 8}).eval()


@pytest.fixture(scope="module")
def fake() -> nn.Module:
    return insert_fake_quant(_net(), [torch.rand(1, 3, 32, 48) * 0.2], Scheme(), KEPT)


def test_image_space_and_the_light_branch_stay_float(fake: nn.Module) -> None:
    table = read_table(fake, Scheme(), KEPT.keep_float)
    places = {row.tensor.split("/")[0] for row in table.tensors if row.kind == "weight"}
    assert places == {"repair"}
    assert not [row.tensor for row in table.tensors if row.tensor.startswith(("/", "x ", "unshuffle"))]


def test_the_table_follows_the_scheme(fake: nn.Module) -> None:
    rows = read_table(fake, Scheme(), ()).tensors
    weights = [row for row in rows if row.kind == "weight"]
    assert len(weights) == 5 and all(row.axis == 0 and set(row.zero_point) == {0} for row in weights)
    assert all(row.axis is None and len(row.scale) == 1 for row in rows if row.kind == "activation")
    assert all(s > 0 for row in rows for s in row.scale)
    assert all(low < high for row in rows for low, high in zip(row.low, row.high, strict=True))


def test_a_symmetric_scheme_has_zero_points_of_zero() -> None:
    scheme = Scheme(activations="symmetric")
    net = insert_fake_quant(_net(), [torch.rand(1, 3, 32, 48) * 0.2], scheme, KEPT)
    for row in read_table(net, scheme, ()).tensors:
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


def test_sixteen_bits_are_refused() -> None:
    with pytest.raises(BuildError, match="16-bit"):
        insert_fake_quant(_net(), [torch.rand(1, 3, 32, 48)], Scheme(activation_bits=16), KEPT)
