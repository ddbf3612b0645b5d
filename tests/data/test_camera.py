"""The camera model does what its formulas say."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from compress.data.camera import (
    PUBLISHED_CAMERA,
    NightCamera,
    NightShot,
    darken,
    develop,
    expose,
    sample_night,
    to_raw,
)
from compress.errors import ConfigError


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def one_shot(camera: NightCamera | None = None, seed: int = 0) -> NightShot:
    return sample_night(camera or NightCamera(), 1, seeded(seed))


@pytest.mark.parametrize("level", [0.0, 0.02, 0.3])
@pytest.mark.parametrize("shot_noise", [1e-4, 2e-3, 0.012])
def test_noise_variance_is_shot_times_signal_plus_read(level: float, shot_noise: float) -> None:
    camera = NightCamera(exposure=(0.5, 0.5), shot=(shot_noise, shot_noise), raw_bits=(16,))
    shot = one_shot(camera, seed=3)
    noisy = expose(torch.full((1, 3, 256, 256), level), shot, seeded(4))
    expected = shot_noise * level * 0.5 + float(shot.read_variance)
    step = 1.0 / (2**16 - 1)
    count = noisy.numel()
    assert float(noisy.var()) == pytest.approx(expected + step**2 / 12, rel=6 * math.sqrt(2 / count))
    assert float(noisy.mean()) == pytest.approx(0.5 * level, abs=6 * math.sqrt(expected / count) + step)


def test_read_noise_follows_the_published_line() -> None:
    shot = sample_night(NightCamera(), 20_000, seeded(1))
    off_line = shot.read_variance.log() - (2.18 * shot.shot.log() + 1.20)
    assert float(off_line.mean()) == pytest.approx(0.0, abs=0.01)
    assert float(off_line.std()) == pytest.approx(0.26, rel=0.03)


def test_draws_stay_in_range_and_fill_it() -> None:
    camera = NightCamera()
    shot = sample_night(camera, 5_000, seeded(2))
    drawn = {
        "exposure": shot.exposure.log(),
        "gamma": shot.gamma,
        "red_gain": shot.gains[:, 0],
        "blue_gain": shot.gains[:, 2],
        "shot": shot.shot.log(),
    }
    for name, values in drawn.items():
        low, high = getattr(camera, name)
        if name in ("exposure", "shot"):
            low, high = math.log(low), math.log(high)
        slack = 1e-5 * max(1.0, abs(low))
        assert low - slack <= float(values.min()) and float(values.max()) <= high + slack
        assert float(values.mean()) == pytest.approx((low + high) / 2, abs=0.03 * (high - low))  # uniform
    assert set(shot.raw_levels.tolist()) == {4095.0, 16383.0, 65535.0}
    assert torch.equal(shot.gains[:, 1], torch.ones(5_000))
    assert torch.allclose(shot.rgb_to_camera.sum(2), torch.ones(5_000, 3), atol=1e-5)  # white stays white


def test_published_exposures_follow_their_truncated_normal() -> None:
    """Mean and deviation of N(.1, .08) cut at .01 and .1, by the textbook's formulas."""
    drawn = sample_night(PUBLISHED_CAMERA, 40_000, seeded(7)).exposure
    assert drawn.dtype == torch.float32 and 0.01 <= float(drawn.min()) < 0.0105 and 0.0995 < float(drawn.max()) <= 0.1
    law = torch.distributions.Normal(0.0, 1.0)
    ends = (torch.tensor((0.01, 0.1)) - 0.1) / 0.08
    heights, mass = law.log_prob(ends).exp(), float(law.cdf(ends).diff())
    shift = float(heights[0] - heights[1]) / mass
    variance = 1 + float((ends * heights)[0] - (ends * heights)[1]) / mass - shift**2
    assert float(drawn.mean()) == pytest.approx(0.1 + 0.08 * shift, rel=0.01)
    assert float(drawn.std()) == pytest.approx(0.08 * math.sqrt(variance), rel=0.02)


def test_the_law_of_exposures_leaves_all_else_of_a_shot_as_it_was() -> None:
    """The demo's pictures are drawn by these numbers in this order."""
    some, others = (sample_night(camera, 64, seeded(3)) for camera in (NightCamera(), PUBLISHED_CAMERA))
    assert torch.equal(some.gamma, others.gamma) and torch.equal(some.read_variance, others.read_variance)
    assert torch.equal(some.rgb_to_camera, others.rgb_to_camera) and not torch.equal(some.exposure, others.exposure)


def test_developing_undoes_the_way_to_raw() -> None:
    rgb = torch.rand(4, 3, 32, 32, generator=seeded(5)) * 0.5 + 0.25  # inside the gamut of every camera drawn
    shot = sample_night(NightCamera(), 4, seeded(6))
    raw = to_raw(rgb, shot)
    inside = (raw > 0).all(1, keepdim=True).expand_as(rgb)
    assert inside.float().mean() > 0.8
    assert float((develop(raw, shot) - rgb)[inside].abs().max()) < 1e-3


def test_grey_stays_grey_on_the_way() -> None:
    grey = torch.linspace(0, 1, 64).view(1, 1, 8, 8).expand(1, 3, 8, 8)
    shot = one_shot(seed=8)
    raw = to_raw(grey, shot)
    balanced = raw * shot.gains[:, :, None, None]
    assert torch.allclose(balanced[:, 0], balanced[:, 1], atol=1e-5)
    assert torch.allclose(balanced[:, 2], balanced[:, 1], atol=1e-5)
    assert torch.allclose(develop(raw * 0.1, shot)[:, 0], develop(raw * 0.1, shot)[:, 2], atol=1e-4)


def test_raw_values_lie_on_the_converters_steps_and_clip_at_full_well() -> None:
    camera = NightCamera(exposure=(1.0, 1.0), raw_bits=(12,))
    raw = expose(torch.linspace(0, 2, 3 * 4096).view(1, 3, 64, 64), one_shot(camera), seeded(9))
    steps = raw * 4095
    assert torch.allclose(steps, steps.round(), atol=1e-2)
    assert float(raw.max()) == 1.0
    assert float(raw.min()) < 0.0  # the black level keeps what noise puts below it


def test_less_light_is_darker_and_noisier() -> None:
    rgb = torch.full((1, 3, 64, 64), 0.6)
    shot = one_shot(NightCamera(shot=(1e-3, 1e-3), gamma=(2.2, 2.2)))
    means, relative = [], []
    for factor in (0.2, 0.1, 0.05):
        night = darken(rgb, replace(shot, exposure=torch.tensor([factor])), seeded(1))
        means.append(float(night.mean()))
        relative.append(float(night.std() / night.mean()))
    assert means == sorted(means, reverse=True) and relative == sorted(relative)


@given(seed=st.integers(0, 2**31), count=st.integers(1, 3), level=st.floats(0, 1))
@settings(deadline=None, max_examples=30)
def test_output_is_8_bit_in_range_and_repeatable(seed: int, count: int, level: float) -> None:
    rgb = torch.full((count, 3, 16, 16), level)
    rgb[:, :, :8] = torch.rand(count, 3, 8, 16, generator=seeded(seed))

    def night() -> torch.Tensor:
        generator = seeded(seed)
        return darken(rgb, sample_night(NightCamera(), count, generator), generator)

    first = night()
    assert first.shape == rgb.shape and first.dtype == torch.float32
    assert torch.isfinite(first).all() and 0 <= float(first.min()) and float(first.max()) <= 1
    assert torch.allclose(first * 255, (first * 255).round(), atol=1e-4)
    assert torch.equal(first, night())


def test_each_picture_of_a_batch_has_its_own_shot() -> None:
    shot = sample_night(NightCamera(), 3, seeded(11))
    night = darken(torch.full((3, 3, 16, 16), 0.7), shot, seeded(12))
    assert len({round(float(picture.mean()), 6) for picture in night}) == 3
    assert len(shot.to("cpu")) == 3


@pytest.mark.parametrize(
    ("camera", "said"),
    [
        ({"exposure": (0.2, 0.1)}, "camera.exposure"),
        ({"exposure": (0.0, 0.1)}, "camera.exposure"),
        ({"exposure": (0.1, 1.5)}, "camera.exposure"),
        ({"exposure_normal": (0.1, 0.0)}, "camera.exposure_normal"),
        ({"gamma": (0.5, 2.0)}, "camera.gamma"),
        ({"red_gain": (0.5, 2.0)}, "camera.red_gain"),
        ({"shot": (0.0, 0.01)}, "camera.shot"),
        ({"shot": (math.nan, 0.01)}, "camera.shot"),
        ({"raw_bits": ()}, "camera.raw_bits"),
        ({"raw_bits": (12, 32)}, "camera.raw_bits"),
    ],
)
def test_impossible_cameras_are_refused(camera: dict[str, tuple[float, ...]], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        replace(NightCamera(), **camera)


@pytest.mark.parametrize(
    "rgb",
    [
        torch.zeros(3, 16, 16),
        torch.zeros(1, 1, 16, 16),
        torch.zeros(1, 3, 16, 16, dtype=torch.uint8),
        torch.full((1, 3, 16, 16), 1.5),
        torch.full((1, 3, 16, 16), math.nan),
        torch.zeros(2, 3, 16, 16),
    ],
)
def test_wrong_pictures_are_refused(rgb: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="darken takes|2 pictures"):
        darken(rgb, one_shot(), seeded())
