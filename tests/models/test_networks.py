"""Every registered network keeps the contract of ``build_net``."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from compress.models import NETWORK_NAMES, PICTURE_NETWORKS, build_net
from compress.models.brighten import COLOUR_TERMS, GAIN_MAX, ColourMap, PixelUnshuffleConv, gain_of, shoulder
from compress.models.enhance import enhance, pad_to_multiple, to_picture, to_tensor


@pytest.mark.parametrize("name", PICTURE_NETWORKS)
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


def test_the_thumbnail_branch_sees_the_same_at_lower_resolutions() -> None:
    """Area-shrinking by 2 or 4 with a thumbnail stride of 4 or 2 gives the gain of the full frame with stride 8."""
    net = build_net("light_twin", {}).eval()
    x = torch.rand(1, 3, 64, 96)
    seen = []
    net.light.register_forward_hook(lambda _m, _i, out: seen.append(out))  # type: ignore[union-attr, arg-type]
    net(x)
    assert net(F.avg_pool2d(x, 2), 4).shape == (1, 3, 32, 48)
    assert net(F.avg_pool2d(x, 4), 2).shape == (1, 3, 16, 24)
    torch.testing.assert_close(seen[0], seen[1], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(seen[0], seen[2], atol=1e-5, rtol=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**31))
def test_unshuffle_by_convolution_is_exact(count: int, rows: int, columns: int, seed: int) -> None:
    x = torch.randn(count, 3, 2 * rows, 2 * columns, generator=torch.Generator().manual_seed(seed))
    fixed = PixelUnshuffleConv()
    assert torch.equal(fixed(x), F.pixel_unshuffle(x, 2))
    torch.testing.assert_close(fixed.means(fixed(x)), F.avg_pool2d(x, 2))
    assert torch.equal(F.pixel_shuffle(fixed.repeat(x), 2), F.interpolate(x, scale_factor=2.0, mode="nearest"))


def test_gain_is_bounded_and_the_shoulder_ends_at_one() -> None:
    gain = gain_of(torch.tensor([-1e4, 0.0, 1e4]).view(1, 3, 1, 1))
    assert float(gain.min()) >= 0 and float(gain.max()) <= GAIN_MAX
    x = torch.linspace(0, 1, 101)
    bright = shoulder(8.0 * x)
    assert float(bright[0]) == 0.0 and float(bright.max()) == pytest.approx(1.0)
    assert bool((bright.diff() >= -1e-6).all())


def test_a_colour_map_is_a_matrix_and_an_offset() -> None:
    gain, small, terms = torch.rand(2, 3, 4, 6), torch.rand(2, 3, 4, 6), torch.randn(2, COLOUR_TERMS, 1, 1)
    own, following, last, offset = terms[:, :, 0, 0].chunk(4, dim=1)
    matrix = torch.diag_embed(1.0 + own)
    for row in range(3):
        matrix[:, row, (row + 1) % 3] += following[:, row]
        matrix[:, row, (row + 2) % 3] += last[:, row]
    wanted = torch.einsum("nij,njhw->nihw", matrix, small * gain) + offset[:, :, None, None]
    factor, addend = ColourMap().split(gain, small, terms)
    torch.testing.assert_close(small * factor + addend, wanted, atol=1e-5, rtol=1e-5)
    factor, addend = ColourMap().split(gain, small, torch.zeros_like(terms))
    assert torch.equal(factor, gain) and not addend.any()


def test_what_other_colours_give_is_free_of_their_noise() -> None:
    """Of noise that a thumbnail's pixel averages away, a colour gets its own share alone (ADR 0020)."""
    net = build_net("light_twin", {}).eval()
    x = torch.full((1, 3, 32, 32), 0.1)
    x[:, 0] += 0.1 * (torch.arange(32) % 2 * 2 - 1)
    terms = torch.zeros(1, COLOUR_TERMS, 1, 1)
    terms[:, 3:9] = 0.5
    net.light.register_forward_hook(lambda *_: (torch.zeros(1, 3, 4, 4), terms))  # type: ignore[union-attr]
    with torch.no_grad():
        y = net(x)
    assert float(y[:, 0].std()) > 0.1 and float(y[:, 1:].std(dim=(2, 3)).max()) < 0.01


def test_pictures_survive_the_way_in_and_out() -> None:
    picture = torch.randint(0, 256, (21, 30, 3), dtype=torch.uint8).numpy()
    assert (to_picture(to_tensor(picture)) == picture).all()
    assert pad_to_multiple(to_tensor(picture), 8).shape == (1, 3, 24, 32)
    assert enhance(build_net("light_twin", {}).eval(), picture).shape == picture.shape
