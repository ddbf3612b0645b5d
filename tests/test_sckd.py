"""``recipe=sckd`` in a few steps: distilled by its terms, collapsed, pruned, quantized, the same through every runtime.

Slow for a test because it is a whole chain of real stages; one run serves all that is asked here.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from compress.artefacts import Artefact, Measurements, Pruned, Quantized, Student
from compress.config.load import load_plans
from compress.errors import ConfigError
from compress.flow import Quiet, RunResult, run
from compress.models import NETWORKS, build_net
from compress.models.ldfc import Ldfc
from compress.models.weights import load_net
from compress.records import QualityReport, QuantizationTable
from compress.store.store import Store
from compress.training.loop import Curve

LIGHT = "{epochs: 0.5, batch: 4, downscale: 2, ask: true, without: [lisc]}"
FULL = "{epochs: 0.25, batch: 2, freeze: [lgc], level_of: lisc, anew: true}"
SHORT = (
    "recipe=sckd", "target=x86_edge", "data.size=[64,96]", "data.copies=1", "target.export.size=[64,96]",
    "stages=[teacher,distill,prune,quantize,export,validate]", f"distill.train.phases=[{LIGHT},{FULL}]",
    "prune.train.phases=[{epochs: 0.1, batch: 2}]", "quantize.train.phases=[{epochs: 0.1, batch: 2}]",
    "quantize.calibration_images=2", "validation.max_images=2", "validation.timed_runs=1", "validation.warmup_runs=1",
)  # fmt: skip


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return run(load_plans(SHORT)[0], Store(tmp_path_factory.mktemp("sckd") / "store"), Quiet())


def _newest(result: RunResult, kind: type[Artefact]) -> Path:
    found = result.newest(kind)
    assert found is not None
    return found.folder


def test_each_term_was_learnt_from_where_it_can_be(result: RunResult) -> None:
    points = Curve.read(_newest(result, Student) / "curve.json").points
    first, last = set(points[0].parts), set(points[-1].parts)
    assert {"kd_brightness", "kd_colour", "kd_illumination", "hint0"} <= first
    assert {"kd_texture", "kd_spectrum"} <= last and not {"kd_texture", "kd_spectrum"} & first


def test_what_ships_is_the_plain_network(result: RunResult) -> None:
    distilled = load_net(_newest(result, Student) / "net.safetensors")
    assert isinstance(distilled, Ldfc)
    assert set(distilled.state_dict()) == set(build_net("ldfc", NETWORKS["ldfc"].variants["E"]).state_dict())
    pruned = load_net(_newest(result, Pruned) / "net.safetensors")
    counts = [sum(p.numel() for p in net.parameters()) for net in (distilled, pruned)]
    assert counts[1] < counts[0] == 47_394


def test_the_light_is_float_and_every_layer_that_suppresses_is_on_codes(result: RunResult) -> None:
    table = QuantizationTable.read(_newest(result, Quantized) / "quantization.json")
    weights = {row.tensor.split("/conv2d")[0] for row in table.tensors if row.kind == "weight"}
    layers = ("enter", "calibrate", "down", "deep1", "deep2", "up", "middle1", "leave")
    assert weights == {"unshuffle", *(f"lisc/{name}" for name in layers)}
    assert table.kept_float == ("lgc",)


def test_int8_is_the_same_through_every_runtime(result: RunResult) -> None:
    rows = QualityReport.read(_newest(result, Measurements) / "quality.json").rows
    shown = {row.runtime: row.psnr_db for row in rows if row.variant == "int8"}
    assert set(shown) == {"torch", "onnx", "openvino"}
    for picture in zip(*shown.values(), strict=True):
        assert max(picture) - min(picture) < 0.05


@pytest.mark.parametrize("variant", NETWORKS["ldfc"].variants)
def test_a_variant_is_one_word(variant: str) -> None:
    plan = load_plans(("recipe=sckd", "target=x86_edge", f"student.variant={variant}"))[0]
    assert plan.recipe.student.given == NETWORKS["ldfc"].variants[variant]


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("student.variant=X", "student.variant: network 'ldfc' has no variant 'X'. It has: E, B, P"),
        ("student.network=plain_cnn", "student.variant: network 'plain_cnn' has no variant 'E'. It has none"),
        ("distill.retinex.step=", "distill.retinex.step: missing, and illumination is read there; name the"),
        ("distill.retinex.textures=1", "distill.retinex.textures: no such key. Did you mean 'distill.retinex.texture'"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(word: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_plans(("recipe=sckd", "target=x86_edge", word))
    assert any(line.startswith(says) for line in caught.value.problems)
