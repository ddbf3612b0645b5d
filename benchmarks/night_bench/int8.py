"""What INT8 costs each head, runtime by runtime: the seed's student quantized, built and measured by its own chain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from low_light_bench.words import shortened

from compress.artefacts import Measurements
from compress.config.load import load_plans
from compress.flow import Observer, run
from compress.plan import Plan
from compress.records import QualityReport, QualityRow
from compress.store.store import Store
from compress.toolchains import ToolchainName
from compress.toolchains.environment import why_not_ready
from night_bench.chains import Wishes
from night_bench.records import Built


@dataclass(frozen=True)
class Where:
    """A target whose scheme the student is quantized for, and the runtimes whose builds are measured."""

    target: str
    runtimes: tuple[str, ...]
    stands_for: str | None = None
    """What the table calls a runtime that runs another one's file."""

    def shown(self, row: Built) -> Built:
        """The row under the name that the table has for it."""
        return row if self.stands_for is None else row.model_copy(update={"through": self.stands_for})


X86 = Where("x86_edge", ("onnx", "openvino", "tflite"))
ROCKCHIP = Where("rk3588", ("rknn",))
"""In its simulator."""
JETSON = Where("jetson", ("onnx", "tensorrt"), "tensorrt's codes in ONNX Runtime")
"""Symmetric codes, as the engine has them, which can't run here."""


def built(wishes: Wishes, seed: int, store: Store, watcher: Observer) -> tuple[Built, ...]:
    """The rows of the float student and of the INT8 one; what the store has is not made again."""
    found: list[Built] = []
    for where in places():
        made = run(plan_of(wishes, seed, where), store, watcher).newest(Measurements)
        assert made is not None
        more = rows(QualityReport.read(made.folder / "quality.json"))
        found += [where.shown(row) for row in more if where == X86 or row.through in where.runtimes]
    return tuple(found)


def places() -> tuple[Where, ...]:
    """Those that this machine can build for."""
    boards: dict[ToolchainName, Where] = {"rknn": ROCKCHIP, "tensorrt": JETSON}
    return (X86, *(where for name, where in boards.items() if why_not_ready(name) is None))


def plan_of(wishes: Wishes, seed: int, where: Where = X86) -> Plan:
    """The chain of the seed up to the figures of its builds. Raises ConfigError."""
    words = [word for word in wishes.words(seed) if not word.startswith("stages=")]
    asked = wishes.plan(wishes.words(seed))
    size = asked.data.size
    assert size is not None
    if wishes.steps is not None:
        words.append(f"quantize.train.phases={shortened(asked.recipe.quantize.train, asked.data, wishes.steps)}")
    words += [
        "stages=[teach,distill,quantize,export,validate]", f"target={where.target}", f"target.export.size={list(size)}",
        f"target.export.builds=[{','.join(where.runtimes)}]", "target.export.dynamic=false",
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
        variant=row.variant, through=row.runtime, origin=row.origin, psnr_db=row.psnr_db, ssim=row.ssim,
        map50=map50, map50_95=map50_95,
    )  # fmt: skip
