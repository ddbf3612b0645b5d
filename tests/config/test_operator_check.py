"""A student that the target can't run is refused with the plan: operator, layer and way out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from compress.config.load import load_plans, load_target
from compress.errors import ConfigError
from compress.operators import OperatorLimit
from compress.schema import ExportSpec

ROOT = Path(__file__).resolve().parents[2]
CHIPS = ("rk3566", "rk3576", "rk3588", "rv1106", "rv1126b")
RECIPE = "stages: [teacher, distill, quantize, export]\ndata: pictures\nstudent: {width: 16, light_width: 8}\n"
TARGET = """
export:
  size: [64, 96]
  builds: [onnx]
  lacking:
    - {operator: DepthToSpace, source: a test}
    - {operator: AveragePool, max_kernel: 2, source: a test}
device: {runtime: onnx}
"""


@pytest.fixture(autouse=True)
def place(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(workplace / "cache"))
    (workplace / "recipes" / "small.yaml").write_text(RECIPE)
    (workplace / "targets" / "npu.yaml").write_text(TARGET)
    return workplace


def refused(*words: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_plans(("recipe=small", "target=npu", *words))
    (problem,) = caught.value.problems
    return problem


def loads_torch(target: str) -> bool:
    """Whether planning for ``target`` in a fresh process imports torch."""
    code = (
        f"import sys; from compress.config.load import load_plans; load_plans(('recipe=small', 'target={target}'))\n"
        "print('torch' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    return {"True": True, "False": False}[done.stdout.strip()]


def test_what_can_be_rewritten_passes_and_is_remembered(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load_plans(("recipe=small", "target=npu"))
    (kept,) = (place / "cache").rglob("*.json")
    assert kept.read_text() == '""'
    assert not loads_torch("npu")


def test_what_cannot_is_refused_by_operator_and_layer_also_from_memory() -> None:
    word = "target.export.lacking=[{operator: Sigmoid, source: a test}]"
    expected = (
        "student.network: light_twin can't run on target 'npu': Sigmoid '/net/Sigmoid': the device lacks it (a test), "
        "and no other form of it fits; replace the layer in the network, or build for another target"
    )
    assert [refused(word), refused(word)] == [expected, expected]


def test_a_spoilt_memory_is_made_anew(place: Path) -> None:
    load_plans(("recipe=small", "target=npu"))
    (kept,) = (place / "cache").rglob("*.json")
    for rubbish in (b"{", b"7", b"\xff\xfe"):
        kept.write_bytes(rubbish)
        load_plans(("recipe=small", "target=npu"))
        assert kept.read_text() == '""'


def test_without_a_place_for_memory_it_still_answers(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(place / "file"))
    load_plans(("recipe=small", "target=npu"))


def test_other_problems_come_first_and_targets_without_limits_cost_nothing() -> None:
    assert refused("student.network=light_twn", "target.export.lacking=[{operator: Sigmoid, source: x}]").startswith(
        "student.network: no network 'light_twn'."
    )
    assert not loads_torch("x86_edge")


def test_a_machine_that_will_never_do_is_told_before_work() -> None:
    pin = "target.device.conditions.pins=[{fact: instructions, value: avx1024, among: true}]"
    assert "instructions wanted avx1024, found " in refused(pin) and "take another target" in refused(pin)
    later = "target.device.conditions.pins=[{fact: governor, value: performance}]"  # which may be set right by then
    assert "instructions" not in refused(later, "student.network=light_twn")


@pytest.mark.parametrize("chip", CHIPS)
def test_the_shipped_chips_say_what_they_lack_and_take_the_student(chip: str) -> None:
    target = load_target(ROOT / "targets" / f"{chip}.yaml")
    assert target.export.platform == chip
    assert "ReduceMax" in {limit.operator for limit in target.export.lacking if limit.lacks}
    assert all(fact.source for fact in target.hardware)
    load_plans(("recipe=small", f"target={chip}", "target.export.size=[64,96]"))


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("[{operatr: Pow, source: x}]", "target.export.lacking.0.operatr: no such key"),
        ("[{operator: Pow}]", "target.export.lacking.0.source: is required"),
        ("[{operator: Resize, factors: [0], source: x}]", "lacking.0.factors.0: should be greater than 0"),
        ("[{operator: Pow, exponents: wide, source: x}]", "target.export.lacking.0.exponents: should be a list"),
    ],
)
def test_mistakes_in_limits_are_named(word: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_plans(("recipe=small", "target=npu", f"target.export.lacking={word}"))
    assert says in "\n".join(caught.value.problems)


def test_rknn_builds_need_their_chip() -> None:
    words = ("target.export.builds=[onnx,rknn]", "target.device.runtime=rknn")
    assert refused(*words) == (
        "target.export.platform: rknn builds are made for one chip; add target.export.platform=CHIP, one of: "
        "rk3588, rk3566, rk3576, rv1106, rv1126b"
    )
    assert refused(*words, "target.export.platform=SM87").endswith("rv1106, rv1126b; not for SM87")


def test_tensorrt_builds_need_no_chip_but_not_another_ones() -> None:
    words = ("target.export.builds=[tensorrt]", "target.device.runtime=tensorrt")
    load_plans(("recipe=small", "target=npu", *words))
    load_plans(("recipe=small", "target=npu", *words, "target.export.platform=SM87"))
    said = refused(*words, "target.export.platform=rk3588")
    assert said.startswith("target.export.platform: tensorrt builds") and said.endswith("one of: SM87; not for rk3588")


def test_a_precision_that_can_not_be_written_into_a_build_is_refused() -> None:
    words = ("target.export.builds=[tensorrt]", "target.device.runtime=tensorrt", "target.device.float_precision=bf16")
    assert refused(*words) == (
        "target.device.float_precision: tensorrt builds have float layers in f32 or f16 only, not in bf16"
    )


def test_who_says_so_does_not_enter_the_key_of_a_build() -> None:
    says = [ExportSpec(lacking=(OperatorLimit(operator="Pow", exponents=(2.0,), source=who),)) for who in ("a", "b")]
    assert says[0].identity() == says[1].identity() != ExportSpec().identity()
