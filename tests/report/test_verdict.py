"""Every budget passes, fails and stays incomplete for the right reasons."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compress.records import (
    Build,
    BuildList,
    Inspection,
    IOContract,
    MetricFacts,
    MetricValues,
    NetFacts,
    NotBuilt,
    QualityReport,
    QualityRow,
    SpeedReport,
    SpeedRow,
    TensorSpec,
)  # fmt: skip
from compress.report.verdict import RULES, Evidence, judge
from compress.schema import Budget, MetricLimit

TENSOR = TensorSpec(name="x", shape=(1, 3, 8, 8), layout="NCHW", dtype="float32", low=0, high=1)
CONTRACT = IOContract(input=TENSOR, output=TENSOR, size_multiple=8, preprocessing="", postprocessing="")
NO_LIMITS: dict[str, Any] = dict.fromkeys(set(Budget.model_fields) - {"metrics"})


def build(name: str, variant: Any, runtime: Any = "openvino", ships: bool = True, size: int | None = 8) -> Build:
    return Build(
        name=name, variant=variant, runtime=runtime, files=(f"{name}.bin",), size_bytes=1000, height=size, width=size,
        ships=ships, contract=CONTRACT, inspection=Inspection(operators={}, int8_layers=1, float_layers=0),
    )  # fmt: skip


def quality(variant: Any, runtime: Any, *psnr_db: float) -> QualityRow:
    return QualityRow(variant=variant, runtime=runtime, psnr_db=psnr_db, ssim=(0.8,) * len(psnr_db),
                      psnr_gtmean_db=psnr_db)  # fmt: skip


def speed(name: str, variant: Any, p50_ms: float, origin: Any = "measured") -> SpeedRow:
    return SpeedRow(
        build=name, variant=variant, runtime="openvino", height=8, width=8, precision="int8", runs=3, p50_ms=p50_ms,
        p90_ms=p50_ms + 1, p99_ms=p50_ms + 2, fps=1000 / p50_ms, samples_ms=(p50_ms,) * 3, origin=origin,
    )  # fmt: skip


EVIDENCE = Evidence(
    builds=BuildList(
        builds=(build("pruned_ov", "pruned", ships=False), build("int8_ov", "int8"),
                build("int8_onnx", "int8", "onnx")),
        nets=(NetFacts(variant="student", params=50, macs=1, macs_height=8, macs_width=8, weights_size_bytes=1),
              NetFacts(variant="pruned", params=40, macs=1, macs_height=8, macs_width=8, weights_size_bytes=1)),
    ),
    quality=QualityReport(
        definition="", decoder="", data_digest="", data_kind="paired", images=("a.png", "b.png"),
        rows=(quality("input", "none", 8.0, 10.0), quality("student", "torch", 30.0, 30.0),
              quality("pruned", "torch", 20.5, 22.0), quality("pruned", "openvino", 20.0, 22.0),
              quality("int8", "torch", 20.5, 22.0), quality("int8", "onnx", 1.0, 1.0),
              quality("int8", "openvino", 19.9, 21.7)),
    ),
    speed=SpeedReport(device="bench", fingerprint={}, rows=(speed("pruned_ov", "pruned", 20.0),
                                                            speed("int8_ov", "int8", 8.0))),
    runtime="openvino",
)  # fmt: skip

# Field of Budget: the figure that EVIDENCE gives, worked out by hand.
FIGURES = {
    "min_psnr_db": 20.8,
    "min_ssim": 0.8,
    "min_gain_over_input_db": 11.8,
    "max_int8_drop_db": 0.2,
    "max_worst_drop_db": 0.3,
    "min_fps": 125.0,
    "max_latency_ms": 8.0,
    "max_latency_p90_ms": 9.0,
    "min_int8_speedup": 2.5,
    "max_params": 40,
    "max_size_bytes": 1000,
}
NEEDS_QUALITY = {name for name in FIGURES if "_db" in name or "ssim" in name}
NEEDS_SPEED = {"min_fps", "max_latency_ms", "max_latency_p90_ms", "min_int8_speedup"}


def budget(**limits: Any) -> Budget:
    return Budget(**{**NO_LIMITS, **limits})


def drop_quality(*variants: str) -> Evidence:
    kept = tuple(row for row in EVIDENCE.quality.rows if row.variant not in variants)
    return replace(EVIDENCE, quality=EVIDENCE.quality.model_copy(update={"rows": kept}))


def test_every_budget_has_a_rule_and_a_figure_here() -> None:
    assert set(Budget.model_fields) - {"metrics"} == set(RULES) == set(FIGURES)
    assert all(RULES[name].lower == name.startswith("min_") for name in RULES)


@pytest.mark.parametrize("name", FIGURES)
def test_each_budget_passes_and_fails_on_its_side_of_the_figure(name: str) -> None:
    figure = FIGURES[name]
    step = 1 if isinstance(figure, int) else 0.01
    looser, tighter = (figure - step, figure + step) if name.startswith("min_") else (figure + step, figure - step)
    passed, failed = judge(budget(**{name: looser}), EVIDENCE), judge(budget(**{name: tighter}), EVIDENCE)
    assert (passed.result, failed.result) == ("pass", "fail")
    assert len(passed.checks) == 1
    check = passed.checks[0]
    assert (check.name, check.limit, check.result) == (name, looser, "pass")
    assert check.measured == pytest.approx(figure)
    assert check.origin == ("counted" if name in ("max_params", "max_size_bytes") else "measured")


@pytest.mark.parametrize("name", FIGURES)
def test_each_budget_is_incomplete_without_its_figure(name: str) -> None:
    if name in NEEDS_QUALITY:
        evidence = drop_quality("int8")
    elif name in NEEDS_SPEED:
        speeds = EVIDENCE.speed.model_copy(update={"rows": (), "not_measured": "no device"})
        evidence = replace(EVIDENCE, speed=speeds)
    else:
        evidence = replace(EVIDENCE, builds=BuildList(builds=(build("int8_onnx", "int8", "onnx"),)))
    verdict = judge(budget(**{name: FIGURES[name]}), evidence)
    assert verdict.result == "incomplete"
    assert verdict.checks[0].measured is None and verdict.checks[0].note
    if name in NEEDS_SPEED:
        assert "no device" in verdict.checks[0].note


def test_default_budget_asks_only_for_the_int8_drop() -> None:
    assert [check.name for check in judge(Budget(), EVIDENCE).checks] == ["max_int8_drop_db"]


def test_float_self_is_the_student_where_nothing_was_pruned() -> None:
    evidence = drop_quality("pruned")
    evidence = replace(
        evidence, builds=BuildList(builds=EVIDENCE.builds.builds[1:], nets=EVIDENCE.builds.nets[:1]),
        speed=EVIDENCE.speed.model_copy(update={"rows": EVIDENCE.speed.rows[1:]}),
    )  # fmt: skip
    check = judge(budget(max_int8_drop_db=1.0), evidence).checks[0]
    assert check.measured == pytest.approx(30 - 20.8) and check.result == "fail"


def test_unmeasured_pruned_net_is_not_replaced_by_the_student() -> None:
    assert judge(budget(max_int8_drop_db=100.0), drop_quality("pruned")).result == "incomplete"


def test_other_runtime_does_not_stand_in_for_the_device() -> None:
    evidence = replace(EVIDENCE, runtime="tensorrt")
    verdict = judge(budget(min_psnr_db=1.0, min_fps=1.0, max_size_bytes=10**9), evidence)
    assert {check.result for check in verdict.checks} == {"incomplete"}


@pytest.mark.parametrize("origin", ["estimated", "simulated"])
@pytest.mark.parametrize("limit", [1.0, 1e9])
def test_what_was_not_measured_neither_passes_nor_fails(origin: str, limit: float) -> None:
    rows = (EVIDENCE.speed.rows[0], speed("int8_ov", "int8", 8.0, origin))
    evidence = replace(EVIDENCE, speed=EVIDENCE.speed.model_copy(update={"rows": rows}))
    for name in ("min_fps", "min_int8_speedup"):
        check = judge(budget(**{name: limit}), evidence).checks[0]
        assert check.result == "incomplete" and check.origin == origin and check.measured is not None


def test_wanted_build_that_was_not_made_is_incomplete() -> None:
    gap = NotBuilt(runtime="tensorrt", reason="no GPU here")
    evidence = replace(EVIDENCE, builds=EVIDENCE.builds.model_copy(update={"not_built": (gap,)}))
    verdict = judge(budget(min_psnr_db=1.0), evidence)
    assert verdict.result == "incomplete" and "tensorrt" in verdict.reasons[0] and "no GPU here" in verdict.reasons[0]
    assert judge(budget(min_psnr_db=99.0), evidence).result == "fail"


def test_a_wanted_file_of_free_size_that_was_not_made_is_incomplete_and_says_how_not_to_want_it() -> None:
    gap = NotBuilt(runtime="onnx", reason="the network takes no picture of 32x48", variant="int8", free=True)
    evidence = replace(EVIDENCE, builds=EVIDENCE.builds.model_copy(update={"not_built": (gap,)}))
    verdict = judge(budget(min_psnr_db=1.0), evidence)
    assert verdict.result == "incomplete" and "of free size wanted but not made" in verdict.reasons[0]
    assert "no picture of 32x48" in verdict.reasons[0] and verdict.reasons[0].endswith("target.export.dynamic=false")


def test_a_float_network_that_the_device_cannot_run_is_no_gap_in_what_ships() -> None:
    gap = NotBuilt(runtime="tensorrt", reason="no float layers", variant="student")
    evidence = replace(EVIDENCE, builds=EVIDENCE.builds.model_copy(update={"not_built": (gap,)}))
    assert judge(budget(min_psnr_db=1.0), evidence).result == "pass"


def test_nothing_that_ships_is_incomplete_even_without_budgets() -> None:
    assert judge(budget(), EVIDENCE).result == "pass"
    unshipped = BuildList(builds=(build("pruned_ov", "pruned", ships=False),))
    assert judge(budget(), replace(EVIDENCE, builds=unshipped)).result == "incomplete"


def with_row(row: QualityRow) -> Evidence:
    rows = tuple(r for r in EVIDENCE.quality.rows if (r.variant, r.runtime) != (row.variant, row.runtime))
    return replace(EVIDENCE, quality=EVIDENCE.quality.model_copy(update={"rows": (*rows, row)}))


NOT_TRAINED = "not trained: the larger of drop and distance to the float answer"


def untrained(psnr_db: tuple[float, ...], to_float_db: tuple[float, ...]) -> Evidence:
    """The float self has 20 and 22 dB."""
    row = quality("int8", "openvino", *psnr_db).model_copy(update={"psnr_to_float_db": to_float_db})
    return replace(with_row(row), untrained=True)


@pytest.mark.parametrize(
    ("psnr_db", "to_float_db", "mean", "worst"),
    [
        ((20.1, 23.0), (20.0, 32.0), 1.7121, 3.0103),  # nearer to the truth, by chance, and far from the float answer
        ((19.8, 21.5), (50.0, 52.0), 0.35, 0.5),  # near to it, but straight away from the truth
        ((19.8, 23.0), (50.0, 22.0), 1.6052, 3.0103),  # of each picture the larger one
        ((20.0, 22.0), (100.0, 100.0), 0.0, 0.0),
    ],
)
def test_without_training_the_larger_of_drop_and_distance_is_judged(
    psnr_db: tuple[float, ...], to_float_db: tuple[float, ...], mean: float, worst: float
) -> None:
    evidence = untrained(psnr_db, to_float_db)
    for limit, result in ((1e-3, "pass"), (-1e-3, "fail")):
        limits = budget(max_int8_drop_db=mean + limit, max_worst_drop_db=worst + limit)
        checks = judge(limits, evidence).checks
        assert [check.result for check in checks] == [result, result]
        assert [check.measured for check in checks] == pytest.approx([mean, worst], abs=1e-4)
    assert checks[0].note == f"{NOT_TRAINED}; pruned through openvino, int8 through openvino"
    assert checks[1].note.endswith(f"; {NOT_TRAINED}")


def test_what_was_trained_is_judged_by_its_drop() -> None:
    evidence = replace(untrained((20.1, 23.0), (20.0, 32.0)), untrained=False)
    checks = judge(budget(max_int8_drop_db=0.1, max_worst_drop_db=0.1), evidence).checks
    assert [check.measured for check in checks] == pytest.approx([-0.55, -0.1])
    assert [check.result for check in checks] == ["pass", "pass"] and NOT_TRAINED not in checks[0].note


@pytest.mark.parametrize("name", ["max_int8_drop_db", "max_worst_drop_db"])
def test_without_a_distance_an_untrained_network_is_not_judged(name: str) -> None:
    check = judge(budget(**{name: 9.0}), untrained((20.0, 22.0), ())).checks[0]
    assert check.result == "incomplete" and "was not compared with its float answer" in check.note


@pytest.mark.parametrize("name", sorted(NEEDS_QUALITY - {"min_ssim"}))
def test_nan_fails_and_is_named(name: str) -> None:
    verdict = judge(budget(**{name: FIGURES[name]}), with_row(quality("int8", "openvino", 20.0, math.nan)))
    assert verdict.result == "fail" and verdict.checks[0].result == "fail" and verdict.checks[0].measured is None
    assert "int8 through openvino" in verdict.reasons[0]


def test_nan_in_a_row_that_no_budget_reads_fails_too() -> None:
    assert judge(budget(), with_row(quality("teacher", "torch", math.nan, 1.0))).result == "fail"
    rows = (*EVIDENCE.speed.rows, speed("other", "student", math.nan))
    assert judge(budget(), replace(EVIDENCE, speed=EVIDENCE.speed.model_copy(update={"rows": rows}))).result == "fail"


@given(st.lists(st.sampled_from(sorted(FIGURES)), unique=True), st.data())
def test_fail_beats_incomplete_beats_pass(names: list[str], data: st.DataObject) -> None:
    wanted = {name: data.draw(st.sampled_from(["pass", "fail", "incomplete"])) for name in names}
    limits: dict[str, Any] = {}
    for name, result in wanted.items():
        up = 100_000 if (name.startswith("max_")) == (result != "fail") else -100_000
        limits[name] = FIGURES[name] + up
    evidence = EVIDENCE
    if "incomplete" in wanted.values():
        evidence = replace(EVIDENCE, runtime="tflite")
    verdict = judge(budget(**limits), evidence)
    results = {check.result for check in verdict.checks}
    expected = "fail" if "fail" in results else "incomplete" if "incomplete" in results else "pass"
    assert verdict.result == expected
    assert len(verdict.checks) == len(names)


def boxes(variant: Any, map50: float) -> QualityRow:
    found = (MetricValues(metric="map50", values=(map50,)), MetricValues(metric="niqe", values=(10 * map50,)))
    return QualityRow(variant=variant, runtime="openvino", psnr_db=(), ssim=(), psnr_gtmean_db=(), others=found)


def of_boxes(full: float, int8: float) -> Evidence:
    facts = tuple(
        MetricFacts(name=name, heading=name, unit="", higher_is_better=name == "map50", decimals=3, definition="",
                    library="")
        for name in ("map50", "niqe")
    )  # fmt: skip
    rows = (boxes("pruned", full), boxes("int8", int8))
    return replace(EVIDENCE, quality=EVIDENCE.quality.model_copy(update={"rows": rows, "metrics": facts}))


@pytest.mark.parametrize(
    ("full", "int8", "metric", "result", "measured"),
    [
        (0.5, 0.49, "map50", "pass", 0.01), (0.5, 0.47, "map50", "fail", 0.03), (0.5, 0.6, "map50", "pass", -0.1),
        (0.5, math.nan, "map50", "fail", None), (0.5, 0.6, "niqe", "fail", 1.0), (0.5, 0.49, "niqe", "pass", -0.1),
        (0.5, 0.5, "map50_95", "incomplete", None),
    ],
)  # fmt: skip
def test_int8_may_be_worse_than_its_float_self_by_so_much_of_a_metric(
    full: float, int8: float, metric: Any, result: str, measured: float | None
) -> None:
    limits = (MetricLimit(metric=metric, max_drop=0.02),)
    found = judge(budget(metrics=limits), of_boxes(full, int8)).checks[0]
    assert found.name == f"max_int8_drop_{metric}" and found.result == result
    assert found.measured == (None if measured is None else pytest.approx(measured))


def test_budgets_of_pictures_are_incomplete_for_what_gives_none() -> None:
    names = ("min_psnr_db", "min_ssim", "min_gain_over_input_db", "max_int8_drop_db", "max_worst_drop_db")
    checks = judge(budget(**dict.fromkeys(names, 1.0)), of_boxes(0.5, 0.5)).checks
    assert {check.result for check in checks} == {"incomplete"} and "no PSNR of int8" in checks[0].note
