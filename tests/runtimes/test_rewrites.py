"""Every rewrite in every form gives what it replaces, on random input, in float and between quantizers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from one_node import Shape, all_forms, assert_all_equal, assert_equal_in_int8, limit, model_of, picture
from onnx import helper

from compress.runtimes.interchange import answer_of
from compress.runtimes.rewrites.graph import Graph
from compress.runtimes.rewrites.pooling import steps
from compress.runtimes.rewrites.power import LARGEST_ERROR, value_range

FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
seeds = st.integers(0, 2**32 - 1)


@FEW
@given(seeds, st.integers(1, 4), st.integers(1, 3), st.integers(1, 5), st.integers(1, 6),
       st.sampled_from(["CRD", "DCR"]))  # fmt: skip
def test_pixel_shuffle(seed: int, channels: int, side: int, height: int, width: int, mode: str) -> None:
    shape = (1, channels * side * side, height, width)
    node = helper.make_node("DepthToSpace", ["dark"], ["bright"], blocksize=side, mode=mode)
    assert_all_equal(model_of([node], shape), "DepthToSpace", seed, 3 if mode == "CRD" else 2)
    assert_equal_in_int8(node, shape, {}, seed)


@FEW
@given(seeds, st.integers(1, 4), st.integers(1, 3), st.integers(1, 4), st.integers(1, 4))
def test_pixel_unshuffle(seed: int, channels: int, side: int, height: int, width: int) -> None:
    shape = (1, channels, side * height, side * width)
    node = helper.make_node("SpaceToDepth", ["dark"], ["bright"], blocksize=side)
    assert_all_equal(model_of([node], shape), "SpaceToDepth", seed, 1)
    assert_equal_in_int8(node, shape, {}, seed)


@FEW
@given(seeds, st.integers(1, 4), st.booleans())
def test_prelu(seed: int, channels: int, alike: bool) -> None:
    shape = (1, channels, 3, 5)
    slope = picture(seed, (1, channels, 1, 1))[0]
    constants = {"slope": np.full_like(slope, slope.flat[0]) if alike else slope}
    node = helper.make_node("PRelu", ["dark", "slope"], ["bright"])
    assert_all_equal(model_of([node], shape, constants), "PRelu", seed, 1 + (alike or channels == 1))
    assert_equal_in_int8(node, shape, constants, seed)


@FEW
@given(seeds, st.sampled_from([(1, 3, 4, 5), (1, 3, 1, 1), ()]), st.booleans())
def test_min(seed: int, other: tuple[int, ...], swapped: bool) -> None:
    names = ["bound", "dark"] if swapped else ["dark", "bound"]
    bound = {"bound": np.asarray(np.random.default_rng(seed).uniform(-1, 1, other), np.float32)}
    node = helper.make_node("Min", names, ["bright"])
    assert_all_equal(model_of([node], (1, 3, 4, 5), bound), "Min", seed, 1 + (other == ()))


@FEW
@given(seeds, st.booleans())
def test_one_over_what_is_positive(seed: int, constant: bool) -> None:
    above = helper.make_node("Clip", ["dark", "low"], ["x"])
    node = helper.make_node("Div" if constant else "Reciprocal", ["five", "x"][not constant :], ["bright"])
    constants = {"low": np.asarray(0.1, np.float32), "five": np.asarray(5, np.float32)}
    assert_all_equal(model_of([above, node], (1, 2, 3, 4), constants), node.op_type, seed, 1 + (not constant))


@FEW
@given(seeds)
def test_one_over_anything(seed: int) -> None:
    shifted = [helper.make_node("Sub", ["dark", "half"], ["x"]), helper.make_node("Reciprocal", ["x"], ["bright"])]
    model = model_of(shifted, (1, 2, 3, 4), {"half": np.asarray(0.5, np.float32)})
    assert [patch.form for patch, _ in all_forms(model, "Reciprocal")] == ["Div"]
    assert_all_equal(model, "Reciprocal", seed, 1)


@FEW
@given(seeds, st.integers(1, 9), st.booleans())
def test_largest_channel(seed: int, channels: int, keeps: bool) -> None:
    node = helper.make_node("ReduceMax", ["dark", "axes"], ["bright"], keepdims=int(keeps))
    axes = {"axes": np.asarray([1], np.int64)}
    assert_all_equal(model_of([node], (1, channels, 3, 4), axes), "ReduceMax", seed, 1)
    assert_equal_in_int8(node, (1, channels, 3, 4), axes, seed)


@FEW
@given(seeds, st.sampled_from([(2, 3), (1,), (1, 2, 3)]), st.booleans(), st.sampled_from([13, 18]))
def test_sums(seed: int, axes: tuple[int, ...], keeps: bool, opset: int) -> None:
    node = helper.make_node("ReduceSum", ["dark", "axes"], ["bright"], keepdims=int(keeps))
    model = model_of([node], (1, 3, 4, 5), {"axes": np.asarray(axes, np.int64)}, opset)
    assert_all_equal(model, "ReduceSum", seed, 1 + (axes == (2, 3)))


@FEW
@given(
    seeds, st.sampled_from(["ReduceMean", "ReduceMax"]), st.integers(1, 40), st.integers(1, 60), st.integers(2, 9),
    st.sampled_from([(2, 3), (-1, -2), (2,), (3,)]), st.booleans(), st.sampled_from([13, 18]),
)  # fmt: skip
def test_reductions_in_steps(
    seed: int, operator: str, height: int, width: int, largest: int, axes: tuple[int, ...], keeps: bool, opset: int
) -> None:
    shape, pool = (1, 3, height, width), "AveragePool" if operator == "ReduceMean" else "MaxPool"
    given_axes = {"axes": np.asarray(axes, np.int64)} if opset == 18 else {}
    node = helper.make_node(operator, ["dark", *given_axes], ["bright"], keepdims=int(keeps))
    if opset < 18:
        node.attribute.append(helper.make_attribute("axes", list(axes)))
    model = model_of([node], shape, given_axes, opset)
    assert_all_equal(model, operator, seed, len(axes), limit(pool, max_kernel=largest))
    for patch, _ in all_forms(model, operator, limit(pool, max_kernel=largest)):
        for each in patch.nodes:
            sides = [a.ints for a in each.attribute if a.name == "kernel_shape"]
            assert all(max(side) <= largest for side in sides)
    if opset == 18:
        assert_equal_in_int8(node, shape, given_axes, seed, limit(pool, max_kernel=largest))


@pytest.mark.parametrize("operator", ["GlobalAveragePool", "GlobalMaxPool"])
@pytest.mark.parametrize("shape", [(1, 2, 13, 19), (1, 2, 50, 75), (1, 2, 7, 400)])
def test_global_pools_in_steps(operator: str, shape: Shape) -> None:
    node = helper.make_node(operator, ["dark"], ["bright"])
    pool = limit(operator.removeprefix("Global"), max_kernel=7)
    assert_all_equal(model_of([node], shape), operator, 5, 1, pool)
    assert_equal_in_int8(node, shape, {}, 5, pool)


@given(st.integers(1, 2000), st.integers(2, 16))
def test_steps_cover_the_side_and_no_product_of_as_many_is_nearer(side: int, largest: int) -> None:
    found = steps(side, largest)
    assert max(found) <= largest and np.prod(found) >= side
    assert side > largest ** (len(found) - 1) or len(found) == 1
    assert np.prod(found) - side < np.prod(found) / min(found) or len(found) == 1


@FEW
@given(seeds, st.sampled_from([4, 6, 8, 9, 12]), st.sampled_from(["AveragePool", "MaxPool"]), st.integers(2, 4))
def test_windows_side_by_side(seed: int, side: int, operator: str, largest: int) -> None:
    node = helper.make_node(operator, ["dark"], ["bright"], kernel_shape=[side, side], strides=[side, side])
    shape = (1, 2, 2 * side + 1, 3 * side)
    made = all_forms(model_of([node], shape), operator, limit(operator, max_kernel=largest))
    assert len(made) == (np.prod(steps(side, largest)) == side or operator == "MaxPool")
    assert_all_equal(model_of([node], shape), operator, seed, len(made), limit(operator, max_kernel=largest))


@FEW
@given(seeds, st.integers(4, 13), st.integers(1, 3))
def test_overlapping_maxima(seed: int, side: int, stride: int) -> None:
    pad = (side - 1) // 2
    node = helper.make_node("MaxPool", ["dark"], ["bright"], kernel_shape=[side, side], strides=[stride, stride],
                            pads=[pad, pad, pad, pad])  # fmt: skip
    assert_all_equal(model_of([node], (1, 2, 16, 21)), "MaxPool", seed, 1, limit("MaxPool", max_kernel=7))


@FEW
@given(seeds, st.sampled_from([-2.0, -0.5, -0.125, 0.25, 0.375, 0.5, 1.0, 1.25, 2.0, 3.0, 7.5]))
def test_powers_of_eighths(seed: int, exponent: float) -> None:
    shape = (1, 2, 4, 5)
    nodes = [helper.make_node("Clip", ["dark", "low", "high"], ["x"]),
             helper.make_node("Pow", ["x", "e"], ["bright"])]  # fmt: skip
    constants = {"low": np.float32(0.05), "high": np.float32(1.5), "e": np.float32(exponent)}
    model = model_of(nodes, shape, {name: np.asarray(value) for name, value in constants.items()})
    x = picture(seed, shape, 0.05)
    for patch, changed in all_forms(model, "Pow"):
        if patch.exactness == "rounding":
            np.testing.assert_allclose(answer_of(changed, x), answer_of(model, x), rtol=4e-6)


@FEW
@given(seeds, st.floats(0.3, 2.5), st.sampled_from([0.5, 1.0, 4.0]))
def test_polynomials_err_as_little_as_they_say(seed: int, exponent: float, high: float) -> None:
    shape = (1, 2, 40, 50)
    nodes = [helper.make_node("Clip", ["dark", "low", "high"], ["x"]),
             helper.make_node("Pow", ["x", "e"], ["bright"])]  # fmt: skip
    constants = {"low": np.float32(0), "high": np.float32(high), "e": np.float32(exponent)}
    model = model_of(nodes, shape, {name: np.asarray(value) for name, value in constants.items()})
    x = picture(seed, shape, 0.0) * np.float32(high)
    fitted = [made for made in all_forms(model, "Pow") if made[0].exactness == "approximate"]
    assert fitted
    for patch, changed in fitted:
        assert patch.max_error <= LARGEST_ERROR
        away = np.abs(answer_of(changed, x) - answer_of(model, x)).max() / high**exponent
        assert away <= patch.max_error * 1.02 + 1e-6


def test_a_power_of_what_may_be_negative_has_no_log() -> None:
    model = model_of([helper.make_node("Sub", ["dark", "e"], ["x"]), helper.make_node("Pow", ["x", "e"], ["bright"])],
                     (1, 2, 4, 4), {"e": np.asarray(0.4545, np.float32)})  # fmt: skip
    assert all_forms(model, "Pow") == []


RESIZES = [
    ("linear", "half_pixel", "round_prefer_floor", 3), ("linear", "pytorch_half_pixel", "floor", 3),
    ("cubic", "half_pixel", "floor", 1), ("nearest", "asymmetric", "floor", 1),
    ("nearest", "half_pixel", "round_prefer_ceil", 1),
]  # fmt: skip


@FEW
@given(seeds, st.sampled_from(RESIZES), st.integers(1, 5), st.integers(1, 4), st.integers(1, 6), st.integers(2, 5))
def test_enlarging(
    seed: int, kind: tuple[str, str, str, int], rows: int, columns: int, height: int, width: int
) -> None:
    mode, centres, rounding, count = kind
    node = helper.make_node("Resize", ["dark", "", "scales"], ["bright"], mode=mode, nearest_mode=rounding,
                            coordinate_transformation_mode=centres)  # fmt: skip
    scales = {"scales": np.asarray([1, 1, rows, columns], np.float32)}
    if rows * columns > 1 and (height * rows > 1 or centres == "half_pixel"):
        assert_all_equal(model_of([node], (1, 3, height, width), scales), "Resize", seed, count)
        assert_equal_in_int8(node, (1, 3, height, width), scales, seed)


@FEW
@given(seeds, st.integers(1, 5), st.integers(2, 6))
def test_shrinking(seed: int, rows: int, columns: int) -> None:
    shape = (1, 3, 3 * rows, 2 * columns)
    node = helper.make_node("Resize", ["dark", "", "", "sizes"], ["bright"], mode="linear",
                            coordinate_transformation_mode="half_pixel")  # fmt: skip
    sizes = {"sizes": np.asarray([1, 3, 3, 2], np.int64)}
    assert_all_equal(model_of([node], shape, sizes), "Resize", seed, 1)


@FEW
@given(seeds, st.integers(1, 6), st.data())
def test_slices_of_channels(seed: int, channels: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, channels - 1))
    end, step = data.draw(st.integers(start + 1, channels)), data.draw(st.integers(1, 3))
    names = ["starts", "ends", "axes", "steps"]
    constants = {name: np.asarray([value], np.int64) for name, value in zip(names, (start, end, 1, step), strict=True)}
    node = helper.make_node("Slice", ["dark", *names], ["bright"])
    assert_all_equal(model_of([node], (1, channels, 3, 4), constants), "Slice", seed, 1)
    assert_equal_in_int8(node, (1, channels, 3, 4), constants, seed)


@FEW
@given(seeds, st.integers(0, 2), st.integers(2, 4), st.integers(1, 4))
def test_slices_with_steps(seed: int, start: int, rows: int, columns: int) -> None:
    values = ([start, 0], [9, -1], [2, 3], [rows, columns])
    names = ["starts", "ends", "axes", "steps"]
    constants = {name: np.asarray(value, np.int64) for name, value in zip(names, values, strict=True)}
    node = helper.make_node("Slice", ["dark", *names], ["bright"])
    assert_all_equal(model_of([node], (1, 2, 9, 8), constants), "Slice", seed, 1, limit("Slice", strides=(1,)))


@FEW
@given(seeds, st.lists(st.integers(-4, 3), min_size=1, max_size=6))
def test_gathers_of_channels(seed: int, places: list[int]) -> None:
    constants = {"places": np.asarray(places, np.int64)}
    node = helper.make_node("Gather", ["dark", "places"], ["bright"], axis=1)
    assert_all_equal(model_of([node], (1, 4, 2, 3), constants), "Gather", seed, 1)
    assert_equal_in_int8(node, (1, 4, 2, 3), constants, seed)


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_splits(axis: int) -> None:
    nodes = [helper.make_node("Split", ["dark", "parts"], ["a", "b"], axis=axis),
             helper.make_node("Concat", ["b", "a"], ["bright"], axis=axis)]  # fmt: skip
    model = model_of(nodes, (1, 6, 6, 6), {"parts": np.asarray([2, 4], np.int64)})
    assert_all_equal(model, "Split", 1, 2 if axis == 1 else 1)


@FEW
@given(seeds, st.floats(-2, 2), st.floats(-2, 2))
def test_ranges_hold(seed: int, factor: float, offset: float) -> None:
    weights = picture(seed, (4, 3, 3, 3))
    constants = {"w": weights, "b": weights[:, 0, 0, 0], "f": np.asarray(factor, np.float32),
                 "o": np.asarray(offset, np.float32), "hw": np.asarray([1, 1, 2, 2], np.float32)}  # fmt: skip
    nodes = [
        helper.make_node("Conv", ["dark", "w", "b"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Mul", ["a", "f"], ["c"]),
        helper.make_node("Resize", ["c", "", "hw"], ["d"], mode="linear"), helper.make_node("Add", ["d", "o"], ["e"]),
        helper.make_node("Relu", ["e"], ["g"]), helper.make_node("Sub", ["e", "g"], ["bright"]),
    ]  # fmt: skip
    model = model_of(nodes, (1, 3, 5, 6), constants)
    graph = Graph(model)
    assert value_range(graph, "bright") == (float("-inf"), float("inf"))  # a difference is not followed
    for tensor in "acdeg":
        low, high = value_range(graph, tensor)
        model.graph.node[-1].input[:] = [tensor, "zero"]
        seen = model_of([*model.graph.node], (1, 3, 5, 6), {**constants, "zero": np.zeros(1, np.float32)})
        answer = answer_of(seen, picture(seed + 1, (1, 3, 5, 6), 0.0))
        assert low - 1e-5 <= answer.min() and answer.max() <= high + 1e-5
