"""A set's darkness is read off its two heaps of pictures, and well-lit pictures are darkened by it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from compress.data.source import PairSource
from compress.degradation.darkness import Darkness, Look, darkened, find_darkness
from compress.degradation.side_light import side_light

Picture = NDArray[np.uint8]
MADE = Darkness(
    exponent=1.8, chroma=1.5, lights=0.2, tint=(0.1, 0.0, -0.2), tint_spread=(0.0, 0.0, 0.0),
    looks=(Look(level=0.05, noise=(0.008, 0.005, 0.006)), Look(level=0.08, noise=(0.008, 0.005, 0.006))),
)  # fmt: skip


class _Heap(PairSource):
    def __init__(self, pictures: list[Picture]) -> None:
        self.names = self.scenes = tuple(str(number) for number in range(len(pictures)))
        self._pictures = pictures

    def pair(self, index: int) -> tuple[Picture, Picture]:
        return self._pictures[index], self._pictures[index]


def _scenes(first: int, count: int) -> torch.Tensor:
    """Smooth pictures (N, 3, 96, 128) with tones from dark to bright."""
    generator = torch.Generator().manual_seed(first)
    grey, colours = (torch.rand(count, planes, 5, 6, generator=generator) for planes in (1, 3))
    coarse = (0.05 + 0.75 * grey) * (0.8 + 0.4 * colours)
    return torch.nn.functional.interpolate(coarse, size=(96, 128), mode="bicubic").clamp(0.02, 0.98)


def _heap(pictures: torch.Tensor) -> _Heap:
    codes = (pictures * 255).round().byte().permute(0, 2, 3, 1).numpy()
    return _Heap([np.ascontiguousarray(each) for each in codes])


def test_what_pictures_were_darkened_by_is_found_from_pictures_of_other_scenes() -> None:
    torch.manual_seed(0)
    night = darkened(_scenes(1, 60), MADE, 0.0, 1)
    found = find_darkness(_heap(night), _heap(_scenes(2, 60)))
    assert found.exponent == pytest.approx(MADE.exponent, rel=0.1)
    assert found.chroma == pytest.approx(MADE.chroma, rel=0.15)
    assert found.lights == pytest.approx(MADE.lights, abs=0.1)
    assert found.tint == pytest.approx((0.12, 0.02, -0.18), abs=0.06)  # that much brighter are tinted pictures made
    assert all(min(abs(each.level - look.level) for look in MADE.looks) < 0.01 for each in found.looks)
    noise = np.median([each.noise for each in found.looks], axis=0)
    np.testing.assert_allclose(noise, MADE.looks[0].noise, rtol=0.12)
    assert "to the power 1." in found.sentence and "5.0 to 8.0 % of white" in found.sentence


def test_darkened_pictures_have_the_looks_level_and_noise() -> None:
    torch.manual_seed(0)
    flat = torch.full((40, 3, 64, 64), 0.6)
    night = darkened(flat, MADE, 0.0, 1)
    levels = night.mean((1, 2, 3))
    assert bool(((levels - 0.05).abs().minimum((levels - 0.08).abs()) < 1e-3).all())
    assert float(night.std((2, 3)).mean()) == pytest.approx(np.mean(MADE.looks[0].noise), rel=0.05)
    assert float((night * 255 - (night * 255).round()).abs().max()) < 1e-4
    shrunk = darkened(flat, MADE, 0.0, 2)
    assert float(shrunk.std((2, 3)).mean()) == pytest.approx(np.mean(MADE.looks[0].noise) / 2, rel=0.05)


def test_nothing_is_made_brighter_and_draws_follow_the_seed() -> None:
    dim = torch.full((8, 3, 16, 16), 0.02)
    torch.manual_seed(3)
    one = darkened(dim, MADE, 0.5, 1)
    assert float(one.mean()) <= 0.025
    torch.manual_seed(3)
    assert torch.equal(one, darkened(dim, MADE, 0.5, 1))


def test_unevenly_lit_pictures_keep_one_side() -> None:
    torch.manual_seed(0)
    day = _scenes(5, 30)
    night = darkened(day, MADE, 1.0, 1)
    kept = ((night - day).abs() < 0.03).float().mean((1, 2, 3))
    dark = (night < 0.5 * day).float().mean((1, 2, 3))
    assert float(kept.mean()) > 0.2 and float(dark.mean()) > 0.2
    assert float(((darkened(day, MADE, 0.0, 1) - day).abs() < 0.03).float().mean()) < 0.1


def test_light_from_above_lies_above() -> None:
    lit = side_light(32, 48, *(torch.full((1, 1, 1, 1), each) for each in (-torch.pi / 2, 0.0, 0.05)))
    assert lit.shape == (1, 1, 32, 48) and float(lit[..., 0, :].min()) > 0.99 and float(lit[..., -1, :].max()) < 0.01
    assert float(lit[..., 15:17, :].mean()) == pytest.approx(0.5, abs=0.01)


@settings(max_examples=30, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(2, 20), st.integers(2, 20), st.just(3))), st.integers(0, 255))
def test_any_picture_has_a_darkness_that_can_be_applied(picture: Picture, level: int) -> None:
    found = find_darkness(_Heap([picture]), _Heap([np.full((9, 17, 3), level, np.uint8)]))
    assert 1.0 <= min(found.exponent, found.chroma) <= max(found.exponent, found.chroma) <= 4.0
    night = darkened(torch.rand(2, 3, 8, 8), found, 0.5, 1)
    assert bool(night.isfinite().all()) and 0.0 <= float(night.min()) <= float(night.max()) <= 1.0
