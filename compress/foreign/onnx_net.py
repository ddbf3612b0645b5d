"""An ONNX file as a module: ONNX Runtime computes, torch sees tensors go in and out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from compress.errors import WeightsError, one_line

if TYPE_CHECKING:
    import onnxruntime

_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64,
          "tensor(uint8)": np.uint8}  # fmt: skip


class OnnxNet(nn.Module):
    """(N, 3, H, W) float32 to one tensor, or to a dict of them by output name. On the CPU, without gradients."""

    def __init__(self, path: Path) -> None:
        """Raises WeightsError for a file that the runtime does not take or that wants more than a picture."""
        super().__init__()
        self.session = open_session(path)
        inputs = self.session.get_inputs()
        if len(inputs) != 1:
            names = ", ".join(f"{each.name} {each.shape}" for each in inputs)
            raise WeightsError(f"{path.name}: takes {names}; only networks of one picture can be used")
        self.input = inputs[0]
        if self.input.type not in _TYPES:
            raise WeightsError(f"{path.name}: takes {self.input.type}, not one of {', '.join(_TYPES)}")
        self.outputs = [each.name for each in self.session.get_outputs()]

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width of what it takes, where both are fixed."""
        shape = self.input.shape
        fixed = len(shape) == 4 and all(isinstance(side, int) for side in shape[2:])
        return (shape[2], shape[3]) if fixed else None

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor | dict[str, Tensor]:
        """One picture at a time, for many files have a batch of one written in."""
        each = [self._run(picture[None]) for picture in x]
        joined = [torch.from_numpy(np.concatenate(parts)).to(x.device) for parts in zip(*each, strict=True)]
        return joined[0] if len(joined) == 1 else dict(zip(self.outputs, joined, strict=True))

    def _run(self, x: Tensor) -> list[Any]:
        kind = _TYPES[self.input.type]
        given = x.detach().cpu().contiguous().numpy()
        given = given.round().clip(0, 255).astype(kind) if kind is np.uint8 else given.astype(kind)
        answers: list[Any] = self.session.run(self.outputs, {self.input.name: given})
        return answers


def open_session(path: Path, *, as_written: bool = False) -> onnxruntime.InferenceSession:
    """The file on the CPU; ``as_written``: without the runtime's own changes of the graph. Raises WeightsError."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    if as_written:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has no common root but RuntimeError and its own
        raise WeightsError(f"{path.name}: ONNX Runtime can't open it ({one_line(error)})") from None
