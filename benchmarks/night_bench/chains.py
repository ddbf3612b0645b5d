"""Teacher, student and control of one seed, by the project's own chain over its own store, and all that is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from low_light_bench.words import shortened
from numpy.typing import NDArray
from torch import nn

from compress.artefacts import Artefact, Control, Student, Teacher
from compress.classical import CLASSICAL
from compress.config.load import load_plans
from compress.data.night import NightSource
from compress.data.source import open_source
from compress.detection.answer import PictureAndBoxes
from compress.flow import Observer, RunResult, run
from compress.metrics import psnr_db, ssim
from compress.metrics.night_scoring import NightScorer
from compress.metrics.wanted import Wanted
from compress.models.both import asked_both
from compress.models.pruning import count_macs
from compress.models.weights import load_net
from compress.plan import Plan
from compress.records import Variant
from compress.store.digests import digest_of
from compress.store.store import Store
from night_bench.records import ASKED, COMPARED, Asked, Pictures, Run, Scores, Size

Picture = NDArray[np.uint8]
Answer = Callable[[Picture, Picture], PictureAndBoxes]
"""Of the dark picture and the clean one."""

Kind = TypeVar("Kind", bound=Artefact)
RECIPE = "night_multitask"
MAP = (Wanted("map50"), Wanted("map50_95"))


@dataclass(frozen=True)
class Wishes:
    """What all chains of a run share. ``steps``: of each training at most; ``more``: further words for all of them;
    ``commit``: of the code that runs."""

    root: Path
    steps: int | None
    more: tuple[str, ...]
    commit: str

    def words(self, seed: int) -> tuple[str, ...]:
        """Of the chain of this seed. Raises ConfigError."""
        words = (f"recipe={RECIPE}", f"seed={seed}", "stages=[teach,distill]", "distill.control=true")
        if self.steps is None:
            return words
        plan = self.plan(words)
        trains = {"teach": plan.recipe.teach.train, "distill": plan.recipe.distill.train}
        short = {name: shortened(train, plan.data, self.steps) for name, train in trains.items()}
        return words + tuple(f"{name}.train.phases={phases}" for name, phases in short.items())

    def plan(self, words: tuple[str, ...]) -> Plan:
        """The one plan of these words, on the folder. Raises ConfigError."""
        (plan,) = load_plans((*words, "data=boxes", f"data.root={self.root}", *self.more))
        return plan


def open_night(plan: Plan) -> NightSource:
    """The test pictures. Raises DataError."""
    source = open_source(plan.data, "test")
    assert isinstance(source, NightSource)
    return source


def classical(source: NightSource) -> Iterator[Pictures]:
    """The dark pictures, and what methods make of them that learn nothing."""
    methods: dict[str, Callable[[Picture], Picture]] = {"dark input": lambda dark: dark}
    methods |= {name: CLASSICAL[name] for name in COMPARED}
    for name, method in methods.items():
        pairs = [(method(dark), truth.bright) for dark, truth in map(source.pair, range(len(source)))]
        yield Pictures(
            name=name, psnr_db=tuple(round(psnr_db(*pair), 6) for pair in pairs),
            ssim=tuple(round(ssim(*pair), 8) for pair in pairs),
        )  # fmt: skip


def trained(wishes: Wishes, seed: int, store: Store, watcher: Observer, kept: Path) -> Run:
    """The chain with this seed, and what its networks say of the test pictures.

    What the store has is not trained again, and what was asked before of the same networks is read from ``kept``.
    """
    words = wishes.words(seed)
    plan = wishes.plan(words)
    result = run(plan, store, watcher)
    digests = {outcome.name: outcome.artefact.digest for outcome in result.outcomes}
    source = open_night(plan)
    path = kept / f"seed{seed}-{digest_of({'nets': digests, 'pictures': list(source.names)})[:12]}.json"
    if path.is_file():
        return Run.read(path)
    files = (_newest(result, Teacher).weights, _newest(result, Student).weights, _newest(result, Control).weights)
    teacher, student, control = (load_net(weights).eval() for weights in files)
    found = Run(
        seed=seed, words=words, commit=wishes.commit, digests=digests,
        student=size_of(student, plan), teacher=size_of(teacher, plan),
        scores=tuple(_scores(_answers(teacher, student, control), source)),
    )  # fmt: skip
    kept.mkdir(parents=True, exist_ok=True)
    found.write(path)
    return found


def student_of(wishes: Wishes, seed: int, store: Store, watcher: Observer) -> nn.Module:
    """The distilled student of this seed."""
    result = run(wishes.plan(wishes.words(seed)), store, watcher)
    return load_net(_newest(result, Student).weights).eval()


def size_of(net: nn.Module, plan: Plan) -> Size:
    """At the size of the plan's pictures."""
    assert plan.data.size is not None
    return Size(params=sum(p.numel() for p in net.parameters()), macs=count_macs(net, *plan.data.size))


def _answers(*nets: nn.Module) -> dict[Asked, Answer]:
    """``nets``: teacher, student, control."""
    teacher, student, control = map(asked_both, nets)

    def enhanced(dark: Picture, _clean: Picture) -> PictureAndBoxes:
        bright = student(dark).picture
        return PictureAndBoxes(bright, teacher(bright).boxes)

    return {
        "control": lambda dark, _: control(dark), "student": lambda dark, _: student(dark),
        "teacher on dark": lambda dark, _: teacher(dark), "teacher on clean": lambda _, clean: teacher(clean),
        "enhance, then detect": enhanced,
    }  # fmt: skip


def _scores(answers: dict[Asked, Answer], source: NightSource) -> Iterator[Scores]:
    variants: list[Variant] = ["student" for _ in ASKED]  # rows are told apart by their numbers
    scorer = NightScorer(variants, "student", MAP)
    for index in range(len(source)):
        dark, truth = source.pair(index)
        scorer.add([answers[asked](dark, truth.bright) for asked in ASKED], truth)
    for number, asked in enumerate(ASKED):
        row = scorer.row(number, "torch", "measured")
        (map50,), (map50_95,) = row.values("map50"), row.values("map50_95")
        yield Scores(asked=asked, psnr_db=row.psnr_db, ssim=row.ssim, map50=map50, map50_95=map50_95)


def _newest(result: RunResult, kind: type[Kind]) -> Kind:
    found = result.newest(kind)
    assert found is not None, f"the chain made no {kind.__name__}"
    return found
