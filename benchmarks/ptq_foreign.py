"""Networks from outside through ``recipe=ptq``: what int8 costs, what promotion wins back, and what speed that leaves.

Networks in public styles are trained for a minute at most on pairs, then each goes through the recipe twice: once with
all layers in int8, once with the stage ``sensitivity``, which promotes on validation pictures until the recipe's limits
hold. The table is of test pictures: drop (PSNR lost against the truth) and distance to the float answer (ADR 0030).
Prints it with each network's curve, and writes ``artifacts/benchmarks/ptq_foreign.json``. Two networks, or ``--all``.
``python benchmarks/ptq_foreign.py [--all | --only NAME] [--data embedded] [--root FOLDER] [--steps 400]
[--out FOLDER] [KEY=VALUE ...]``; what follows as KEY=VALUE goes into the plans.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from foreign_ptq.networks import ALL, Style, train
from foreign_ptq.records import Costs, File, Row, costs_of

from compress import flow
from compress.artefacts import Measurements, Promoted, Verdict
from compress.config.load import load_plans
from compress.data.embedded import DEFAULT_SIZE
from compress.data.source import open_data
from compress.devices.runner.fingerprint import fingerprint
from compress.plan import Plan
from compress.records import QualityReport, SpeedReport, VerdictRecord
from compress.report.sensitivity import NO_GAIN, summary
from compress.sensitivity.records import SensitivityReport
from compress.store.store import Store

DEFAULT = ("CurveEstimator", "SmallUNet")
OTHERS = ("min_gain_over_input_db", "min_fps", "min_int8_speedup", "max_params", "max_size_bytes")
WORDS = (
    "recipe=ptq", "target=x86_edge", "target.export.builds=[openvino]", "target.export.dynamic=false",
    *(f"target.budget.{name}=null" for name in OTHERS),
)  # fmt: skip
BEFORE = "stages=[student,quantize,export,validate,gate]"
AFTER = "stages=[student,quantize,sensitivity,export,validate,gate]"
HEADINGS = (
    "network", "float PSNR dB", "drop mean, worst", "distance mean, worst", "promoted", "drop mean, worst",
    "distance mean, worst", "float ms", "int8 ms", "promoted ms", "speed left", "verdict",
)  # fmt: skip


def measured(plan: Plan, store: Store) -> tuple[flow.RunResult, QualityReport, SpeedReport]:
    """The chain, as the command runs it."""
    result = flow.run(plan, store)
    found = result.newest(Measurements)
    assert found is not None
    return result, QualityReport.read(found.folder / "quality.json"), SpeedReport.read(found.folder / "speed.json")


def row_of(style: Style, words: tuple[str, ...], store: Store) -> tuple[Row, tuple[str, ...]]:
    """Both chains of a network; and the names of the test pictures."""
    _, quality, speed = measured(load_plans((*words, BEFORE))[0], store)
    before, psnr_db = costs_of(quality, speed)
    result, quality, speed = measured(load_plans((*words, AFTER))[0], store)
    promoted, verdict = result.newest(Promoted), result.newest(Verdict)
    assert promoted is not None and verdict is not None
    report = SensitivityReport.read(promoted.report)
    row = Row(
        network=style.name, what=style.what, psnr_db=psnr_db, before=before, after=costs_of(quality, speed)[0],
        promoted=len(report.promoted), layers=len(report.rows), held_in_choice=report.holds,
        told=tuple(summary(report)), verdict=said(VerdictRecord.read(verdict.folder / "verdict.json")),
    )  # fmt: skip
    return row, quality.images


def said(verdict: VerdictRecord) -> str:
    """The gate's result with the figures of both limits."""
    figures = {check.name: check.measured for check in verdict.checks}
    mean, worst = (figures[name] or 0.0 for name in ("max_int8_drop_db", "max_worst_drop_db"))
    return f"{verdict.result}: {mean:.3f}, {worst:.3f}"


def table(found: File) -> Iterator[str]:
    """Markdown."""
    yield f"| {' | '.join(HEADINGS)} |"
    yield f"|---|{'---:|' * (len(HEADINGS) - 2)}---|"
    for row in found.rows:
        cells = (
            row.what, f"{row.psnr_db:.2f}", *pairs_of(row.before),
            f"{row.promoted} of {row.layers}" if row.layers else "0", *pairs_of(row.after),
            f"{row.after.float_ms:.2f}", f"{row.before.int8_ms:.2f}", f"{row.after.int8_ms:.2f}",
            f"{row.speed_left:.2f}x", row.verdict + ("" if row.speed_left >= NO_GAIN else "; no gain in speed"),
        )  # fmt: skip
        yield f"| {' | '.join(cells)} |"


def pairs_of(costs: Costs) -> tuple[str, str]:
    """Mean and worst of the drop, and of the distance."""
    drop_mean, drop_worst, mean, worst = costs.cells()
    return f"{drop_mean}, {drop_worst}", f"{mean}, {worst}"


def settings() -> argparse.Namespace:
    """The command's words."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [style.name for style in ALL]
    parser.add_argument("--all", action="store_true", help="all five networks")
    parser.add_argument("--only", action="append", choices=names, help="may be said more than once")
    parser.add_argument("--data", default="embedded", help="a calibration set with ground truth")
    parser.add_argument("--root", help="its folder")
    parser.add_argument("--steps", type=int, default=400, help="of training, each of four crops of 64x64")
    parser.add_argument("--out", type=Path, default=Path("artifacts/benchmarks"))
    parser.add_argument("words", nargs="*", help="KEY=VALUE for the plans")
    return parser.parse_intermixed_args()


def main() -> None:
    """Train, quantize twice, print, write."""
    asked = settings()
    root = (f"data.root={asked.root}",) if asked.root else ()
    # attention keeps the size that it is exported at
    size = (f"target.export.size={list(DEFAULT_SIZE)}",) if asked.data == "embedded" else ()
    data = (f"data={asked.data}", *root, *size, *asked.words)
    found = File(data=asked.data, words=data, steps=asked.steps, fingerprint=fingerprint())
    asked.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        for style in ALL if asked.all else [each for each in ALL if each.name in (asked.only or DEFAULT)]:
            weights, begun = folder / f"{style.name}.pth", time.perf_counter()
            words = (*WORDS, *data, *style.words(weights))
            weights.touch()  # a plan is checked before there is anything to train with
            plan = load_plans((*words, AFTER))[0]
            train(style, open_data(plan.data, "train"), asked.steps, weights)
            trained = time.perf_counter() - begun
            row, images = row_of(style, words, Store(folder / "store"))
            limits = {"mean_db": plan.budget.max_int8_drop_db, "worst_db": plan.budget.max_worst_drop_db}
            found = found.model_copy(update={**limits, "test_images": images, "rows": (*found.rows, row)})
            found.write(asked.out / "ptq_foreign.json")  # each is kept, whatever becomes of the next
            print(f"\n{style.what}: trained in {trained:.0f} s, all {time.perf_counter() - begun:.0f} s")
            print("\n".join(row.told), flush=True)
    print(f"\n{len(found.test_images)} test pictures; limits of the larger one: {found.mean_db} dB mean, "
          f"{found.worst_db} dB worst\n")  # fmt: skip
    print("\n".join(table(found)))


if __name__ == "__main__":
    main()
