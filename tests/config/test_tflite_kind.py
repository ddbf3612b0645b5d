"""Which kind of TFLite file a target asks for: said in plain words, refused before any work, and part of a key."""

from __future__ import annotations

from pathlib import Path

import pytest

from compress.config.load import load_plans, load_target
from compress.errors import ConfigError
from compress.schema import ExportSpec
from compress.tflite_kind import TfliteKind

ROOT = Path(__file__).resolve().parents[2]
TFLITE = ("target.export.builds=[onnx,tflite]", "target.device.runtime=tflite")
INTEGER = (*TFLITE, "target.export.tflite.arithmetic=integer")
pytestmark = pytest.mark.usefixtures("workplace", "toy_stages")


def problems_of(*words: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_plans(("recipe=toy", "target=box", *words))
    assert all("\n" not in problem for problem in caught.value.problems)
    return "\n".join(caught.value.problems)


def test_a_sweep_asks_for_several_kinds() -> None:
    plans = load_plans(("recipe=toy", "target=box", *TFLITE, "target.export.tflite.arithmetic=trained,integer"))
    assert [plan.target.export.tflite.arithmetic for plan in plans] == ["trained", "integer"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("target.export.tflite.arithmetik=integer",), "Did you mean 'target.export.tflite.arithmetic'?"),
        (("target.export.tflite.ends=uint8",), "target.export.tflite.ends: should be"),
        (("target.export.tflite.activation_bits=12",), "target.export.tflite.activation_bits: should be"),
        ((*INTEGER, "target.export.tflite.ends=float32"), "target.export.tflite.ends: float32 pictures put float"),
        ((*INTEGER, "target.export.tflite.half_weights=true"), "target.export.tflite.half_weights: an integer file"),
        ((*INTEGER, "target.export.tflite.activation_bits=16"), "target.export.tflite.activation_bits: TFLite has no"),
    ],
)
def test_mistakes_are_named(words: tuple[str, ...], says: str) -> None:
    assert says in problems_of(*words)


def test_the_kind_enters_the_key_of_builds_where_a_tflite_file_is_made() -> None:
    kind = TfliteKind(activation_bits=16)
    assert ExportSpec(tflite=kind).identity() == ExportSpec().identity()
    both = [ExportSpec(builds=("onnx", "tflite"), tflite=each).identity() for each in (kind, TfliteKind())]
    assert both[0] != both[1]


def test_the_shipped_board_runs_tflite_and_says_where_its_facts_are_from() -> None:
    target = load_target(ROOT / "targets" / "imx8mp.yaml")
    assert (target.device.kind, target.device.runtime) == ("none", "tflite")
    assert "tflite" in target.export.builds and all(fact.source for fact in target.hardware)
