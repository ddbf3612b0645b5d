"""What INT8 costs each head, runtime by runtime: the seed's student quantized, built and measured by its own chain."""

from __future__ import annotations

from collections.abc import Iterator

from low_light_bench.words import shortened

from compress.artefacts import Measurements
from compress.config.load import load_plans
from compress.flow import Observer, run
from compress.plan import Plan
from compress.records import QualityReport, QualityRow
from compress.store.store import Store
from night_bench.chains import Wishes
from night_bench.records import Built

RUNTIMES = ("onnx", "openvino", "tflite")
"""Those whose builds this machine runs as they are; RKNN's simulator and TensorRT need targets of their own."""


def built(wishes: Wishes, seed: int, store: Store, watcher: Observer) -> tuple[Built, ...]:
    """The rows of the float student and of the INT8 one; what the store has is not made again."""
    found = run(plan_of(wishes, seed), store, watcher).newest(Measurements)
    assert found is not None
    return tuple(rows(QualityReport.read(found.folder / "quality.json")))


def plan_of(wishes: Wishes, seed: int) -> Plan:
    """The chain of the seed up to the figures of its builds. Raises ConfigError."""
    words = [word for word in wishes.words(seed) if not word.startswith("stages=")]
    asked = wishes.plan(wishes.words(seed))
    size = asked.data.size
    assert size is not None
    if wishes.steps is not None:
        words.append(f"quantize.train.phases={shortened(asked.recipe.quantize.train, asked.data, wishes.steps)}")
    words += [
        "stages=[teach,distill,quantize,export,validate]", "target=x86_edge", f"target.export.size={list(size)}",
        f"target.export.builds=[{','.join(RUNTIMES)}]", "target.export.dynamic=false",
        "validation.quality=[student,int8]", "validation.warmup_runs=1", "validation.timed_runs=3",
    ]  # fmt: skip
    (plan,) = load_plans((*words, "data=boxes", f"data.root={wishes.root}", *wishes.more))
    return plan


def rows(report: QualityReport) -> Iterator[Built]:
    """Those of a student, float and INT8, through each runtime."""
    for row in report.rows:
        if row.variant in ("student", "int8"):
            yield _built(row)


def _built(row: QualityRow) -> Built:
    (map50,), (map50_95,) = row.values("map50"), row.values("map50_95")
    return Built(
        variant=row.variant, through=row.runtime, psnr_db=row.psnr_db, ssim=row.ssim, map50=map50, map50_95=map50_95
    )  # fmt: skip
