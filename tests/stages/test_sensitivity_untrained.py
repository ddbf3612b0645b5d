"""Sensitivity of a network that was not trained: its distance to the float answer counts beside its drop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tiny_nets
from hard_net import HARD, hard_net, pictures
from numpy.typing import NDArray

from compress.artefacts import Quantized
from compress.config.load import load_plans
from compress.data.pictures import write_png
from compress.models.enhance import enhance, to_tensor
from compress.models.quantized import insert_fake_quant, load_fake_quant, read_table, save_fake_quant
from compress.models.weights import save_net
from compress.schema import DataSpec, LayerTiming, Promotion, Scheme, SensitivitySpec
from compress.sensitivity.records import SensitivityReport
from compress.stages import load_stage

SIZE = (32, 48)
ELSEWHERE = LayerTiming(runtime="tflite", local=False, threads=2, float_precision="f32")
Wide = NDArray[np.int16]


@pytest.fixture(scope="module")
def quantized(tmp_path_factory: pytest.TempPathFactory) -> Quantized:
    folder = tmp_path_factory.mktemp("quantized")
    net = insert_fake_quant(hard_net(), [to_tensor(each) for each in pictures()], Scheme(), tiny_nets.KEPT)
    save_net(hard_net(), folder / "net.safetensors")
    save_fake_quant(net, folder, "qat")
    read_table(net, Scheme(), tiny_nets.KEPT.keep_float).write(folder / "quantization.json")
    return Quantized(folder, "key", "digest")


def towards(floating: Wide, int8: Wide) -> Wide:
    """A truth that int8 comes much nearer to than the float network."""
    return int8 + (floating - int8) // 10


def away(floating: Wide, int8: Wide) -> Wide:
    """A truth on the other side: int8 moves straight away from it."""
    return floating + (floating - int8) // 2


def _pairs(quantized: Quantized, root: Path, truth: Callable[[Wide, Wide], Wide]) -> DataSpec:
    floating, fake = hard_net(), load_fake_quant(quantized.folder, "qat")
    for number, dark in enumerate(pictures()):
        split = root / ("test" if number > 7 else "train")
        answers = (enhance(net, dark).astype(np.int16) for net in (floating, fake))
        bright = np.clip(truth(*answers), 0, 255).astype(np.uint8)
        for kind, picture in (("low", dark), ("high", bright)):
            (split / kind).mkdir(parents=True, exist_ok=True)
            write_png(split / kind / f"{number}.png", picture)
    return DataSpec(licence="made here", kind="paired", root=str(root), val_fraction=0.4)


def _run(
    quantized: Quantized, data: DataSpec, out: Path, limit_db: float, untrained: bool
) -> tuple[SensitivityReport, list[str]]:
    told, scratch = tiny_nets.Told(), out.with_suffix(".scratch")
    limits = Promotion(
        float_layers=True, max_int8_drop_db=limit_db, max_worst_drop_db=None, size=SIZE, untrained=untrained
    )
    out.mkdir()
    scratch.mkdir()
    spec = SensitivitySpec(max_images=2, ranked_images=1, always=False)
    load_stage("sensitivity").function(quantized, spec, limits, Scheme(), data, ELSEWHERE, out, scratch, told)
    return SensitivityReport.read(out / "sensitivity.json"), told.lines


def test_what_came_nearer_to_the_truth_by_chance_is_promoted_all_the_same(quantized: Quantized, tmp_path: Path) -> None:
    data = _pairs(quantized, tmp_path, towards)
    trained, told = _run(quantized, data, tmp_path / "trained", 0.5, untrained=False)
    assert trained.drop_db < -3 and trained.holds and trained.rows == () and not any("not trained" in x for x in told)
    assert "untrained" not in (tmp_path / "trained" / "sensitivity.json").read_text()
    report, told = _run(quantized, data, tmp_path / "out", 0.5, untrained=True)
    assert report.untrained and report.drop_db > 2 and report.promoted == (HARD,) and report.holds
    assert 0 <= report.drop_after_db <= 0.5 and report.drop_after_db <= report.worst_drop_after_db
    hard = next(row for row in report.rows if row.layer == HARD)
    assert hard.cost_alone_db > 2 and hard.gain_if_float_db > 2
    (start,) = [point for point in report.curve if point.promoted == 0]
    assert (start.drop_db, start.worst_drop_db) == (report.drop_db, report.worst_drop_db)
    assert "of each picture, not trained: the larger of drop and distance to the float answer" in told


def test_what_went_away_from_the_truth_counts_whole(quantized: Quantized, tmp_path: Path) -> None:
    """Twice as far from the float answer as that from the truth: a distance of 7 dB, a drop of 9.5."""
    data = _pairs(quantized, tmp_path, away)
    trained, _ = _run(quantized, data, tmp_path / "trained", 8.0, untrained=False)
    report, _ = _run(quantized, data, tmp_path / "out", 8.0, untrained=True)
    assert report.drop_db == pytest.approx(trained.drop_db) and report.drop_db > 8
    assert report.promoted == trained.promoted == (HARD,)


def test_only_a_plan_without_training_and_with_a_truth_asks_for_it(tmp_path: Path) -> None:
    words = ("recipe=kd_int8", "target=x86_edge", "sensitivity.run=true")
    (tmp_path / "frame.png").write_bytes(b"")
    frames = ("data=frames", f"data.root={tmp_path}")
    found = {}
    for name, more in (("trained", ()), ("not", ("quantize.train.phases=[]",)),
                       ("frames", ("quantize.train.phases=[]", *frames))):  # fmt: skip
        section = load_plans((*words, *more))[0].sections[Promotion]
        assert isinstance(section, Promotion)
        found[name] = section
    assert [found[name].untrained for name in ("trained", "not", "frames")] == [False, True, False]
    assert found["not"].identity() == {**found["trained"].identity(), "untrained": True}
    assert "untrained" not in found["trained"].identity()
