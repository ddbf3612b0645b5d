"""The low-light benchmark in a handful of steps: its rows, its resume, its words, its refusals."""

from __future__ import annotations

import json
from pathlib import Path

import low_light
import pytest
from low_light_bench import chains, fixed
from low_light_bench.records import LowLightFile
from low_light_bench.words import Asked, chain_words, shortened

from compress.config.load import load_plans
from compress.data.batches import BatchPlan
from compress.data.source import open_data
from compress.schema import Phase, Train

WITH = (
    "data.size=[64,96]", "data.copies=1", "target.export.size=[64,96]", "validation.timed_runs=1",
    "validation.warmup_runs=1", "validation.max_images=2", "quantize.calibration_images=2",
)  # fmt: skip


def _words(home: Path) -> list[str]:
    return [
        "--recipes", "tiny", "--seeds", "3", "--ablate", "tiny", "--steps", "1", "--runs", "1",
        "--store", str(home / "store"), "--out", str(home / "out"), "--with", *WITH,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("low_light")


@pytest.mark.timeout(900)  # a whole chain and four distillations more, twenty seconds of work
def test_every_method_and_recipe_is_a_row_and_a_second_run_makes_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert low_light.main(_words(home)) == 0
    first = LowLightFile.read(home / "out" / "low_light.json")
    assert [row.name for row in first.fixed] == ["dark input", "clahe", "gamma", "lime", "msrcr", "teacher low_light"]
    assert [(row.recipe, row.seed) for row in first.trained] == [("tiny", 3)]
    (run,) = first.trained
    assert {each.variant for each in run.networks} >= {"student", "control", "pruned", "int8"}
    assert "package" not in run.digests and run.digests["control"] != run.digests["distill"]
    assert all(each.p50_ms and len(each.scores.psnr_db) == 2 for each in run.networks if each.variant == "int8")
    assert [row.digest for row in first.ablated if not row.without] == [run.digests["distill"]]
    assert {row.without for row in first.ablated} == {
        "",
        "charbonnier",
        "ssim",
        "teacher's picture",
        "teacher's features",
    }
    assert len({row.digest for row in first.ablated}) == len(first.ablated)
    assert "<svg" in (home / "out" / "low_light.svg").read_text()
    assert "| tiny: **INT8 student** |" in capsys.readouterr().out

    monkeypatch.setattr(fixed, "scores_of", None)  # would be called to measure a method again
    assert low_light.main(_words(home)) == 0
    again = LowLightFile.read(home / "out" / "low_light.json")
    assert again.model_copy(update={"fingerprint": first.fingerprint}) == first


def test_all_parts_of_a_loss_can_be_left_out_by_a_word() -> None:
    (plan,) = load_plans(("recipe=kang_rir", "target=x86_edge"))
    parts = chains.parts_of(plan.recipe.distill)
    assert list(parts) == [
        "charbonnier", "brightness", "ms_ssim", "gradient", "total_variation", "teacher's features",
    ]  # fmt: skip
    for word in parts.values():
        (without,) = load_plans(("recipe=kang_rir", "target=x86_edge", word))
        assert len(chains.parts_of(without.recipe.distill)) == len(parts) - 1


@pytest.mark.parametrize("steps", [3, 10])
def test_a_short_training_takes_the_steps_it_is_given_in_the_same_phases(steps: int) -> None:
    data = load_plans(("recipe=kd_int8", "target=x86_edge", *WITH[:2]))[0].data
    train = Train(phases=(Phase(epochs=40, batch=4, downscale=2, without=("repair",)), Phase(epochs=20, batch=2)))
    said = json.loads(shortened(train, data, steps))
    phases = tuple(Phase.model_validate_json(json.dumps(each)) for each in said)
    assert [phase.model_copy(update={"epochs": 1}) for phase in phases] == [
        phase.model_copy(update={"epochs": 1}) for phase in train.phases
    ]
    plan = BatchPlan(open_data(data, "train"), phases, train.augment, 0)
    assert abs(plan.steps - steps) <= 1
    assert shortened(train, data, 10**6) == shortened(train, data, 10**9)


def test_chains_end_where_they_are_asked_to() -> None:
    asked = Asked(None, None, WITH[:2])
    words = chain_words(asked, "kang_rir", 3, "distill.control=true")
    assert words == ("recipe=kang_rir", "seed=3", "stages=[teach,distill,quantize,export,validate]",
                     "distill.control=true")  # fmt: skip
    assert asked.plan(words).stages == ("teach", "distill", "control", "quantize", "export", "validate")
    assert asked.plan(chain_words(asked, "kang_rir", 0, until="distill")).stages == ("teach", "distill")
    wider = asked.plan(chain_words(asked, "kang_rir student.width=32", 0))
    assert (wider.recipe_name, wider.recipe.student.width) == ("kang_rir", 32)


def test_an_unknown_recipe_and_a_folder_without_pairs_are_told_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ("--out", str(tmp_path / "out"))
    assert low_light.main([*out, "--root", str(tmp_path / "nowhere"), "--recipes", "--ablate"]) == 2
    assert "error: data.root: no folder" in capsys.readouterr().err
