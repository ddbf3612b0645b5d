"""A candidate before any training: what it takes to make its build."""

from __future__ import annotations

from pathlib import Path

import pytest
from foreign_nets import source
from tiny_nets import Told

from compress.config import operator_check
from compress.config.load import load_plans
from compress.errors import ConfigError
from compress.runtimes import interchange
from compress.search.candidate import Candidates
from compress.search.records import Setting
from compress.search.untrained import exported, untrained

SMALL = ("data=embedded", "data.size=[32,48]", "data.copies=1", "target.export.size=[32,48]", "target.budget.min_fps=")
BUILDS = ("target.export.builds=[onnx]", "target.device.runtime=onnx")
LACKING = "target.export.lacking=[{operator: DepthToSpace, source: a test}]"


def candidates(words: tuple[str, ...]) -> Candidates:
    (plan,) = load_plans(words, tries_operators=False)
    return Candidates(dict(word.partition("=")[::2] for word in words), plan)


def brought(folder: Path) -> tuple[str, ...]:
    """The words for a network from outside."""
    spec = source("curve.Curve", folder)
    adapter = ("colours=RGB", "range=0..1", "answers=picture", "size_multiple=1", "output=1")
    given = (f"student.source.network={spec.network}", f"student.source.weights={spec.weights}")
    return (*given, *(f"student.adapter.{word}" for word in adapter))


@pytest.mark.parametrize(
    ("recipe", "setting"),
    [("tiny", Setting(key="student.width", value=16)), ("adopt", Setting(key="prune.keep_macs", value=0.8))],
)
def test_a_candidate_is_exported_once(
    recipe: str, setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the device lacks operators, which a plan is otherwise tried for, and for a network from outside."""
    monkeypatch.setattr(operator_check, "_kept_answers", lambda: tmp_path / "cache")
    own = brought(tmp_path) if recipe == "adopt" else ()
    made = candidates((f"recipe={recipe}", "target=x86_edge", *SMALL, *BUILDS, LACKING, *own))
    written: list[Path] = []
    real = interchange.export_onnx

    def counted(net: object, request: interchange.OnnxRequest, path: Path) -> None:
        written.append(path)
        real(net, request, path)  # type: ignore[arg-type]

    monkeypatch.setattr(interchange, "export_onnx", counted)
    for folder in ("net", "builds"):
        (tmp_path / folder).mkdir()
    plan = made.plan_of((setting,))
    quantized, params = untrained(plan, tmp_path / "net")
    build = exported(plan, quantized, tmp_path / "builds", Told())
    assert build.runtime == "onnx" and params > 0
    assert len(written) == 1


def test_what_the_device_lacks_is_still_told_of_each_value_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operator_check, "_kept_answers", lambda: tmp_path / "cache")
    no_root = "target.export.lacking=[{operator: Sqrt, source: a test}]"
    made = candidates(("recipe=tiny", "target=x86_edge", *SMALL, *BUILDS, no_root, "student.light_width="))
    point = (Setting(key="student.network", value="plain_cnn"),)
    assert made.plan_of(point).recipe.student.network == "plain_cnn"
    with pytest.raises(ConfigError, match="plain_cnn can't run on target 'x86_edge': Sqrt"):
        made.tried_plan_of(point)
