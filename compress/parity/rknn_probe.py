"""A look inside an RKNN build: its ONNX file with inner tensors as outputs, built again and simulated.

Answers of convolutions can be exposed. Quantized tensors can't: RKNN-Toolkit2 2.5.0 ends with a KeyError where one
behind a DequantizeLinear becomes an output, and its accuracy_analysis refuses graphs with quantizers. An exposed
answer of a layer on codes is no longer fused with its ReLU and gets codes of the toolkit's own, so less is asked of it.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from compress.errors import BuildError
from compress.parity.onnx_probe import OnnxProbe
from compress.parity.probe import Point, Probe
from compress.toolchains.call import Served

if TYPE_CHECKING:
    from compress.parity.probe import Tensors
    from compress.runtimes.base import Batch

_ENDS = ("/Conv", "/ConvTranspose", "/Gemm", "/MatMul")


class RknnProbe(Probe):
    """The build in Rockchip's simulator."""

    activation_limit_db = 35.0
    """Sound builds measure 42 to 48 dB in layers on codes, 61 to 80 dB in float ones (float16)."""

    def __init__(self, folder: Path, files: tuple[str, ...]) -> None:
        from compress.runtimes.onnx import read_file
        from compress.runtimes.rknn import load_frames, read_record
        from compress.runtimes.rknn_worker import OWN

        if len(files) < 3:
            raise BuildError(f"{folder / files[0]}: the ONNX file and the record of its build are not there")
        self._record = read_record(folder, files)
        self._model = read_file(folder / files[1])
        self._frames = load_frames(folder / files[3]) if self._record.route in OWN else None
        plain = OnnxProbe(folder, files[1:2])
        self._tensors = {name: tensor for name, tensor in plain.tensors.items() if f"/{name}".endswith(_ENDS)}

    def points(self) -> tuple[Point, ...]:
        return tuple(Point(name, name) for name in self._tensors)

    def run(self, x: Batch, names: Collection[str]) -> Tensors:
        import numpy as np
        import onnx

        from compress.runtimes.rknn_worker import (
            BUILD_TIMEOUT_S,
            RUN_TIMEOUT_S,
            WORKER,
            Pictures,
            RknnBuilt,
            RknnDone,
            prepare_request,
        )

        model = onnx.shape_inference.infer_shapes(self._model)
        typed = {value.name: value for value in model.graph.value_info}
        own = len(model.graph.output)  # of which the first is not among the inner ones
        model.graph.output.extend(typed[self._tensors[name]] for name in names)
        served = Served("rknn", WORKER)
        try:
            place = served.folder
            request = prepare_request(place, model, self._record.platform, self._record.route, self._frames)
            served.ask(request.model_copy(update={"simulate": True}), RknnBuilt, BUILD_TIMEOUT_S)
            paths = {name: str(place / name) for name in ("dark.npy", "bright.npy", "inner.npz")}
            codes = np.rint(x * np.float32(255)).clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1)
            np.save(paths["dark.npy"], np.ascontiguousarray(codes))
            pictures = Pictures(dark=paths["dark.npy"], bright=paths["bright.npy"], inner=paths["inner.npz"])
            served.ask(pictures, RknnDone, RUN_TIMEOUT_S)
            with np.load(paths["inner.npz"]) as stored:
                return {name: stored[f"arr_{own - 1 + k}"].astype(np.float32) for k, name in enumerate(names)}
        finally:
            served.close()
