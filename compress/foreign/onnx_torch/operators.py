"""Who makes a module of which operator."""

from __future__ import annotations

from compress.foreign.onnx_torch import layers
from compress.foreign.onnx_torch.elementwise import ELEMENTWISE
from compress.foreign.onnx_torch.op import Maker
from compress.foreign.onnx_torch.pooling import POOLING
from compress.foreign.onnx_torch.reduce import REDUCE
from compress.foreign.onnx_torch.resize import RESIZE
from compress.foreign.onnx_torch.shapes import SHAPES

MAKERS: dict[str, Maker] = {
    "Conv": layers.conv, "ConvTranspose": layers.conv_transpose, "Gemm": layers.gemm, "MatMul": layers.matmul,
    "BatchNormalization": layers.batch_norm, "InstanceNormalization": layers.instance_norm,
    "LayerNormalization": layers.layer_norm, "GroupNormalization": layers.group_norm, "PRelu": layers.prelu,
    **ELEMENTWISE, **SHAPES, **REDUCE, **POOLING, **RESIZE,
}  # fmt: skip
