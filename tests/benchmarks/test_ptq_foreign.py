"""The benchmark of networks from outside: its figures by hand, its table, and that its networks can be planned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foreign_ptq.networks import ALL, Style, train
from foreign_ptq.records import Costs, File, Row, costs_of
from ptq_foreign import AFTER, BEFORE, HEADINGS, WORDS, said, table

from compress.config.load import load_plans
from compress.data.source import open_data
from compress.records import Check, QualityReport, QualityRow, SpeedReport, SpeedRow, VerdictRecord


def _quality(variant: Any, *psnr_db: float, near: tuple[float, ...] = ()) -> QualityRow:
    return QualityRow(variant=variant, runtime="openvino", psnr_db=psnr_db, ssim=(), psnr_gtmean_db=(),
                      psnr_to_float_db=near)  # fmt: skip


def _speed(variant: Any, p50_ms: float) -> SpeedRow:
    return SpeedRow(
        build=variant, variant=variant, runtime="openvino", height=8, width=8, precision="", runs=1, p50_ms=p50_ms,
        p90_ms=p50_ms, p99_ms=p50_ms, fps=1.0, samples_ms=(p50_ms,), origin="measured",
    )  # fmt: skip


@pytest.fixture
def costs() -> Costs:
    quality = QualityReport(
        definition="", decoder="", data_digest="", data_kind="paired", images=("a", "b"),
        rows=(_quality("student", 20.0, 22.0), _quality("int8", 20.5, 21.0, near=(20.0, 100.0))),
    )  # fmt: skip
    speed = SpeedReport(device="", fingerprint={}, rows=(_speed("student", 6.0), _speed("int8", 3.0)))
    found, float_db = costs_of(quality, speed)
    assert float_db == 21.0
    return found


def test_figures(costs: Costs) -> None:
    assert costs.drop_db == (-0.5, 1.0) and costs.distance_db == (3.0103, 0.0) and costs.loss_db == (3.0103, 1.0)
    assert (costs.float_ms, costs.int8_ms) == (6.0, 3.0)


def test_the_table_has_a_line_for_each_network(costs: Costs) -> None:
    verdict = VerdictRecord(result="fail", checks=tuple(
        Check(name=name, limit=0.1, measured=2.0, unit="dB", origin="measured", result="fail")
        for name in ("max_int8_drop_db", "max_worst_drop_db")
    ))  # fmt: skip
    row = Row(network="SmallUNet", what="U-Net", psnr_db=21.0, before=costs, after=costs, promoted=1, layers=5,
              held_in_choice=True, told=(), verdict=said(verdict))  # fmt: skip
    head, rule, line = table(File(data="d", words=(), steps=1, fingerprint={}, rows=(row,)))
    assert len(HEADINGS) == head.count("|") - 1 == rule.count("|") - 1 == line.count("|") - 1
    assert line.startswith("| U-Net | 21.00 | +0.250, +1.000 | +1.505, +3.010 | 1 of 5 |")
    assert line.endswith("| 6.00 | 3.00 | 3.00 | 2.00x | fail: 2.000, 2.000 |")
    slow = row.model_copy(update={"after": costs.model_copy(update={"int8_ms": 5.9})})
    *_, line = table(File(data="d", words=(), steps=1, fingerprint={}, rows=(slow,)))
    assert line.endswith("| 1.02x | fail: 2.000, 2.000; no gain in speed |")


@pytest.mark.parametrize("style", ALL, ids=lambda style: style.name)
def test_each_network_is_trained_and_planned(style: Style, tmp_path: Path) -> None:
    weights, again = tmp_path / "net.pth", tmp_path / "again.pth"
    weights.touch()
    words = (*WORDS, "data.size=[64,96]", "data.copies=1", *style.words(weights))
    plans = [load_plans((*words, stages))[0] for stages in (BEFORE, AFTER)]
    assert [plan.untrained for plan in plans] == [True, True]
    assert (plans[0].budget.max_int8_drop_db, plans[0].budget.max_worst_drop_db) == (0.1, 0.5)
    pairs = open_data(plans[0].data, "train")
    for path in (weights, again):
        train(style, pairs, 2, path)
    assert weights.read_bytes()[:2] == b"PK" and np.array_equal(_first(weights), _first(again))


def _first(weights: Path) -> Any:
    import torch

    return next(iter(torch.load(weights, weights_only=True).values())).numpy()
