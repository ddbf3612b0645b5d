"""What a plan is told about a teacher from outside, before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from compress.config.foreign_checks import teacher_problems
from compress.config.load import load_plans
from compress.errors import ConfigError
from compress.schema import AdapterSpec, DistillSpec, Phase, Recipe, SourceSpec, TeacherSpec, Train

SAID = AdapterSpec(colours="RGB", range="0..1", answers="picture", size_multiple=1)


def problems(source: SourceSpec, adapter: AdapterSpec = SAID) -> list[str]:
    teacher = TeacherSpec(source=source, adapter=adapter)
    return list(teacher_problems(Recipe(stages=("teacher", "distill"), teacher=teacher)))


def test_the_command_tells_all_at_once(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").touch()
    words = ("recipe=tiny", "target=x86_edge", f"teacher.source.network={tmp_path}/net.onnx")
    with pytest.raises(ConfigError) as caught:
        load_plans((*words, "teacher.adapter.size_multiple=4", "teacher.adapter.colours=BGR"))
    lines = [line for line in caught.value.problems if "adapter" in line]
    assert [line.partition(":")[0] for line in lines] == [
        "teacher.adapter.range", "teacher.adapter.answers", "teacher.adapter.padding",
    ]  # fmt: skip
    assert not [line for line in caught.value.problems if "\n" in line]


def test_sources_that_are_nothing(tmp_path: Path) -> None:
    (tmp_path / "net.pt").touch()
    (there,) = problems(SourceSpec(network=str(tmp_path / "net.pt")))
    assert there.startswith("teacher.source.trust: a TorchScript archive is a program")
    assert problems(SourceSpec(network=str(tmp_path / "net.pt"), trust="torchscript")) == []
    (gone,) = problems(SourceSpec(network="gone.onnx"))
    assert gone == "teacher.source.network: no file 'gone.onnx'"
    (form,) = problems(SourceSpec(network="net.tflite"))
    assert "no network that can be opened; give module:callable" in form
    (bare,) = problems(SourceSpec(network="nets.curve:Curve"))
    assert bare.startswith("teacher.source.weights: module:callable has none")
    (alone,) = problems(SourceSpec(weights="x.pth"), AdapterSpec())
    assert alone.startswith("teacher.source.network: is not said")


def test_adapters_that_contradict_themselves(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").touch()
    tiles = SAID.model_copy(update={"tile": (30, 40), "overlap": 30, "size_multiple": 4, "padding": "reflect"})
    says = problems(SourceSpec(network=str(tmp_path / "net.onnx")), tiles)
    assert says == [
        "teacher.adapter.tile: its sides are no multiples of size_multiple 4",
        "teacher.adapter.overlap: 30 px leaves nothing of a tile of 30x40",
    ]


def test_a_phase_that_asks_about_shrunken_pictures(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").touch()
    teacher = TeacherSpec(source=SourceSpec(network=str(tmp_path / "net.onnx")), adapter=SAID)
    asks = DistillSpec(train=Train(phases=(Phase(epochs=1, ask=True, downscale=2),)))
    (line,) = teacher_problems(Recipe(stages=("teacher", "distill"), teacher=teacher, distill=asks))
    assert line.startswith("distill.train.phases.0.ask: a teacher from outside can't be told")
