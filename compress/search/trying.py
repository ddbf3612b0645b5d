"""One trial: measured first, then trained round by round, as far as it is worth it."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from compress.artefacts import Quantized
from compress.errors import BuildError, CompressError, ConfigError, NetworkError, UserError
from compress.flow import StageOutcome, run
from compress.plan import Plan
from compress.search.candidate import Candidates, shortened
from compress.search.latency import Stopwatch
from compress.search.limits import broken, excess
from compress.search.records import Limit, Trial
from compress.search.study import Open
from compress.search.untrained import exported, untrained, without_control
from compress.stage import Progress
from compress.store.store import Store
from compress.wiring import LoadStage


@dataclass(frozen=True)
class Bench:
    """What all trials of a search share. ``shares``: of the training, by round; ``told``: what chains have said."""

    candidates: Candidates
    stopwatch: Stopwatch
    limits: tuple[Limit, ...]
    shares: tuple[float, ...]
    store: Store
    load: LoadStage
    folder: Path
    told: set[str] = field(default_factory=set)


def try_out(opened: Open, bench: Bench, progress: Progress) -> tuple[Trial, dict[str, float]]:
    """The record of a trial, and by how much it exceeds each limit.

    What can't be made of a candidate is in its record. Raises NotMeasurable, DataError, StoreError.
    """
    begun = time.perf_counter()
    trial = Trial(number=opened.number, point=opened.point, state="refused")
    try:
        plan = bench.candidates.plan_of(opened.point)
        trial = _measured(trial, plan, bench, progress)
        if broken(trial, bench.limits):
            trial = trial.model_copy(update={"state": "over budget", "note": broken(trial, bench.limits)})
        else:
            trial = _trained(trial, plan, opened, bench, progress)
    except CompressError as error:
        if isinstance(error, UserError) and not isinstance(error, BuildError | ConfigError | NetworkError):
            raise
        trial = trial.model_copy(update={"state": "refused", "note": " ".join(str(error).split())})
    return trial.model_copy(update={"seconds": time.perf_counter() - begun}), excess(trial, bench.limits)


@contextmanager
def workplace(folder: Path) -> Iterator[Path]:
    """A folder that goes, also what one of a killed process left."""
    for left in folder.glob(".making-*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=folder) as text:
        yield Path(text)


def _measured(trial: Trial, plan: Plan, bench: Bench, progress: Progress) -> Trial:
    progress.update(0, 1, "untrained, on the device")
    with workplace(bench.folder) as place:
        quantized, params = untrained(plan, _fresh(place / "net"))
        build = exported(plan, quantized, _fresh(place / "builds"), Muted(progress))
        latency = bench.stopwatch.time(place / "builds", build, progress.update)
    found = {"params": params, "size_bytes": build.size_bytes, "latency": latency}
    return trial.model_copy(update=found)


def _trained(trial: Trial, plan: Plan, opened: Open, bench: Bench, progress: Progress) -> Trial:
    last = len(bench.shares) - 1
    quantized: Quantized | None = None
    for place, share in enumerate(bench.shares):
        watch = Inside(progress, f"{share:.0%} of the training", bench.told)
        result = run(shortened(plan, share), bench.store, watch, bench.load)
        quantized = result.newest(Quantized)
        assert quantized is not None
        psnr_db = val_psnr_db(quantized)
        trial = trial.model_copy(update={"psnr_db": (*trial.psnr_db, psnr_db)})
        gives_up = opened.round(place, psnr_db)
        if gives_up and place < last:
            return trial.model_copy(update={"state": "given up", "note": f"after {share:.0%} of the training"})
    if quantized is not None and "prune" in plan.stages:
        trial = _measured_again(trial, plan, quantized, bench, progress)
        if broken(trial, bench.limits):
            note = f"once trained and pruned: {broken(trial, bench.limits)}"
            return trial.model_copy(update={"state": "over budget", "note": note})
    return trial.model_copy(update={"state": "trained"})


def _measured_again(trial: Trial, plan: Plan, quantized: Quantized, bench: Bench, progress: Progress) -> Trial:
    """Which channels go is decided by trained weights."""
    from compress.models.weights import load_net

    progress.update(0, 1, "trained, on the device")
    with workplace(bench.folder) as place:
        alone = without_control(quantized, _fresh(place / "net"))
        build = exported(plan, alone, _fresh(place / "builds"), Muted(progress))
        latency = bench.stopwatch.time(place / "builds", build, progress.update)
    params = sum(p.numel() for p in load_net(quantized.weights).parameters())
    return trial.model_copy(update={"trained_latency": latency, "params": params, "size_bytes": build.size_bytes})


def val_psnr_db(quantized: Quantized) -> float:
    """Mean PSNR in dB of the network that would ship on the validation pictures, by its training curve.

    Raises UserError for pictures without a validation split.
    """
    points = json.loads((quantized.folder / "curve.json").read_text(encoding="utf-8"))["points"]
    value = points[-1]["val_psnr_db"] if points else None
    if value is None:
        raise UserError("no validation pictures to compare candidates by; set data.val_fraction above 0")
    return float(value)


class Muted:
    """A stage's progress in which only its steps are told: a trial has one line."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def update(self, done: float, total: float, note: str = "") -> None:
        self._progress.update(done, total, note)

    def say(self, line: str) -> None:
        return


class Inside:
    """Watches a chain from within a trial: all of its stages are one line. What it says is said once a search."""

    def __init__(self, progress: Progress, what: str, told: set[str]) -> None:
        self._progress, self._what, self._told = progress, what, told

    def started(self, stage: str, place: int, count: int) -> Progress:
        return _Part(self._progress, place - 1, count, f"{self._what}, {stage}")

    def finished(self, outcome: StageOutcome, place: int, count: int) -> None:
        return

    def say(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            self._progress.say(line)


class _Part:
    def __init__(self, progress: Progress, before: int, count: int, what: str) -> None:
        self._progress, self._before, self._count, self._what = progress, before, count, what

    def update(self, done: float, total: float, note: str = "") -> None:
        self._progress.update(self._before + (done / total if total else 0.0), self._count, self._what)

    def say(self, line: str) -> None:
        return


def _fresh(folder: Path) -> Path:
    folder.mkdir()
    return folder
