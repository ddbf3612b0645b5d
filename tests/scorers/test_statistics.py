"""Statistics of light say nothing of where things are, and have a gradient everywhere."""

from __future__ import annotations

import pytest
import torch

from compress.scorers.statistics import BINS, CELLS, STATISTICS, statistics_of


def _picture(size: tuple[int, int] = (64, 96)) -> torch.Tensor:
    return torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", [(64, 96), (16, 24), (200, 300)])
def test_there_are_as_many_of_a_picture_of_any_size(size: tuple[int, int]) -> None:
    found = statistics_of(_picture(size))
    assert found.shape == (2, STATISTICS) and bool(torch.isfinite(found).all())


def test_where_things_are_does_not_count() -> None:
    x = _picture((2 * CELLS, 2 * CELLS))
    blocks = x.view(2, 3, CELLS, 2, CELLS, 2)
    order = torch.randperm(CELLS, generator=torch.Generator().manual_seed(1))
    moved = blocks[:, :, order].reshape(x.shape)
    torch.testing.assert_close(statistics_of(moved), statistics_of(x), atol=1e-5, rtol=1e-5)


def test_light_and_colour_count() -> None:
    x = _picture()
    before = statistics_of(x)
    assert float((statistics_of(0.3 * x) - before)[:, :BINS].abs().max()) > 0.1
    tinted = x * torch.tensor([1.0, 0.8, 0.8]).view(1, 3, 1, 1)
    assert float((statistics_of(tinted) - before)[:, BINS + 6 :].abs().max()) > 0.05


def test_a_plain_picture_has_a_finite_gradient() -> None:
    x = torch.full((1, 3, 32, 32), 0.2, requires_grad=True)
    statistics_of(x).sum().backward()
    assert x.grad is not None and bool(torch.isfinite(x.grad).all())
