"""Slice, Pad and Resize with whatever parameters they may have answer as ONNX Runtime does, or are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx_texts import run, write_text

from compress.foreign.onnx_torch.convert import as_torch

FEW = settings(
    max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
X = np.random.default_rng(1).uniform(-1, 1, (1, 3, 64, 96)).astype(np.float32)
LAST = 9223372036854775807


def constant(name: str, values: list[int] | list[float], kind: str = "int64") -> str:
    return f"{name} = Constant <value = {kind}[{len(values)}] {{{', '.join(map(str, values))}}}> () "


def assert_equal(body: str, path: Path, opset: int) -> None:
    """At the size of the self-check, which the file takes."""
    write_text(body, path, opset)
    truth = run(path, X)[0]
    if truth.size == 0:
        return
    answer = as_torch(path)(torch.from_numpy(X))
    assert isinstance(answer, torch.Tensor)
    np.testing.assert_allclose(answer.numpy(), truth, rtol=1e-4, atol=2e-4, strict=True)


@FEW
@given(data=st.data())
def test_slice(data: st.DataObject, tmp_path: Path) -> None:
    axes = data.draw(
        st.lists(st.sampled_from([1, 2, 3, -1, -2]), min_size=1, max_size=2, unique_by=lambda axis: axis % 4)
    )
    place = st.integers(-70, 70) | st.sampled_from([0, LAST, -LAST])
    starts, ends = ([data.draw(place) for _ in axes] for _ in range(2))
    steps = [data.draw(st.sampled_from([1, 2, 3, -1, -2])) for _ in axes]
    text = constant("s", starts) + constant("e", ends) + constant("a", axes) + constant("t", steps)
    assert_equal(f"{text} y = Slice (x, s, e, a, t)", tmp_path / "net.onnx", 13)


@FEW
@given(data=st.data(), mode=st.sampled_from(["constant", "reflect", "edge"]))
def test_pad(data: st.DataObject, mode: str, tmp_path: Path) -> None:
    low = -3 if mode == "constant" else 0
    pads = [
        data.draw(st.integers(low, 2 if axis == 1 else 9)) if axis > 0 else 0 for _ in range(2) for axis in range(4)
    ]
    pads[1], pads[5] = max(pads[1], 0), max(pads[5], 0)
    assert_equal(f'{constant("p", pads)} y = Pad <mode="{mode}"> (x, p)', tmp_path / "net.onnx", 13)


@FEW
@given(
    mode=st.sampled_from(["nearest", "linear", "cubic"]),
    way=st.sampled_from(["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"]),
    nearest=st.sampled_from(["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"]),
    size=st.tuples(st.integers(2, 140), st.integers(2, 200)),
    factors=st.none() | st.tuples(*[st.sampled_from([0.25, 0.5, 0.75, 1.0, 1.25, 2.0, 3.0])] * 2),
)
def test_resize(
    mode: str, way: str, nearest: str, size: tuple[int, int], factors: tuple[float, float] | None, tmp_path: Path
) -> None:
    said = f'mode="{mode}", coordinate_transformation_mode="{way}", nearest_mode="{nearest}"'
    head = constant("n", [], "float") + (
        constant("f", [1.0, 1.0, *factors], "float") if factors else constant("z", [1, 3, *size])
    )
    assert_equal(f"{head} y = Resize <{said}> (x, n, {'f' if factors else 'n, z'})", tmp_path / "net.onnx", 13)


def test_an_example_that_differs_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from compress.foreign.onnx_torch import resize

    monkeypatch.setattr(resize, "_torch_has", lambda *_: True)
    with pytest.raises(Exception, match="of the conversion is up to"):
        test_resize.hypothesis.inner_test("linear", "asymmetric", "floor", (50, 70), None, tmp_path)  # type: ignore[attr-defined]
