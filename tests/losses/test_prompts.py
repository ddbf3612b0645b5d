"""Prompts: equation 1 and the ranking of equation 5, as they are meant and as they are printed."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compress.data.batches import Batch
from compress.degradation.darkness import Darkness, Look
from compress.losses.guided import CameBack, Guided, Guides
from compress.losses.prompts import Pairing, Ranking
from compress.schema import PictureLoss
from compress.schema.unpaired import DarkenedSpec, GuidedLoss, Margins
from compress.scorers.base import Prompts, Scorer


class Level(Scorer):
    """A picture's mean brightness b as the vector (cos, sin) of b quarter turns: dark along x, bright along y."""

    label, sharpness = "level", 4.0

    def encode(self, pictures: Tensor) -> Tensor:
        angle = pictures.mean((1, 2, 3)) * math.pi / 2
        return torch.stack((angle.cos(), angle.sin()), dim=1)

    def likeness(self, answer: Tensor, given: Tensor) -> Tensor:
        return (answer - given).abs().mean()

    def prompts(self) -> Prompts:
        return Two()


class Two(Prompts):
    def __init__(self, low: tuple[float, float] = (1.0, 0.0), normal: tuple[float, float] = (0.0, 1.0)) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.tensor((low, normal)))

    def forward(self) -> Tensor:
        return F.normalize(self.vectors, dim=1)


class Times(nn.Module):
    """A picture times a factor."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, x: Tensor, thumb_stride: int = 8) -> Tensor:
        return x * self.factor


def _flat(*levels: float) -> Tensor:
    return torch.tensor(levels).view(-1, 1, 1, 1).expand(-1, 3, 8, 8).contiguous()


BATCH = Batch(_flat(0.05, 0.15), _flat(0.7, 0.9, 0.8), None, (), 1)


def _r(level: float) -> float:
    vector = Level().encode(_flat(level))
    return float(Level().normality(vector, Two()().detach()))


def test_r_is_the_share_of_equation_2() -> None:
    angle = 0.7 * math.pi / 2
    above, under = math.exp(4 * math.sin(angle)), math.exp(4 * math.cos(angle))
    assert _r(0.7) == pytest.approx(above / (above + under), rel=1e-5)


def test_pairing_is_cross_entropy_and_as_printed_asks_for_the_opposite_in_the_dark() -> None:
    meant, parts = Pairing(Level(), printed=False)(Two(), BATCH)
    low = sum(-math.log(1 - _r(level)) for level in (0.05, 0.15)) / 2
    normal = sum(-math.log(_r(level)) for level in (0.7, 0.9, 0.8)) / 3
    assert float(parts["low"].detach()) == pytest.approx(low, rel=1e-4)
    assert float(meant.detach()) == pytest.approx(low + normal, rel=1e-4)
    printed, _ = Pairing(Level(), printed=True)(Two(), BATCH)
    assert float(printed.detach()) == pytest.approx(normal - low, rel=1e-4)


def test_pairing_teaches_prompts_to_tell() -> None:
    prompts = Two(low=(0.3, 1.0), normal=(1.0, 0.3))
    optimizer = torch.optim.Adam(prompts.parameters(), lr=0.05)
    for _ in range(80):
        loss, _ = Pairing(Level(), printed=False)(prompts, BATCH)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    vectors = prompts().detach()
    assert bool((Level().normality(Level().encode(BATCH.bright), vectors) > 0.5).all())
    assert bool((Level().normality(Level().encode(BATCH.dark), vectors) < 0.5).all())


def _ranked(factors: tuple[float, ...], margins: Margins, printed: bool = False) -> dict[str, float]:
    rounds = tuple(Times(factor) for factor in factors)
    total, parts = Ranking(Level(), rounds, margins, printed)(Two(), BATCH)
    found = {name: float(value.detach()) for name, value in parts.items()}
    terms = [value for name, value in found.items() if not name.startswith("r_")]
    assert float(total.detach()) == pytest.approx(sum(terms), rel=1e-5)
    return found


def test_ranking_is_by_the_margins_of_equation_5() -> None:
    found = _ranked((1.5, 4.0), Margins(normal_over_low=0.95, normal_over_enhanced=0.5, step=0.4))
    lows, normals, older, newer = (0.05, 0.15), (0.7, 0.9, 0.8), (0.075, 0.225), (0.2, 0.6)
    s0 = [max(0.0, 0.95 - (_r(t) - _r(f))) for t in normals for f in lows]
    s1 = [max(0.0, 0.5 - (_r(t) - _r(e))) for t in normals for e in newer]
    step = [max(0.0, 0.4 - (_r(n) - _r(o))) for n, o in zip(newer, older, strict=True)]
    wanted = {"s0": sum(s0) / 6, "s1": sum(s1) / 6, "step0": sum(step) / 2}
    assert {name: found[name] for name in wanted} == pytest.approx(wanted, rel=1e-3, abs=1e-5)
    assert found["r_enhanced"] == pytest.approx(sum(map(_r, newer)) / 2, rel=1e-4)


def test_as_printed_the_second_margin_is_the_first_again_and_says_nothing() -> None:
    margins = Margins(normal_over_low=0.9, normal_over_enhanced=0.2, step=0.3)
    assert _ranked((5.0,), margins)["s1"] > 0.0 and _ranked((5.0,), margins, printed=True)["s1"] == 0.0


@pytest.mark.parametrize(("step", "reachable"), [(0.1, True), (0.3, False)])
def test_five_rounds_hold_the_margins_only_below_the_printed_step(step: float, reachable: bool) -> None:
    """P1 and four steps have to fit between 0 and 1, as r lies there."""
    margins = Margins(step=step)
    assert (margins.normal_over_enhanced + 4 * margins.step <= 1.0) == reachable


def test_only_prompts_learn_from_the_ranking() -> None:
    net, prompts = Times(3.0), Two()
    Ranking(Level(), (net,), Margins(), printed=False)(prompts, BATCH)[0].backward()
    assert net.factor.grad is None and prompts.vectors.grad is not None and bool(prompts.vectors.grad.any())


def _guided(weights: GuidedLoss, printed: bool = False, first: Tensor | None = None) -> Guided:
    learned = Two()().detach()
    return Guided(Level(), Guides(learned, learned if first is None else first), weights, printed)


def test_guided_is_equation_3_and_what_holds_the_scene() -> None:
    net = Times(4.0)
    total, parts = _guided(GuidedLoss(score=2.0, likeness=0.5, total_variation=1.0))(net, BATCH)
    score = sum(-math.log(_r(level)) for level in (0.2, 0.6)) / 2
    assert float(parts["score"].detach()) == pytest.approx(score, rel=1e-4)
    assert float(parts["likeness"].detach()) == pytest.approx(0.3, rel=1e-4)
    assert float(total.detach()) == pytest.approx(2 * score + 0.15, rel=1e-4)
    total.backward()
    assert net.factor.grad is not None and float(net.factor.grad) < 0.0


def test_guided_as_printed_has_the_first_prompts_below() -> None:
    first = Two(low=(1.0, 1.0), normal=(1.0, -1.0))().detach()
    _, parts = _guided(GuidedLoss(likeness=0.0), printed=True, first=first)(Times(4.0), BATCH)
    vectors = Level().encode(_flat(0.2, 0.6))
    wanted = (4 * vectors @ first.T).logsumexp(1) - 4 * vectors[:, 1]
    assert float(parts["score"].detach()) == pytest.approx(float(wanted.mean()), rel=1e-4)
    same, plain = (_guided(GuidedLoss(likeness=0.0), printed=each)(Times(4.0), BATCH)[0] for each in (True, False))
    torch.testing.assert_close(same, plain)


def test_the_well_lit_pictures_of_a_batch_have_no_say_in_the_network() -> None:
    other = Batch(BATCH.dark, _flat(0.1), None, (), 1)
    one, two = (_guided(GuidedLoss())(Times(4.0), batch)[0] for batch in (BATCH, other))
    assert torch.equal(one, two)


def test_well_lit_pictures_that_were_darkened_are_to_come_back() -> None:
    """Flat pictures at an eighth of their light come back by a factor of their level over that of the look."""
    none = (0.0, 0.0, 0.0)
    darkness = Darkness(
        exponent=1.0, chroma=1.0, lights=0.0, tint=none, tint_spread=none, looks=(Look(level=26 / 255, noise=none),)
    )
    batch = Batch(BATCH.dark, _flat(0.8, 0.8), None, (), 1)
    spec = DarkenedSpec(weight=3.0, loss=PictureLoss(charbonnier=1.0, ssim=0.0))
    inner = _guided(GuidedLoss(likeness=0.0))
    totals, terms = [], []
    for factor in (4.0, 7.84, 12.0):
        net = Times(factor)
        total, parts = CameBack(inner, darkness, spec)(net, batch)
        alone, _ = inner(net, batch)
        torch.testing.assert_close(total, alone + 3.0 * parts["came_back"])
        totals.append(total)
        terms.append(float(parts["came_back"].detach()))
    assert terms[1] < 0.01 < 0.3 < min(terms[0], terms[2])
    totals[0].backward()


def test_answers_are_held_to_the_usual_level() -> None:
    none = GuidedLoss(score=0.0, likeness=0.0)
    held = none.model_copy(update={"level": 2.0})
    batch = Batch(_flat(0.1, 0.2), _flat(0.4, 0.9), None, (), 1)
    total, parts = _guided(held)(Times(3.0), batch)
    wanted = sum(math.log(level / 0.6) ** 2 for level in (0.3, 0.6)) / 2
    assert float(parts["level"].detach()) == pytest.approx(wanted, rel=1e-4)
    assert float(total.detach()) == pytest.approx(2 * wanted, rel=1e-4)
    assert "level" not in _guided(none)(Times(3.0), batch)[1]
