"""Single layers as dimensions: which have a choice, what a point says in the recipe's own words, what is refused."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest
from foreign_nets import source

from compress.commands.search import find_candidates
from compress.config.load import load_plans
from compress.errors import ConfigError
from compress.records import QuantizationTable
from compress.schema import QuantizeSpec, SearchSpec, StudentSpec
from compress.search.bits import Bits
from compress.search.records import Setting, Trial
from compress.search.space import Point, Space, name_of
from compress.search.study import Study
from compress.search.untrained import untrained

STUDENT = StudentSpec(network="light_twin", width=16, depth=2, light_width=8)
WORDS = (
    "recipe=tiny", "target=x86_edge", "data.size=[32,48]", "data.copies=1", "target.export.size=[32,48]",
    "student.width=16", "student.depth=2", "target.budget.min_fps=",
)  # fmt: skip
WIDE = (
    "target.int16_layers=true",
    "target.export.opset=21",
    "target.export.builds=[onnx]",
    "target.device.runtime=onnx",
)


def bits(*layers: str, kept: tuple[str, ...] = ("light",), precisions: tuple[str, ...] = ("int8", "float")) -> Bits:
    return Bits(layers, precisions, QuantizeSpec(keep_float=kept), STUDENT)


def every_point(space: Space) -> list[Point]:
    found: list[Point] = []
    while (point := space.untried({name_of(each) for each in found})) is not None:
        found.append(point)
    return found


def choices_of(point: Point) -> dict[str, object]:
    return {setting.key: setting.value for setting in point}


def test_each_layer_has_a_dimension_of_its_own() -> None:
    space = Space.of(SearchSpec(), bits("repair.enter", "repair.leave", precisions=("int8", "int16", "float")))
    points = every_point(space)
    assert len(points) == 9 and all(set(choices_of(p)) == {"bits.repair.enter", "bits.repair.leave"} for p in points)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    assert {name_of(space.ask(study.ask())) for _ in range(80)} == {name_of(point) for point in points}
    assert set(study.trials[0].params) == {"bits.repair.enter", "bits.repair.leave"}


@pytest.mark.parametrize(
    ("space", "layers", "with_choice"),
    [
        ({"student.depth": (1, 2)}, ("repair.middle1",), {"student.depth": 2}),
        ({"student.network": ("light_twin", "light_curve")}, ("repair.leave",), {"student.network": "light_twin"}),
        ({"quantize.keep_float": (["light"], ["light", "repair"])}, ("repair.leave",),
         {"quantize.keep_float": ["light"]}),
        ({}, ("repair", "repair.leave"), {"bits.repair": "int8"}),
    ],
)  # fmt: skip
def test_a_layer_that_is_not_there_or_decided_is_no_part_of_a_point(
    space: dict[str, tuple[object, ...]], layers: tuple[str, ...], with_choice: dict[str, object]
) -> None:
    points = [choices_of(p) for p in every_point(Space.of(SearchSpec(space=space), bits(*layers)))]  # type: ignore[arg-type]
    key, ((other, value),) = f"bits.{layers[-1]}", with_choice.items()
    assert len(points) == 3
    assert all((key in point) == (point[other] == value) for point in points)


def test_a_study_with_bits_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    """Stopped after each trial, it asks for the same points, and ends where all were tried."""
    asked = bits("repair", "repair.enter", "repair.leave")
    spec, tried = SearchSpec(space={"student.width": (8, 16)}), []
    while (opened := Study(tmp_path, spec, asked).next()) is not None:
        again = Study(tmp_path, spec, asked).next()
        assert again is not None and again.point == opened.point
        trial = Trial(number=opened.number, point=opened.point, state="refused", note="no")
        Study(tmp_path, spec, asked).add(opened.close(trial, {}))
        tried.append(name_of(trial.point))
    assert len(tried) == len(set(tried)) == 2 * (1 + 4)


def test_a_point_is_said_in_the_recipe_s_own_words() -> None:
    candidates = find_candidates((*WORDS, *WIDE, "search.bits=[repair.enter,repair.middle1,repair.leave]"))
    point = tuple(
        Setting(key=f"bits.repair.{name}", value=value)
        for name, value in (("enter", "float"), ("middle1", "int8"), ("leave", "int16"))
    )
    plan = candidates.plan_of(point)
    assert plan.recipe.quantize.keep_float == ("light", "repair.enter")
    assert plan.recipe.quantize.int16 == ("repair.leave",)
    all_int8 = tuple(Setting(key=each.key, value="int8") for each in point)
    assert candidates.plan_of(all_int8).recipe.quantize == candidates.plan.recipe.quantize


def test_an_untrained_candidate_has_the_bits_that_were_chosen(tmp_path: Path) -> None:
    (plan,) = load_plans((*WORDS, *WIDE, "quantize.keep_float=[light,repair.enter]", "quantize.int16=[repair.leave]"))
    quantized, _ = untrained(plan, tmp_path)
    rows = QuantizationTable.read(quantized.table).tensors
    widest = {row.tensor: row.quant_max for row in rows}
    assert not any(name.startswith(("repair/enter", "light/")) for name in widest)
    assert widest["repair/leave/conv2d/0 weight"] == 127
    assert sorted(row.quant_max for row in rows if row.kind == "activation")[-1] == 32767
    assert sum(row.quant_max == 32767 for row in rows) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("search.bits=[repair.leaf]",), "has a layer 'repair.leaf' with weights. Did you mean 'repair.leave'?"),
        (("search.bits=[light.enter]",), "light.enter has no choice: it is in quantize.keep_float"),
        (("search.bits=[repair.leave,repair.leave]",), "repair.leave is listed twice"),
        (("search.bits=[repair.middle3]", "search.space.student.depth=[1,2]"), "has a layer 'repair.middle3'"),
        (("search.bits=[repair.leave]", "target.float_layers=false"), "the target has int8 layers only"),
        (("search.bits=[repair.leave]", "target.int16_layers=true"), "16-bit codes need opset 21"),
        (("quantize.int16=[repair.leave]", "search.bits=[repair.enter]"), "the target has no 16-bit layers"),
    ],
)  # fmt: skip
def test_what_can_t_be_chosen_is_refused_before_any_work(words: tuple[str, ...], said: str) -> None:
    given = tuple(word for word in WORDS if not (word.startswith("student.depth") and "depth" in "".join(words)))
    with pytest.raises(ConfigError) as caught:
        find_candidates((*given, *words))
    assert any(said in problem for problem in caught.value.problems), caught.value.problems


def test_layers_of_a_network_from_outside_have_its_author_s_names(tmp_path: Path) -> None:
    spec = source("curve.Curve", tmp_path)
    adapter = ("colours=RGB", "range=0..1", "answers=picture", "size_multiple=1", "output=1")
    words = (
        "recipe=adopt", "target=x86_edge", f"student.source.network={spec.network}",
        f"student.source.weights={spec.weights}", *(f"student.adapter.{word}" for word in adapter),
    )  # fmt: skip
    candidates = find_candidates((*words, "search.bits=[body,leave]"))
    plan = candidates.plan_of((Setting(key="bits.body", value="float"),))
    assert plan.recipe.quantize.keep_float == ("body",)
    with pytest.raises(ConfigError, match="no candidate's student has a layer 'repair' with weights. There are: body"):
        find_candidates((*words, "search.bits=[repair]"))
