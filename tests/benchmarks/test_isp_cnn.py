"""The benchmark of ISP-CNN in a handful of steps: rows, what was not measured, resume, words.

A whole chain of a network that works at full size: ten seconds of work.
"""

from __future__ import annotations

from pathlib import Path

import isp_cnn
import numpy as np
import pytest
from isp_bench import chains
from isp_bench.plain import best_exponent, curve
from isp_bench.records import IspFile, Row
from isp_bench.table import PRINTED, markdown
from low_light_bench.words import Asked

from compress.data.source import PairSource
from compress.flow import Quiet
from compress.store.store import Store

WITH = (
    "data.size=[64,96]", "data.copies=1", "target.export.size=[64,96]", "validation.timed_runs=1",
    "validation.warmup_runs=1", "validation.max_images=2", "quantize.calibration_images=2", "unpaired.rounds=1",
)  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("isp_cnn")


def _words(home: Path) -> list[str]:
    return [
        "--recipes", "isp_cnn_clip", "--steps", "1", "--store", str(home / "store"), "--out", str(home / "out"),
        "--with", *WITH,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def found(home: Path) -> IspFile:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPRESS_HOME", str(home / "home"))
        assert isp_cnn.main(_words(home)) == 0
    return IspFile.read(home / "out" / "isp_cnn.json")


def test_rows_are_of_networks_and_of_plain_curves(found: IspFile) -> None:
    assert [row.name for row in found.plain] == ["dark input", f"gamma {found.gamma:g}"]
    (chain,) = found.chains
    assert [row.name for row in chain.rows] == ["float student", "INT8 student", "INT8, PTQ only"]
    assert all(len(row.psnr_db) == len(row.vif) == 2 and row.params == 147_289 for row in chain.rows)
    assert chain.rows[0].p50_ms and not chain.rows[0].musiq


def test_the_table_says_what_is_absent_printed_and_not_clip(found: IspFile) -> None:
    text = markdown(found)
    assert "| not measured |" in text and "Not measured: MUSIQ: pyiqa is not installed" in text
    assert "trained without pairs under a critic of luminance and colour statistics (not CLIP)" in text
    assert "| isp_cnn_clip, uneven light | through |" in text and "a synthetic backlight" in text
    assert "(printed)" not in text  # of other pictures
    of_lol = markdown(found.model_copy(update={"data": "lol"}))
    assert "| ISP-CNN (Wang 2024) (printed) | – | 22.55 | 0.863 | 0.592 | 69.05 |" in of_lol
    assert of_lol.count("(printed)") == len(PRINTED)


def test_a_second_run_makes_nothing(found: IspFile, home: Path) -> None:
    asked = Asked(None, 1, WITH, found.commit)
    chain, _ = chains.measured(asked, "isp_cnn_clip", 0, Store(home / "store"), Quiet())
    assert chain == found.chains[0]


def test_every_training_is_cut_and_the_ablation_has_no_refinement() -> None:
    asked = Asked(None, 1, WITH)
    for recipe in chains.RECIPES:
        plan = asked.plan(chains.words_of(asked, recipe, 0))
        spec = plan.recipe.unpaired
        trains = [spec.scorer.train, spec.pairing, spec.enhance, spec.refine, spec.finish]
        assert bool(spec.refine.phases) == ("refine" not in recipe)
        assert all(phase.epochs <= 1 for train in trains for phase in train.phases), recipe
        assert plan.stages[0] == "unpaired" and plan.stages[-1] == "validate"


class Bent(PairSource):
    """Dark pictures that one curve makes the truth of."""

    names = scenes = ("one", "two")

    def pair(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        high = np.random.default_rng(index).integers(30, 256, (16, 16, 3), np.uint8)
        return np.round(255 * (high / 255) ** 2.5).astype(np.uint8), high


def test_the_best_curve_is_found_on_training_pairs() -> None:
    assert best_exponent(Bent()) == pytest.approx(0.4)
    assert curve(1.0)(np.arange(256, dtype=np.uint8)).tolist() == list(range(256))


def test_a_row_without_work_has_dashes() -> None:
    row = Row(name="x", through="none", psnr_db=(1.0, 2.0), ssim=(0.5, 0.5), vif=())
    assert "| x | none | 1.50 | 0.500 | not measured | not measured | – | – | – |" in markdown(
        IspFile(command="", commit="", data="lol", data_digest="", images=("a", "b"), size=(8, 8), gamma=0.5, notes=(),
                fingerprint={}, plain=(row,))
    )  # fmt: skip


def test_a_mistake_is_one_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--recipes", "isp_cnn_clip", "--clip", "nowhere", "--out", str(home / "other"), "--with", *WITH]
    assert isp_cnn.main(words) == 2
    assert "unpaired.scorer.weights: no config.json and no model.safetensors in 'nowhere'" in capsys.readouterr().err
