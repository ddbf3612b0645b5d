"""That a conversion answers as the file does: both on the same pictures, every output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from compress.errors import NetworkError, WeightsError, one_line
from compress.foreign.onnx_net import open_session
from compress.foreign.onnx_torch.network import OnnxGraph

ROUNDING = 2e-4
"""Largest difference that the order of float sums may make, as a part of the output's largest value."""
HALF_ROUNDING = 2e-2
"""The same for a file in half precision, which is converted to single."""
FLOOR = 1e-5
"""Largest difference beside that, for outputs that are near zero as the difference of two that are not."""
SIZES = ((64, 96), (128, 64), (128, 192), (256, 128), (256, 384), (512, 256))
"""Pictures to compare on: the first two that the file takes."""


_KINDS: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64, "tensor(uint8)": np.uint8,
}  # fmt: skip


def check_conversion(net: OnnxGraph, path: Path) -> None:
    """On noise in [0, 1] (0 to 255 where the file takes bytes), at two sizes where the file's sides are free.

    Raises NetworkError where an output differs by more than ``ROUNDING`` of its largest value and ``FLOOR``;
    WeightsError where ONNX Runtime can't open the file or takes none of the ``SIZES``.
    """
    session = open_session(path, as_written=True)
    said = session.get_inputs()[0].type
    if said not in _KINDS:
        raise WeightsError(f"{path.name}: takes {said}, not one of {', '.join(_KINDS)}; export it for pictures")
    kind = _KINDS[said]
    wanted, seen, refused = (1 if net.size else 2), 0, ""
    for size in dict.fromkeys(_of_file(net, size) for size in SIZES):
        generator = torch.Generator().manual_seed(seen)
        x = torch.rand(1, 3, *size, generator=generator)
        x = (x * 255).round() if kind is np.uint8 else x.half().float() if kind is np.float16 else x
        try:
            truth = session.run(list(net.outputs), {net.input: x.numpy().astype(kind)})
        except Exception as error:  # onnxruntime has no common root but RuntimeError and its own
            refused = one_line(error)
            continue
        _compare(net, x, truth, HALF_ROUNDING if net.was_half else ROUNDING)
        seen += 1
        if seen == wanted:
            return
    if not seen:
        raise WeightsError(f"{path.name}: ONNX Runtime can't run it on a picture of {SIZES[0]} ({refused})")


def _of_file(net: OnnxGraph, size: tuple[int, int]) -> tuple[int, int]:
    """The size with the file's own sides where they are fixed."""
    height, width = (fixed or side for fixed, side in zip(net.sides, size, strict=True))
    return height, width


def _compare(net: OnnxGraph, x: torch.Tensor, truth: list[Any], rounding: float) -> None:
    where = f"{net.file}: at {x.shape[2]}x{x.shape[3]}"
    try:
        with torch.no_grad():
            answer = net(x)
    except Exception as error:  # whatever torch raises for a graph that was misread
        raise NetworkError(f"{where} the conversion fails: {one_line(error)}; {_WAY_OUT}") from None
    answers = answer if isinstance(answer, dict) else {net.outputs[0]: answer}
    for name, right in zip(net.outputs, truth, strict=True):
        mine = answers[name].double().numpy()
        if mine.shape != right.shape:
            raise NetworkError(f"{where} '{name}' is {mine.shape}, the file's {right.shape}; {_WAY_OUT}")
        same = (mine == right) | (np.isnan(mine) & np.isnan(right))
        finite = np.abs(right[np.isfinite(right)])
        allowed = FLOOR + rounding * float(finite.max() if finite.size else 0.0)
        away = np.abs(np.where(same, 0.0, mine - right))
        if not bool((away <= allowed).all()):
            figure = f"up to {float(np.nanmax(away)):.2g} away, {allowed:.2g} allowed"
            raise NetworkError(f"{where} '{name}' of the conversion is {figure}; {_WAY_OUT}")


_WAY_OUT = "report it; until then the file can teach a student (teacher.source)"
