"""Each operator, with parameters that differ from side to side, answers as ONNX Runtime does in every opset."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx_texts import OPSETS, Shape, run, write_text

from compress.foreign.onnx_torch.convert import as_torch

ALL, OLD, SINCE_13, SINCE_17, SINCE_18, SINCE_21 = (11, 21), (11, 12), (13, 21), (17, 21), (18, 21), (21, 21)
BEFORE_18 = (11, 17)
Row = tuple[tuple[int, int], str] | tuple[tuple[int, int], str, dict[str, Shape]]
W = {"w": (6, 3, 3, 5), "b": (6,)}
ROWS: list[Row] = [
    (ALL, "y = Conv <pads=[1,0,2,4], strides=[2,1]> (x, w, b)", W),
    (ALL, "y = Conv <pads=[2,1,2,1], dilations=[2,3]> (x, w)", W),
    (ALL, 'y = Conv <auto_pad="SAME_UPPER", strides=[3,2]> (x, w, b)', W),
    (ALL, 'y = Conv <auto_pad="SAME_LOWER", kernel_shape=[3,2]> (x, w)', {"w": (6, 3, 3, 2)}),
    (ALL, 'y = Conv <auto_pad="VALID"> (x, w)', W),
    (ALL, "y = Conv <group=3, pads=[0,2,1,2]> (x, w)", {"w": (6, 1, 3, 5)}),
    (ALL, "m = GlobalAveragePool (x) m3 = Reshape (m, C[0,1,3]) e = Conv <pads=[1,1]> (m3, w) "
          "r = Reshape (e, C[0,3,1,1]) y = Mul (x, r)", {"w": (1, 1, 3)}),
    (ALL, "u = Mul (w, s) y = Conv (x, u)", {"w": (6, 3, 3, 5), "s": (6, 1, 1, 1)}),
    (ALL, "y = ConvTranspose <strides=[2,3], pads=[1,0,1,0], output_padding=[1,2]> (x, w, b)",
     {"w": (3, 6, 3, 5), "b": (6,)}),
    (ALL, "y = ConvTranspose <strides=[2,2], pads=[0,1,2,3]> (x, w, b)", {"w": (3, 6, 3, 5), "b": (6,)}),
    (ALL, 'y = ConvTranspose <strides=[2,2], auto_pad="SAME_UPPER"> (x, w)', {"w": (3, 6, 3, 5)}),
    (ALL, "y = ConvTranspose <strides=[2,1], group=3, dilations=[1,2]> (x, w)", {"w": (3, 2, 4, 3)}),
    (ALL, "y = BatchNormalization <epsilon=0.01> (x, w, b, m, positive)",
     {"w": (3,), "b": (3,), "m": (3,), "positive": (3,)}),
    (ALL, "y = InstanceNormalization <epsilon=0.01> (x, w, b)", {"w": (3,), "b": (3,)}),
    (ALL, "g = Reshape (x, C[0,1,-1]) y = InstanceNormalization (g, w, b)", {"w": (1,), "b": (1,)}),
    (SINCE_17, "t = Transpose <perm=[0,2,3,1]> (x) y = LayerNormalization <epsilon=0.01> (t, w, b)",
     {"w": (3,), "b": (3,)}),
    (SINCE_17, "t = Transpose <perm=[0,2,3,1]> (x) y = LayerNormalization <axis=3> (t, w)", {"w": (3,)}),
    (SINCE_17, "y = LayerNormalization <axis=1> (x, w, b)", {"w": (3, 1, 1), "b": (3, 1, 1)}),
    (SINCE_21, "c = Conv (x, w) y = GroupNormalization <num_groups=2, epsilon=0.01> (c, v, b)",
     {"w": (6, 3, 1, 1), "v": (6,), "b": (6,)}),
    ((18, 18), "c = Conv (x, w) y = GroupNormalization <num_groups=2> (c, v, b)",
     {"w": (6, 3, 1, 1), "v": (2,), "b": (2,)}),
    *[(ALL, f"s = Sub (x, h) y = {op} (s)", {"h": (3, 1, 1)}) for op in
      ("Relu", "LeakyRelu <alpha=0.3>", "Elu <alpha=0.7>", "Selu", "Selu <alpha=1.1, gamma=0.9>",
       "Sigmoid", "HardSigmoid", "HardSigmoid <alpha=0.16666667, beta=0.5>", "Tanh", "Softplus", "Softsign", "Erf",
       "Exp", "Abs", "Neg", "Floor", "Ceil", "Sign", "Sin", "Cos", "Atan", "ThresholdedRelu <alpha=0.2>")],
    ((13, 21), "s = Sub (x, h) y = Celu <alpha=0.7> (s)", {"h": (3, 1, 1)}),
    (SINCE_17, "s = Sub (x, h) y = HardSwish (s)", {"h": (3, 1, 1)}),
    (SINCE_18, "s = Sub (x, h) y = Mish (s)", {"h": (3, 1, 1)}),
    (SINCE_21, "s = Sub (x, h) y = Gelu (s)", {"h": (3, 1, 1)}),
    (SINCE_21, 's = Sub (x, h) y = Gelu <approximate="tanh"> (s)', {"h": (3, 1, 1)}),
    (SINCE_18, "s = Sub (x, h) y = Shrink <lambd=0.3, bias=0.1> (s)", {"h": (3, 1, 1)}),
    *[(ALL, f"y = {op} (x)") for op in ("Log", "Sqrt", "Reciprocal", "Identity", "Dropout")],
    (ALL, "m = Mul (x, s) y = Round (m)", {"s": (1, 3, 1, 1)}),
    *[(ALL, "s = Sub (x, h) y = PRelu (s, w)", {"h": (3, 1, 1), "w": shape})
      for shape in ((1,), (3, 1, 1), (1, 3, 1, 1), (1, 1, 1))],
    (ALL, "s = Sub (x, h) k = Slice (s, C[0,0], C[5,7], C[2,3]) y = PRelu (k, w)", {"h": (3, 1, 1), "w": (5, 7)}),
    (ALL, "s = Sub (x, h) l = F[-0.2] u = F[0.4] y = Clip (s, l, u)", {"h": (3, 1, 1)}),
    (ALL, "s = Sub (x, h) u = F[0.4] y = Clip (s, , u)", {"h": (3, 1, 1)}),
    (ALL, "a = GlobalAveragePool (x) r = ReduceMin <keepdims=0> (a) y = Clip (x, r)"),
    *[(ALL, f"y = {op} (x, p)", {"p": (3, 1, 1)}) for op in ("Add", "Sub", "Mul", "Div", "Max", "Min")],
    *[(ALL, f"y = {op} (p, x)", {"p": (1, 3, 1, 1)}) for op in ("Sub", "Div")],
    *[(ALL, f"k = F[0.7] y = {op}") for op in
      ("Sub (k, x)", "Div (k, x)", "Pow (x, k)", "Pow (k, x)", "Max (k, x)", "Min (x, k)", "Mul (k, x)")],
    (ALL, "k = F[0.5] y = Max (x, k, p)", {"p": (3, 1, 1)}),
    (ALL, "k = F[0.5] a = Sum (x, k, p) y = Mean (a, x)", {"p": (3, 1, 1)}),
    (ALL, "k = F[0.5] g = Greater (x, k) l = Less (x, p) o = Or (g, l) y = Where (o, x, k)", {"p": (3, 1, 1)}),
    (SINCE_13, "k = F[0.5] g = GreaterOrEqual (x, k) n = Not (g) y = Cast <to=1> (n)"),
    (ALL, "k = F[0.5] g = Greater (x, k) c = Cast <to=7> (g) e = Equal (c, C0[1]) y = Where (e, p, x)",
     {"p": (3, 1, 1)}),
    (ALL, "k = F[0.3] y = Mod <fmod=1> (x, k)"),
    (ALL, "c = Cast <to=11> (x) d = Cast <to=1> (c) y = Mul (x, d)"),
    (ALL, "n = Neg (x) y = Concat <axis=1> (n, x, n)"),
    (ALL, "n = Neg (x) y = Concat <axis=-1> (n, x)"),
    (ALL, "y = Slice (x, C[1,-9], C[9223372036854775807,-2], C[2,3], C[2,3])"),
    (ALL, "y = Slice (x, C[-1,7], C[-9223372036854775807,2], C[1,-1], C[-1,-2])"),
    (OLD, "a, b = Split <axis=1, split=[1,2]> (x) y = Mul (a, b)"),
    (SINCE_13, "a, b = Split <axis=1> (x, C[2,1]) y = Mul (a, b)"),
    (BEFORE_18, "a, b, c = Split <axis=1> (x) s = Sub (a, b) y = Mul (s, c)"),
    (SINCE_18, "a, b = Split <axis=1, num_outputs=2> (x) y = Mul (a, b)"),
    (ALL, "k = F[0.3] y = Pad (x, C[0,1,2,3,0,2,1,0], k)"),
    (ALL, "y = Pad (x, C[0,0,-2,3,0,0,1,-4])"),
    *[(ALL, f'y = Pad <mode="{mode}"> (x, C[0,0,2,3,0,0,1,5])') for mode in ("reflect", "edge")],
    (ALL, 'y = Pad <mode="edge"> (x, C[0,2,0,1,0,1,3,0])'),
    (ALL, 'y = Pad <mode="reflect"> (x, C[0,1,0,1,0,2,3,0])'),
    (SINCE_21, 'y = Pad <mode="wrap"> (x, C[0,0,2,3,0,0,1,5])'),
    (SINCE_18, "k = F[0.3] y = Pad (x, C[1,2,3,4], k, C[3,-2])"),
    (ALL, "y = MaxPool <kernel_shape=[2,3], strides=[2,1], pads=[0,1,1,1]> (x)"),
    (ALL, "y = MaxPool <kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1], ceil_mode=1> (x)"),
    (ALL, "y = MaxPool <kernel_shape=[3,2], dilations=[2,3]> (x)"),
    (ALL, 'y = MaxPool <kernel_shape=[3,3], strides=[2,2], auto_pad="SAME_UPPER"> (x)'),
    (ALL, "y = AveragePool <kernel_shape=[3,5], strides=[2,1], pads=[1,2,1,2]> (x)"),
    (ALL, "y = AveragePool <kernel_shape=[3,5], pads=[0,1,2,1]> (x)"),
    (ALL, "y = AveragePool <kernel_shape=[3,5], pads=[0,1,2,1], count_include_pad=1> (x)"),
    (ALL, "y = AveragePool <kernel_shape=[2,3], strides=[2,3], pads=[1,1,1,1], count_include_pad=1> (x)"),
    (ALL, 'y = AveragePool <kernel_shape=[3,3], strides=[2,2], auto_pad="SAME_LOWER"> (x)'),
    (ALL, "a = GlobalAveragePool (x) b = GlobalMaxPool (x) c = Sub (b, a) y = Mul (x, c)"),
    *[(BEFORE_18, f"y = {op} <axes=[1,-1], keepdims=0> (x)")
      for op in ("ReduceMean", "ReduceMax", "ReduceMin", "ReduceL2")],
    *[(SINCE_18, f"y = {op} <keepdims=0> (x, C[1,-1])")
      for op in ("ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp")],
    (OLD, "y = ReduceSum <axes=[2,3]> (x)"),
    (SINCE_13, "y = ReduceSum (x, C[2,3])"),
    (SINCE_18, "y = ReduceMean <noop_with_empty_axes=1> (x)"),
    (ALL, "y = ReduceMax (x)"),
    (BEFORE_18, "c = Slice (x, C[0], C[4], C[3]) y = ReduceProd <axes=[3], keepdims=0> (c)"),
    (ALL, "y = Softmax <axis=1> (x)"),
    (ALL, "y = Softmax (x)"),
    (ALL, "y = LogSoftmax <axis=-1> (x)"),
    (ALL, "a = ArgMax <axis=1, keepdims=0> (x) y = Cast <to=1> (a)"),
    (ALL, "t = Transpose <perm=[0,2,3,1]> (x) m = MatMul (t, w) y = Add (m, b)", {"w": (3, 5), "b": (5,)}),
    (ALL, "t = Transpose <perm=[0,2,3,1]> (x) m = MatMul (t, w) y = Add (b, m)", {"w": (3, 5), "b": (5,)}),
    (ALL, "t = Transpose <perm=[0,2,3,1]> (x) m = MatMul (t, w) a = Add (b, m) s = Sigmoid (m) y = Mul (a, s)",
     {"w": (3, 5), "b": (5,)}),
    (ALL, "t = Transpose <perm=[0,1,3,2]> (x) y = MatMul (x, t)"),
    (ALL, "m = ReduceMax <keepdims=0> (x) y = Mul (m, x)"),
    *[(ALL, f"m = GlobalAveragePool (x) f = Flatten (m) y = Gemm <{said}> (f, w, b)", {"w": shape, "b": (5,)})
      for said, shape in (("transB=1", (5, 3)), ("alpha=0.5, beta=2.0", (3, 5)))],
    (ALL, "m = GlobalAveragePool (x) f = Flatten (m) y = Gemm <transA=1> (f, f)"),
    (SINCE_13, 'y = Einsum <equation="nchw,cd->ndhw"> (x, w)', {"w": (3, 5)}),
    (ALL, "y = Transpose (x)"),
    (ALL, "y = Reshape (x, C[0,-1,2,1])"),
    (ALL, "y = Flatten <axis=2> (x)"),
    (ALL, "y = Flatten <axis=0> (x)"),
    (OLD, "u = Unsqueeze <axes=[0,3]> (x) v = Relu (u) y = Squeeze <axes=[0]> (v)"),
    (SINCE_13, "u = Unsqueeze (x, C[0,-2]) v = Relu (u) y = Squeeze (v, C[0])"),
    (ALL, "m = GlobalAveragePool (x) y = Squeeze (m)"),
    (ALL, "m = GlobalAveragePool (x) y = Expand (m, C[2,1,5,4])"),
    (ALL, "s = Shape (x) m = GlobalAveragePool (x) e = Expand (m, s) y = Mul (e, x)"),
    (ALL, "y = Tile (x, C[1,2,1,3])"),
    (ALL, "y = Gather <axis=1> (x, C[2,-1,0,0])"),
    (ALL, "y = Gather <axis=1> (x, C0[-1])"),
    (ALL, "i = Reshape (C[0,1,2,1], C[2,2]) y = Gather <axis=1> (x, i)"),
    (ALL, "c = Conv (x, w) y = DepthToSpace <blocksize=2> (c)", {"w": (12, 3, 1, 1)}),
    (ALL, 'c = Conv (x, w) y = DepthToSpace <blocksize=2, mode="CRD"> (c)', {"w": (12, 3, 1, 1)}),
    (ALL, "y = SpaceToDepth <blocksize=4> (x)"),
    (ALL, "s = Shape (x) d = Gather (s, C[2,3]) q = Div (d, C[2,2]) r = Mul (q, C[2,2]) "
          "y = Slice (x, C[0,0], q, C[2,3])"),
    (ALL, "s = Shape (x) d = Slice (s, C[2], C[4]) q = Mul (d, C[3,2]) a = Slice (s, C[0], C[2]) "
          'z = Concat <axis=0> (a, q) y = Resize <mode="linear"> (x, none, none, z)'),
    (ALL, "s = Shape (x) p = ConstantOfShape <value=float[1] {0.25}> (s) y = Add (x, p)"),
    (ALL, "s = Shape (x) h = Gather (s, C0[2]) r = Range (C0[0], h, C0[1]) f = Cast <to=1> (r) "
          "u = Reshape (f, C[1,1,-1,1]) y = Mul (x, u)"),
    (ALL, "s = Shape (x) h = Gather (s, C0[2]) f = Cast <to=1> (h) q = Sqrt (f) y = Div (x, q)"),
    (ALL, "s = Shape (x) h = Gather (s, C0[-1]) m = Mod (h, C0[5]) u = Reshape (m, C[1]) "
          'p = Concat <axis=0> (C[0,0,0,0,0,0,0], u) y = Pad <mode="reflect"> (x, p)'),
    (ALL, "s = Shape (x) o = ConstantOfShape <value=int64[1] {1}> (C[4]) e = Equal (s, o) w = Where (e, s, o) "
          "m = GlobalAveragePool (x) y = Expand (m, w)"),
    *[(ALL, f'y = Resize <mode="nearest", coordinate_transformation_mode="{way}", nearest_mode="{nearest}"> '
       "(x, none, v)") for way, nearest in
      (("asymmetric", "floor"), ("half_pixel", "round_prefer_floor"), ("half_pixel", "round_prefer_ceil"),
       ("align_corners", "round_prefer_floor"), ("asymmetric", "ceil"), ("pytorch_half_pixel", "floor"))],
    *[(ALL, f'y = Resize <mode="{mode}", coordinate_transformation_mode="{way}"> (x, none, v)')
      for mode in ("linear", "cubic") for way in ("half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel")],
    *[(ALL, f'y = Resize <mode="{mode}", coordinate_transformation_mode="{way}"> (x, none, none, C[1,3,23,91])')
      for mode in ("nearest", "linear", "cubic") for way in ("half_pixel", "align_corners", "asymmetric")],
    (ALL, 'y = Resize <mode="cubic", cubic_coeff_a=-0.5, exclude_outside=1> (x, none, v)'),
    (SINCE_18, 'y = Resize <mode="linear", axes=[3,2]> (x, none, none, C[91,23])'),
    (SINCE_18, 'g = Tanh (grid) y = GridSample <padding_mode="border"> (x, g)', {"grid": (1, 9, 7, 2)}),
]  # fmt: skip


def text(body: str) -> str:
    """``C[…]``: whole numbers; ``C0[…]``: one without sides; ``F[…]``: one float; ``v``: scales; ``none``: nothing."""
    constants: list[str] = []

    def named(found: re.Match[str]) -> str:
        kind, values = found.groups()
        count = "" if kind == "C0" else f"[{values.count(',') + 1}]"
        name = f"k{len(constants)}"
        constants.append(f"{name} = Constant <value = int64{count} {{{values}}}> ()")
        return name

    body = re.sub(r"= F\[(.*?)\]", r"= Constant <value = float {\1}> ()", body)
    body = re.sub(r"(C0?)\[(.*?)\]", named, body)
    if re.search(r", v\)", body) and " v = " not in body:
        constants.append("v = Constant <value = float[4] {1.0, 1.0, 1.5, 2.0}> ()")
    if "none" in body:
        constants.append("none = Constant <value = float[0] {}> ()")
    return " ".join((*constants, body))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: re.sub(r"[^\w\[\].,=-]+", "_", row[1])[:80])
def test_as_onnx_runtime(row: Row, tmp_path: Path) -> None:
    (first, last), body, *weights = row
    x = np.random.default_rng(3).uniform(0.01, 1, (1, 3, 40, 56)).astype(np.float32)
    opsets = [opset for opset in OPSETS if first <= opset <= last]
    assert opsets
    for opset in opsets:
        path = write_text(text(body), tmp_path / f"{opset}.onnx", opset, *weights)
        truth = run(path, x)[0]
        with torch.no_grad():
            answer = as_torch(path)(torch.from_numpy(x))
        assert isinstance(answer, torch.Tensor)
        np.testing.assert_allclose(answer.numpy(), truth, rtol=1e-4, atol=1e-5, err_msg=f"opset {opset}", strict=False)
        assert answer.shape == truth.shape
