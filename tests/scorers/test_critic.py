"""The critic learns light without pairs, and does as a scorer what CLIP would."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from compress.data.batches import Batch
from compress.losses.critic import CriticLesson, distorted
from compress.scorers.base import LOW, NORMAL
from compress.scorers.critic import LABEL, Critic, CriticScorer


def _scenes(count: int, seed: int) -> Tensor:
    """Smooth scenes of any colours, (N, 3, 64, 96) in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 4, 6, generator=generator) * 0.8 + 0.1
    return torch.nn.functional.interpolate(coarse, size=(64, 96), mode="bilinear")


def _dark(seed: int, count: int = 8) -> Tensor:
    return _scenes(count, seed) * 0.15


@pytest.fixture(scope="module")
def scorer() -> CriticScorer:
    """Of 60 steps on scenes that are all different."""
    torch.manual_seed(0)
    critic, lesson = Critic().train(), CriticLesson()
    optimizer = torch.optim.AdamW(critic.parameters(), lr=5e-3)
    for step in range(60):
        batch = Batch(_dark(2 * step), _scenes(8, 2 * step + 1), None, (), 1)
        loss, _ = lesson(critic, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return CriticScorer(critic)


def test_it_says_that_it_is_no_clip() -> None:
    assert "not CLIP" in LABEL and CriticScorer.label == LABEL


def test_dark_and_well_lit_lie_apart_and_it_stays_as_it_is(scorer: CriticScorer) -> None:
    low, normal = (scorer.encode(each) for each in (_dark(1000), _scenes(8, 1001)))
    prompts = torch.stack((low.mean(0), normal.mean(0)))
    prompts = torch.nn.functional.normalize(prompts, dim=1)
    assert float(scorer.normality(normal, prompts).min()) > 0.5 > float(scorer.normality(low, prompts).max())
    assert scorer.logits(low, prompts).shape == (8, 2) and bool((scorer.logits(low, prompts).argmax(1) == LOW).all())
    assert NORMAL == 1 and not any(p.requires_grad for p in scorer.critic.parameters()) and not scorer.critic.training


def test_a_picture_gets_a_gradient_through_it(scorer: CriticScorer) -> None:
    x = _dark(5).requires_grad_()
    prompts = scorer.prompts()()
    torch.testing.assert_close(prompts.norm(dim=1), torch.ones(2))
    scorer.normality(scorer.encode(x), prompts).sum().backward()
    assert x.grad is not None and bool(x.grad.abs().sum() > 0)


def test_likeness_is_of_the_scene_and_not_of_its_light(scorer: CriticScorer) -> None:
    scene, other = _scenes(4, 1), _scenes(4, 2)
    assert float(scorer.likeness(scene, 0.2 * scene)) < 0.01
    assert float(scorer.likeness(scene.clamp(min=1e-3) ** 0.6, 0.2 * scene)) < 0.05
    assert float(scorer.likeness(other, 0.2 * scene)) > 0.5


def test_what_was_done_to_a_picture_is_told_with_it() -> None:
    torch.manual_seed(0)
    scene = _scenes(4, 3)
    other, done = distorted(scene)
    gain, gamma, red, blue = (each.view(-1, 1, 1) for each in done.unbind(1))
    torch.testing.assert_close(other[:, 1], (scene[:, 1] * gain.exp()).clamp(1e-3, 1.0) ** gamma.exp())
    torch.testing.assert_close(other[:, 0], (scene[:, 0] * (gain + red).exp()).clamp(1e-3, 1.0) ** gamma.exp())
    torch.testing.assert_close(other[:, 2], (scene[:, 2] * (gain + blue).exp()).clamp(1e-3, 1.0) ** gamma.exp())


def test_sizes_of_the_two_sides_may_differ() -> None:
    batch = Batch(_dark(1, 2), _scenes(3, 2)[:, :, :32, :48], None, (), 1)
    loss, parts = CriticLesson()(Critic().train(), batch)
    assert bool(torch.isfinite(loss)) and parts.keys() == {"told", "guessed"}
