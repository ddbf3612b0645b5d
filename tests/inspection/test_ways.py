"""Lines for a recipe: what was measured is in them, what can't be known is refused until it is filled in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from compress.config.foreign_checks import teacher_problems
from compress.config.load import load_recipe
from compress.config.yaml_loader import parse_yaml
from compress.errors import ConfigError
from compress.inspection.ways import FILL_IN, Measured, _said, tried, ways
from compress.schema import Recipe, SourceSpec

FOUND = Measured("module", ("0", "1"), ("0", "1", "2"), "place", 4, (1, 2), None, False, None, None)
FILLED = {
    "colours": "BGR", "range": "-1..1", "answers": "picture", "padding": "reflect", "output": "1", "overlap": "8",
}  # fmt: skip


def lines(found: Measured, use: str, source: SourceSpec) -> str:
    (way,) = (way for way in ways(source, found) if way.use == use)
    assert way.problem is None
    return "\n".join(way.lines)


def pasted(text: str, folder: Path) -> Recipe:
    path = folder / "recipe.yaml"
    path.write_text(f"stages: [teacher, distill]\n{text}\n")
    return load_recipe(path)


def filled(text: str) -> str:
    for name, value in FILLED.items():
        text = text.replace(f"{name}: {FILL_IN}", f"{name}: {value}")
    return text


@pytest.mark.parametrize(
    "found",
    [
        FOUND,
        replace(FOUND, multiple=1, failed=(), chosen=None, pictures=("output",)),
        replace(FOUND, kind="onnx", pictures=("83", "n"), outputs=("83", "n"), chosen="name"),
        replace(FOUND, kind="onnx", pictures=("83",), chosen="name"),
        replace(FOUND, kind="pt2", fixed=(32, 48), multiple=None, failed=(), chosen=None, byte=True),
    ],
)
def test_pasted_lines_are_a_teacher_as_soon_as_they_are_filled_in(found: Measured, tmp_path: Path) -> None:
    (tmp_path / "net.py").touch()
    (tmp_path / "net.onnx").touch()
    (tmp_path / "w.pth").touch()
    module = SourceSpec(network=f"{tmp_path}/net.py:Net", weights=f"{tmp_path}/w.pth", entry="a b", prefix="module.")
    source = module if found.kind == "module" else SourceSpec(network=f"{tmp_path}/net.onnx")
    text = lines(found, "teacher", source)
    recipe = pasted(filled(text), tmp_path)
    assert list(teacher_problems(recipe)) == []
    assert recipe.teacher.source == source
    assert recipe.teacher.adapter.size_multiple == (found.multiple or 1)
    if found.pictures == ("83",):
        assert recipe.teacher.adapter.output == "83"  # a name, no place
    with pytest.raises(ConfigError, match=r"teacher.adapter.colours: .*FILL_IN"):
        pasted(text, tmp_path)


def test_what_a_network_is_not_fit_for_has_a_reason() -> None:
    source = SourceSpec(network="net.pt", trust="torchscript")

    def why(found: Measured) -> dict[str, str | None]:
        return {way.use: way.problem for way in ways(source, found)}

    assert why(replace(FOUND, path_problem="it branches", graph_problem="no graph")) == {
        "teacher": None, "ptq": "no graph", "adopt": "it branches",
    }  # fmt: skip
    shape = "none of its outputs has the shape of the picture"
    assert set(why(replace(FOUND, pictures=())).values()) == {shape}
    closed = why(replace(FOUND, kind="torchscript"))
    assert closed["teacher"] is None and "can't be quantized" in str(closed["ptq"])
    assert "give the author's module and weights" in str(closed["adopt"])
    ours = ways(SourceSpec(network="a.safetensors"), replace(FOUND, kind="ours"))
    assert [way.lines for way in ours] == [("teacher:", "  weights: a.safetensors")]


def test_what_was_tried_is_said() -> None:
    assert tried(4, (1, 2)) == "tried: 4 runs, 1 and 2 fail"
    assert tried(None, (1, 2, 4)) == "tried: 1, 2 and 4 fail"
    assert tried(2, (1,)) == "tried: 2 runs, 1 fails"
    assert tried(1, ()) == "tried: 1 runs"


@example("A:")  # found by CI
@given(st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=12) | st.sampled_from(["y", "1e3", "a: b"]))
def test_any_name_survives_yaml(text: str) -> None:
    assert parse_yaml(f"{{key: {_said(text)}}}", "x") == {"key": text}
