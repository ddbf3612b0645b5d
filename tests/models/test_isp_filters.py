"""The filters of a picture processor: bounds, formulas, and how far the forms for devices are from them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from compress.data.source import open_data
from compress.models.enhance import to_tensor
from compress.models.isp_cnn import SETTINGS
from compress.models.isp_filters import (
    BLUR_SIGMA_PX,
    CONTRAST,
    DARKEST,
    GAMMA,
    LUMA,
    Bound,
    DeviceFilters,
    contrast,
    gamma,
    gaussian,
    sharpen,
    white_balance,
)
from compress.schema import DataSpec

GAMMA_ERROR = 0.0043
CONTRAST_ERROR = 1.1e-4


@pytest.mark.parametrize("bound", dict.fromkeys(SETTINGS), ids=lambda bound: bound.unit.split(",")[0])
def test_a_setting_stays_in_its_bounds_and_starts_where_it_says(bound: Bound) -> None:
    found = bound.of(torch.tensor([-1e4, bound.raw_start, 1e4]))
    torch.testing.assert_close(found, torch.tensor([bound.low, bound.start, bound.high]))


def _ramp() -> Tensor:
    """All greys from ``DARKEST`` on, (1, 3, 1, 4096), denser where it is dark."""
    return torch.logspace(-3, 0, 4096).view(1, 1, 1, -1).repeat(1, 3, 1, 1)


def _exponents() -> Tensor:
    return torch.linspace(GAMMA.low, GAMMA.high, 251).view(-1, 1, 1, 1)


def test_gamma_without_a_free_exponent_is_as_near_as_said() -> None:
    error = (DeviceFilters().gamma(_ramp(), _exponents()) - gamma(_ramp(), _exponents())).abs()
    assert 0.5 * GAMMA_ERROR < float(error.max()) <= GAMMA_ERROR


@pytest.mark.parametrize("exponent", [0.25, 0.5, 0.75, 1.0, 1.25, 1.5])
def test_gamma_is_exact_where_a_power_is_one_of_the_roots(exponent: float) -> None:
    one = torch.full((1, 1, 1, 1), exponent)
    torch.testing.assert_close(DeviceFilters().gamma(_ramp(), one), gamma(_ramp(), one), atol=2e-6, rtol=2e-6)


def test_gamma_keeps_to_the_range_and_the_order_of_tones() -> None:
    y = DeviceFilters().gamma(_ramp(), _exponents())
    assert float(y.min()) > -3e-4 and float(y.max()) < 1.0 + 1e-5  # clipped by what comes behind
    assert float(y.diff(dim=3).min()) > -1e-6


def test_gamma_of_black_has_a_finite_gradient() -> None:
    x = torch.zeros(1, 3, 2, 2, requires_grad=True)
    exponent = torch.full((1, 1, 1, 1), 0.4, requires_grad=True)
    y = DeviceFilters().gamma(x, exponent)
    assert abs(float(y[0, 0, 0, 0].detach()) - DARKEST**0.4) < GAMMA_ERROR
    y.sum().backward()
    assert exponent.grad is not None and bool(torch.isfinite(exponent.grad).all())
    assert x.grad is not None and bool(torch.isfinite(x.grad).all())


@pytest.mark.parametrize("amount", [CONTRAST.low, -0.3, 0.0, 0.6, CONTRAST.high])
def test_contrast_without_cosine_and_division_is_as_near_as_said(amount: float) -> None:
    torch.manual_seed(0)
    x = torch.rand(1, 3, 64, 64)
    share = torch.full((1, 1, 1, 1), amount)
    error = (DeviceFilters().contrast(x, share) - contrast(x, share)).abs()
    assert float(error.max()) <= CONTRAST_ERROR * abs(amount) + 2e-6


def test_contrast_moves_luma_as_the_formula_says_and_keeps_hue() -> None:
    x = torch.tensor([0.2, 0.4, 0.1]).view(1, 3, 1, 1)
    y = contrast(x, torch.ones(1, 1, 1, 1))
    shares = torch.tensor(LUMA).view(1, 3, 1, 1)
    before, after = ((each * shares).sum() for each in (x, y))
    torch.testing.assert_close(after, 0.5 * (1 - torch.cos(torch.pi * before)))
    torch.testing.assert_close(y / x, (after / before).expand_as(x))


def test_white_balance_is_a_gain_for_each_colour() -> None:
    x, gains = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 1, 1)
    assert torch.equal(white_balance(x, gains)[1, 2], x[1, 2] * gains[1, 2])


def test_sharpening_leaves_a_plain_picture_and_steepens_an_edge() -> None:
    filters, much = DeviceFilters(), torch.full((1, 1, 1, 1), 1.0)
    plain = torch.full((1, 3, 32, 48), 0.4)
    torch.testing.assert_close(sharpen(plain, much, filters.blur(plain)), plain)
    edge = plain.clone()
    edge[..., 24:] = 0.6
    after = sharpen(edge, much, filters.blur(edge))
    assert float(after[..., 24].min()) > 0.6 and float(after[..., 23].max()) < 0.4


def test_the_blur_is_as_wide_as_the_gaussian() -> None:
    """Of points anywhere in a block, the spread on average; of real edges, what sharpening would take away."""
    filters = DeviceFilters()
    points = torch.zeros(8, 3, 65 * 8, 8 * 8)
    for place in range(8):
        points[place, :, 32 * 8 + place] = 1.0
    rows = torch.arange(65 * 8.0)
    found = filters.blur(points)[:, 0, :, 32]
    centres = torch.arange(32 * 8.0, 32 * 8.0 + 8)
    spreads = ((rows - centres[:, None]) ** 2 * found).sum(1) / found.sum(1)
    assert abs(float(spreads.mean()) ** 0.5 - BLUR_SIGMA_PX) < 0.1
    ramp = torch.linspace(0, 1, 64 * 8).view(1, 1, -1, 1).repeat(1, 3, 1, 64)
    inside = slice(16, -16)
    torch.testing.assert_close(filters.blur(ramp)[:, :, inside], gaussian(ramp)[:, :, inside], atol=1e-4, rtol=1e-4)


def test_on_a_photograph_the_blur_is_near_the_gaussian_on_average() -> None:
    data = DataSpec(licence="with scikit-image", kind="embedded", size=(128, 192), copies=1)
    x = to_tensor(open_data(data, "val").pair(0)[1])
    error = (DeviceFilters().blur(x) - gaussian(x)).abs()
    assert 0.0 < float(error.mean()) < 0.015 and float(error.mean()) < 0.3 * float((x - gaussian(x)).abs().mean())


def test_the_gaussian_keeps_the_mean_up_to_the_edge() -> None:
    plain = torch.full((1, 3, 24, 24), 0.3)
    torch.testing.assert_close(gaussian(plain), plain)


def test_settings_are_learnt_through_every_filter() -> None:
    torch.manual_seed(0)
    x, filters = torch.rand(1, 3, 32, 32) * 0.2, DeviceFilters()
    raw = [torch.zeros(1, size, 1, 1, requires_grad=True) for size in (3, 1, 1, 1)]
    y = white_balance(x, SETTINGS[0].of(raw[0]))
    y = filters.contrast(filters.gamma(y, GAMMA.of(raw[1])), CONTRAST.of(raw[2]))
    sharpen(y, SETTINGS[5].of(raw[3]), filters.blur(y)).square().sum().backward()
    assert all(each.grad is not None and bool(each.grad.abs().min() > 0) for each in raw)


def test_the_filters_hold_nothing_that_is_trained_or_saved() -> None:
    assert not list(DeviceFilters().parameters()) and not DeviceFilters().state_dict()
