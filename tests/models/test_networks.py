"""Every registered network keeps the contract of ``build_net``."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from compress.models import NETWORK_NAMES, build_net
from compress.models.brighten import GAIN_MAX, PixelUnshuffleConv, apply_gain, gain_from
from compress.models.enhance import enhance, pad_to_multiple, to_picture, to_tensor


@pytest.mark.parametrize("name", NETWORK_NAMES)
def test_gives_a_clipped_picture_of_the_same_size(name: str) -> None:
    net = build_net(name, {}).eval()
    x = torch.rand(2, 3, 48, 64)
    with torch.no_grad():
        y = net(x)
    assert y.shape == x.shape and y.dtype == torch.float32
    assert 0.0 <= float(y.min()) and float(y.max()) <= 1.0


@pytest.mark.parametrize("name", NETWORK_NAMES)
def test_settings_rebuild_the_network(name: str) -> None:
    net = build_net(name, {})
    again = build_net(name, net.settings)  # type: ignore[arg-type]
    assert {k: v.shape for k, v in net.state_dict().items()} == {k: v.shape for k, v in again.state_dict().items()}


def test_student_and_teacher_hold_their_size_limits() -> None:
    count = {name: sum(p.numel() for p in build_net(name, {}).parameters()) for name in NETWORK_NAMES}
    assert count["light_twin"] <= 50_000
    assert count["retinex_unet"] <= 3_000_000


def test_the_thumbnail_branch_sees_the_same_at_half_resolution() -> None:
    """Area-shrinking by 2 and a thumbnail stride of 4 give the gain of the full frame with stride 8."""
    net = build_net("light_twin", {}).eval()
    x = torch.rand(1, 3, 64, 96)
    seen = []
    net.light.register_forward_hook(lambda _m, _i, out: seen.append(out[0]))  # type: ignore[union-attr, arg-type]
    net(x)
    net(F.avg_pool2d(x, 2), 4)
    torch.testing.assert_close(seen[0], seen[1], atol=1e-5, rtol=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**31))
def test_unshuffle_by_convolution_is_exact(count: int, rows: int, columns: int, seed: int) -> None:
    x = torch.randn(count, 3, 2 * rows, 2 * columns, generator=torch.Generator().manual_seed(seed))
    fixed = PixelUnshuffleConv()
    assert torch.equal(fixed(x), F.pixel_unshuffle(x, 2))
    torch.testing.assert_close(fixed.means(fixed(x)), F.avg_pool2d(x, 2))
    assert torch.equal(F.pixel_shuffle(fixed.repeat(x), 2), F.interpolate(x, scale_factor=2.0, mode="nearest"))


def test_gain_is_bounded_and_the_shoulder_ends_at_one() -> None:
    gain = gain_from(torch.tensor([-1e4, 0.0, 1e4]).view(1, 3, 1, 1), 2)
    assert float(gain.min()) >= 0 and float(gain.max()) <= GAIN_MAX
    x = torch.linspace(0, 1, 101)
    bright = apply_gain(x, torch.full_like(x, 8.0))
    assert float(bright[0]) == 0.0 and float(bright.max()) == pytest.approx(1.0)
    assert bool((bright.diff() >= -1e-6).all())


def test_pictures_survive_the_way_in_and_out() -> None:
    picture = torch.randint(0, 256, (21, 30, 3), dtype=torch.uint8).numpy()
    assert (to_picture(to_tensor(picture)) == picture).all()
    assert pad_to_multiple(to_tensor(picture), 8).shape == (1, 3, 24, 32)
    assert enhance(build_net("light_twin", {}).eval(), picture).shape == picture.shape
