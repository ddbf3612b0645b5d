"""The recipes' own chains over the project's store: what lies there is not made again, what was stopped goes on."""

from __future__ import annotations

from collections.abc import Iterator

from low_light_bench.words import Asked, chain_words, named, shortened

from compress.artefacts import Builds, Measurements
from compress.backlight.records import read_backlit
from compress.data.source import open_data
from compress.flow import Observer, run
from compress.records import BuildList, QualityReport, SpeedReport
from compress.report.rows import LABELS
from compress.store.store import Store
from isp_bench.records import Chain, Row

THROUGH = "openvino"
RECIPES = ("isp_cnn_clip", "isp_cnn_clip unpaired.refine.phases=[]", "isp_cnn_student")
"""The network itself, without the third stage as in Table I, and a student of it."""


def words_of(asked: Asked, recipe: str, seed: int) -> tuple[str, ...]:
    """The words of a chain up to its figures, each training cut to ``asked.steps``. Raises ConfigError."""
    words = chain_words(asked, recipe, seed)
    if asked.steps is None:
        return words
    plan = asked.plan(named(recipe))
    spec = plan.recipe.unpaired
    trains = (
        ("scorer.train", spec.scorer.train), ("pairing", spec.pairing), ("enhance", spec.enhance),
        ("refine", spec.refine), ("finish", spec.finish),
    )  # fmt: skip
    cut = (
        f"unpaired.{name}.phases={shortened(train, plan.data, asked.steps)}"
        for name, train in trains if train.phases
    )  # fmt: skip
    return (*words, *cut)


def measured(asked: Asked, recipe: str, seed: int, store: Store, watcher: Observer) -> tuple[Chain, tuple[str, ...]]:
    """The chain's rows, and why metrics were not measured."""
    words = words_of(asked, recipe, seed)
    plan = asked.plan(words)
    open_data(plan.data, "test")  # what is wrong with the pictures is said before hours of work
    result = run(plan, store, watcher)
    measurements, builds = result.newest(Measurements), result.newest(Builds)
    assert measurements is not None and builds is not None
    quality = QualityReport.read(measurements.folder / "quality.json")
    speed = SpeedReport.read(measurements.folder / "speed.json")
    listed = BuildList.read(builds.folder / "builds.json")
    chain = Chain(
        recipe=recipe, seed=seed, words=words, commit=asked.commit, rows=tuple(_rows(quality, speed, listed)),
        trained_by=next((net.trained_by for net in listed.nets if net.trained_by), ""),
        digests={outcome.name: outcome.artefact.digest for outcome in result.outcomes},
        backlit=read_backlit(measurements.backlit),
    )  # fmt: skip
    return chain, tuple(f"{each.heading}: {each.not_measured}" for each in quality.metrics if each.not_measured)


def _rows(quality: QualityReport, speed: SpeedReport, listed: BuildList) -> Iterator[Row]:
    facts = {net.variant: net for net in listed.nets}
    p50 = {row.variant: row.p50_ms for row in speed.rows if row.runtime == THROUGH}
    for row in quality.rows:
        if row.runtime != THROUGH:
            continue
        net = facts.get(row.variant) or facts["student"]  # INT8 has the float network's layers
        yield Row(
            name=LABELS[row.variant], through=row.runtime, psnr_db=row.psnr_db, ssim=row.ssim,
            vif=row.values("vif"), musiq=row.values("musiq"), params=net.params,
            gmacs=None if net.macs is None else net.macs / 1e9, p50_ms=p50.get(row.variant),
        )  # fmt: skip
