"""Students by recipe and seed, each with its control: the project's own chain, over its own store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from compress.artefacts import Artefact, Builds, FloatNet, Measurements, Student
from compress.data.source import open_data
from compress.flow import Observer, RunResult, run
from compress.metrics.cumulative import Indices, indices_of, mean_of
from compress.models.enhance import enhance
from compress.models.weights import load_net
from compress.plan import Plan
from compress.records import BuildList, NetFacts, QualityReport, QualityRow, SpeedReport, Variant
from compress.schema import DistillSpec
from compress.store.store import Store
from compress.training.loop import Curve
from low_light_bench.records import Ablated, Measured, Scores, Trained
from low_light_bench.words import Asked, chain_words, named

Kind = TypeVar("Kind", bound=Artefact)
THROUGH = "openvino"


def trained(asked: Asked, recipe: str, seed: int, store: Store, watcher: Observer) -> Trained:
    """The recipe's chain with this seed, and its control; what the store has is taken from there."""
    words = chain_words(asked, recipe, seed, "distill.control=true")
    plan = asked.plan(words)
    result = run(plan, store, watcher)
    measurements, builds, net = _newest(result, Measurements), _newest(result, Builds), _newest(result, FloatNet)
    return Trained(
        recipe=recipe, seed=seed, words=words, own_teacher="teach" in plan.stages,
        commit=asked.commit,
        digests={outcome.name: outcome.artefact.digest for outcome in result.outcomes},
        networks=tuple(_networks(measurements.folder, builds.folder)),
        indices=_indices(net, plan), student_val_db=_val_db(result, "distill"),
        control_val_db=_val_db(result, "control"),
    )  # fmt: skip


def parts_of(spec: DistillSpec) -> dict[str, str]:
    """What of a distillation's loss can be left out, by name: the word that leaves it out."""
    weights = spec.loss.model_dump()
    parts = {name: f"distill.loss.{name}=0" for name, weight in weights.items() if weight and name != "matched"}
    if spec.output_weight:
        parts["teacher's picture"] = "distill.output_weight=0"
    if spec.hints:
        parts["teacher's features"] = "distill.hints=[]"
    return parts


def ablated(asked: Asked, recipe: str, seed: int, without: str, store: Store, watcher: Observer) -> Ablated:
    """The recipe's distillation with this seed, without the part of that name; the whole loss for an empty one."""
    plan = asked.plan(named(recipe))
    more = (parts_of(plan.recipe.distill)[without],) if without else ()
    student = _newest(
        run(asked.plan(chain_words(asked, recipe, seed, *more, until="distill")), store, watcher), Student
    )
    points = Curve.read(student.curve).points
    return Ablated(
        recipe=recipe, seed=seed, without=without, digest=student.digest, commit=asked.commit,
        val_psnr_db=points[-1].val_psnr_db,
    )  # fmt: skip


def _networks(measurements: Path, builds: Path) -> Iterator[Measured]:
    quality, speed = (
        QualityReport.read(measurements / "quality.json"), SpeedReport.read(measurements / "speed.json"),
    )  # fmt: skip
    facts = {net.variant: net for net in BuildList.read(builds / "builds.json").nets}
    p50 = {row.variant: row.p50_ms for row in speed.rows if row.runtime == THROUGH}
    for row in quality.rows:
        if row.runtime == THROUGH:
            yield _measured(row, facts, p50.get(row.variant))


def _measured(row: QualityRow, facts: dict[Variant, NetFacts], p50_ms: float | None) -> Measured:
    # INT8 layers multiply as often as those of the float network that they came from.
    known = facts.get(row.variant) or facts.get("pruned") or facts.get("student")
    scores = Scores(psnr_db=row.psnr_db, ssim=row.ssim, gtmean_db=row.psnr_gtmean_db)
    return Measured(
        variant=row.variant, scores=scores, params=known.params if known else None,
        macs=known.macs if known else None, p50_ms=p50_ms,
    )  # fmt: skip


def _indices(net: FloatNet, plan: Plan) -> Indices:
    """Of the float network's own pictures of the test split."""
    module, source = load_net(net.weights).eval(), open_data(plan.data, "test")
    count = min(len(source), plan.recipe.validation.max_images or len(source))
    pairs = (source.pair(index) for index in range(count))
    return mean_of([indices_of(enhance(module, dark), truth) for dark, truth in pairs])


def _val_db(result: RunResult, stage: str) -> float | None:
    """PSNR on validation pictures at the end of that stage's training."""
    made = next(outcome.artefact for outcome in result.outcomes if outcome.name == stage)
    return Curve.read(made.folder / "curve.json").points[-1].val_psnr_db


def _newest(result: RunResult, kind: type[Kind]) -> Kind:
    found = result.newest(kind)
    assert found is not None, f"the chain made no {kind.__name__}"
    return found
