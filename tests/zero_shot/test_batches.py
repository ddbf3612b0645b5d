from __future__ import annotations

import pytest
import torch
from known_kernels import photograph
from torch import Tensor
from torch.nn import functional as F

from compress.degradation.kernel import cubic
from compress.schema import Phase
from compress.zero_shot.batches import OwnBatch, OwnPlan, Views
from compress.zero_shot.pairs import OwnPairs

PHASES = (Phase(epochs=8, batch=4, crop=8),)


def repeated(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2)


def plan(noise: float = 0.02, seed: int = 0) -> OwnPlan:
    """Of views whose larger parts are their smaller ones repeated, so that cuts of one place can be told."""
    draws = 4 if noise else 1
    pairs = OwnPairs(photograph("coffee")[:64, :80], cubic(2), 2, noise, 0)
    low, given = torch.rand(draws, 3, 24, 20), torch.rand(1, 3, 48, 40)
    views = Views(
        low=low, low_start=repeated(low), truth=repeated(low[:1]), given=given, start=repeated(given),
        low_taught=1 - repeated(low), taught=1 - repeated(given), features=low.half(),
    )  # fmt: skip
    return OwnPlan(pairs, views, PHASES, seed)


def test_all_parts_of_a_batch_show_one_place_turned_alike() -> None:
    batch = plan(noise=0.0).batch(3)
    assert isinstance(batch, OwnBatch) and batch.taught is not None and batch.given_taught is not None
    assert (batch.dark.shape, batch.bright.shape, batch.given.shape) == ((4, 3, 8, 8), (4, 3, 16, 16), (2, 3, 8, 8))
    for larger in (batch.start, batch.bright, 1 - batch.taught):
        torch.testing.assert_close(larger, repeated(batch.dark))
    for larger in (batch.given_start, 1 - batch.given_taught):
        torch.testing.assert_close(larger, repeated(batch.given))
    torch.testing.assert_close(batch.hints[0], batch.dark.half().float())


def test_batches_are_a_function_of_step_and_seed() -> None:
    torch.manual_seed(0)
    one = plan()
    torch.manual_seed(0)
    again, other = plan(), plan(seed=1)
    torch.testing.assert_close(one.batch(5).dark, again.batch(5).dark)
    assert not torch.equal(one.batch(5).dark, one.batch(6).dark)
    assert not torch.equal(one.batch(5).dark, other.batch(5).dark)


def test_a_moved_batch_moves_all_of_it() -> None:
    moved = plan().batch(0).map(torch.zeros_like)
    assert isinstance(moved, OwnBatch) and moved.given_taught is not None and moved.taught is not None
    parts = (moved.dark, moved.bright, moved.taught, moved.start, moved.given, moved.given_start, moved.given_taught)
    assert max(float(part.abs().max()) for part in (*parts, *moved.hints)) == 0


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_steps_are_those_of_the_phase(noise: float) -> None:
    count = len(OwnPairs(photograph("coffee")[:64, :80], cubic(2), 2, noise, 0))
    assert plan(noise).steps == 8 * count / min(4, count)
