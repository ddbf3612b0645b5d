"""MS-SSIM as a loss: the library's value where that has one, and finite gradients where it has none."""

from __future__ import annotations

import pytest
import torch
from pytorch_msssim import ms_ssim
from torch.nn import functional as F

from compress.losses.multi_scale import LEAST, multi_scale
from compress.losses.picture import structural


def _pair(height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    truth = F.interpolate(torch.rand(2, 3, height // 8, width // 8), size=(height, width), mode="bilinear")
    return (0.8 * truth + 0.05 * torch.rand_like(truth)).requires_grad_(), truth


def test_of_five_scales_it_is_the_library_s() -> None:
    y, truth = _pair(128, 192)
    wanted = 1.0 - ms_ssim(y, truth, data_range=1.0, win_size=7, win_sigma=1.5)
    assert 0.01 < float(wanted.detach())
    torch.testing.assert_close(multi_scale(y, truth), wanted, atol=1e-5, rtol=1e-4)


def test_of_one_scale_it_is_ssim() -> None:
    torch.manual_seed(0)
    truth = torch.rand(1, 3, 12, 40)
    y = truth + 0.2 * torch.rand_like(truth)
    assert 0.01 < float(structural(y, truth)) < 1 - LEAST
    torch.testing.assert_close(multi_scale(y, truth), structural(y, truth), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("size", [(8, 16), (24, 24), (48, 64), (100, 150), (128, 192)])
def test_equal_pictures_cost_nothing_and_any_size_has_gradients(size: tuple[int, int]) -> None:
    y, truth = _pair(*size)
    assert float(multi_scale(truth, truth)) == pytest.approx(0, abs=1e-5)
    multi_scale(y, truth).backward()  # type: ignore[no-untyped-call]
    assert y.grad is not None and bool(torch.isfinite(y.grad).all()) and float(y.grad.abs().sum()) > 0


def test_a_negative_picture_is_as_bad_as_it_gets_and_its_gradient_a_number() -> None:
    y, truth = _pair(128, 192)
    negative = (1.0 - truth).requires_grad_()
    loss = multi_scale(negative, truth)
    assert float(loss.detach()) > float(multi_scale(y, truth).detach())
    loss.backward()  # type: ignore[no-untyped-call]
    assert negative.grad is not None and bool(torch.isfinite(negative.grad).all())
