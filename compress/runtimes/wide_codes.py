"""16-bit codes in the exported file: what torch's exporter can't write by itself.

ONNX has them in QuantizeLinear and DequantizeLinear from opset 21 on. The TorchScript exporter ends at opset 20, and
its rule for fake-quant knows 8 bits only. From 20 to 21 operators only gained types (but for GroupNormalization,
which the exporter never writes), so a file traced as 20 is a file of 21.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from compress.errors import BuildError

if TYPE_CHECKING:
    import onnx
    from torch import nn

TRACED_OPSET = 20
WIDE_OPSET = 21
_FAKE_QUANT = "aten::fake_quantize_per_tensor_affine"


def has_wide_codes(net: nn.Module) -> bool:
    """Whether a stripped fake-quant network has quantizers of more than 8 bits."""
    return any(getattr(module, "quant_max", 0) > 255 for module in net.modules())


@contextmanager
def exporting_wide_codes(net: nn.Module, opset: int) -> Iterator[None]:
    """Within it torch's exporter can write ``net``. Raises BuildError for an opset without 16-bit codes."""
    if not has_wide_codes(net):
        yield
        return
    if opset < WIDE_OPSET:
        raise BuildError(f"16-bit codes need opset {WIDE_OPSET}, not {opset}; set target.export.opset={WIDE_OPSET}")
    from torch import onnx as exporter

    exporter.register_custom_op_symbolic(_FAKE_QUANT, _symbolic(), TRACED_OPSET)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        exporter.unregister_custom_op_symbolic(_FAKE_QUANT, TRACED_OPSET)  # type: ignore[attr-defined]


def _symbolic() -> Any:
    from onnx import TensorProto
    from torch.onnx import symbolic_helper

    types = {(0, 255): TensorProto.UINT8, (-128, 127): TensorProto.INT8, (-32768, 32767): TensorProto.INT16}

    @symbolic_helper.parse_args("v", "v", "v", "i", "i")
    def write(graph: Any, x: Any, scale: Any, zero_point: Any, low: int, high: int) -> Any:
        if (low, high) not in types:
            raise ValueError(f"codes from {low} to {high} are no type of ONNX")
        zero = graph.op("Cast", zero_point, to_i=types[low, high])
        return graph.op("DequantizeLinear", graph.op("QuantizeLinear", x, scale, zero), scale, zero)

    return write


def relabel(model: onnx.ModelProto, opset: int) -> None:
    """Name the opset that was asked for in a file traced as ``TRACED_OPSET``."""
    for entry in model.opset_import:
        if entry.domain in ("", "ai.onnx"):
            entry.version = opset
