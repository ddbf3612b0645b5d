"""The night benchmark in a handful of steps: its rows, its resume, its looks, its table."""

from __future__ import annotations

from pathlib import Path

import night
import pytest
import tiny_boxes
from night_bench import chains, int8
from night_bench.records import ASKED, Built, NightFile, Pictures, Run, Scores, Size
from night_bench.table import interval, markdown

from compress.records import Variant

WITH = ("data.size=[96,96]", "teach.width=8", "student.width=8", "student.mend=8", "data.labelled=named")


def _words(home: Path, *more: str) -> list[str]:
    return ["--root", str(home / "set"), "--seeds", "3", "--steps", "1", "--store", str(home / "store"),
            "--out", str(home / "out"), "--with", *WITH, *more]  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("night")
    tiny_boxes.write_set(folder / "set", 16)
    return folder


def test_everything_is_a_row_and_a_second_run_makes_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three trainings of one step and five answers to four pictures."""
    assert night.main(_words(home, "--looks", "1", "--night", str(home / "set" / "images"))) == 0
    first = NightFile.read(home / "out" / "night.json")
    assert [row.name for row in first.fixed] == ["dark input", "clahe", "gamma"]
    assert [len(row.psnr_db) for row in first.fixed] == [4, 4, 4]
    (run,) = first.runs
    assert run.seed == 3 and tuple(each.asked for each in run.scores) == ASKED
    assert set(run.digests) == {"teach", "distill", "control"} and run.student.macs > 0
    assert all(0 <= each.map50_95 <= each.map50 <= 1 and len(each.psnr_db) == 4 for each in run.scores)
    looks = sorted(path.name for path in (home / "out" / "night").glob("*.png"))
    assert len(looks) == 1 + 16 and "p012.png" in looks and "night-p000.png" in looks
    said = capsys.readouterr().out
    assert "| **student, distilled**, on dark |" in said and "cut to 1 steps: a try of the way, no result" in said

    monkeypatch.setattr(chains, "_scores", None)  # would be called to ask a network again
    assert night.main(_words(home)) == 0
    again = NightFile.read(home / "out" / "night.json")
    assert again.runs == first.runs and again.fixed == first.fixed


def test_the_chain_of_builds_goes_on_behind_that_of_the_rows(home: Path) -> None:
    wishes = chains.Wishes(home / "set", 1, WITH, "abc1234")
    plan, before = int8.plan_of(wishes, 3), wishes.plan(wishes.words(3))
    assert plan.stages == ("teach", "distill", "control", "quantize", "export", "validate")
    assert (plan.recipe.teach, plan.recipe.distill, plan.data) == (
        before.recipe.teach,
        before.recipe.distill,
        before.data,
    )
    assert plan.target.export.builds == int8.X86.runtimes and plan.target.export.size == (96, 96)
    board = int8.plan_of(wishes, 3, int8.ROCKCHIP)
    assert board.target.export.builds == ("rknn",) and board.recipe.distill == before.recipe.distill
    assert [phase.epochs for phase in plan.recipe.quantize.train.phases] == [1.0]  # of three, a step each


@pytest.mark.parametrize(("missing", "left"), [
    ("tflite", (int8.X86, int8.ROCKCHIP, int8.JETSON)), ("rknn", (int8.X86, int8.JETSON)),
    ("tensorrt", (int8.X86, int8.ROCKCHIP)),
])  # fmt: skip
def test_one_converter_less_leaves_out_no_other_runtime(
    missing: str, left: tuple[int8.Where, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8, "why_not_ready", lambda name: "not installed" if name == missing else None)
    assert int8.places() == left


def test_a_file_that_another_runtime_runs_is_called_so() -> None:
    row = Built(variant="int8", through="onnx", psnr_db=(18.0,), ssim=(0.6,), map50=0.2, map50_95=0.1)
    assert int8.JETSON.shown(row).through == "tensorrt's codes in ONNX Runtime" and int8.X86.shown(row) == row


def test_a_folder_without_boxes_is_told_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert night.main(["--root", str(tmp_path / "no"), "--out", str(tmp_path)]) == 2
    assert "error: " in capsys.readouterr().err


def _run(seed: int, gain: float) -> Run:
    values = dict(zip(ASKED, (0.40, 0.40 + gain, 0.20, 0.60, 0.45), strict=True))
    scores = tuple(
        Scores(asked=asked, psnr_db=(17.0, 19.0), ssim=(0.6, 0.8), map50=value + seed / 100, map50_95=value / 2)
        for asked, value in values.items()
    )
    return Run(seed=seed, words=(), commit="abc1234", digests={}, student=Size(params=152_832, macs=324_000_000),
               teacher=Size(params=519_264, macs=424_000_000), scores=scores)  # fmt: skip


FOUND = NightFile(
    command="python benchmarks/night.py", commit="abc1234", data_digest="a" * 64, split_digest="b" * 64,
    images=("p1", "p2"), definition="", size=(256, 256), seeds=(0, 1), steps=None, fingerprint={}, versions={},
    fixed=(Pictures(name="clahe", psnr_db=(10.0, 12.0), ssim=(0.3, 0.5)),), runs=(_run(0, 0.08), _run(1, 0.08)),
)  # fmt: skip


def test_the_table_says_what_the_file_holds() -> None:
    text = markdown(FOUND)
    for line in (
        "| clahe | – | – | – | – | 11.00 | 0.400 |",
        "| student without a teacher, on dark | 152,832 | 0.324 | 0.405 ± 0.007 | 0.200 ± 0.000 | 18.00 ± 0.00 | 0.7",
        "| **student, distilled**, on dark | 152,832 | 0.324 | 0.485 ± 0.007 | 0.240 ± 0.000 | 18.00 ± 0.00 | 0.7",
        "| teacher, on clean | 519,264 | 0.424 | 0.605 ± 0.007 | 0.300 ± 0.000 | – | – |",
        "| student's picture, then the teacher | 672,096 | 0.748 | 0.455 ± 0.007 |",
        "- map50: +0.080, relative +19.8 %; 95 % intervals 0.421 to 0.549 against 0.341 to 0.469: not apart",
        "- map50_95: +0.040, relative +20.0 %; 95 % intervals 0.240 to 0.240 against 0.200 to 0.200: apart",
        "published, of another set: 16.58 %",
        "The student's picture against clahe +7.00 dB, +0.300 SSIM.",
    ):
        assert line in text, line
    assert "no result" not in text


def test_int8_stands_beside_the_float_network_of_the_same_runtime() -> None:
    def row(variant: Variant, through: str, map50: float) -> Built:
        return Built(variant=variant, through=through, psnr_db=(18.0, 20.0), ssim=(0.6, 0.8), map50=map50, map50_95=0.1)

    simulated = row("int8", "rknn", 0.5).model_copy(update={"origin": "simulated"})
    rows = (row("student", "openvino", 0.5), row("student", "onnx", 0.4), row("int8", "onnx", 0.41),
            row("int8", "torch", 0.49), simulated)  # fmt: skip
    text = markdown(
        FOUND.model_copy(update={"runs": (FOUND.runs[0].model_copy(update={"builds": rows}), FOUND.runs[1])})
    )
    assert "INT8 against the float network, over 1 seed(s):" in text and "INT8 against" not in markdown(FOUND)
    assert "| onnx | 0.400 | 0.410 | +1.00 (+1.00) | 19.00 | 19.00 | +0.00 |" in text
    assert "| torch | 0.500 | 0.490 | -1.00 (-1.00) |" in text and "| rknn, simulated | 0.500 | 0.500 |" in text


def test_seeds_of_earlier_runs_stay(tmp_path: Path) -> None:
    """Those of the same pictures and trainings; of one seed, the later."""
    first, again = FOUND.model_copy(update={"runs": FOUND.runs[1:]}), FOUND.model_copy(update={"runs": FOUND.runs[:1]})
    night.BENCH.keep(first, tmp_path)
    whole = night.BENCH.keep(again, tmp_path)
    assert [run.seed for run in whole.runs] == [0, 1] and whole.seeds == (0, 1)
    other = again.model_copy(update={"steps": 5})
    assert night.BENCH.keep(other, tmp_path).runs == other.runs


def test_of_one_seed_nothing_is_claimed() -> None:
    text = markdown(FOUND.model_copy(update={"runs": FOUND.runs[:1]}))
    assert "±" not in text.split("\n\n", 1)[1] and "95 % intervals need two seeds and more" in text
    assert interval([1.0]) is None and interval([1.0, 3.0]) == pytest.approx((2 - 12.706, 2 + 12.706), abs=0.01)
