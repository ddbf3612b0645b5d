"""The one training loop: it learns, resumes bit for bit, averages, and works in a group."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from compress.data.batches import (
    ASKED_AT,
    SIZE_MULTIPLE,
    Batch,
    BatchPlan,
    Feature,
    Picture,
    area_downscale,
)
from compress.data.source import PairSource
from compress.errors import CompressError, DataError
from compress.losses.distill import Supervised
from compress.models import PICTURE_NETWORKS, build_net
from compress.models.brighten import THUMB_STRIDE
from compress.reading import WaitMeter, reading_in
from compress.schema import Augment, Phase, PictureLoss, Train
from compress.training.loop import Average, Curve, Watched, fit, learning_rate

if TYPE_CHECKING:
    from compress.data.source import Pair

PHASES = (Phase(epochs=2, batch=4, downscale=2, freeze=("repair",)), Phase(epochs=1, batch=2, freeze=("light",)))


class Noise(PairSource):
    """Six pairs of seeded pictures; the dark one is an eighth of the bright one."""

    def __init__(self, broken: int | None = None, height: int = 48) -> None:
        self.names = tuple(f"p{i}" for i in range(6))
        self.scenes = self.names
        self.broken, self.height = broken, height

    def pair(self, index: int) -> Pair:
        if index == self.broken:
            raise DataError("p3.png: broken; replace it")
        bright = np.random.default_rng(index).integers(0, 256, (self.height, 64, 3), dtype=np.uint8)
        return bright // 8, bright


class Silent:
    def update(self, done: float, total: float, note: str = "") -> None: ...

    def say(self, line: str) -> None: ...


class Stop(Exception):
    """Stands for the kill."""


class KilledAt(Silent):
    def __init__(self, step: int) -> None:
        self.step = step

    def update(self, done: float, total: float, note: str = "") -> None:
        if done == self.step:
            raise Stop


def _train(scratch: Path, progress: Silent, train: Train) -> tuple[nn.Module, Curve]:
    scratch.mkdir(exist_ok=True)
    torch.manual_seed(0)
    net = build_net("light_twin", {"width": 16, "light_width": 8})
    plan = BatchPlan(Noise(), train.phases, train.augment, seed=7)
    return net, fit(net, Supervised(PictureLoss()), plan, train, scratch, progress, lambda n: Watched(psnr_db=1.0),
                    points=3)  # fmt: skip


def _settings(precision: str, every_s: float = 1e-9) -> Train:
    return Train.model_validate(
        {"phases": PHASES, "lr": 1e-3, "precision": precision, "checkpoint_every_s": every_s,
         "augment": Augment(exposure=0.3, zoom=0.8)}
    )  # fmt: skip


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
@pytest.mark.parametrize("step", [1, 3, 5])
def test_a_killed_training_ends_bit_for_bit_like_an_undisturbed_one(tmp_path: Path, precision: str, step: int) -> None:
    train = _settings(precision)
    whole, curve = _train(tmp_path / "whole", Silent(), train)
    with pytest.raises(Stop):
        _train(tmp_path / "killed", KilledAt(step), train)
    resumed, again = _train(tmp_path / "killed", Silent(), train)
    assert again == curve
    assert all(found and found.steps == 6 for found in map(reading_in, (tmp_path / "whole", tmp_path / "killed")))
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_going_on_with_other_processes_is_said(tmp_path: Path) -> None:
    class Heard(Silent):
        lines: list[str] = []

        def say(self, line: str) -> None:
            self.lines.append(line)

    train, heard = _settings("fp32"), Heard()
    with pytest.raises(Stop):
        _train(tmp_path, KilledAt(3), train)
    kept = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    torch.save({**kept, "processes": 4}, tmp_path / "checkpoint.pt")
    _train(tmp_path, heard, train)
    assert "goes on at step 2 of 6, with 1 process(es), begun with 4" in heard.lines


def test_it_learns(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = build_net("light_twin", {"width": 16, "light_width": 8})
    train = Train(phases=(Phase(epochs=20, batch=6),), lr=3e-3, ema=0.0, precision="fp32")
    plan = BatchPlan(Noise(), train.phases, train.augment, seed=7)
    curve = fit(net, Supervised(PictureLoss(brightness=1.0)), plan, train, tmp_path, Silent(), points=5)
    assert curve.points[-1].loss < 0.9 * curve.points[0].loss
    assert curve.points[-1].lr < curve.points[1].lr


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_a_phase_leaves_what_it_freezes(ema: float, tmp_path: Path) -> None:
    """With its averaged weights, so that the average stands still as well."""
    torch.manual_seed(0)
    net = build_net("light_twin", {"width": 16, "light_width": 8})
    phases = (Phase(epochs=4, batch=6, downscale=2), Phase(epochs=4, batch=6, freeze=("light", "rep")))
    train = Train(phases=phases, lr=3e-3, warmup=0.0, ema=ema, precision="fp32")
    states: list[dict[str, torch.Tensor]] = []

    def look(seen: nn.Module) -> Watched:
        states.append({name: value.clone() for name, value in seen.state_dict().items()})
        return Watched(psnr_db=1.0)

    fit(net, Supervised(PictureLoss()), BatchPlan(Noise(), phases, train.augment, seed=7), train, tmp_path, Silent(),
        look, points=8)  # fmt: skip
    for name, value in states[0].items():
        if name.startswith("light."):
            assert torch.equal(states[3][name], states[-1][name]) and not torch.equal(value, states[3][name]), name
    assert not torch.equal(states[3]["repair.enter.weight"], states[-1]["repair.enter.weight"])


def test_a_phase_trains_without_what_it_leaves_out(tmp_path: Path) -> None:
    """It answers zeros, whatever it has learnt, stays as it is, and is there again in the next phase."""
    torch.manual_seed(0)
    net = build_net("light_twin", {"width": 16, "light_width": 8})
    nn.init.constant_(net.get_submodule("repair.leave").bias, 0.2)
    first = {name: value.clone() for name, value in net.state_dict().items()}
    answers: list[Tensor] = []
    net.get_submodule("repair").register_forward_hook(lambda *seen: answers.append(seen[2].detach()))
    phases = (Phase(epochs=2, batch=6, without=("repair",)), Phase(epochs=2, batch=6))
    states: list[dict[str, Tensor]] = []

    def look(seen: nn.Module) -> Watched:
        states.append({name: value.clone() for name, value in seen.state_dict().items()})
        return Watched(psnr_db=1.0)

    train = Train(phases=phases, lr=1e-3, warmup=0.0, weight_decay=0.1, ema=0.0, precision="fp32")
    plan = BatchPlan(Noise(), phases, train.augment, seed=7)
    fit(net, Supervised(PictureLoss()), plan, train, tmp_path, Silent(), look, points=4)
    assert [bool(answer.any()) for answer in answers] == [False, False, True, True]
    for name, value in first.items():
        assert torch.equal(value, states[1][name]) == name.startswith("repair."), name
    assert not torch.equal(states[3]["repair.enter.weight"], first["repair.enter.weight"])


def test_only_batches_of_a_phase_that_asks_leave_the_teacher_to_be_asked(tmp_path: Path) -> None:
    class Known:
        """A guide with one answer."""

        def output(self, index: int) -> Picture:
            return large.pair(index)[1]

        def hints(self, index: int) -> list[Feature]:
            return []

    large = Noise(height=64)
    phases = (Phase(epochs=1, batch=6, ask=True), Phase(epochs=1, batch=6))
    asks, told = (BatchPlan(large, phases, Augment(), 1, Known()).batch(step) for step in (0, 1))
    assert asks.asks and asks.taught is None
    assert not told.asks and told.taught is not None
    asks_unguided, alone = (BatchPlan(large, phases, Augment(), 1).batch(step) for step in (0, 1))
    assert asks_unguided.asks and asks_unguided.taught is None
    assert not alone.asks and alone.taught is None


def test_pictures_too_small_for_a_phase_are_refused_by_size() -> None:
    cases = (
        (48, Phase(epochs=1, ask=True), "48x64 are too small: a teacher is asked about 64x64 and larger"),
        (24, Phase(epochs=1, downscale=4), "24x64 are too small: downscale=4 takes 32x32 and larger"),
    )
    for height, phase, says in cases:
        with pytest.raises(DataError, match=says):
            BatchPlan(Noise(height=height), (phase,), Augment(), 1).batch(0)


def test_a_loss_that_is_not_finite_stops_the_training(tmp_path: Path) -> None:
    net = build_net("light_twin", {"width": 16, "light_width": 8})
    with torch.no_grad():
        net.repair.leave.bias.fill_(math.nan)  # type: ignore[union-attr, operator]
    plan = BatchPlan(Noise(), PHASES, Augment(), seed=0)
    with pytest.raises(CompressError, match="not finite|nan at step 0"):
        fit(net, Supervised(PictureLoss()), plan, _settings("fp32"), tmp_path, Silent())


def test_batches_depend_on_the_step_only() -> None:
    plan = BatchPlan(Noise(), PHASES, Augment(exposure=0.3, zoom=0.8), seed=3)
    straight = list(plan.run(0, WaitMeter()))
    later = list(plan.run(4, WaitMeter()))
    assert len(straight) == plan.steps == 6
    for a, b in zip(straight[4:], later, strict=True):
        assert torch.equal(a.dark, b.dark) and torch.equal(a.bright, b.bright)
    assert [b.downscale for b in straight] == [2, 2, 2, 1, 1, 1]


def test_ranks_share_a_batch_between_them() -> None:
    whole = BatchPlan(Noise(), PHASES, Augment(), seed=3).batch(0)
    halves = [BatchPlan(Noise(), PHASES, Augment(), seed=3, rank=r, ranks=2).batch(0) for r in (0, 1)]
    assert torch.equal(whole.bright[0::2], halves[0].bright) and torch.equal(whole.bright[1::2], halves[1].bright)


def test_shares_of_a_batch_make_a_whole() -> None:
    """Three pictures for two ranks: two count double of one, and the mean of both is that of the batch."""
    phases = (Phase(epochs=1, batch=3),)
    assert [BatchPlan(Noise(), phases, Augment(), 3, rank=r, ranks=2).share_at(0) for r in (0, 1)] == [4 / 3, 2 / 3]
    with pytest.raises(DataError, match="a batch of 3 for 4 processes"):
        BatchPlan(Noise(), phases, Augment(), 3, ranks=4)


def test_a_teacher_may_be_asked_about_pictures_joined_from_two() -> None:
    """Dark and bright parts belong together, and every rank sees its share of the same batch."""
    height = SIZE_MULTIPLE * ASKED_AT

    def batch(joined: float, ask: bool = True, rank: int = 0, ranks: int = 1) -> Batch:
        phase, augment = Phase(epochs=1, batch=4, ask=ask), Augment(flip=False, joined=joined)
        return BatchPlan(Noise(height=height), (phase,), augment, seed=3, rank=rank, ranks=ranks).batch(0)

    plain, joined = batch(0.0), batch(1.0)
    own = (joined.bright == plain.bright).all(1)
    other = (joined.bright == plain.bright.roll(1, 0)).all(1)
    assert bool((own | other).all()) and 0.2 < float(own.float().mean()) < 0.8
    for mask, source in ((own, plain.dark), (other, plain.dark.roll(1, 0))):
        assert bool(((joined.dark == source).all(1) | ~mask).all())
    halves = [batch(1.0, rank=rank, ranks=2) for rank in (0, 1)]
    assert torch.equal(joined.dark[0::2], halves[0].dark) and torch.equal(joined.dark[1::2], halves[1].dark)
    assert torch.equal(batch(1.0, ask=False).dark, batch(0.0, ask=False).dark)


@pytest.mark.parametrize("downscale", [1, 2, 4])
def test_every_network_takes_a_shrunk_batch(downscale: Literal[1, 2, 4]) -> None:
    batch = BatchPlan(Noise(), (Phase(epochs=1, batch=2, downscale=downscale),), Augment(), seed=1).batch(0)
    assert all(side % SIZE_MULTIPLE == 0 for side in batch.dark.shape[2:])
    for name in PICTURE_NETWORKS:
        assert build_net(name, {})(batch.dark, THUMB_STRIDE // downscale).shape == batch.bright.shape


def test_every_picture_is_seen_once_an_epoch() -> None:
    plan = BatchPlan(Noise(), (Phase(epochs=3, batch=3),), Augment(), seed=5)
    seen = [index for step in range(plan.steps) for index in plan._indices(step, 3)]
    assert [sorted(seen[i : i + 6]) for i in (0, 6, 12)] == [list(range(6))] * 3


def test_an_epoch_s_order_is_drawn_once() -> None:
    """The order is that of a permutation for each epoch, whatever a batch's place."""
    plan = BatchPlan(Noise(), (Phase(epochs=5, batch=4),), Augment(), seed=5)
    wanted = [int(place) for epoch in range(5) for place in np.random.default_rng((5, 1, epoch)).permutation(6)]
    assert [index for step in range(7) for index in plan._indices(step, 4)] == wanted[:28]
    assert plan._order.cache_info().misses == 5
    assert plan._indices(0, 4) == wanted[:4]  # a batch asked for once more


def test_errors_of_the_reader_surface_in_the_training() -> None:
    plan = BatchPlan(Noise(broken=3), PHASES, Augment(), seed=0)
    with pytest.raises(DataError, match="p3.png"):
        list(plan.run(0, WaitMeter()))


def test_area_downscale_takes_block_means() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    wanted = picture.reshape(4, 2, 6, 2, 3).mean((1, 3)) / 255
    np.testing.assert_allclose(area_downscale(picture, 2), wanted, rtol=1e-6)


def test_the_rate_warms_up_and_falls_to_nothing() -> None:
    train = Train(lr=1.0, warmup=0.1)
    rates = [learning_rate(step, 100, train, 1.0) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == pytest.approx(1.0) and rates[-1] < 1e-3
    assert rates[9:] == sorted(rates[9:], reverse=True)


def test_a_phase_may_start_the_schedule_anew() -> None:
    lengths = [(2, False), (1, False), (1, True), (0.5, False)]
    phases = tuple(Phase(epochs=epochs, batch=2, anew=anew) for epochs, anew in lengths)
    plan = BatchPlan(Noise(), phases, Augment(), seed=0)
    assert plan.steps_of == [6, 3, 3, 2]
    assert [plan.schedule_at(step) for step in range(14)] == [(k, 9) for k in range(9)] + [(k, 5) for k in range(5)]


def test_a_part_that_learns_late_keeps_little_of_its_start(tmp_path: Path) -> None:
    """An average as old as the whole training would keep most of it."""
    kept = []
    for anew in (False, True):
        rest = Phase(epochs=12, batch=2, crop=32, freeze=("repair",))
        learn = Phase(epochs=7, batch=2, crop=32, freeze=("light",), anew=anew)
        train = Train(phases=(rest, learn), precision="fp32")
        seen: list[Tensor] = []
        torch.manual_seed(0)
        net = build_net("light_twin", {"width": 16, "light_width": 8})
        layer = net.get_submodule("repair.enter")
        layer.register_forward_hook(lambda module, *_, seen=seen: seen.append(module.weight.detach().clone()))
        plan = BatchPlan(Noise(), train.phases, train.augment, 0)
        scratch = tmp_path / str(anew)
        scratch.mkdir()
        fit(net, Supervised(PictureLoss()), plan, train, scratch, Silent())
        first, last = seen[0], seen[-1]
        kept.append(float((layer.weight.detach() - last).norm() / (first - last).norm()))
    assert kept[1] < 0.6 * kept[0]


def test_the_average_is_worn_and_taken_off() -> None:
    net = nn.Linear(1, 1)
    nn.init.zeros_(net.weight)
    average = Average(net, 0.5)
    with torch.no_grad():
        net.weight.fill_(1.0)
    average.update(net, step=100)
    with average.worn_by(net):
        assert float(net.weight.detach()) == pytest.approx(0.5)
    assert float(net.weight.detach()) == 1.0


def test_a_group_of_two_learns_what_one_process_learns(tmp_path: Path) -> None:
    """``torchrun`` with two processes: the same weights in both, and those of one process to rounding."""
    script = Path(__file__).with_name("group_script.py")
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
    subprocess.run([*command, str(tmp_path)], check=True, env=env, capture_output=True, timeout=240)
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True, env=env, timeout=120)
    for part in ("second", "quantized"):
        names = [f"{part}-{place}" for place in ("0of2", "1of2", "0of1")]
        first, second, alone = (torch.load(tmp_path / name, weights_only=True) for name in names)
        for name, value in alone.items():
            assert torch.equal(first[name], second[name]), name
            torch.testing.assert_close(first[name], value, atol=1e-4, rtol=1e-3)
        curves = [Curve.read(tmp_path / f"{name}.json").points for name in names]
        assert curves[0] == curves[1]
        for together, by_one in zip(curves[0], curves[2], strict=True):
            assert together.loss == pytest.approx(by_one.loss, rel=1e-3)
    assert any(name.endswith("input_range") for name in alone), "ranges were compared as well"
