"""Every registered network keeps the contract of ``build_net``."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch.nn import functional as F

from compress.data.batches import Around
from compress.data.overview import overview
from compress.models import NETWORK_NAMES, build_net
from compress.models.brighten import (
    COLOUR_TERMS,
    GAIN_MAX,
    LEVEL_MAX,
    ColourMap,
    PixelUnshuffleConv,
    aimed_gain,
    gain_from,
    shoulder,
)
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
    assert count["light_twin"] <= 50_000 and count["light_aim"] <= 50_000
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


def _around(pictures: NDArray[np.uint8], window: tuple[int, int, int, int]) -> tuple[torch.Tensor, Around]:
    """uint8 (N, H, W, 3) as the network takes it, and the same as what lies around one window of each."""
    views = [overview(picture, picture) for picture in pictures]
    maps = [torch.from_numpy(np.stack(part)).permute(0, 3, 1, 2) for part in zip(*map(astuple, views), strict=True)]
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255.0
    return x, Around(maps[0], maps[1], maps[2], (window,) * len(pictures))


def _pictures(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 100, shape, dtype=np.uint8)


def test_shrunk_pictures_get_the_illumination_of_the_full_ones() -> None:
    """With the whole pictures around it, the branch sees at 1/2 and 1/4 just what it sees in the full frame."""
    net = build_net("light_aim", {}).eval()
    x, around = _around(_pictures(2, 64, 96, 3), (0, 0, 64, 96))
    seen = []
    net.light.register_forward_hook(lambda _m, _i, out: seen.append(out))  # type: ignore[union-attr, arg-type]
    net(x)
    assert net(F.avg_pool2d(x, 2), 4, around).shape == (2, 3, 32, 48)
    assert net(F.avg_pool2d(x, 4), 2, around).shape == (2, 3, 16, 24)
    for later in seen[1:]:
        torch.testing.assert_close(seen[0], later, atol=1e-5, rtol=1e-5)


def test_a_cut_with_its_whole_around_it_is_cut_from_the_whole_answer() -> None:
    """Equal where the cut's own border is far enough away: the repair sees 18 pixels around, the gain 4."""
    net = build_net("light_aim", {"width": 8, "light_width": 8}).eval()
    with torch.no_grad():
        net.light.to_aim.bias.fill_(0.7)  # type: ignore[union-attr, operator]
    x, around = _around(_pictures(1, 128, 160, 3), (16, 32, 96, 112))
    previews: list[torch.Tensor] = []
    net.preview.register_forward_hook(lambda _m, _i, out: previews.append(out))  # type: ignore[union-attr, arg-type]
    whole, part = net(x), net(x[..., 16:112, 32:144], 8, around)
    torch.testing.assert_close(part[..., 36:60, 36:76], whole[..., 52:76, 68:108], atol=1e-5, rtol=1e-5)
    (preview,) = previews
    assert preview.shape == (1, 3, 16, 20)


def test_brightness_of_the_answer_does_not_follow_the_brightness_of_the_dark() -> None:
    logit, aim = torch.randn(2, 3, 5, 7), torch.tensor([-0.5, 0.5]).view(2, 1, 1, 1)
    small = torch.rand(2, 3, 5, 7) * 0.2 + 0.02
    for factor in (1.0, 0.5):
        reached = (small * factor * aimed_gain(logit, aim, small * factor)).mean((1, 2, 3))
        torch.testing.assert_close(reached, LEVEL_MAX * torch.sigmoid(aim.flatten()))
    assert torch.isfinite(aimed_gain(logit, aim, torch.zeros_like(small))).all()


def test_grain_is_noise_and_not_brightness() -> None:
    fixed = PixelUnshuffleConv()
    flat = torch.full((1, 3, 64, 64), 0.3)
    slope = flat + torch.linspace(0, 0.3, 64)
    noisy = flat + 0.02 * torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    assert float(fixed.grain(fixed(slope), 4).max()) < 2e-4
    grain = fixed.grain(fixed(noisy), 4)
    assert grain.shape == (1, 3, 8, 8)
    assert float(grain.mean()) == pytest.approx(0.01, rel=0.1)  # half of the noise: four pixels' mean with signs


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
    bright = shoulder(8.0 * x)
    assert float(bright[0]) == 0.0 and float(bright.max()) == pytest.approx(1.0)
    assert bool((bright.diff() >= -1e-6).all())


@pytest.mark.parametrize("pixels", [1, 4])
def test_a_colour_map_is_a_matrix_and_an_offset(pixels: int) -> None:
    v, terms = torch.randn(2, 3, 4, 6), torch.randn(2, COLOUR_TERMS, 1, 1)
    own, following, last, offset = terms[:, :, 0, 0].chunk(4, dim=1)
    matrix = torch.diag_embed(1.0 + own)
    for row in range(3):
        matrix[:, row, (row + 1) % 3] += following[:, row]
        matrix[:, row, (row + 2) % 3] += last[:, row]
    wanted = torch.einsum("nij,njhw->nihw", matrix, v) + offset[:, :, None, None]
    shape = v if pixels == 1 else F.pixel_unshuffle(v, 2)
    mapped = ColourMap(pixels).blend(shape, terms)
    torch.testing.assert_close(mapped if pixels == 1 else F.pixel_shuffle(mapped, 2), wanted, atol=1e-5, rtol=1e-5)
    assert torch.equal(ColourMap(pixels).blend(shape, torch.zeros_like(terms)), shape)


def test_pictures_survive_the_way_in_and_out() -> None:
    picture = torch.randint(0, 256, (21, 30, 3), dtype=torch.uint8).numpy()
    assert (to_picture(to_tensor(picture)) == picture).all()
    assert pad_to_multiple(to_tensor(picture), 8).shape == (1, 3, 24, 32)
    assert enhance(build_net("light_twin", {}).eval(), picture).shape == picture.shape
