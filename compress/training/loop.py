"""The only training loop: teacher, student, pruned and fake-quant nets go through ``fit``.

Resume is exact on CPU: the checkpoint holds network (quantizer state included), objective, optimizer,
average, curve and random state, and batches are a function of the step. Under ``torchrun`` the same
function is one process of many: each takes its slice of every batch, gradients are averaged by
DistributedDataParallel, rank 0 writes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import SerializerFunctionWrapHandler, model_serializer
from torch import Tensor, nn

from compress.data.batches import Batch, Schedule
from compress.errors import CompressError
from compress.foreign.adapted import Adapted
from compress.kept import keep
from compress.ranks import are_many, group_of
from compress.reading import WaitMeter
from compress.records import Record, without_empty
from compress.schema import Train
from compress.stage import Progress


class CurvePoint(Record):
    """Means since the last point; ``val_psnr_db`` is of the averaged weights on whole validation pictures.

    ``val_map50``: the same where pictures have boxes for a truth; only written there.
    """

    step: int
    lr: float
    loss: float
    parts: dict[str, float]
    val_psnr_db: float | None = None
    val_map50: float | None = None

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data = plain(self)
        return data if self.val_map50 is not None else without_empty(data, "val_map50")


class Curve(Record):
    """``curve.json``: how a training went."""

    steps: int
    points: tuple[CurvePoint, ...]


class Objective(nn.Module):
    """What a network is trained for. May hold learned parts (adapters); they are trained and resumed along."""

    def forward(self, net: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss (a scalar) and its named parts."""
        raise NotImplementedError


@dataclass(frozen=True)
class Watched:
    """Figures of the validation split at one moment, in dB and in [0, 1]; looked at, never selected by."""

    psnr_db: float | None = None
    map50: float | None = None


Watch = Callable[[nn.Module], Watched]
"""Looks at a network, in eval mode, during its training."""


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together."""

    rank: int
    count: int


@contextmanager
def ranks(training: str) -> Iterator[Ranks]:
    """The process group of ``torchrun``, joined for the duration; alone when there is none.

    ``training``: its name, the same in all processes: the key of the stage.
    """
    if not are_many():
        yield Ranks(0, 1)
        return
    from torch import distributed

    if distributed.is_initialized():
        yield Ranks(distributed.get_rank(), distributed.get_world_size())
        return
    store, rank, count = group_of(training)
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    distributed.init_process_group(backend, store=store, rank=rank, world_size=count)
    try:
        yield Ranks(rank, count)
    finally:
        distributed.destroy_process_group()


def learning_rate(step: int, steps: int, train: Train, scale: float) -> float:
    """Linear warm-up, then half a cosine to zero (Loshchilov & Hutter, ICLR 2017), times the phase's scale."""
    warm = max(1, round(train.warmup * steps))
    if step < warm:
        return train.lr * scale * (step + 1) / warm
    return train.lr * scale * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def _floating(net: nn.Module) -> list[Tensor]:
    """The parameters that training moves; fake-quant layers keep bit widths among theirs."""
    return [p.detach() for p in net.parameters() if p.is_floating_point()]


class Average:
    """Exponential moving average of a network's parameters; young averages forget faster.

    So a part that begins to learn late needs a schedule of its own: an old average would keep its random start for
    thousands of steps (a decay of .999 leaves a tenth of it after 2,300).
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values = [p.clone() for p in _floating(net)]

    def update(self, net: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.values, _floating(net), 1 - decay)

    @contextmanager
    def worn_by(self, net: nn.Module) -> Iterator[None]:
        """The network with the averaged weights, for evaluation."""
        kept = [p.clone() for p in _floating(net)]
        self.copy_to(net)
        try:
            yield
        finally:
            self._write(net, kept)

    def copy_to(self, net: nn.Module) -> None:
        self._write(net, self.values)

    def settle(self, net: nn.Module, frozen: tuple[str, ...]) -> None:
        """What will not be trained on gets its average: its last step, at a high rate, was a random one."""
        named = [name for name, parameter in net.named_parameters() if parameter.is_floating_point()]
        for name, parameter, value in zip(named, _floating(net), self.values, strict=True):
            if _is_part(name, frozen):
                parameter.copy_(value)

    @staticmethod
    def _write(net: nn.Module, values: list[Tensor]) -> None:
        for parameter, value in zip(_floating(net), values, strict=True):
            parameter.copy_(value)


@dataclass
class _Means:
    """Running means of the loss parts between two curve points."""

    count: int = 0
    sums: dict[str, float] = field(default_factory=dict)

    def add(self, loss: Tensor, parts: dict[str, Tensor]) -> None:
        for name, value in {"loss": loss, **parts}.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(value.detach())
        self.count += 1

    def take(self) -> dict[str, float]:
        means = {name: value / self.count for name, value in self.sums.items()}
        self.count, self.sums = 0, {}
        return means


@dataclass
class _State:
    """All that changes during a training, as one thing to save and restore."""

    net: nn.Module
    objective: Objective
    optimizer: torch.optim.Optimizer
    average: Average
    step: int
    points: list[CurvePoint]
    means: _Means
    processes: int

    def save(self, path: Path) -> None:
        whole = {
            "net": self.net.state_dict(), "objective": self.objective.state_dict(),
            "optimizer": self.optimizer.state_dict(), "average": self.average.values, "step": self.step,
            "points": [p.model_dump() for p in self.points], "random": torch.get_rng_state(),
            "means": {"count": self.means.count, "sums": self.means.sums}, "processes": self.processes,
        }  # fmt: skip
        part = path.with_suffix(".part")
        torch.save(whole, part)
        keep(part, path)

    def load(self, path: Path) -> int:
        """Gives the number of processes that wrote it."""
        whole = torch.load(path, weights_only=True)
        self.net.load_state_dict(whole["net"])
        self.objective.load_state_dict(whole["objective"])
        self.optimizer.load_state_dict(whole["optimizer"])
        self.average.values = whole["average"]
        self.step = whole["step"]
        self.points = [CurvePoint(**p) for p in whole["points"]]
        self.means = _Means(**whole["means"])
        torch.set_rng_state(whole["random"])
        return int(whole.get("processes", 1))


def fit(
    net: nn.Module, objective: Objective, plan: Schedule, train: Train, scratch: Path, progress: Progress,
    watch: Watch | None = None, group: Ranks = Ranks(0, 1), points: int = 20,
) -> Curve:  # fmt: skip
    """Train ``net`` in place and leave the averaged weights in it.

    ``scratch`` keeps the checkpoint, and what reading took (``compress.reading``); with one there, training goes on
    where it stopped. ``watch`` is asked at ``points`` moments.

    Raises CompressError when the loss is not finite.
    """
    device = next(net.parameters()).device
    parameters = [p for p in (*net.parameters(), *objective.parameters()) if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=train.lr, weight_decay=train.weight_decay, betas=(0.9, 0.99))
    state = _State(net, objective, optimizer, Average(net, train.ema), 0, [], _Means(), group.count)
    checkpoint = scratch / "checkpoint.pt"
    resumed = checkpoint.exists()
    if resumed:
        begun_by = state.load(checkpoint)
        others = f", with {group.count} process(es), begun with {begun_by}" if begun_by != group.count else ""
        progress.say(f"goes on at step {state.step} of {plan.steps}{others}")
    stepper = _Stepper(net, objective, train, group, device)
    meter, saved = WaitMeter.going_on(scratch) if resumed else WaitMeter(), time.monotonic()
    every = max(1, plan.steps // points)
    entered = None
    for batch in plan.run(state.step, meter):
        phase = plan.phase_at(state.step)
        if plan.begins_phase(state.step):
            state.average.settle(net, phase.at_rest)
        if phase is not entered:
            entered = phase
            stepper.rest(phase.at_rest)
        done, steps = plan.schedule_at(state.step)
        for part in optimizer.param_groups:
            part["lr"] = learning_rate(done, steps, train, phase.lr_scale)
        loss, parts = stepper.backward(batch, plan.share_at(state.step))
        if not math.isfinite(float(loss.detach())):
            raise CompressError(f"the loss is {float(loss.detach())} at step {state.step}; lower the learning rate")
        nn.utils.clip_grad_norm_(parameters, train.grad_clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        state.average.update(net, done)
        state.means.add(loss, parts)
        state.step += 1
        progress.update(state.step, plan.steps, f"loss {float(loss.detach()):.4f}, waits {meter.share:.1%}")
        if state.step % every == 0 or state.step == plan.steps:
            with meter.apart():
                state.points.append(_point(state, watch))
        if group.rank == 0 and (time.monotonic() - saved > train.checkpoint_every_s or state.step == plan.steps):
            with meter.apart():
                state.save(checkpoint)
            meter.write(scratch)
            saved = time.monotonic()
    stepper.rest(())
    progress.say(f"{plan.steps} steps done, {meter.reading.sentence}")
    state.average.copy_to(net)
    return Curve(steps=plan.steps, points=tuple(state.points))


def _is_part(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(f"{name}.".startswith(f"{prefix}.") for prefix in prefixes)


def _point(state: _State, watch: Watch | None) -> CurvePoint:
    means, seen = state.means.take(), Watched()
    if watch is not None:
        was_training = state.net.training
        with state.average.worn_by(state.net), torch.no_grad():
            seen = watch(state.net.eval())
        state.net.train(was_training)
    lr = float(state.optimizer.param_groups[0]["lr"])
    psnr_db, map50 = (None if value is None else round(value, 4) for value in (seen.psnr_db, seen.map50))
    return CurvePoint(step=state.step, lr=lr, loss=means.pop("loss"), parts=means, val_psnr_db=psnr_db, val_map50=map50)


class _Stepper:
    """Forward and backward of one batch, in the wanted precision, alone or in a group."""

    def __init__(self, net: nn.Module, objective: Objective, train: Train, group: Ranks, device: torch.device) -> None:
        self.objective, self.device = objective, device
        self.half = train.precision == "bf16"
        net.train()
        if not isinstance(net, Adapted):  # an author's own view() may count on the plain layout
            net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.net: nn.Module = net
        self.learned = [p for p in objective.parameters() if p.requires_grad]
        self.trained = [(name, p) for name, p in net.named_parameters() if p.requires_grad]
        self.resting: list[nn.Parameter] = []
        self.group = group
        if group.count > 1:
            self.net = nn.parallel.DistributedDataParallel(net)

    def rest(self, frozen: tuple[str, ...]) -> None:
        """Leave these parts without gradients, which the optimizer passes by. In a group they are worked out all the
        same and dropped, for all of its processes wait for all of them."""
        self.resting = [p for name, p in self.trained if _is_part(name, frozen)]
        if self.group.count == 1:
            for name, parameter in self.trained:
                parameter.requires_grad_(not _is_part(name, frozen))

    def backward(self, batch: Batch, share: float) -> tuple[Tensor, dict[str, Tensor]]:
        """The gradients, and the loss with its parts, all of the whole batch; ``share``: how much of it is here, times
        the number of processes."""
        batch = _to(batch, self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            loss, parts = self.objective(self.net, batch)
        if self.group.count > 1:
            loss, parts = loss * share, {name: part * share for name, part in parts.items()}
        loss.backward()
        if self.group.count > 1:
            self._average_learned()
            loss, parts = self._averaged(loss, parts)
        for parameter in self.resting:
            parameter.grad = None
        return loss, parts

    def _averaged(self, loss: Tensor, parts: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Over all processes, for the curve."""
        from torch import distributed

        whole = torch.stack([loss.detach().float(), *(part.detach().float() for part in parts.values())])
        distributed.all_reduce(whole)
        mean, *means = (whole / self.group.count).unbind()
        return mean, dict(zip(parts, means, strict=True))

    def _average_learned(self) -> None:
        """Adapters live outside the wrapped network; their gradients are averaged here."""
        from torch import distributed

        for parameter in self.learned:
            if parameter.grad is not None:
                distributed.all_reduce(parameter.grad)
                parameter.grad /= self.group.count


def _to(batch: Batch, device: torch.device) -> Batch:
    return batch.map(lambda t: t.to(device, memory_format=torch.channels_last, non_blocking=True))
