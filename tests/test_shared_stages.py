"""Which stages targets share: by the keys alone, a result standing for its content, so nothing is trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from compress.config.load import load_data, load_recipe, load_target
from compress.devices.runner import fingerprint
from compress.plan import Plan
from compress.step import key_of
from compress.wiring import wire

ROOT = Path(__file__).resolve().parent.parent
TRAINED = ("teacher", "distill", "control", "prune", "quantize", "sensitivity")


def _plan(target: str, recipe: Mapping[str, Any] = {}, **parts: Mapping[str, Any]) -> Plan:  # noqa: B006
    """kd_int8 with control and sensitivity on a shipped target; ``parts``: what to change of the target's sections."""
    shipped = load_recipe(ROOT / "recipes" / "kd_int8.yaml")
    stages = (*TRAINED, "export", "validate", "gate")
    sections = {name: getattr(shipped, name).model_copy(update=change) for name, change in recipe.items()}
    device = load_target(ROOT / "targets" / f"{target}.yaml")
    changed = {name: getattr(device, name).model_copy(update=dict(change)) for name, change in parts.items()}
    return Plan(
        "kd_int8", target, "embedded", shipped.model_copy(update={"stages": stages, **sections}),
        device.model_copy(update=changed), load_data(ROOT / "calibration" / "embedded.yaml"), {},
    )  # fmt: skip


def _keys(plan: Plan) -> dict[str, str]:
    """The key of every stage, its inputs' keys standing for their contents."""
    keys: list[str] = []
    for one in wire(plan):
        inputs = {name: None if place is None else keys[place] for name, place in one.inputs.items()}
        sections = {type(part).__name__: part.identity() for part in one.sections.values()}
        keys.append(key_of(one.stage, inputs, sections))
    return dict(zip(plan.stages, keys, strict=True))


def _shared(first: Plan, second: Plan) -> tuple[str, ...]:
    one, other = _keys(first), _keys(second)
    return tuple(name for name in one if one[name] == other[name])


@pytest.mark.parametrize(
    ("first", "second", "stages"),
    [
        ("jetson", "x86_edge", ("teacher", "distill", "control", "prune")),  # TensorRT's int8 is symmetric
        ("jetson", "rk3588", ("teacher", "distill", "control", "prune")),
        ("rk3588", "x86_edge", ("teacher", "distill", "control", "prune", "quantize")),  # layers are timed on x86
        ("rk3588", "rk3576", TRAINED),
    ],
)
def test_targets_share_what_no_difference_of_theirs_reaches(first: str, second: str, stages: tuple[str, ...]) -> None:
    assert _shared(_plan(first), _plan(second)) == stages


@pytest.mark.parametrize(
    ("parts", "stages"),
    [
        ({"export": {"opset": 17}}, TRAINED),
        ({"export": {"builds": ("onnx",), "dynamic": False, "calibration_frames": 3}}, TRAINED),
        ({"export": {"size": (200, 304)}}, ("teacher", "distill", "control")),
        ({"channels": {"multiple": 8}}, ("teacher", "distill", "control")),
        ({"scheme": {"activations": "symmetric"}}, ("teacher", "distill", "control", "prune")),
        ({"device": {"threads": 1}}, TRAINED[:-1]),
        ({"budget": {"max_int8_drop_db": 0.2}}, (*TRAINED[:-1],)),
        ({"budget": {"min_fps": 1.0}}, (*TRAINED, "export", "validate")),
    ],
    ids=str,
)
def test_a_change_reaches_only_what_reads_it(parts: dict[str, dict[str, Any]], stages: tuple[str, ...]) -> None:
    assert _shared(_plan("x86_edge"), _plan("x86_edge", **parts)) == stages


def test_a_remote_devices_address_and_threads_train_nothing_anew() -> None:
    assert _shared(_plan("rk3588"), _plan("rk3588", device={"host": "board", "threads": 4})) == (*TRAINED, "export")


def test_a_precision_that_is_chosen_when_a_build_runs_builds_nothing_anew() -> None:
    half, full = {"float_precision": "bf16"}, {"float_precision": "f32"}
    assert "export" in _shared(_plan("rk3588"), _plan("rk3588", device=half))
    assert "export" not in _shared(_plan("jetson"), _plan("jetson", device=full))  # TensorRT's is in the graph


def test_what_only_a_teacher_teaches_does_not_reach_the_control() -> None:
    changed = _plan("x86_edge", {"distill": {"output_weight": 0.9, "hints": ()}})
    assert _shared(_plan("x86_edge"), changed) == ("teacher", "control")


def test_pruning_to_a_latency_belongs_to_its_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    by_work, by_time = _plan("x86_edge"), _plan("x86_edge", {"prune": {"max_latency_ms": 5.0}})
    here = [_keys(by_work)["prune"], _keys(by_time)["prune"]]
    assert here[1] == _keys(_plan("x86_edge", {"prune": {"max_latency_ms": 5.0, "keep_macs": 0.1}}))["prune"]
    monkeypatch.setattr(fingerprint, "stable_facts", lambda: {"cpu": "another"})
    elsewhere = [_keys(by_work)["prune"], _keys(by_time)["prune"]]
    assert elsewhere[0] == here[0] and elsewhere[1] != here[1]
