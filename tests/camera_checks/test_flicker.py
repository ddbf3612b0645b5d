"""Flicker: nothing where a function is steady, the right figure where it is known to waver."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from compress.camera_checks.flicker import pan_changes_percent, wavering
from compress.camera_checks.scenes import Scene

Picture = NDArray[np.uint8]


def test_equal_frames_do_not_waver() -> None:
    frame = np.full((8, 8, 3), 100, np.uint8)
    found = wavering([frame] * 4)
    assert found.brightness_std_percent == 0 and found.pixel_std_codes == 0


def test_a_mean_that_alternates_by_two_per_cent_is_found() -> None:
    frames = [np.full((8, 8, 3), level, np.uint8) for level in (100, 102, 100, 102)]
    found = wavering(frames)
    assert found.brightness_std_percent == pytest.approx(100 * np.std(np.log([100, 102, 100, 102]), ddof=1), rel=1e-3)
    assert found.pixel_std_codes == pytest.approx(np.std([100, 102, 100, 102], ddof=1))


def test_pixels_that_cancel_are_noise_and_no_flicker() -> None:
    chess = np.indices((8, 8)).sum(0)[..., None].repeat(3, 2) % 2
    frames = [(100 + 10 * (chess ^ place)).astype(np.uint8) for place in (0, 1, 0, 1)]
    found = wavering(frames)
    assert found.brightness_std_percent == pytest.approx(0, abs=1e-9) and found.pixel_std_codes > 5


def scene(frames: int = 5) -> Scene:
    """Smooth colours, brighter to the right."""
    ramp = np.linspace(60, 220, 96)[None, :, None] * np.ones((64, 1, 3))
    return Scene("ramp", ramp.astype(np.uint8), frames, 4)


def test_what_brightens_every_pixel_alike_passes_a_pan_steadily() -> None:
    darks = list(scene().panned(32, 48))
    twice: list[float] = list(pan_changes_percent(darks, lambda dark: (dark * 2).astype(np.uint8), 4))
    assert len(twice) == 4 and max(twice) < 0.05


def test_an_exposure_that_follows_the_frame_shows_in_a_pan() -> None:
    """Every frame brought to one mean: what both frames show then changes as the frames' means do."""
    darks = list(scene().panned(32, 48))

    def levelled(dark: Picture) -> Picture:
        return np.clip(np.rint(dark * (100.0 / dark.mean())), 0, 255).astype(np.uint8)

    wanted = [100 * abs(np.log(a.mean() / b.mean())) for a, b in zip(darks, darks[1:], strict=False)]
    assert pan_changes_percent(darks, levelled, 4) == pytest.approx(wanted, abs=0.15) and min(wanted) > 0.5


def test_a_standing_scene_differs_by_its_noise_alone_and_repeats() -> None:
    frames = list(scene().standing(32, 48))
    assert len(frames) == 5 and all(frame.shape == (32, 48, 3) and frame.dtype == np.uint8 for frame in frames)
    assert 0 < wavering(frames).pixel_std_codes < 20 and frames[0].mean() < 100  # dark, and noisy
    assert all(np.array_equal(a, b) for a, b in zip(frames, scene().standing(32, 48), strict=True))
    smooth = np.mean([frame.astype(float) for frame in scene(30).panned(32, 48)][:1], axis=0)
    assert smooth[:, -8:].mean() > smooth[:, :8].mean()


def test_a_pan_moves_the_scene_by_its_step() -> None:
    bright = np.random.default_rng(0).integers(60, 250, (64, 96, 3)).astype(np.uint8)
    first, second = list(Scene("noise", bright, 2, 4).panned(64, 92))
    aligned = np.corrcoef(first[:, 4:].ravel(), second[:, :-4].ravel())[0, 1]
    assert aligned > 2 * abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) and aligned > 0.5
