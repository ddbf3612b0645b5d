"""Each fact of a contract, falsified once for each runtime, is found in the build's own file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest
from tiny_builds import make_build
from tiny_files import make_foreign_build

from compress.bundle.contract import check_build
from compress.bundle.declared import read_declared
from compress.errors import BuildError
from compress.records import Build, RuntimeName

RUNTIMES: tuple[RuntimeName, ...] = ("onnx", "openvino", "tflite", "rknn", "tensorrt")
ENDS = ("input", "output")


def made(folder: Path, runtime: str) -> Build:
    if runtime in ("onnx", "openvino"):
        return make_build(folder, runtime)
    return make_foreign_build(folder, runtime)


def changed(build: Build, end: str, **facts: Any) -> Build:
    tensor = getattr(build.contract, end).model_copy(update=facts)
    return build.model_copy(update={"contract": build.contract.model_copy(update={end: tensor})})


def lies(build: Build, end: str) -> dict[str, dict[str, Any]]:
    """A wrong value for each fact, by the fact's name."""
    spec = getattr(build.contract, end)
    coded = spec.scale is not None
    return {
        "name": {"name": "image"},
        "shape": {"shape": (*spec.shape[:-2], spec.shape[-1], spec.shape[-2])},
        "batch": {"shape": (2, *spec.shape[1:])},
        "dtype": {"dtype": "uint8" if spec.dtype != "uint8" else "int8"},
        "layout": {"layout": "NHWC" if spec.layout == "NCHW" else "NCHW"},
        "scale": {"scale": 1 / 254, "zero_point": spec.zero_point} if coded else {"scale": 1 / 255, "zero_point": -128},
        "zero-point": {"zero_point": 0},
        "colours": {"colour_order": "BGR"},
        "low": {"low": spec.low - 1},
        "high": {"high": spec.high * 2},
    }


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_what_is_so_passes_and_each_lie_does_not(tmp_path: Path, runtime: str) -> None:
    build = made(tmp_path, runtime)
    check_build(build, tmp_path)
    for end in ENDS:
        for fact, lie in lies(build, end).items():
            with pytest.raises(BuildError, match="does not keep its contract") as caught:
                check_build(changed(build, end, **lie), tmp_path)
            assert "\n" not in str(caught.value), fact


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("lie", [{"height": 16}, {"width": 8}, {"height": None}, {"size_bytes": 1}])
def test_facts_of_the_build_itself(tmp_path: Path, runtime: str, lie: dict[str, Any]) -> None:
    build = made(tmp_path, runtime)
    with pytest.raises(BuildError, match="does not keep its contract"):
        check_build(build.model_copy(update=lie), tmp_path)


@pytest.mark.parametrize("multiple", [0, 5, 32])
def test_a_multiple_that_the_sides_are_not_of(tmp_path: Path, multiple: int) -> None:
    build = made(tmp_path, "onnx")
    contract = build.contract.model_copy(update={"size_multiple": multiple})
    with pytest.raises(BuildError, match="size_multiple"):
        check_build(build.model_copy(update={"contract": contract}), tmp_path)


def test_the_file_of_tflite_says_scale_and_zero_point(tmp_path: Path) -> None:
    build = made(tmp_path, "tflite")
    for wrong, words in (({"zero_point": 127}, "zero-point -128"), ({"scale": 0.5}, "scale 0.00392156886")):
        with pytest.raises(BuildError, match=words):
            check_build(changed(build, "input", **wrong), tmp_path)


@pytest.mark.parametrize(
    "note, words",
    [
        ({"colour_order": "BGR"}, "colours BGR"),
        ({"range": "0..255"}, "range 0..255"),
        ({"variant": "student"}, "student"),
    ],
)
@pytest.mark.parametrize("runtime", ["onnx", "tensorrt"])
def test_notes_in_an_onnx_file_are_believed_over_the_contract(
    tmp_path: Path, runtime: str, note: dict[str, str], words: str
) -> None:
    build = made(tmp_path, runtime)
    path = tmp_path / build.files[0]
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {"colour_order": "RGB", "range": "0..1", "variant": "int8"} | note)
    onnx.save(model, path)
    with pytest.raises(BuildError, match=words):
        check_build(build.model_copy(update={"size_bytes": path.stat().st_size}), tmp_path)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_layout_is_read_from_every_kind_of_file(tmp_path: Path, runtime: str) -> None:
    build = made(tmp_path, runtime)
    given, answered = read_declared(build, tmp_path)
    assert (given.layout, answered.layout) == (build.contract.input.layout, build.contract.output.layout)
