"""``recipe=isp_cnn_clip`` and ``isp_cnn_student`` in a handful of steps: who taught whom, and what reports say.

Takes a minute: whole chains of a network that works at full size.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from compress.artefacts import Builds, Bundle, Measurements, Quantized, Student, Unpaired
from compress.backlight.records import read_backlit
from compress.config.load import load_plans
from compress.errors import ConfigError
from compress.flow import Quiet, RunResult, run
from compress.models.isp_cnn import IspCnn
from compress.models.light_twin import LightTwin
from compress.models.weights import load_net
from compress.records import BuildList, QualityReport, QuantizationTable
from compress.scorers.critic import LABEL
from compress.store.store import Store
from compress.training.unpaired import UnpairedFacts

ONE = "{epochs: 0.3, batch: 2}"
SHORT = (
    "target=x86_edge", "data.size=[64,96]", "data.copies=1", "target.export.size=[64,96]",
    f"unpaired.scorer.train.phases=[{ONE}]", f"unpaired.pairing.phases=[{ONE}]", f"unpaired.enhance.phases=[{ONE}]",
    f"unpaired.refine.phases=[{ONE}]", f"unpaired.finish.phases=[{ONE}]", "unpaired.rounds=2",
    "quantize.calibration_images=2", "validation.max_images=2", "validation.timed_runs=1", "validation.warmup_runs=1",
    "package.golden_frames=1",
)  # fmt: skip
ITSELF = ("recipe=isp_cnn_clip", *SHORT, "quantize.train.phases=[{epochs: 0.3, batch: 2}]")
TAUGHT = (
    "recipe=isp_cnn_student", *SHORT, "quantize.train.phases=[{epochs: 0.3, batch: 2, freeze: [light]}]",
    "distill.train.phases=[{epochs: 1, batch: 3, downscale: 2, without: [repair]}, "
    "{epochs: 0.5, batch: 2, freeze: [light], level_of: repair, anew: true}]",
)  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("isp") / "store")


def _run(words: tuple[str, ...], store: Store, home: Path) -> RunResult:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPRESS_HOME", str(home))
        return run(load_plans(words)[0], store, Quiet())


@pytest.fixture(scope="module")
def itself(store: Store, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return _run(ITSELF, store, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def taught(store: Store, itself: RunResult, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return _run(TAUGHT, store, tmp_path_factory.mktemp("home"))


def test_it_ships_itself_and_is_not_its_own_teacher_in_reports(itself: RunResult) -> None:
    net, quantized, builds = (itself.newest(kind) for kind in (Student, Quantized, Builds))
    assert net is not None and quantized is not None and builds is not None
    assert isinstance(net, Unpaired) and isinstance(load_net(net.weights), IspCnn)
    listed = BuildList.read(builds.folder / "builds.json")
    assert [facts.variant for facts in listed.nets] == ["student"] and listed.nets[0].params == 147_289
    table = QuantizationTable.read(quantized.table)
    weights = [row.tensor for row in table.tensors if row.kind == "weight"]
    assert len(weights) == 8 and all(name.startswith("detail/") for name in weights)


def test_int8_is_the_same_through_every_runtime(itself: RunResult) -> None:
    measured = itself.newest(Measurements)
    assert measured is not None
    quality = QualityReport.read(measured.folder / "quality.json")
    shown = {row.runtime: row.psnr_db for row in quality.rows if row.variant == "int8"}
    assert set(shown) == {"torch", "onnx", "openvino"}
    for picture in zip(*shown.values(), strict=True):
        assert max(picture) - min(picture) < 0.05
    assert {each.name: bool(each.not_measured) for each in quality.metrics} == {"vif": False, "musiq": True}


def test_every_report_says_that_it_was_no_clip(itself: RunResult) -> None:
    bundle, net = itself.newest(Bundle), itself.newest(Unpaired)
    assert bundle is not None and net is not None
    facts = UnpairedFacts.read(net.folder / "unpaired.json")
    assert facts.both_of_a_pair == 0 and "not CLIP" in LABEL and len(facts.rounds) == 2
    for name in ("README.md", "report/report.md", "report/report.html"):
        text = (bundle.bundle / name).read_text(encoding="utf-8")
        assert LABEL in text and "trained without pairs" in text, name


def test_reports_show_uneven_light(itself: RunResult) -> None:
    bundle = itself.newest(Bundle)
    assert bundle is not None
    report = bundle.bundle / "report"
    found = read_backlit(report / "backlit")
    assert found is not None and len(found.images) == 2
    assert [row.kind for row in found.rows] == ["input", "float", "int8", "truth"]
    for row in found.rows[1:3]:  # a handful of steps taught it to brighten
        assert row.dark.level_codes > found.rows[0].dark.level_codes
    page = (report / "report.html").read_text(encoding="utf-8")
    assert "## Uneven light" in (report / "report.md").read_text(encoding="utf-8")
    assert '<h2 id="backlit">Uneven light</h2>' in page and 'alt="INT8 of coffee-0"' in page


def test_the_same_network_teaches_a_student(itself: RunResult, taught: RunResult) -> None:
    teacher, again, student = itself.newest(Unpaired), taught.newest(Unpaired), taught.newest(Student)
    assert teacher is not None and again is not None and student is not None
    assert teacher.digest == again.digest
    net = load_net(student.weights)
    assert isinstance(net, LightTwin) and sum(p.numel() for p in net.parameters()) <= 50_000
    builds = taught.newest(Builds)
    assert builds is not None
    trained = {facts.variant: facts.trained_by for facts in BuildList.read(builds.folder / "builds.json").nets}
    assert LABEL in trained["teacher"] and trained["student"] == ""


def test_its_file_is_a_teacher_for_any_recipe(itself: RunResult) -> None:
    net = itself.newest(Unpaired)
    assert net is not None
    plan = load_plans(("recipe=kd_int8", "target=x86_edge", f"teacher.weights={net.weights}", "distill.hints=[]"))[0]
    assert isinstance(load_net(Path(plan.recipe.teacher.weights)), IspCnn)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("unpaired.network=isp_cn",), "unpaired.network: no network 'isp_cn' for low light. Did you mean 'isp_cnn'?"),
        (("unpaired.network=anchor_cnn",), "unpaired.network: no network 'anchor_cnn' for low light."),
        (("unpaired.scorer.kind=clip",), "unpaired.scorer.weights: missing; name a folder with config.json"),
        (("unpaired.scorer.weights=x",), "unpaired.scorer.weights: a critic is trained here and takes none"),
        (("unpaired.enhance.phases=[{epochs: 1, ask: true}]",), "unpaired.enhance.phases: ask is for a network with"),
        (("task.kind=denoise",), "unpaired: needs dark and well-lit pictures"),
        (("task.kind=denoise",), "validation.backlit: needs well-lit photographs, of task enhance"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(words: tuple[str, ...], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_plans(("recipe=isp_cnn_clip", "target=x86_edge", *words))
    assert any(line.startswith(says) for line in caught.value.problems), caught.value.problems
